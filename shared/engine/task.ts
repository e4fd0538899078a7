import type { RunState, StepProgress } from '../incident/state.ts';
import type { PlannedStep } from '../plan/plan.ts';

/** What to perform: a step itself, or the action that takes it back. */
export interface Task {
  readonly step: PlannedStep;
  readonly direction: 'do' | 'undo';
}

/** What an undo performs is the action that the plan names; its progress begins where the step itself ended. */
export function deed({ step, direction }: Task): { readonly action: string; readonly input: PlannedStep['input'] } {
  return direction === 'undo' && step.undo.kind === 'action'
    ? { action: step.undo.action, input: step.undo.input }
    : { action: step.action, input: step.input };
}

/** How far a task has come in this run; `undefined` before its own first intent. */
export function ownProgress(
  run: RunState,
  { step, direction }: Task,
):
  | (StepProgress & { readonly kind: 'started' | 'waiting' })
  | Exclude<StepProgress, { readonly kind: 'started' | 'waiting' }>
  | undefined {
  const progress = run.steps.get(step.id);
  if (progress === undefined || direction === 'do') return progress;
  if (progress.kind === 'undone' || progress.kind === 'undoFailed') return progress;
  return (progress.kind === 'started' || progress.kind === 'waiting') && progress.direction === 'undo'
    ? progress
    : undefined;
}
