import type { Json } from '../core/json.ts';
import type { Instant, Millis } from '../core/time.ts';
import type { Plan, PlannedStep, StepId } from '../plan/plan.ts';
import type { ApprovalId, IncidentId, PersonId, TargetId } from '../system/names.ts';
import type { Diagnosis } from './diagnosis.ts';
import type { Notice, StepFailure } from './events.ts';

// What the log says now. Folded event by event by `evolve`; holds what each phase knows and nothing else.

/** How far one step has come. `direction: 'undo'` once it is being taken back. */
export type StepProgress =
  /** `startedAt` is the first try's; `at` this attempt's: the intent. */
  | {
      readonly kind: 'started';
      readonly direction: 'do' | 'undo';
      readonly at: Instant;
      readonly startedAt: Instant;
      readonly attempt: number;
      readonly version: Json;
    }
  | {
      readonly kind: 'waiting';
      readonly direction: 'do' | 'undo';
      readonly at: Instant;
      readonly startedAt: Instant;
      readonly attempt: number;
      readonly handle: Json;
      readonly detail: string;
    }
  | {
      readonly kind: 'done';
      readonly startedAt: Instant;
      readonly at: Instant;
      readonly already: boolean;
      readonly detail: string;
      readonly output: Json;
    }
  | { readonly kind: 'failed'; readonly at: Instant; readonly failure: StepFailure }
  | { readonly kind: 'undone'; readonly at: Instant; readonly detail: string }
  | { readonly kind: 'undoFailed'; readonly at: Instant; readonly failure: StepFailure };

/** One decision of one approver, with the token that proves it. */
export interface Decision {
  readonly approver: PersonId;
  readonly decision: 'approve' | 'deny';
  readonly token: string;
  readonly identity: string | null;
  readonly at: Instant;
}

/** One approval object (design.md section 7). */
export interface ApprovalState {
  readonly id: ApprovalId;
  readonly planDigest: string;
  readonly evidence: string;
  readonly lossLimitMs: number | null;
  readonly approvers: readonly PersonId[];
  readonly quorum: number;
  readonly askedAt: Instant;
  readonly expiresAt: Instant;
  readonly startWithin: Millis;
  /** Walls that this approval opens by a verb of its own (`accept-unfenced-primary`, …). */
  readonly opens: readonly string[];
  readonly links: readonly IssuedLink[];
  readonly decisions: readonly Decision[];
  readonly voided: string | undefined;
}

/** A link that was made for one approver. */
export interface IssuedLink {
  readonly approver: PersonId;
  readonly keyId: string;
  readonly opaqueHash: string;
  readonly tokenIds: readonly string[];
  readonly expiresAt: Instant;
}

/** A plan and what has become of it. */
export interface RunState {
  readonly plan: Plan;
  readonly digest: string;
  readonly evidence: string;
  readonly needsApproval: boolean;
  /** `false` in mode observe: it says what it would do. */
  readonly performed: boolean;
  /** How far the leading safe steps may go while the approval of the others is out. */
  readonly preparation: 'none' | 'allowed' | 'begun' | 'withheld';
  readonly drawnAt: Instant;
  readonly startedAt: Instant | undefined;
  readonly steps: ReadonlyMap<StepId, StepProgress>;
  /** When each step was first begun, by `do:<step>` and `undo:<step>`; kept when the step has ended. */
  readonly intents: ReadonlyMap<string, Instant>;
  /** Steps whose question a person has answered, by that person's e-mail. */
  readonly acknowledged: ReadonlyMap<StepId, string>;
  /** Names of long operations that were ours, whatever became of their steps. */
  readonly operations: readonly string[];
  readonly landing:
    | { readonly kind: 'unfence' | 'hold'; readonly because: StepFailure; readonly landed: boolean }
    | undefined;
}

/** Where an incident stands. */
export type Phase =
  /** Opened or woken up; somebody has to look. */
  | { readonly kind: 'suspected'; readonly lookAt: Instant }
  /** Named, and waiting is the right thing. */
  | { readonly kind: 'waiting'; readonly lookAt: Instant }
  /** A plan exists that nobody needs to approve; brakes may hold it. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'held'; readonly until: Instant | undefined }
  | { readonly kind: 'awaitingApproval'; readonly approval: ApprovalId }
  | { readonly kind: 'running' }
  | { readonly kind: 'landing' }
  | { readonly kind: 'needsPerson'; readonly because: string }
  | { readonly kind: 'takenOver'; readonly by: string }
  | { readonly kind: 'resolved' }
  | { readonly kind: 'dismissed'; readonly because: string };

/** A notice and what has become of it. `missed` are the destinations whose last delivery failed. */
export interface NoticeState {
  readonly notice: Notice;
  readonly dueAt: Instant;
  readonly delivered: readonly string[];
  readonly missed: readonly string[];
  readonly attempts: number;
}

/** An incident, as its log says. */
export interface IncidentState {
  readonly id: IncidentId;
  readonly sequence: number;
  readonly lastAt: Instant;
  readonly openedAt: Instant;
  readonly headline: string;
  readonly drill: boolean;
  /** What it is about: first the target of its first signal, later its diagnosis's. */
  readonly target: TargetId;
  /** Every target that a signal named. */
  readonly targets: readonly TargetId[];
  /** A runbook that a person asked for by hand. */
  readonly requested: string | null;
  /** Applications that people want cut off, by their ids; part of a plan that is then approved, or of none. */
  readonly isolate: readonly string[];
  /** The moment that was named with that request. */
  readonly requestedMoment: Instant | undefined;
  readonly signals: number;
  /** Signals since the last look: a reason to look again. */
  readonly unseen: number;
  /** A person let it act although many targets fail at once. */
  readonly thawed: boolean;
  /** When signals were last given to it. */
  readonly absorbedAt: Instant | undefined;
  /** Since when failure was signalled, by the earliest signal. */
  readonly firstSignalAt: Instant | undefined;
  readonly rounds: number;
  /** When somebody last looked at the world for it. */
  readonly lookedAt: Instant | undefined;
  readonly diagnosis: Diagnosis | undefined;
  readonly diagnosedAt: Instant | undefined;
  readonly phase: Phase;
  readonly run: RunState | undefined;
  /** Runs that began and were replaced by another plan, or that people handed back; oldest first. */
  readonly formerRuns: readonly RunState[];
  /** When people last handed it back. */
  readonly handedBackAt: Instant | undefined;
  readonly approvals: readonly ApprovalState[];
  readonly notices: ReadonlyMap<string, NoticeState>;
  readonly evidence: readonly { readonly what: string; readonly digest: string }[];
  readonly foreignWork: readonly {
    readonly who: string;
    readonly what: string;
    readonly when: Instant;
    readonly instance: string;
  }[];
  /** How often a run began or people handed the incident back: what stops after that is news again. */
  readonly turn: number;
  /** Attempts to decide that were refused and written down. */
  readonly refusedAttempts: number;
  readonly measures: Readonly<Record<string, number | null>> | undefined;
}

/** The approval that belongs to the present plan and is not void. */
export function currentApproval(state: IncidentState): ApprovalState | undefined {
  return state.approvals.findLast(
    (approval) => approval.planDigest === state.run?.digest && approval.voided === undefined,
  );
}

/** Who denied the present plan, whether or not its approval has been closed since. */
export function deniedBy(state: IncidentState): PersonId | undefined {
  const last = state.approvals.at(-1);
  if (last === undefined || last.planDigest !== state.run?.digest) return undefined;
  return last.decisions.find(({ decision }) => decision === 'deny')?.approver;
}

/** What the decisions of an approval amount to at `now`. A decision counts when it was made before the expiry. */
export function standing(approval: ApprovalState, now: Instant): 'open' | 'approved' | 'denied' | 'expired' | 'voided' {
  if (approval.voided !== undefined) return 'voided';
  if (approval.decisions.some((decision) => decision.decision === 'deny')) return 'denied';
  const approvers = new Set(
    approval.decisions.filter((decision) => decision.decision === 'approve').map((decision) => decision.approver),
  );
  if (approvers.size >= approval.quorum) return 'approved';
  return now >= approval.expiresAt ? 'expired' : 'open';
}

/** Whether leading safe steps are being performed while people decide. */
export function isPreparing(state: IncidentState, now: Instant): boolean {
  if (state.phase.kind !== 'awaitingApproval' || state.run?.preparation !== 'begun') return false;
  const approval = currentApproval(state);
  return approval !== undefined && standing(approval, now) === 'open';
}

/** Whether nothing more will happen by itself. */
export function hasEnded(state: IncidentState): boolean {
  return state.phase.kind === 'resolved' || state.phase.kind === 'dismissed';
}

/** Steps of the committed section, in their order. */
export function committedSteps(plan: Plan): readonly PlannedStep[] {
  return plan.steps.filter((step) => step.committed);
}

/** Whether a committed step has begun and the section has not yet ended: neither all done, nor all taken back. */
export function insideCommittedSection(run: RunState): boolean {
  const steps = committedSteps(run.plan);
  const begun = steps.some((step) => isOpen(run, step));
  return begun && !steps.every((step) => run.steps.get(step.id)?.kind === 'done');
}

/**
 * Whether a point of no return has begun: from its intent on a lost reply looks like a failure, so it counts as passed. One that
 * was refused before its intent has done nothing.
 */
export function passedNoReturn(run: RunState): boolean {
  return run.plan.steps.some((step) => step.undo.kind === 'pointOfNoReturn' && hasBegun(run, step));
}

function hasBegun(run: RunState, step: PlannedStep): boolean {
  const progress = run.steps.get(step.id);
  return run.intents.has(`do:${step.id}`) || (progress !== undefined && progress.kind !== 'failed');
}

/** A step that was refused before its first intent has changed nothing: there is nothing to take back. */
function isOpen(run: RunState, step: PlannedStep): boolean {
  const progress = run.steps.get(step.id);
  if (progress === undefined || progress.kind === 'undone') return false;
  return progress.kind !== 'failed' || run.intents.has(`do:${step.id}`);
}
