import { z } from 'zod';
import { instant, millis, showDuration, toIso } from '../core/time.ts';
import { type ActionContext, wall } from '../engine/action.ts';
import type { StepFailure } from '../incident/events.ts';
import { lossBound, showLossBound } from '../plan/loss-bound.ts';
import { instanceName } from '../system/names.ts';
import { define, verifiedByPolling } from './define.ts';

// The loss bound, computed again after the fence and before the promotion (design.md section 6). The heartbeat is read here and
// now on the replica. When writes ended is what people approved with the evidence (`endedAtMs`), or, when that was not known,
// the moment at which the fence was proved in this very run: never anything that a forged event could move.

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
  { replica, endedAtMs }: z.infer<typeof lossInput>,
  context: Pick<ActionContext, 'world' | 'clock' | 'system' | 'lossLimitMs'>,
): Promise<
  { readonly detail: string; readonly output: { readonly boundMs: number | null } } | { readonly failure: StepFailure }
> {
  const now = context.clock.now();
  const heartbeatAt = (await context.world.dataPlane.replication(replica))?.heartbeat?.at;
  // A row that was written later refutes that end of writes: the old side came back meanwhile.
  const isRefuted = endedAtMs !== null && heartbeatAt !== undefined && heartbeatAt > endedAtMs;
  const bound = lossBound({
    now,
    skew: context.system.guards.clockSkew,
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
