import { type Instant, millis, showDuration, toIso } from '../core/time.ts';
import { type ApprovalState, type IncidentState, standing } from '../incident/state.ts';
import { showLossBound } from '../plan/loss-bound.ts';
import { criticalPath, type Plan, type PlannedStep } from '../plan/plan.ts';
import type { System } from '../system/system.ts';

/** What an approval page says, before it is HTML (design.md section 7). Everything is text for people. */
export interface ApprovalView {
  readonly heading: string;
  readonly standing: ReturnType<typeof standing>;
  readonly situation: readonly { readonly name: string; readonly text: string }[];
  readonly evidence: readonly string[];
  readonly wouldChangeMind: readonly string[];
  readonly steps: readonly {
    readonly title: string;
    readonly risk: PlannedStep['risk'];
    readonly committed: boolean;
    readonly note: string | undefined;
  }[];
  readonly noReturn: readonly string[];
  readonly alternatives: readonly { readonly text: string; readonly figures: string; readonly because: string }[];
  readonly warnings: readonly string[];
  readonly opens: readonly string[];
  readonly failback: string;
  readonly decisions: readonly string[];
  readonly outcome: string;
  readonly digest: string;
}

/** The view of one approval at `now`. */
export function approvalView(
  system: System,
  state: IncidentState,
  approval: ApprovalState,
  plan: Plan,
  now: Instant,
): ApprovalView {
  const { diagnosis } = state;
  const rto = (diagnosis?.failedSinceMs ?? state.openedAt) + system.objectives.rto;
  return {
    heading: `${plan.runbook} on ${plan.target}`,
    standing: standing(approval, now),
    situation: [
      { name: 'Incident', text: `${state.id}: ${state.headline}` },
      { name: 'Diagnosis', text: `${plan.scenario} (${diagnosis?.confidence ?? 'unknown'})` },
      { name: 'What is lost', text: showLossBound(plan.lossBound) },
      {
        name: 'How long',
        text: `about ${showDuration(criticalPath(plan))} (the runbook’s estimates; drills will replace them)`,
      },
      { name: 'RTO', text: `${showDuration(system.objectives.rto)}, reached at ${toIso(rto as Instant)}` },
      {
        name: 'Decide until',
        text: `${toIso(approval.expiresAt)}; the work must begin within ${showDuration(approval.startWithin)} after that`,
      },
      { name: 'Approvals', text: `${approval.quorum} of ${approval.approvers.join(', ')}` },
    ],
    evidence: (diagnosis?.reasons ?? []).map(({ code, text }) => `${code}: ${text}`),
    wouldChangeMind: diagnosis?.wouldChangeMind ?? [],
    steps: plan.steps.map((step) => ({
      title: step.title,
      risk: step.risk,
      committed: step.committed,
      note:
        step.undo.kind === 'pointOfNoReturn'
          ? `can’t be undone: ${step.undo.because}`
          : step.optional
            ? 'afterwards; a failure is told and stops nothing'
            : undefined,
    })),
    noReturn: plan.steps.flatMap((step) =>
      step.undo.kind === 'pointOfNoReturn' ? [`${step.title}: ${step.undo.because}`] : [],
    ),
    alternatives: plan.alternatives.map((other) => ({
      text: other.text,
      figures: [
        other.estimateMs === null ? 'duration unknown' : `about ${showDuration(millis(other.estimateMs))}`,
        other.losesMs === null ? 'loss unknown' : `loses at most ${showDuration(millis(other.losesMs))}`,
        ...(other.latestStartMs === null ? [] : [`meets the RTO if begun by ${toIso(other.latestStartMs as Instant)}`]),
      ].join(', '),
      because: `${other.possible ? 'possible' : 'not possible'}: ${other.because}`,
    })),
    warnings: plan.warnings.map((block) => `${block.guard}: ${block.observed} (limit ${block.limit})`),
    opens: approval.opens,
    failback: plan.failback,
    decisions: approval.decisions.map(
      (decision) => `${decision.approver}: ${decision.decision} at ${toIso(decision.at)}`,
    ),
    outcome: outcomeOf(state),
    digest: approval.planDigest.slice(0, 16),
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
    case 'awaitingApproval':
      return 'Nothing has been done yet.';
  }
}
