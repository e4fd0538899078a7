import { type Instant, millis, showDuration } from '../core/time.ts';
import type { Stage } from '../plan/plan.ts';
import { isPlanned } from './diagnosis.ts';
import { currentApproval, type IncidentState } from './state.ts';

/**
 * How long each part took, in milliseconds of clock time (failover-rules 26), `null` where it did not happen. `rto` runs from the
 * first sign of failure to the last verified consumer; `rpo` is what the new primary was found to miss, where that was measured. What
 * was planned has no failure to count from, and no `rto`: `planned` is how long it took itself, its approval left out.
 */
export function measure(state: IncidentState): Readonly<Record<string, number | null>> {
  const failedAt = state.diagnosis?.failedSinceMs ?? state.firstSignalAt ?? state.openedAt;
  const diagnosedAt = state.diagnosedAt ?? null;
  const decidedAt =
    currentApproval(state)?.decisions.findLast((decision) => decision.decision === 'approve')?.at ?? null;
  const startedAt = state.run?.startedAt ?? null;
  const executedAt = lastDone(state, ['prepare', 'execute']) ?? startedAt;
  const propagatedAt = lastDone(state, ['propagate']) ?? executedAt;
  const verifiedAt = lastDone(state, ['verify']);
  const planned = state.run !== undefined && isPlanned(state.run.plan.scenario);
  return {
    detect: planned ? null : Math.max(0, state.openedAt - failedAt),
    confirm: span(state.openedAt, diagnosedAt),
    approve: span(diagnosedAt, decidedAt),
    start: span(decidedAt ?? diagnosedAt, startedAt),
    execute: span(startedAt, executedAt),
    propagate: span(executedAt, propagatedAt),
    verify: span(propagatedAt, verifiedAt),
    rto: verifiedAt === null || planned ? null : verifiedAt - failedAt,
    planned: planned ? span(startedAt, verifiedAt) : null,
    rpo: measuredLoss(state),
  };
}

/** How long it took, as the notice of the end says it; empty where that was not measured. */
export function showObjective(measures: Readonly<Record<string, number | null>>): string {
  const { rto = null, planned = null } = measures;
  if (rto !== null) return ` RTO ${showDuration(millis(rto))}.`;
  return planned === null ? '' : ` It took ${showDuration(millis(planned))}; nothing had failed, so there is no RTO.`;
}

const span = (from: number | null, to: number | null): number | null =>
  from === null || to === null ? null : Math.max(0, to - from);

function lastDone(state: IncidentState, stages: readonly Stage[]): Instant | null {
  const ends = (state.run?.plan.steps ?? []).flatMap((step) => {
    const progress = state.run?.steps.get(step.id);
    return stages.includes(step.stage) && progress?.kind === 'done' ? [progress.at] : [];
  });
  return ends.toSorted((a, b) => b - a)[0] ?? null;
}

function measuredLoss(state: IncidentState): number | null {
  const found = [...(state.run?.steps.values() ?? [])].flatMap((progress) => {
    if (progress.kind !== 'done' || progress.output === null || typeof progress.output !== 'object') return [];
    const loss = (progress.output as { readonly measuredLossMs?: unknown }).measuredLossMs; // output is an action's own JSON
    return typeof loss === 'number' ? [loss] : [];
  });
  return found[0] ?? null;
}
