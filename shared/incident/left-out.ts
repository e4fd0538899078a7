import type { PlannedStep } from '../plan/plan.ts';
import type { RunState } from './state.ts';

// Steps of a plan that will not be performed in a run, and are no failure: what they were for is done, or can't be.

/**
 * Whether a step is left out: one of its `unless` is done, or an optional step that it needs has failed or was left out itself.
 * What has begun is never left out, whatever comes into the log afterwards.
 */
export function isLeftOut(run: RunState, step: PlannedStep): boolean {
  if (run.steps.has(step.id)) return false;
  return madeUnnecessaryBy(run, step) !== undefined || step.needs.some((need) => isMissing(run, need));
}

/** The step that made this one unnecessary. */
export function madeUnnecessaryBy(run: RunState, step: PlannedStep): PlannedStep | undefined {
  const done = step.unless?.find((other) => run.steps.get(other)?.kind === 'done');
  return run.plan.steps.find(({ id }) => id === done);
}

function isMissing(run: RunState, need: PlannedStep['id']): boolean {
  const needed = run.plan.steps.find(({ id }) => id === need);
  return needed !== undefined && (run.steps.get(need)?.kind === 'failed' || isLeftOut(run, needed));
}
