import { after, type Instant, instant, millis, minutes, showDuration } from '../core/time.ts';
import type { StepFailure } from '../incident/events.ts';
import type { RunState, StepProgress } from '../incident/state.ts';
import { comesAfter, type PlannedStep } from '../plan/plan.ts';
import { failure } from './action.ts';

// When a step has had its time (S4 and S5 of perform-step.ts).

/** How long one worker must have looked in vain (S5): a look takes seconds, and it has eight minutes. */
const BLIND_FOR = minutes(5);

/** What is said of a step whose time is over. */
export function timeLimit(
  step: PlannedStep,
  progress: (StepProgress & { readonly kind: 'started' | 'waiting' }) | undefined,
  now: Instant,
): StepFailure {
  const took = progress === undefined ? millis(0) : millis(now - progress.startedAt);
  const last = progress?.kind === 'waiting' ? `; last seen: ${progress.detail}` : '';
  return failure(
    'timeLimit',
    'timeLimit',
    `${step.title}: not done after ${showDuration(took)}, the limit is ${showDuration(millis(step.timeLimitMs))}${last}`,
  );
}

/** Why a step that has not begun is not looked at any further (S5); `since`: from when all looks of this worker have failed. */
export function notLookedAt(
  step: PlannedStep,
  run: RunState,
  { since, now, error }: { readonly since: Instant; readonly now: Instant; readonly error: Error },
): StepFailure | undefined {
  const open = openSince(step, run);
  if (open === undefined || now < after(open, step.timeLimitMs) || now < after(since, BLIND_FOR)) return undefined;
  const waited = showDuration(millis(now - open));
  return failure(
    'timeLimit',
    'notLookedAt',
    `${step.title}: not begun after ${waited}, nobody can look: ${error.message}`,
  );
}

/** Since when a step could have been begun; `undefined` while its run has not been started. */
function openSince(step: PlannedStep, { plan, startedAt, steps }: RunState): Instant | undefined {
  if (startedAt === undefined) return undefined;
  const before = new Set(comesAfter(step));
  const ends = plan.steps
    .filter(({ id, committed }) => before.has(id) || (step.committed && committed))
    .map(({ id }) => steps.get(id)?.at ?? startedAt);
  return instant(Math.max(startedAt, ...ends));
}
