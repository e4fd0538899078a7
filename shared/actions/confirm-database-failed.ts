import { z } from 'zod';
import { type Instant, instant, seconds, toIso } from '../core/time.ts';
import { type ActionContext, failure } from '../engine/action.ts';
import type { StepFailure } from '../incident/events.ts';
import { parseWatchReading, watchKey } from '../ports/watch-reading.ts';
import type { InstanceName } from '../system/names.ts';
import { define, verifiedByPolling } from './define.ts';
import { lifeInput, signOfLife } from './sign-of-life.ts';

/** How old the newest look of the watch may be: the gap that it allows itself, and what clocks may be apart. */
const WATCH_FRESH = seconds(20);

/**
 * What is looked at. `endedAtMs`, after a remedy: since when nobody had been able to write when people approved. A remedy may bring
 * the primary back for a moment, and what is written in it would be missing from the loss that was approved.
 */
export const confirmInput = lifeInput.extend({ endedAtMs: z.number().nullable().default(null) });

/**
 * The last look before the committed section: is the primary really still failed? A canary that is written, a consumer that
 * serves, or a replica that streams voids the plan. Silence does not: it was judged when the failure was named.
 */
export const confirmDatabaseFailed = define({
  kind: 'confirm-database-failed',
  risk: 'observe',
  repeat: 'terminal',
  input: confirmInput,
  version: z.null(),
  handle: z.null(),
  observe: async () => ({ kind: 'toDo', version: null }),
  start: async ({ endedAtMs, ...life }, _version, context) => {
    const because = (await signOfLife(life, context)) ?? (await whyLossMayBeMore(life.primary, endedAtMs, context));
    if (because !== undefined) return { kind: 'failed', failure: because };
    await context.keep(
      `fleet before the failover of ${life.primary}`,
      JSON.stringify(await context.world.databases.fleet(), null, 2),
    );
    return {
      kind: 'done',
      detail: `${life.primary} still takes no writes, no consumer serves and no replica streams`,
    };
  },
  poll: async () => ({ kind: 'running', handle: null, detail: 'looking again' }),
  verify: verifiedByPolling,
});

/** Why somebody may have written since `endedAtMs`: the watch has not seen everybody refused, without a gap, from then until now. */
async function whyLossMayBeMore(
  primary: InstanceName,
  endedAtMs: number | null,
  context: ActionContext,
): Promise<StepFailure | undefined> {
  if (endedAtMs === null) return undefined;
  const since = await refusedSince(primary, context);
  if (since !== undefined && since <= endedAtMs) return undefined;
  const known = since === undefined ? 'and now nobody can say' : `and now only since ${toIso(since)}`;
  return failure(
    'voided',
    'refusalsInterrupted',
    `the approved loss rests on ${primary} refusing everybody since ${toIso(instant(endedAtMs))}, ${known}`,
  );
}

/** A reading that can't be understood, or that nobody has renewed, is none. */
async function refusedSince(primary: InstanceName, { documents, clock }: ActionContext): Promise<Instant | undefined> {
  const value = (await documents.get(watchKey(primary)))?.value;
  const reading = value === undefined ? undefined : readable(value);
  if (reading === undefined || reading.refusedSinceMs === null) return undefined;
  return clock.now() - reading.lastLookAtMs > WATCH_FRESH ? undefined : instant(reading.refusedSinceMs);
}

function readable(value: unknown): ReturnType<typeof parseWatchReading> | undefined {
  try {
    return parseWatchReading(value);
  } catch {
    return undefined;
  }
}
