import { unreachable } from '../core/assert.ts';
import { canonicalJson, type Json } from '../core/json.ts';
import { after, type Instant, type Millis, millis, seconds } from '../core/time.ts';
import { event, type NewEvent, type StepFailure } from '../incident/events.ts';
import {
  currentApproval,
  type IncidentState,
  isPreparing,
  type RunState,
  type StepProgress,
} from '../incident/state.ts';
import { about, anew, tell } from '../incident/telling.ts';
import type { Journal } from '../log/journal.ts';
import type { PlannedStep } from '../plan/plan.ts';
import type { Chance, Clock } from '../ports/clock.ts';
import { isPortError } from '../ports/port-error.ts';
import { type Action, type ActionContext, type Catalogue, failure, type Observation, type Progress } from './action.ts';
import { deed, ownProgress, type Task } from './task.ts';
import { notLookedAt, timeLimit } from './time-limit.ts';

// One step, from looking to verified. Every pass begins with what the log says, so a worker that died anywhere is continued.
//
//   look ──▶ intent ──▶ start ──▶ poll … ──▶ verify ──▶ done
//    ▲          │ crash, lost reply    │
//    └──────────┴──────── look again ──┘
//
// S1. Intent is in the log before the effect, the outcome after it.
// S2. After an unknown outcome the world is looked at before anything is repeated, as the repeat class says.
// S3. A conflict is a new observation, never a blind repeat.
// S4. Time limits count from the first intent, whoever the worker was. What an overdue step was to do is looked for once before it counts as
//     failed: its workers may have died after the effect, and what comes next would take it for undone. A step that only looks is tried
//     once more by whoever takes it over too late: what it would have found may be all that the rest waits for.
// S5. A step that can't even be looked at has no intent to count from: its limit counts from when it could have been begun, and ends it
//     only where the same worker has met nothing but failures for minutes, so that an outage that is over ends nothing.

/** Between two polls of a long operation; Cloud SQL asks for no more than one in five seconds (facts.md 3.6). */
const POLL = seconds(5);

/** Starts of one step before it counts as failed. The time limit ends a step that meets a busy instance; this ends a loop. */
const ATTEMPTS_MAX = 40;

/** Tries of a step that only looks after which its time limit ends it for good (S4): one that kills each of its workers must end. */
const LATE_TRIES_MAX = 5;

/** What a worker lends to its steps. */
export interface Worker {
  /** Unique to its invocation; stands in the log with what it begins. */
  readonly name: string;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly catalogue: Catalogue;
  readonly lateArrival: Millis;
  /** Wall time that a call may take. */
  readonly deadline: Millis;
  /** `false` when the lease is lost or too short for another call. */
  ready(): Promise<boolean>;
  /** Whether the time budget is used up. */
  spent(): boolean;
  context(state: IncidentState, run: RunState, intentAt: Instant | undefined): ActionContext;
  /** Why a destructive call may not be made now, looked at anew before each one. */
  refusal(step: PlannedStep, state: IncidentState, run: RunState): Promise<StepFailure | undefined>;
}

/** Why working on a step ended. `settled`: its outcome is in the log. `parked`: it waits for a person. */
export type StepOutcome = 'settled' | 'leaseLost' | 'spent' | 'interrupted' | 'parked';

/** Works on one step until its outcome is in the log, or until the worker must stop. */
export async function performStep(task: Task, journal: Journal, worker: Worker): Promise<StepOutcome> {
  const { step, direction } = task;
  const call = deed(task);
  const action = worker.catalogue[call.action];
  if (action === undefined) {
    await settle(journal, task, () =>
      event('stepFailed', {
        step: step.id,
        direction,
        failure: failure('permanent', 'unknownAction', `${call.action} is not in this function's catalogue`),
      }),
    );
    return 'settled';
  }
  const memory: Memory = { rejectedAttempt: undefined, blindSince: undefined };
  for (let pass = 0; ; pass += 1) {
    const state = pass === 0 ? journal.state() : await journal.refresh();
    const run = state.run;
    // People have decided: whoever performs their decision takes over what was being prepared.
    const isDecided = state.phase.kind === 'awaitingApproval' && !isPreparing(state, worker.clock.now());
    if (run === undefined || !isActive(state) || isDecided) return 'interrupted';
    const progress = ownProgress(run, task);
    if (progress !== undefined && progress.kind !== 'started' && progress.kind !== 'waiting') return 'settled';
    if (worker.spent()) return 'spent';
    if (!(await worker.ready())) return 'leaseLost';
    const overdue = progress !== undefined && worker.clock.now() >= after(progress.startedAt, step.timeLimitMs);
    const mayStillLook = overdue && pass === 0 && action.risk === 'observe' && progress.attempt < LATE_TRIES_MAX;
    const position = { state, run, progress };
    if (overdue && !mayStillLook) {
      const found = await lastLook(action, call.input, position, worker);
      if (found !== undefined) await done(task, found, position, journal);
      else await fail(journal, task, timeLimit(step, progress, worker.clock.now()));
      return 'settled';
    }
    const pause = await advance(task, action, call.input, position, memory, journal, worker);
    if (mayStillLook) continue;
    if (pause === 'parked') return 'parked';
    if (pause > 0) await worker.clock.sleep(pause);
  }
}

interface Position {
  readonly state: IncidentState;
  readonly run: RunState;
  readonly progress: (StepProgress & { readonly kind: 'started' | 'waiting' }) | undefined;
}

/** What a look found done. */
type Found = Observation<Json> & { readonly kind: 'already' };

/** What only this worker can know. */
interface Memory {
  /** Its last attempt that was refused, so that nothing of it can arrive late. */
  rejectedAttempt: number | undefined;
  /** Since when all its looks have failed before an intent; `undefined` when the last one did not. */
  blindSince: Instant | undefined;
}

/** How long to wait before the next pass; `parked`: until somebody else comes. */
type Pause = Millis | 'parked';

const contextOf = ({ state, run, progress }: Position, worker: Worker): ActionContext =>
  worker.context(state, run, progress?.kind === 'started' ? progress.at : progress?.startedAt);

/** One pass: at most one effect. */
async function advance(
  task: Task,
  action: Action,
  input: PlannedStep['input'],
  position: Position,
  memory: Memory,
  journal: Journal,
  worker: Worker,
): Promise<Pause> {
  const { progress, state, run } = position;
  const context = contextOf(position, worker);
  try {
    if (progress?.kind === 'waiting') {
      if (action.risk === 'destructive') {
        const refused = await worker.refusal(task.step, state, run);
        if (refused?.kind === 'foreignWork') return await fail(journal, task, refused);
      }
      return await record(await action.poll(progress.handle, input, context), task, action, input, journal, context);
    }
    const pause = await lookAndStart(task, action, input, position, memory, context, journal, worker);
    memory.blindSince = undefined;
    return pause;
  } catch (error) {
    if (!isPortError(error)) throw error;
    if (error.kind === 'permanent') return await fail(journal, task, failure('permanent', error.code, error.message));
    if (progress === undefined && task.direction === 'do') {
      const now = worker.clock.now();
      memory.blindSince ??= now;
      const because = notLookedAt(task.step, run, { since: memory.blindSince, now, error });
      if (because !== undefined) return await fail(journal, task, because);
    }
    return backoff(progress?.attempt ?? 1, worker.chance);
  }
}

async function lookAndStart(
  task: Task,
  action: Action,
  input: PlannedStep['input'],
  position: Position,
  memory: Memory,
  context: ActionContext,
  journal: Journal,
  worker: Worker,
): Promise<Pause> {
  const { step, direction } = task;
  const { progress, state, run } = position;
  const seen = await action.observe(input, context);
  switch (seen.kind) {
    case 'already':
      return await done(task, seen, position, journal);
    case 'refused':
      return await fail(journal, task, seen.failure);
    case 'inProgress':
      await settle(journal, task, () =>
        event('stepWaiting', { step: step.id, direction, handle: seen.handle, detail: seen.detail }),
      );
      return POLL;
    case 'toDo':
      break;
    default:
      unreachable(seen);
  }
  const attempt = (progress?.attempt ?? 0) + 1;
  if (progress !== undefined) {
    const wait = memory.rejectedAttempt === progress.attempt ? millis(0) : repeatAfter(action, progress.at, worker);
    if (wait === 'never')
      return await fail(
        journal,
        task,
        failure(
          'exhausted',
          'unknownOutcome',
          `${step.title}: it is not known whether the first try took effect, and it must not be repeated`,
        ),
      );
    if (wait > 0) return millis(Math.min(wait, POLL));
    if (attempt > ATTEMPTS_MAX)
      return await fail(
        journal,
        task,
        failure('exhausted', 'attempts', `${step.title}: ${ATTEMPTS_MAX} tries without effect`),
      );
  }
  if (action.risk !== 'observe') {
    const refused = await worker.refusal(step, state, run);
    if (refused !== undefined) return await fail(journal, task, refused);
  }
  // A decision that came in since this pass began may not have been looked at yet: a deny counts until the section begins.
  const intent = await settle(journal, task, (_now, _known, newest) =>
    decisionsIn(newest) === decisionsIn(state)
      ? event('stepStarted', { step: step.id, direction, attempt, version: seen.version, worker: worker.name })
      : undefined,
  );
  if (!intent) return millis(0);
  // The intent is written; the lease is looked at once more, since the append took time (L1).
  if (!(await worker.ready())) return millis(0);
  try {
    return await record(
      await action.start(input, seen.version, { ...context, intentAt: worker.clock.now() }),
      task,
      action,
      input,
      journal,
      context,
    );
  } catch (error) {
    if (isPortError(error) && (error.kind === 'retryable' || error.kind === 'conflict'))
      memory.rejectedAttempt = attempt;
    throw error;
  }
}

/** What an overdue step was to do, if that is there (S4). */
async function lastLook(
  action: Action,
  input: PlannedStep['input'],
  position: Position,
  worker: Worker,
): Promise<Found | undefined> {
  if (action.risk === 'observe') return undefined;
  try {
    const seen = await action.observe(input, contextOf(position, worker));
    return seen.kind === 'already' ? seen : undefined;
  } catch (error) {
    if (!isPortError(error)) throw error;
    return undefined;
  }
}

/** How long a repeat must still wait after an intent of unknown outcome (design.md section 5). */
function repeatAfter(action: Action, intentAt: Instant, worker: Worker): Millis | 'never' {
  switch (action.repeat) {
    case 'terminal':
    case 'conditional':
    case 'named':
      return millis(0);
    case 'serialised':
      return millis(Math.max(0, after(intentAt, worker.lateArrival) - worker.clock.now()));
    case 'never':
      return 'never';
    default:
      return unreachable(action.repeat);
  }
}

async function record(
  progress: Progress,
  task: Task,
  action: Action,
  input: PlannedStep['input'],
  journal: Journal,
  context: ActionContext,
): Promise<Pause> {
  const { step, direction } = task;
  switch (progress.kind) {
    case 'running': {
      const { handle, detail, ask } = progress;
      await settle(journal, task, (_now, known, state) =>
        sameWait(known, progress)
          ? undefined
          : [event('stepWaiting', { step: step.id, direction, handle, detail }), ...question(step, ask, state)],
      );
      return ask === undefined ? (progress.again ?? POLL) : 'parked';
    }
    case 'failed':
      return await fail(journal, task, progress.failure);
    case 'done': {
      const verdict = await action.verify(input, context);
      if (!verdict.ok) return POLL;
      await settle(journal, task, () =>
        event('stepDone', {
          step: step.id,
          direction,
          already: false,
          detail: verdict.detail === '' ? progress.detail : verdict.detail,
          output: progress.output ?? null,
        }),
      );
      return millis(0);
    }
    default:
      return unreachable(progress);
  }
}

/** What a person is asked, once in a run. */
function question(
  { id }: PlannedStep,
  ask: (Progress & { readonly kind: 'running' })['ask'],
  state: IncidentState,
): readonly NewEvent[] {
  const notice = anew(state, `ask/${id}`);
  if (ask === undefined || state.notices.has(notice)) return [];
  return [tell(notice, 'needsPerson', `${about(state)}: ${ask.subject}`, ask.text, { urgent: true })];
}

async function done(
  { step, direction }: Task,
  { detail, output }: Found,
  { progress }: Position,
  journal: Journal,
): Promise<Millis> {
  await settle(journal, { step, direction }, () =>
    event('stepDone', { step: step.id, direction, already: progress === undefined, detail, output: output ?? null }),
  );
  return millis(0);
}

async function fail(journal: Journal, task: Task, because: StepFailure): Promise<Millis> {
  await settle(journal, task, () =>
    event('stepFailed', { step: task.step.id, direction: task.direction, failure: because }),
  );
  return millis(0);
}

/** Appends what became of this step unless the run has moved on meanwhile; says whether it did. */
async function settle(
  journal: Journal,
  task: Task,
  make: (
    now: Instant,
    known: StepProgress | undefined,
    state: IncidentState,
  ) => NewEvent | readonly NewEvent[] | undefined,
): Promise<boolean> {
  let written = false;
  await journal.append((state, now) => {
    written = false;
    const run = state.run;
    if (run === undefined || !isActive(state)) return [];
    const known = ownProgress(run, task);
    if (known !== undefined && known.kind !== 'started' && known.kind !== 'waiting') return [];
    const made = make(now, known, state);
    written = made !== undefined;
    return made === undefined ? [] : 'kind' in made ? [made] : made;
  });
  return written;
}

const decisionsIn = (state: IncidentState): number => currentApproval(state)?.decisions.length ?? 0;

const isActive = ({ phase, run }: IncidentState): boolean =>
  phase.kind === 'running' ||
  phase.kind === 'landing' ||
  (phase.kind === 'awaitingApproval' && run?.preparation === 'begun');

const sameWait = (known: StepProgress | undefined, next: { readonly handle: Json; readonly detail: string }): boolean =>
  known?.kind === 'waiting' &&
  known.detail === next.detail &&
  canonicalJson(known.handle) === canonicalJson(next.handle);

/** Doubles from two seconds up to half a minute, with jitter so that two workers don't march in step. */
function backoff(attempt: number, chance: Chance): Millis {
  const base = Math.min(30_000, 2_000 * 2 ** Math.min(attempt, 6));
  return millis(base * (0.5 + chance.fraction() / 2));
}
