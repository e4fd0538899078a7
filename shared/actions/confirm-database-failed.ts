import { z } from 'zod';
import { instant, seconds, toIso } from '../core/time.ts';
import { type ActionContext, failure, type Progress } from '../engine/action.ts';
import type { StepFailure } from '../incident/events.ts';
import { parseWatchReading, type WatchReading, watchKey } from '../ports/watch-reading.ts';
import type { InstanceName } from '../system/names.ts';
import { define, verifiedByPolling } from './define.ts';
import { lifeInput, signOfLife } from './sign-of-life.ts';

/** How old the newest look of the watch may be: the gap that it allows itself, and what clocks may be apart. */
const WATCH_FRESH = seconds(20);

/** How long a fresh look of the watch is waited for: it looks each five seconds of each minute, once the store can be reached. */
const PATIENCE = seconds(90);

/** Between two looks at what the watch says. */
const SOON = seconds(5);

/**
 * What is looked at. `endedAtMs`: since when nobody had been able to write when people approved. The primary may have come back for a
 * moment since, and what was written in it would be missing from the loss that was approved.
 */
export const confirmInput = lifeInput.extend({ endedAtMs: z.number().nullable().default(null) });

/** Since when the watch is waited for; `null` in older logs. */
const waiting = z.strictObject({ sinceMs: z.number() }).nullable();

/**
 * The last look before the committed section: is the primary really still failed? A canary that is written, a consumer that
 * serves, or a replica that streams voids the plan. Silence does not: it was judged when the failure was named. Nor does a watch that
 * has not looked of late, until it has been waited for.
 */
export const confirmDatabaseFailed = define({
  kind: 'confirm-database-failed',
  risk: 'observe',
  repeat: 'terminal',
  input: confirmInput,
  version: z.null(),
  handle: waiting,
  observe: async () => ({ kind: 'toDo', version: null }),
  start: (request, _version, context) => lookAgain(context.clock.now(), request, context),
  poll: (handle, request, context) => lookAgain(handle?.sinceMs ?? context.clock.now(), request, context),
  verify: verifiedByPolling,
});

async function lookAgain(
  sinceMs: number,
  { endedAtMs, ...life }: z.infer<typeof confirmInput>,
  context: ActionContext,
): Promise<Progress> {
  const because = (await signOfLife(life, context)) ?? (await whyLossMayBeMore(life.primary, endedAtMs, context));
  if (because === 'notKnownYet' && context.clock.now() - sinceMs < PATIENCE)
    return { kind: 'running', handle: { sinceMs }, detail: 'waiting for the watch to look', again: SOON };
  if (because !== undefined)
    return { kind: 'failed', failure: because === 'notKnownYet' ? interrupted(life.primary, endedAtMs) : because };
  await context.keep(
    `fleet before the failover of ${life.primary}`,
    JSON.stringify(await context.world.databases.fleet(), null, 2),
  );
  return {
    kind: 'done',
    detail: `${life.primary} still takes no writes, no consumer serves and no replica streams`,
  };
}

/**
 * Why somebody may have written since `endedAtMs`: the watch has not seen everybody refused, without a gap, from then until now. Not
 * known yet while it has not looked of late.
 */
async function whyLossMayBeMore(
  primary: InstanceName,
  endedAtMs: number | null,
  context: ActionContext,
): Promise<StepFailure | 'notKnownYet' | undefined> {
  if (endedAtMs === null) return undefined;
  const reading = await freshReading(primary, context);
  if (reading === undefined) return 'notKnownYet';
  const since = reading.refusedSinceMs;
  return since !== null && since <= endedAtMs ? undefined : interrupted(primary, endedAtMs, since);
}

function interrupted(primary: InstanceName, endedAtMs: number | null, since: number | null = null): StepFailure {
  const known = since === null ? 'and now nobody can say' : `and now only since ${toIso(instant(since))}`;
  const ended = endedAtMs === null ? 'the failure' : toIso(instant(endedAtMs));
  return failure(
    'voided',
    'refusalsInterrupted',
    `the approved loss rests on ${primary} refusing everybody since ${ended}, ${known}`,
  );
}

/** A reading that can't be understood, or that nobody has renewed, is none. */
async function freshReading(
  primary: InstanceName,
  { documents, clock }: ActionContext,
): Promise<WatchReading | undefined> {
  const value = (await documents.get(watchKey(primary)))?.value;
  const reading = value === undefined ? undefined : readable(value);
  return reading === undefined || clock.now() - reading.lastLookAtMs > WATCH_FRESH ? undefined : reading;
}

function readable(value: unknown): ReturnType<typeof parseWatchReading> | undefined {
  try {
    return parseWatchReading(value);
  } catch {
    return undefined;
  }
}
