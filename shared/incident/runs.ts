import { stepId } from '../plan/plan.ts';
import type { IncidentState, RunState, StepProgress } from './state.ts';

// The run within an incident's state: how the fold changes it, and what it keeps of those that were replaced.

/** The state without its run, which stays known where it began: what it did to the world is not undone by another plan. */
export const runPutAway = (state: IncidentState): Pick<IncidentState, 'run' | 'formerRuns'> => ({
  run: undefined,
  formerRuns:
    state.run === undefined || state.run.intents.size === 0 ? state.formerRuns : [...state.formerRuns, state.run],
});

/** Every run of an incident that began, and the present one: oldest first. */
export const runsOf = ({ run, formerRuns }: Pick<IncidentState, 'run' | 'formerRuns'>): readonly RunState[] =>
  run === undefined ? formerRuns : [...formerRuns, run];

/** Those that people have not answered by handing the incident back: what they found still counts. */
export const runsThatCount = (state: Pick<IncidentState, 'run' | 'formerRuns' | 'handedBackAt'>): readonly RunState[] =>
  runsOf(state).filter(({ drawnAt }) => state.handedBackAt === undefined || drawnAt > state.handedBackAt);

export const withoutFailures = (run: RunState): RunState['steps'] =>
  new Map([...run.steps].filter(([, progress]) => progress.kind !== 'failed' && progress.kind !== 'undoFailed'));

export const startOf = (progress: StepProgress | undefined, direction: 'do' | 'undo') =>
  (progress?.kind === 'started' || progress?.kind === 'waiting') && progress.direction === direction
    ? progress.startedAt
    : undefined;

export const attemptOf = (progress: StepProgress | undefined) =>
  progress?.kind === 'started' || progress?.kind === 'waiting' ? progress.attempt : 1;

export function withRun(state: IncidentState, change: (run: RunState) => RunState): IncidentState {
  return state.run === undefined ? state : { ...state, run: change(state.run) };
}

export function withStep(
  state: IncidentState,
  id: string,
  change: (known: StepProgress | undefined) => StepProgress,
): IncidentState {
  return withRun(state, (run) => ({
    ...run,
    steps: new Map(run.steps).set(stepId(id), change(run.steps.get(stepId(id)))),
  }));
}
