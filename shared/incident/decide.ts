import { canonicalJson } from '../core/json.ts';
import { type Instant, showDuration } from '../core/time.ts';
import { approvedLimitMs, showLossBound } from '../plan/loss-bound.ts';
import { criticalPath, type GuardBlock, opensOf, type Plan, planDigest, preparingSteps } from '../plan/plan.ts';
import type { ApprovalPolicy } from '../system/system.ts';
import type { Diagnosis } from './diagnosis.ts';
import { event, type NewEvent, type StepFailure } from './events.ts';
import {
  currentApproval,
  deniedBy,
  hasEnded,
  type IncidentState,
  insideCommittedSection,
  passedNoReturn,
  standing,
} from './state.ts';
import { decideLanded, decideLanding } from './landing.ts';
import { about, forPeople, held, leftPrepared, nextCommands, position, tell } from './telling.ts';

// What follows from what we know: pure functions from a state and an input to new events. Nothing here acts, and nothing here
// reads a clock: `now` is an argument. What a person must be told is decided in the same breath as what happened.
//
// D1. An ended incident gets no new plan, no approval and no run.
// D2. Each thing a person must know is one notice with a stable id, so that deciding twice tells once.

/** What a look concluded. `plan` when there is something to do; `brakes` hold what nobody asked for; `walls` hold everything. */
export interface Conclusion {
  readonly round: number;
  readonly facts: string;
  readonly summary: readonly string[];
  readonly diagnosis: Diagnosis;
  readonly plan: Plan | undefined;
  readonly mode: 'observe' | 'approve' | 'auto';
  readonly brakes: readonly GuardBlock[];
  readonly walls: readonly GuardBlock[];
  readonly policy: ApprovalPolicy | undefined;
  /** Chosen before, so that a repeat names the same approval. */
  readonly approval: string;
}

/** Events of one look at the world: diagnosis, plan, what holds it back, or whom to ask. */
export function decideLook(state: IncidentState, look: Conclusion, now: Instant): readonly NewEvent[] {
  if (
    hasEnded(state) ||
    state.phase.kind === 'running' ||
    state.phase.kind === 'landing' ||
    state.phase.kind === 'takenOver'
  )
    return [];
  const { diagnosis } = look;
  const head: NewEvent[] = [event('looked', { round: look.round, facts: look.facts, summary: [...look.summary] })];
  const changed = state.diagnosis?.scenario !== diagnosis.scenario || state.diagnosis.target !== diagnosis.target;
  const isNews = changed || state.diagnosis?.conclusion !== diagnosis.conclusion;
  const named = event('diagnosed', { diagnosis });
  const isDoubt = diagnosis.scenario === 'unknown';
  const reasons = diagnosis.reasons.map((reason) => reason.text).join('; ');
  switch (diagnosis.conclusion) {
    case 'nothing':
      return [
        ...head,
        named,
        ...voidOpen(state, `${diagnosis.scenario}: ${reasons}`),
        event('dismissed', { because: `${diagnosis.scenario}: ${reasons}` }),
        // Only ends of alerts were heard of, and nothing is wrong.
        ...(state.firstSignalAt === undefined
          ? []
          : [
              tell(
                'dismissed',
                'dismissed',
                `${state.headline}: ${diagnosis.scenario}`,
                [reasons, ...leftPrepared(state)].join('\n'),
              ),
            ]),
      ];
    case 'wait':
      if (!changed && state.run !== undefined && state.phase.kind === 'held') return head;
      if (isWithDeciders(state) && (!changed || isDoubt)) return head;
      if (state.phase.kind === 'needsPerson' && ((!changed && isKnown(state)) || isOfLeftRaised(diagnosis)))
        return head;
      return [
        ...head,
        named,
        ...(isNews
          ? [
              ...voidOpen(state, `now ${diagnosis.scenario}`),
              tell(
                `diagnosed/${diagnosis.scenario}`,
                'diagnosed',
                `${state.headline}: ${diagnosis.scenario}, waiting`,
                reasons,
              ),
            ]
          : []),
      ];
    case 'person':
      if (!isNews && state.phase.kind === 'needsPerson') return head;
      if (isDoubt && isWithDeciders(state)) return head;
      return [
        ...head,
        named,
        ...voidOpen(state, `now ${diagnosis.scenario}`),
        ...forPeople(
          `diagnosed/${diagnosis.scenario}`,
          { ...state, diagnosis },
          `${diagnosis.scenario}: ${reasons}`,
          [],
          [...leftPrepared(state), ...diagnosis.wouldChangeMind.map((text) => `would change our mind: ${text}`)],
        ),
      ];
    case 'act':
      return [...head, named, ...decidePlan({ ...state, diagnosis }, look, now)];
  }
}

/**
 * Whether people are asked what to do, or have said no. A look that can't confirm again what was confirmed, or can't tell, is no
 * news to them; a different finding is. Nor is the former to people who were told because there is nothing that we could do.
 */
const isWithDeciders = (state: IncidentState): boolean =>
  state.run !== undefined &&
  (state.phase.kind === 'awaitingApproval' || (state.phase.kind === 'needsPerson' && deniedBy(state) !== undefined));

/** Whether people have the failure as it is named: a look named it for them, or the run about it stopped. */
const isKnown = ({ diagnosis, run }: IncidentState): boolean =>
  diagnosis?.conclusion === 'person' || run?.startedAt !== undefined;

/** Whether it waits for what was left raised to be needed no longer: people were told of that when its watch ended. */
const isOfLeftRaised = ({ subject }: Diagnosis): boolean => subject['raised'] !== undefined;

function decidePlan(state: IncidentState, look: Conclusion, now: Instant): readonly NewEvent[] {
  const { plan, diagnosis } = look;
  const reasons = diagnosis.reasons.map((reason) => reason.text).join('; ');
  if (plan === undefined)
    return forPeople(
      `noPlan/${diagnosis.scenario}`,
      state,
      `${diagnosis.scenario}: no plan can be drawn for it`,
      [],
      [],
    );
  const digest = planDigest(plan);
  const open = currentApproval(state);
  // A look may end between a decision and what follows on it: what was approved stays approved, and a deny stands until people
  // resume, since whoever is asked again would overrule it without knowing.
  const stands = open === undefined ? undefined : standing(open, now);
  if (stands === 'denied') return [];
  if ((stands === 'open' || stands === 'approved') && samePlan(state, plan))
    return state.phase.kind === 'held' && look.walls.length === 0
      ? [event('released', { because: 'nothing holds it back any longer' })]
      : [];
  const denied = deniedBy(state);
  if (denied !== undefined && samePlan(state, plan))
    return state.phase.kind === 'needsPerson'
      ? []
      : forPeople('denied', state, `the plan was denied by ${denied}`, [], nextCommands(state));
  const needsApproval = look.mode === 'approve' || plan.steps.some((step) => step.risk === 'destructive');
  const performed = look.mode !== 'observe';
  // In mode auto what prepares a destructive plan begins at once, unless something holds back what nobody asked for.
  const prepares =
    performed && needsApproval && look.mode === 'auto' && look.brakes.length === 0 && preparingSteps(plan).length > 0;
  const drawn = event('planDrawn', {
    plan,
    digest,
    evidence: look.facts,
    needsApproval,
    performed,
    ...(prepares ? { prepares } : {}),
  });
  const said = `${diagnosis.scenario} on ${diagnosis.target}: ${reasons}`;
  const stale = open === undefined ? [] : voidOpen(state, 'the plan has changed');
  if (!performed) {
    const known = state.run?.performed === false && samePlan(state, plan);
    const mode: GuardBlock = {
      guard: 'mode',
      kind: 'brake',
      code: 'modeObserve',
      observed: 'mode observe',
      limit: 'approve or auto',
      clearsAtMs: null,
      openedBy: 'dr mode',
    };
    const would = tell(
      `wouldDo/${plan.runbook}`,
      'wouldDo',
      `${about(state)}: would run ${plan.runbook}`,
      `${said}. It would take about ${showDuration(criticalPath(plan))}: ${plan.steps.map((step) => step.title).join(' → ')}`,
    );
    return known ? [] : [drawn, event('held', { blocks: [mode], until: null }), would];
  }
  // What was asked for another plan is void, also where this one is held: nobody shall decide on what will not be done.
  if (look.walls.length > 0) return [...(samePlan(state, plan) ? [] : stale), drawn, ...held(state, look.walls, now)];
  if (!needsApproval) return look.brakes.length > 0 ? [drawn, ...held(state, look.brakes, now)] : [...stale, drawn];
  if (look.policy === undefined)
    return [
      drawn,
      ...forPeople(
        'noPolicy',
        state,
        `${plan.runbook} needs an approval and dr.yaml names no approvers for it`,
        [],
        [],
      ),
    ];
  const meanwhile = prepares
    ? ` While you decide, and whatever you decide, this begins: ${preparingSteps(plan)
        .filter(({ risk }) => risk === 'safe')
        .map(({ title }) => title)
        .join('; ')}.`
    : '';
  const text = `${said}. Plan ${plan.runbook}, about ${showDuration(criticalPath(plan))}; ${showLossBound(plan.lossBound)}.${meanwhile} Don't run the runbook by hand beside it: press takeover.`;
  return [...stale, drawn, ...askFor(state, plan, look.facts, look.policy, look.approval, now, text)];
}

/** Asks the configured approvers for exactly this plan, and tells them. */
function askFor(
  state: IncidentState,
  plan: Plan,
  evidence: string,
  policy: ApprovalPolicy,
  approval: string,
  now: Instant,
  text: string,
): readonly NewEvent[] {
  return [
    event('approvalAsked', {
      approval,
      planDigest: planDigest(plan),
      evidence,
      lossLimitMs: approvedLimitMs(plan.lossBound),
      approvers: [...policy.approvers],
      quorum: policy.quorum,
      expiresAt: now + policy.expiresIn,
      startWithinMs: policy.startWithin,
      opens: [...opensOf(plan)],
    }),
    tell(`approval/${approval}`, 'approval', `Approve ${plan.runbook}? ${about(state)}`, text, {
      urgent: true,
      approval,
    }),
  ];
}

/** A plan asked for already stays asked for when only the figures that grow by themselves have moved. */
function samePlan(state: IncidentState, plan: Plan): boolean {
  const known = state.run?.plan;
  return (
    known !== undefined &&
    known.runbook === plan.runbook &&
    known.target === plan.target &&
    deedsOf(known) === deedsOf(plan)
  );
}

/**
 * What a plan would do, each once. What may fail without ending it makes no other plan: a remedy that comes too late by now is left
 * out when it is performed. Nor does the end of writes, which becomes known while people decide: it only bounds what may be lost.
 */
function deedsOf({ steps }: Plan): string {
  const deeds = steps
    .filter(({ optional }) => !optional)
    .map(({ action, input }) => [action, { ...input, endedAtMs: null }]);
  return canonicalJson([...new Set(deeds.map((deed) => canonicalJson(deed)))]);
}

function voidOpen(state: IncidentState, because: string): readonly NewEvent[] {
  const approval = currentApproval(state);
  return approval === undefined ? [] : [event('approvalVoided', { approval: approval.id, because })];
}

/** A run whose step failed where nothing has to be taken back. */
export function decideStop(state: IncidentState, because: StepFailure): readonly NewEvent[] {
  if (because.kind === 'voided') {
    const approval = currentApproval(state);
    const said = tell(
      `voided/${state.sequence}`,
      'approvalDecided',
      `${about(state)}: the plan is void`,
      because.detail,
    );
    return approval === undefined
      ? [event('resumed', { by: `dr-autopilot: ${because.detail}` }), said]
      : [event('approvalVoided', { approval: approval.id, because: because.detail }), said];
  }
  return forPeople(`stop/${because.code}`, state, because.detail, position(state), nextCommands(state));
}

/** A log that the engine can't go on from: our own defect, or somebody wrote into it. */
export function decideStuck(state: IncidentState, move: string): readonly NewEvent[] {
  const detail = `the log asks for "${move}" again and again and nothing comes of it; check it with ./dr verify ${state.id}`;
  const isInside = state.phase.kind === 'running' && state.run !== undefined && insideCommittedSection(state.run);
  return isInside
    ? decideLanding(state, 'hold', { kind: 'exhausted', code: 'stuck', detail, block: null })
    : forPeople('stuck', state, detail, position(state), nextCommands(state));
}

/**
 * An approval that came to nothing. Where it was to go on inside the committed section, that is a stop inside it, and has its landing
 * (design.md section 8): what has begun stays as it is, and people are told where it stands, whatever a look would say of the world.
 */
export function decideClosedApproval(state: IncidentState, how: 'denied' | 'expired'): readonly NewEvent[] {
  const approval = currentApproval(state);
  if (approval === undefined) return [];
  const by = approval.decisions.find((decision) => decision.decision === 'deny')?.approver;
  const because = how === 'denied' ? `the plan was denied by ${by ?? 'an approver'}` : 'nobody decided in time';
  const voided = event('approvalVoided', { approval: approval.id, because });
  if (state.run !== undefined && insideCommittedSection(state.run)) {
    const failure: StepFailure = { kind: 'refused', code: how, detail: because, block: null };
    return [
      voided,
      event('landingStarted', { landing: 'hold', because: failure }),
      ...decideLanded(state, 'hold', because),
    ];
  }
  return [voided, ...forPeople(`approval/${how}/${approval.id}`, state, because, [], nextCommands(state))];
}

/** People take the run over: observing and recording go on, acting stops. */
export function decideTakeover(state: IncidentState, by: string): readonly NewEvent[] {
  if (hasEnded(state) || state.phase.kind === 'takenOver') return [];
  const where = position(state);
  const next = nextCommands(state);
  return [
    ...voidOpen(state, `taken over by ${by}`),
    event('takenOver', { by, position: where.join('; '), next: [...next] }),
    tell(
      `takeover/${state.sequence}`,
      'takeover',
      `${about(state)}: taken over by ${by}`,
      [...where, ...next].join('\n'),
    ),
  ];
}

/** What a resumption may need: who approves this runbook, and a name for the new approval. */
export interface Resumption {
  readonly policy: ApprovalPolicy | undefined;
  readonly approval: string;
  readonly now: Instant;
  /** Who resumes is known, and not only named in a message: what is held back may then act. */
  readonly authenticated: boolean;
}

/**
 * Hands a run back. Before the point of no return the old plan is dropped and a new one drawn from a new look; after it the same
 * plan goes on, with a fresh approval (design.md section 8).
 */
export function decideResume(state: IncidentState, by: string, resumption: Resumption): readonly NewEvent[] {
  if (state.phase.kind === 'held') return resumption.authenticated ? [event('resumed', { by })] : [];
  if (state.phase.kind !== 'takenOver' && state.phase.kind !== 'needsPerson') return [];
  const { run } = state;
  const resumed = [...voidOpen(state, `resumed by ${by}`), event('resumed', { by })];
  if (run === undefined || !passedNoReturn(run) || !run.needsApproval) return resumed;
  if (resumption.policy === undefined) return [];
  const text = `${run.plan.runbook} stopped after its point of no return. Approving goes on with the same plan: ${position(state).join('; ')}`;
  return [
    ...resumed,
    ...askFor(state, run.plan, run.evidence, resumption.policy, resumption.approval, resumption.now, text),
  ];
}

/** Ends an incident on a person's word, unless a committed section is under way. */
export function decideCancel(state: IncidentState, by: string, reason: string): readonly NewEvent[] {
  if (hasEnded(state) || state.phase.kind === 'running' || state.phase.kind === 'landing') return [];
  return [
    ...voidOpen(state, `cancelled by ${by}`),
    event('cancelled', { by, reason }),
    tell('dismissed', 'dismissed', `${about(state)}: cancelled by ${by}`, [reason, ...leftPrepared(state)].join('\n')),
  ];
}
