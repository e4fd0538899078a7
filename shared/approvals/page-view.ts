import { unreachable } from '../core/assert.ts';
import { instant, type Instant, type Millis, millis, showDuration, toIso } from '../core/time.ts';
import { isPlanned } from '../incident/diagnosis.ts';
import { position } from '../incident/telling.ts';
import { type ApprovalState, type IncidentState, standing } from '../incident/state.ts';
import { showLossBound } from '../plan/loss-bound.ts';
import {
  type Alternative,
  criticalPath,
  isOneOfSeveralWays,
  opensOf,
  type Plan,
  type PlannedStep,
  preparingSteps,
} from '../plan/plan.ts';
import type { PersonId } from '../system/names.ts';
import type { System } from '../system/system.ts';

/** One step as its approver reads it. */
export interface StepView {
  readonly title: string;
  readonly target: string;
  readonly risk: PlannedStep['risk'];
  readonly committed: boolean;
  /** The runbook's estimate, in words. */
  readonly takes: string;
  readonly note: string | undefined;
}

/** What an approval page says, before it is HTML (design.md section 7). Everything is text for people. */
export interface ApprovalView {
  /** What to press before doing anything by hand. */
  readonly takeover: string;
  readonly heading: string;
  readonly standing: ReturnType<typeof standing>;
  readonly situation: readonly { readonly name: string; readonly text: string }[];
  readonly evidence: readonly string[];
  readonly wouldChangeMind: readonly string[];
  readonly steps: readonly StepView[];
  readonly noReturn: readonly string[];
  readonly alternatives: readonly { readonly text: string; readonly figures: string; readonly because: string }[];
  /** Brakes that the approval releases. */
  readonly warnings: readonly string[];
  /** Walls that the approval opens, by the plan that is approved and not by what the request says. */
  readonly opens: readonly string[];
  readonly failback: string;
  readonly decisions: readonly string[];
  readonly outcome: string;
  /** What has been done and what is under way, one line for each step that began. */
  readonly progress: readonly string[];
  readonly digest: string;
}

/** Whose page of which approval. */
export interface ApprovalSubject {
  readonly system: System;
  readonly state: IncidentState;
  readonly approval: ApprovalState;
  readonly approver: PersonId;
  readonly plan: Plan;
}

/** The view of one approval at `now`. */
export function approvalView(subject: ApprovalSubject, now: Instant): ApprovalView {
  const { state, approval, plan } = subject;
  const { diagnosis } = state;
  return {
    takeover: `./dr takeover ${state.id}`,
    heading: `${plan.runbook} on ${plan.target.replace(/^[^/]*\//, '')}`,
    standing: standing(approval, now),
    situation: situation(subject, now),
    evidence: (diagnosis?.reasons ?? []).map(({ code, text }) => `${code}: ${text}`),
    wouldChangeMind: diagnosis?.wouldChangeMind ?? [],
    steps: plan.steps.map((step) => stepView(step, plan, state)),
    noReturn: plan.steps.flatMap((step) =>
      step.undo.kind === 'pointOfNoReturn' ? [`${step.title}: ${step.undo.because}.`] : [],
    ),
    alternatives: plan.alternatives.map(alternativeView),
    warnings: plan.warnings.map((block) => `${block.guard}: ${block.observed} (limit ${block.limit})`),
    opens: opensOf(plan),
    failback: plan.failback,
    decisions: approval.decisions.map(
      (decision) => `${decision.approver}: ${decision.decision} at ${moment(decision.at)}`,
    ),
    outcome: outcomeOf(state),
    progress: position(state),
    digest: approval.planDigest.slice(0, 16),
  };
}

function situation(
  { system, state, approval, approver, plan }: ApprovalSubject,
  now: Instant,
): ApprovalView['situation'] {
  const { diagnosis } = state;
  const failedSince = diagnosis?.failedSinceMs ?? state.firstSignalAt ?? state.openedAt;
  const reached = instant(failedSince + system.objectives.rto);
  const objective = isPlanned(plan.scenario)
    ? 'not at stake: nothing has failed, and users are served meanwhile'
    : `${showDuration(system.objectives.rto)}, reached at ${moment(reached)} (${distance(now, reached)})`;
  const role = system.people.find(({ id }) => id === approver)?.role;
  return [
    { name: 'You decide as', text: role === undefined ? approver : `${approver}, ${role}` },
    { name: 'Incident', text: `${state.id}: ${state.headline}` },
    { name: 'Diagnosis', text: `${plan.scenario} (${diagnosis?.confidence ?? 'unknown'})` },
    { name: 'What is lost', text: showLossBound(plan.lossBound) },
    {
      name: 'How long',
      text: `about ${showDuration(untilServed(plan))} until the service is back, ${showDuration(criticalPath(plan))} until all is done (the runbook’s estimates; drills will replace them)`,
    },
    { name: 'RTO', text: objective },
    {
      name: 'Decide until',
      text: `${moment(approval.expiresAt)} (${distance(now, approval.expiresAt)}); the work must begin within ${showDuration(approval.startWithin)} after that`,
    },
    { name: 'Approvals', text: `${approval.quorum} of ${approval.approvers.join(', ')}` },
  ];
}

/** The way to the end of what the service needs; protecting the new side comes after it. */
const untilServed = (plan: Plan): Millis =>
  criticalPath({
    ...plan,
    steps: plan.steps.map((step) => (step.stage === 'after' ? { ...step, estimateMs: 0 } : step)),
  });

/** `2026-01-05 10:16:20 UTC`: a person compares it with a clock on the wall. */
const moment = (at: Instant): string => `${toIso(at).slice(0, 19).replace('T', ' ')} UTC`;

const distance = (now: Instant, at: Instant): string =>
  at >= now ? `in ${showDuration(millis(at - now))}` : `${showDuration(millis(now - at))} ago`;

function stepView(step: PlannedStep, plan: Plan, { run }: IncidentState): StepView {
  const isUnasked = run?.preparation === 'allowed' || run?.preparation === 'begun';
  const note =
    isUnasked && preparingSteps(plan).includes(step)
      ? 'begins at once, whatever you decide'
      : step.undo.kind === 'pointOfNoReturn'
        ? `can’t be undone: ${step.undo.because}`
        : step.unless !== undefined
          ? 'this and what follows is left out if what comes before has helped'
          : isOneOfSeveralWays(step, plan)
            ? 'if it does not help, the plan goes on'
            : step.optional
              ? `${step.stage === 'after' ? 'afterwards; ' : ''}a failure is told and stops nothing`
              : undefined;
  const takes = `about ${showDuration(millis(step.estimateMs))}`;
  return { title: step.title, target: step.target, risk: step.risk, committed: step.committed, takes, note };
}

function alternativeView(other: Alternative): ApprovalView['alternatives'][number] {
  return {
    text: other.text,
    figures: [
      other.estimateMs === null ? 'duration unknown' : `about ${showDuration(millis(other.estimateMs))}`,
      other.losesMs === null
        ? 'loss unknown'
        : other.losesMs === 0
          ? 'loses nothing'
          : `loses at most ${showDuration(millis(other.losesMs))}`,
      ...(other.latestStartMs === null ? [] : [`meets the RTO if begun by ${moment(instant(other.latestStartMs))}`]),
    ].join(', '),
    because: `${other.possible ? 'possible' : 'not possible'}: ${other.because}`,
  };
}

function outcomeOf(state: IncidentState): string {
  const { phase } = state;
  switch (phase.kind) {
    case 'running':
      return 'The run is under way.';
    case 'landing':
      return 'The run has stopped inside its committed section and is landing; people were paged.';
    case 'needsPerson':
      return `Needs a person: ${phase.because}`;
    case 'resolved':
      return 'Resolved and verified.';
    case 'dismissed':
      return `Closed: ${phase.because}`;
    case 'takenOver':
      return `Taken over by ${phase.by}.`;
    case 'suspected':
    case 'waiting':
    case 'ready':
    case 'held':
      return 'Nothing has been done yet.';
    case 'awaitingApproval':
      return state.run?.preparation === 'begun'
        ? 'What prepares the plan has begun, and nothing else.'
        : 'Nothing has been done yet.';
    default:
      return unreachable(phase);
  }
}
