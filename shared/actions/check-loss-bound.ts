import { z } from 'zod';
import { instant, millis, showDuration, toIso } from '../core/time.ts';
import { type ActionContext, wall } from '../engine/action.ts';
import type { StepFailure } from '../incident/events.ts';
import { lossBound, showLossBound } from '../plan/loss-bound.ts';
import { instanceName } from '../system/names.ts';
import { define, verifiedByPolling } from './define.ts';
import { newestWritten } from './measured-loss.ts';

// The loss bound, computed again after the fence and before the promotion (design.md section 6). The heartbeat is read here and
// now on the replica. When writes ended is what people approved with the evidence (`endedAtMs`), or, when that was not known,
// the moment at which the fence was proved in this very run: never anything that a forged event could move. An end that a later
// row refutes, on the replica or as the watch saw the old primary take it, is none: the proof of the fence is then the first.

/** What the bound is computed from. */
export const lossInput = z.strictObject({
  replica: z.string().transform(instanceName),
  endedAtMs: z.number().nullable(),
  fenceStep: z.string(),
});

/** Stops the run when more could be lost than was approved. */
export const checkLossBound = define({
  kind: 'check-loss-bound',
  risk: 'observe',
  repeat: 'terminal',
  input: lossInput,
  version: z.null(),
  handle: z.null(),
  observe: async () => ({ kind: 'toDo', version: null }),
  start: async (request, _version, context) => {
    const found = await lossNow(request, context);
    return 'failure' in found ? { kind: 'failed', failure: found.failure } : { kind: 'done', ...found };
  },
  poll: async () => ({ kind: 'running', handle: null, detail: 'reading the heartbeat' }),
  verify: verifiedByPolling,
});

/** The bound as it is now: what it comes to, or the wall that it stands before. */
export async function lossNow(
  { replica, endedAtMs, fenceStep }: z.infer<typeof lossInput>,
  context: Pick<ActionContext, 'world' | 'clock' | 'system' | 'lossLimitMs' | 'documents' | 'run'>,
): Promise<
  { readonly detail: string; readonly output: { readonly boundMs: number | null } } | { readonly failure: StepFailure }
> {
  const now = context.clock.now();
  const [status, takenAt] = await Promise.all([
    context.world.dataPlane.replication(replica),
    lastTakenAt(fenceStep, context),
  ]);
  const heartbeatAt = status?.heartbeat?.at;
  const { clockSkew } = context.system.guards;
  // A row that was written later refutes that end of writes: the old side came back meanwhile. What two clocks may differ by is
  // no proof of that, and part of the bound already.
  const isRefuted = endedAtMs !== null && Math.max(heartbeatAt ?? 0, takenAt ?? 0) > endedAtMs + clockSkew;
  const bound = lossBound({
    now,
    skew: clockSkew,
    heartbeatAt,
    refusedSince: endedAtMs === null || isRefuted ? now : instant(endedAtMs),
    latestFence: now,
  });
  if (bound.kind === 'unknown') {
    if (context.lossLimitMs === null)
      return { detail: 'the loss is unknown, and that was accepted', output: { boundMs: null } };
    return {
      failure: wall('lossBound', 'lossUnknown', {
        observed: showLossBound(bound),
        limit: showDuration(millis(context.lossLimitMs)),
        openedBy: 'accept-unknown-loss',
      }),
    };
  }
  const ms = bound.kind === 'none' ? 0 : bound.ms;
  if (context.lossLimitMs !== null && ms > context.lossLimitMs)
    return {
      failure: wall('lossBound', 'lossAboveApproved', {
        observed: showLossBound(bound),
        limit: `${showDuration(millis(context.lossLimitMs))} as approved`,
        openedBy: null,
      }),
    };
  return { detail: `at ${toIso(now)}: ${showLossBound(bound)}`, output: { boundMs: ms } };
}

/** When the primary that is fenced took its newest heartbeat, as far as the watch knows. */
async function lastTakenAt(
  fenceStep: string,
  context: Pick<ActionContext, 'documents' | 'run'>,
): Promise<number | null> {
  const fenced = context.run.plan.steps.find(({ id }) => id === fenceStep)?.input['instance'];
  return typeof fenced === 'string' ? await newestWritten(instanceName(fenced), context) : null;
}
