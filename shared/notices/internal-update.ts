import { after, type Instant, minutes, toIso } from '../core/time.ts';
import type { IncidentState, RunState } from '../incident/state.ts';
import { criticalPath, type PlannedStep } from '../plan/plan.ts';

/** How often people are promised news while an incident is open. */
const UPDATE_EVERY = minutes(15);

/** The internal status update of runbook chapter 8.1, as a projection of the log. */
export function internalUpdate(state: IncidentState, now: Instant): string {
  const { run } = state;
  const eta = run?.startedAt === undefined ? 'not known yet' : toIso(after(run.startedAt, criticalPath(run.plan)));
  const actions = (run?.plan.steps ?? []).filter((step) => {
    const progress = run?.steps.get(step.id);
    return progress?.kind === 'started' || progress?.kind === 'waiting';
  });
  return [
    `Status: ${statusOf(state)}`,
    `Impact: ${state.headline}`,
    `Started: ${toIso(state.firstSignalAt ?? state.openedAt)}`,
    `ETA: ${eta}`,
    'Current Actions:',
    ...(actions.length === 0 ? ['- none'] : actions.map((step) => `- ${step.title}`)),
    `Next Update: ${toIso(after(now, UPDATE_EVERY))}`,
  ].join('\n');
}

/** Runbook 8.1 knows four words for where an incident stands. */
function statusOf(state: IncidentState): 'Investigating' | 'Identified' | 'Monitoring' | 'Resolved' {
  switch (state.phase.kind) {
    case 'resolved':
    case 'dismissed':
      return 'Resolved';
    case 'suspected':
    case 'waiting':
      return 'Investigating';
    case 'running':
      return state.run !== undefined && isServed(state.run) ? 'Monitoring' : 'Identified';
    case 'ready':
    case 'held':
    case 'awaitingApproval':
    case 'landing':
    case 'needsPerson':
    case 'takenOver':
      return 'Identified';
  }
}

/** Whether the service is back: what belongs after that is under way, or all that it needs is done. */
function isServed({ plan, steps }: RunState): boolean {
  const kindOf = (step: PlannedStep) => steps.get(step.id)?.kind;
  const isUnderWay = (step: PlannedStep) => ['started', 'waiting', 'done'].some((kind) => kind === kindOf(step));
  if (plan.steps.some((step) => step.stage === 'after' && isUnderWay(step))) return true;
  return plan.steps.every((step) => step.stage === 'after' || kindOf(step) === 'done');
}
