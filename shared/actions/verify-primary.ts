import { z } from 'zod';
import { type Instant, instant, type Millis, minutes, seconds, toIso } from '../core/time.ts';
import { type ActionContext, failure, type Progress } from '../engine/action.ts';
import { doubtAbout } from './consumer-doubt.ts';
import { define, verifiedByPolling } from './define.ts';
import { lossBetween, newestWritten } from './measured-loss.ts';
import { lifeInput, signOfLife } from './sign-of-life.ts';

// Whether a remedy has brought the primary back: first verified, then well for the hold time. Neither ends well before every
// consumer is; both give up soon when nothing is to be hoped for, since another way waits behind them. Copies keep the address that
// they have, so one that hangs is a failure of its own.

/** Agreeing rounds in a row: a load balancer may hand each request to another copy. */
const ROUNDS = 3;

/** Between two rounds; each asks every consumer. */
const SOON = seconds(2);

/** How long no sign of life, or an illness, may last: longer than an ordinary blip (failover-rules 2). */
const PATIENCE: Millis = minutes(1);

/**
 * Verifies that the primary serves again: every consumer is on it, writes and reads. As long as anything shows that it lives it is
 * waited for, since then nothing may be promoted either.
 */
export const verifyPrimaryServes = define({
  kind: 'verify-primary-serves',
  risk: 'observe',
  repeat: 'terminal',
  input: lifeInput.extend({ host: z.string() }),
  version: z.null(),
  handle: z.strictObject({ agreed: z.number().int(), silentSinceMs: z.number().nullable() }),
  observe: async () => ({ kind: 'toDo', version: null }),
  start: async () => again({ agreed: 0, silentSinceMs: null }, 'asking every consumer'),
  poll: async ({ agreed, silentSinceMs }, { host, ...life }, context) => {
    const { consumers, primary } = life;
    const doubt = await firstDoubt(consumers, host, context);
    if (doubt === undefined) {
      if (agreed + 1 < ROUNDS)
        return again({ agreed: agreed + 1, silentSinceMs: null }, `${agreed + 1} of ${ROUNDS} rounds agree`);
      const failed = await failedCanary(consumers, context);
      if (failed !== undefined) return again({ agreed: 0, silentSinceMs: null }, failed);
      return {
        kind: 'done',
        detail: `${primary} serves again: ${consumers.join(', ')} write and read on it`,
        output: { measuredLossMs: await measuredLoss(primary, context) },
      };
    }
    if ((await signOfLife(life, context)) !== undefined) return again({ agreed: 0, silentSinceMs: null }, doubt);
    const since = silentSinceMs ?? context.clock.now();
    if (context.clock.now() - since >= PATIENCE)
      return gaveUp('didNotHelp', `${primary} shows no sign of life after it: ${doubt}`);
    return again({ agreed: 0, silentSinceMs: since }, doubt);
  },
  verify: verifiedByPolling,
});

/** A restart counts only when what it brought back stays well for the hold time (design.md section 5). A blip begins it anew. */
export const primaryStaysWell = define({
  kind: 'primary-stays-well',
  risk: 'observe',
  repeat: 'terminal',
  input: z.strictObject({ host: z.string(), consumers: z.array(z.string()), holdMs: z.number() }),
  version: z.null(),
  handle: z.strictObject({ sinceMs: z.number().nullable(), illSinceMs: z.number().nullable() }),
  observe: async () => ({ kind: 'toDo', version: null }),
  start: async () => again({ sinceMs: null, illSinceMs: null }, 'watching'),
  poll: async ({ sinceMs, illSinceMs }, { host, consumers, holdMs }, context) => {
    const now: Instant = context.clock.now();
    const doubt = await firstDoubt(consumers, host, context);
    if (doubt !== undefined) {
      const since = illSinceMs ?? now;
      if (now - since >= PATIENCE) return gaveUp('relapsed', `it fell ill again: ${doubt}`);
      return again({ sinceMs: null, illSinceMs: since }, doubt);
    }
    const since = sinceMs ?? now;
    const ids = consumers.join(', ');
    if (now - since >= holdMs)
      return { kind: 'done', detail: `${ids} have stayed well for ${Math.round((now - since) / 1_000)} s` };
    return again({ sinceMs: since, illSinceMs: null }, `${ids} are well since ${toIso(instant(since))}`);
  },
  verify: verifiedByPolling,
});

async function firstDoubt(
  consumers: readonly string[],
  host: string,
  { world }: ActionContext,
): Promise<string | undefined> {
  const doubts = await Promise.all(
    consumers.map(async (application) => {
      const doubt = await doubtAbout(application, { host, epoch: undefined }, world);
      return doubt === undefined ? undefined : `${application}: ${doubt}`;
    }),
  );
  return doubts.find((doubt) => doubt !== undefined);
}

async function failedCanary(
  consumers: readonly string[],
  { world, chance }: ActionContext,
): Promise<string | undefined> {
  const canaries = await Promise.all(
    consumers.map(async (application) => ({
      application,
      ...(await world.applications.writeAndRead(application, chance.uuid())),
    })),
  );
  const failed = canaries.find(({ written, read }) => !written || !read);
  return failed === undefined ? undefined : `the canary of ${failed.application} failed: ${failed.detail}`;
}

/** What is missing of our heartbeats. Read in this order, so that one which is written meanwhile counts as survived. */
async function measuredLoss(
  primary: z.infer<typeof lifeInput>['primary'],
  context: ActionContext,
): Promise<number | null> {
  const writtenAt = await newestWritten(primary, context);
  return lossBetween(writtenAt, (await context.world.dataPlane.replication(primary))?.heartbeat?.at);
}

type Handle = Extract<Progress, { readonly kind: 'running' }>['handle'];

const again = (handle: Handle, detail: string): Progress => ({ kind: 'running', handle, detail, again: SOON });

const gaveUp = (code: string, detail: string): Progress => ({
  kind: 'failed',
  failure: failure('notVerified', code, detail),
});
