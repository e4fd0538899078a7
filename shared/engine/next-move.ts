import { unreachable } from '../core/assert.ts';
import { after, type Instant, instant, seconds } from '../core/time.ts';
import type { StepFailure } from '../incident/events.ts';
import { isLeftOut } from '../incident/left-out.ts';
import { isOutstanding } from '../incident/outstanding.ts';
import {
  currentApproval,
  type IncidentState,
  insideCommittedSection,
  passedNoReturn,
  type RunState,
  standing,
  type StepProgress,
} from '../incident/state.ts';
import { askedBy, comesAfter, type PlannedStep, preparingSteps } from '../plan/plan.ts';

// The heart of the engine: what has to be done next, from the state alone. Pure, so that a lost message, a crash or a second
// worker can at most make somebody ask again.
//
// M1. A destructive plan is performed only by `recover` and only after its approval.
// M2. Committed steps run one after the other; everything else runs as soon as its needs are done.
// M3. A stop inside the committed section has a landing: back while nothing is promoted, else people go on.
// M4. What an earlier step made unnecessary is left out; a run whose rest is left out ends as well as one that did it all.
// M6. While people decide on a plan its preparing steps may be performed, by `heal` alone; looks go on beside them (`nextLook`).
// M5. Where somebody else acts nothing further is begun, even if it was a step that the run can do without that met them.

/** Who performs a plan: safe ones `heal`, all others `recover`. */
export type Role = 'heal' | 'recover';

/** What has to be done next. */
export type Move =
  | { readonly kind: 'look' }
  | { readonly kind: 'startRun'; readonly role: Role }
  /** The safe steps that a plan begins with may begin, while its approval is out. */
  | { readonly kind: 'prepare'; readonly role: 'heal' }
  | {
      readonly kind: 'perform';
      readonly role: Role;
      readonly steps: readonly PlannedStep[];
      readonly direction: 'do' | 'undo';
    }
  /** A step failed where nothing has to be taken back. */
  | { readonly kind: 'stop'; readonly role: Role; readonly because: StepFailure }
  | { readonly kind: 'land'; readonly role: Role; readonly landing: 'unfence' | 'hold'; readonly because: StepFailure }
  | { readonly kind: 'landed'; readonly role: Role }
  | { readonly kind: 'finish'; readonly role: Role }
  | { readonly kind: 'closeApproval'; readonly standing: 'denied' | 'expired' }
  | { readonly kind: 'wait'; readonly until: Instant }
  | { readonly kind: 'none' };

/**
 * How often the world is looked at while people decide or a brake holds: a primary that came back voids the plan. It is `tick` that
 * looks, once a minute: after a look between two of its minutes it must find the next one due, or the looks are too far apart to
 * count together, which they do for one and a half confirmation windows.
 */
const LOOK_AGAIN = seconds(25);

/**
 * From one look at an incident to the next that a signal asks for. A storm brings one every second, and a look asks half a dozen
 * APIs: it would spend their quota, and what it saw is as good as new for a twelfth of the confirmation window.
 */
const LOOK_PACE = seconds(5);

/** Open, but due only when something arrives: the end of RFC 3339's years. */
const FAR = instant(253_402_300_799_000);

/** The role that performs this run. */
export const roleOf = (run: RunState): Role =>
  run.needsApproval || run.plan.steps.some((step) => step.risk === 'destructive') ? 'recover' : 'heal';

/** What has to be done next, and by whom. */
export function nextMove(state: IncidentState, now: Instant): Move {
  const { phase, run } = state;
  switch (phase.kind) {
    case 'suspected':
    case 'waiting':
      return lookFrom(earlier(phase.lookAt, afterSignal(state)), now);
    case 'ready':
      return run === undefined ? { kind: 'look' } : { kind: 'startRun', role: roleOf(run) };
    case 'held': {
      const approval = currentApproval(state);
      // Nobody would act on the deny once it is released: people get it now.
      if (approval !== undefined && standing(approval, now) === 'denied')
        return { kind: 'closeApproval', standing: 'denied' };
      const clears = phase.until ?? after(state.lastAt, LOOK_AGAIN);
      // A look after that may need others before it can confirm again what is planned: they come at their own pace.
      const isLookedAt = state.lookedAt !== undefined && state.lookedAt >= clears;
      return lookFrom(earlier(isLookedAt ? after(state.lookedAt, LOOK_AGAIN) : clears, afterSignal(state)), now);
    }
    case 'awaitingApproval': {
      const approval = currentApproval(state);
      if (approval === undefined || run === undefined) return { kind: 'look' };
      const stands = standing(approval, now);
      if (stands === 'approved') return { kind: 'startRun', role: 'recover' };
      if (stands === 'open') return preparation(run) ?? lookOrWait(state, now, approval.expiresAt);
      return stands === 'voided' ? { kind: 'look' } : { kind: 'closeApproval', standing: stands };
    }
    case 'running':
      return run === undefined ? { kind: 'look' } : moveOfRun(run);
    case 'landing':
      return run === undefined ? { kind: 'none' } : moveOfLanding(run);
    case 'needsPerson':
      // It may heal or change while people think; what was left half-way is theirs alone.
      return run?.landing === undefined ? lookOrWait(state, now, FAR) : { kind: 'wait', until: FAR };
    case 'takenOver':
      return { kind: 'wait', until: FAR };
    case 'resolved':
    case 'dismissed':
      return { kind: 'none' };
    default:
      return unreachable(phase);
  }
}

/** What is left of the preparation of a plan on which people decide (M6). */
function preparation(run: RunState): Move | undefined {
  if (run.preparation === 'allowed') return { kind: 'prepare', role: 'heal' };
  if (run.preparation !== 'begun') return undefined;
  const own = preparingSteps(run.plan);
  const failures = own.flatMap(({ id }) => {
    const progress = run.steps.get(id);
    return progress?.kind === 'failed' ? [progress.failure] : [];
  });
  const voided = failures.find(({ kind }) => kind === 'voided');
  if (voided !== undefined) return { kind: 'stop', role: 'heal', because: voided };
  // Another failure waits for the approval: the run tries it again, and its stop is told then.
  if (failures.length > 0) return undefined;
  const steps = readySteps(run).filter((step) => own.includes(step));
  return steps.length === 0 ? undefined : { kind: 'perform', role: 'heal', steps, direction: 'do' };
}

/** The next move of whoever only looks: while people decide the world is looked at whatever is being prepared (M6). */
export function nextLook(state: IncidentState, now: Instant): Move {
  const move = nextMove(state, now);
  const approval = currentApproval(state);
  const isBeside = state.phase.kind === 'awaitingApproval' && 'role' in move && move.role === 'heal';
  return isBeside && approval !== undefined ? lookOrWait(state, now, approval.expiresAt) : move;
}

function lookOrWait(state: IncidentState, now: Instant, until: Instant): Move {
  const next = earlier(after(state.lookedAt ?? state.openedAt, LOOK_AGAIN), afterSignal(state));
  return now >= next ? { kind: 'look' } : { kind: 'wait', until: earlier(next, until) };
}

/** A new signal brings the next look forward, as near to the last one as looks may be. */
function afterSignal(state: IncidentState): Instant {
  if (state.unseen === 0) return FAR;
  return state.lookedAt === undefined ? state.openedAt : after(state.lookedAt, LOOK_PACE);
}

const lookFrom = (at: Instant, now: Instant): Move => (now >= at ? { kind: 'look' } : { kind: 'wait', until: at });

const earlier = (a: Instant, b: Instant): Instant => (a < b ? a : b);

/** When somebody must look at this incident again if no message does: the index that `tick` sweeps (decisions.md 8). */
export function dueAt(state: IncidentState, now: Instant, lease: number): Instant | undefined {
  const pending = [...state.notices.values()].filter((notice) => isOutstanding(state, notice, now));
  const retry = pending.map((notice) => after(notice.dueAt, seconds(30)));
  const move = nextMove(state, now);
  const looking = nextLook(state, now);
  const work: Instant | undefined =
    move.kind === 'wait' ? move.until : move.kind === 'none' ? undefined : after(now, lease);
  const own = work !== undefined && looking.kind === 'wait' ? earlier(work, looking.until) : work;
  return [...retry, ...(own === undefined ? [] : [own])].sort((a, b) => a - b)[0];
}

function moveOfRun(run: RunState): Move {
  const role = roleOf(run);
  const failure = run.plan.steps.flatMap((step) => breakOf(step, run.steps.get(step.id)))[0];
  if (failure !== undefined) {
    if (!insideCommittedSection(run)) return { kind: 'stop', role, because: failure };
    // Where somebody else acts, our taking back could open a second write path: people decide.
    const landing = passedNoReturn(run) || failure.kind === 'foreignWork' ? 'hold' : 'unfence';
    return { kind: 'land', role, landing, because: failure };
  }
  const steps = readySteps(run);
  return steps.length > 0 ? { kind: 'perform', role, steps, direction: 'do' } : { kind: 'finish', role };
}

/** What ends a run: a failure that it can't go on from (M5), or a step that was taken back, which only a landing does. */
function breakOf(step: PlannedStep, progress: StepProgress | undefined): readonly StepFailure[] {
  switch (progress?.kind) {
    case 'failed':
      return step.optional && progress.failure.kind !== 'foreignWork' ? [] : [progress.failure];
    case 'undone':
    case 'undoFailed': {
      const detail = `${step.title}: it was taken back, so this run can't go on`;
      return [{ kind: 'refused', code: 'takenBack', detail, block: null }];
    }
    case 'started':
    case 'waiting':
    case 'done':
    case undefined:
      return [];
    default:
      return unreachable(progress);
  }
}

function moveOfLanding(run: RunState): Move {
  const role = roleOf(run);
  if (run.landing === undefined || run.landing.landed) return { kind: 'none' };
  if (run.landing.kind === 'hold') return { kind: 'landed', role };
  const step = toUndo(run);
  return step === undefined ? { kind: 'landed', role } : { kind: 'perform', role, steps: [step], direction: 'undo' };
}

/** The next step to take back: the last one that began and is not yet undone. A failed undo stays: a person sees it. */
function toUndo(run: RunState): PlannedStep | undefined {
  return run.plan.steps.findLast((step) => {
    const progress = run.steps.get(step.id);
    return (
      step.undo.kind === 'action' &&
      progress !== undefined &&
      progress.kind !== 'undone' &&
      progress.kind !== 'undoFailed'
    );
  });
}

/** Steps that can be worked on now: begun ones to resume, and fresh ones whose needs are met (M2). */
export function readySteps(run: RunState): readonly PlannedStep[] {
  const settled = (step: PlannedStep) => isSettled(run.steps.get(step.id)) || isLeftOut(run, step);
  const byId = new Map(run.plan.steps.map((step) => [step.id, step]));
  const open = run.plan.steps.filter((step) => !settled(step));
  const firstCommitted = open.find((step) => step.committed);
  return open.filter((step) => {
    if (step.committed && step !== firstCommitted) return false;
    return comesAfter(step).every((need) => {
      const needed = byId.get(need);
      return needed === undefined || settled(needed);
    });
  });
}

/** Whether a run has nothing left to do before people answer: then it holds nothing (D5 of drive.ts). */
export function waitsForPeople(run: RunState): boolean {
  const ready = readySteps(run);
  return (
    ready.length > 0 && ready.every((step) => askedBy(step) !== undefined && run.steps.get(step.id)?.kind === 'waiting')
  );
}

const isSettled = (progress: StepProgress | undefined): boolean =>
  progress?.kind === 'done' || progress?.kind === 'failed';
