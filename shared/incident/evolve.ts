import { unreachable } from '../core/assert.ts';
import type { Json } from '../core/json.ts';
import { after, instant, millis } from '../core/time.ts';
import { stepId } from '../plan/plan.ts';
import { approvalId, type IncidentId, personId, targetId } from '../system/names.ts';
import type { IncidentEvent } from './events.ts';
import { momentOf } from './named-moment.ts';
import { attemptOf, runPutAway, startOf, withoutFailures, withRun, withStep } from './runs.ts';
import {
  type ApprovalState,
  currentApproval,
  hasEnded,
  type IncidentState,
  insideCommittedSection,
  passedNoReturn,
  type Phase,
  type RunState,
} from './state.ts';
// evolve(state, event) is the whole life of an incident: pure, total over event kinds, and the only place that reads a log.
//
// V1. It never refuses: what stands in the log happened. Deciding whether something may happen is `decide`'s work.
// V2. Ended incidents stay ended, whatever still arrives.
// V3. A run that began its landing is over: no approval and no start wakes it, only a new plan or people who resume.
// V4. A plan is drawn once, and its approval asked for once: what comes again under a known digest or name is not ours. It makes no
//     denied or void approval good, and begins nothing anew that has landed.

/** The state after the first event, which must be `opened`. */
export function begin(id: IncidentId, event: IncidentEvent): IncidentState {
  if (event.kind !== 'opened') throw new Error(`a log begins with opened, not ${event.kind}`);
  const at = instant(event.at);
  return {
    id,
    sequence: event.sequence,
    lastAt: at,
    openedAt: at,
    headline: event.data.headline,
    drill: event.data.drill,
    target: targetId(event.data.target),
    targets: [targetId(event.data.target)],
    requested: event.data.runbook,
    isolate: [],
    requestedMoment: undefined,
    signals: 0,
    unseen: 0,
    thawed: false,
    absorbedAt: undefined,
    firstSignalAt: undefined,
    rounds: 0,
    lookedAt: undefined,
    diagnosis: undefined,
    diagnosedAt: undefined,
    phase: { kind: 'suspected', lookAt: at },
    run: undefined,
    formerRuns: [],
    handedBackAt: undefined,
    approvals: [],
    notices: new Map(),
    evidence: [],
    foreignWork: [],
    turn: 0,
    refusedAttempts: 0,
    measures: undefined,
  };
}

/** The state after one more event. */
export function evolve(before: IncidentState, event: IncidentEvent): IncidentState {
  const state = withEvent(before, event);
  return hasEnded(before) ? { ...state, phase: before.phase } : state;
}

function withEvent(before: IncidentState, event: IncidentEvent): IncidentState {
  const at = instant(event.at);
  const state = { ...before, sequence: event.sequence, lastAt: at };
  switch (event.kind) {
    case 'opened':
      throw new Error('a log is opened once');
    case 'signalsAbsorbed': {
      const { signals } = event.data;
      const named = signals.flatMap((signal) => (signal.target === null ? [] : [targetId(signal.target)]));
      const first = Math.min(
        ...signals.filter((signal) => signal.relation !== 'closed').map((signal) => signal.at),
        state.firstSignalAt ?? Number.POSITIVE_INFINITY,
      );
      return {
        ...state,
        requested: signals.findLast((signal) => signal.runbook !== null)?.runbook ?? state.requested,
        isolate: [...new Set([...state.isolate, ...signals.flatMap(({ subject }) => wordsOf(subject['isolate']))])],
        requestedMoment: momentOf(signals) ?? state.requestedMoment,
        signals: state.signals + signals.length,
        unseen: state.unseen + signals.length,
        absorbedAt: at,
        targets: [...new Set([...state.targets, ...named])],
        firstSignalAt: Number.isFinite(first) ? instant(first) : undefined,
      };
    }
    case 'looked':
      return {
        ...state,
        rounds: event.data.round,
        lookedAt: at,
        unseen: 0,
        evidence: [...state.evidence, { what: `look ${event.data.round}`, digest: event.data.facts }],
      };
    case 'diagnosed': {
      const { diagnosis } = event.data;
      const lookAt = after(at, diagnosis.lookAgainInMs ?? 0);
      const phase: Phase =
        diagnosis.conclusion === 'wait'
          ? { kind: 'waiting', lookAt }
          : diagnosis.conclusion === 'act'
            ? state.phase
            : { kind: 'suspected', lookAt: at };
      return {
        ...state,
        diagnosis,
        diagnosedAt: state.diagnosis?.scenario === diagnosis.scenario ? state.diagnosedAt : at,
        target: targetId(diagnosis.target),
        phase,
      };
    }
    case 'held':
      return {
        ...state,
        phase: { kind: 'held', until: event.data.until === null ? undefined : instant(event.data.until) },
      };
    case 'released': {
      if (state.phase.kind !== 'held') return state;
      const approval = currentApproval(state);
      if (approval !== undefined) return { ...state, phase: { kind: 'awaitingApproval', approval: approval.id } };
      return { ...state, phase: state.run === undefined ? { kind: 'suspected', lookAt: at } : { kind: 'ready' } };
    }
    case 'planDrawn': {
      const { plan, digest, evidence, needsApproval, performed, prepares } = event.data;
      if (state.run?.digest === digest || state.approvals.some(({ planDigest }) => planDigest === digest)) return state;
      const run: RunState = {
        plan,
        digest,
        evidence,
        needsApproval,
        performed,
        preparation: prepares === true ? 'allowed' : 'none',
        drawnAt: at,
        startedAt: undefined,
        steps: new Map(),
        intents: new Map(),
        acknowledged: new Map(),
        operations: [],
        landing: undefined,
      };
      return { ...state, ...runPutAway(state), run, phase: { kind: 'ready' } };
    }
    case 'approvalAsked': {
      const { data } = event;
      if (state.approvals.some(({ id }) => id === data.approval)) return state;
      const approval: ApprovalState = {
        id: approvalId(data.approval),
        planDigest: data.planDigest,
        evidence: data.evidence,
        lossLimitMs: data.lossLimitMs,
        approvers: data.approvers.map(personId),
        quorum: data.quorum,
        askedAt: at,
        expiresAt: instant(data.expiresAt),
        startWithin: millis(data.startWithinMs),
        opens: data.opens,
        links: [],
        decisions: [],
        voided: undefined,
      };
      return {
        ...state,
        approvals: [...state.approvals, approval],
        phase: isLanding(state) ? state.phase : { kind: 'awaitingApproval', approval: approval.id },
      };
    }
    case 'linkIssued': {
      const { approval, approver, keyId, opaqueHash, tokenIds, expiresAt } = event.data;
      const link = { approver: personId(approver), keyId, opaqueHash, tokenIds, expiresAt: instant(expiresAt) };
      return withApproval(state, approval, (known) => ({ ...known, links: [...known.links, link] }));
    }
    case 'decided': {
      const { approval, approver, decision, token, identity } = event.data;
      const given = { approver: personId(approver), decision, token, identity, at };
      return withApproval(state, approval, (known) => ({ ...known, decisions: [...known.decisions, given] }));
    }
    case 'approvalVoided': {
      const voided = withApproval(state, event.data.approval, (known) => ({ ...known, voided: event.data.because }));
      return voided.phase.kind === 'awaitingApproval' ||
        (voided.phase.kind === 'running' && !insideCommittedSectionOf(voided))
        ? { ...voided, phase: { kind: 'suspected', lookAt: at } }
        : voided;
    }
    case 'preparationStarted':
      return withPreparation(state, event.data.run, 'begun');
    case 'preparationWithheld':
      return withPreparation(state, event.data.run, 'withheld');
    case 'attemptRefused':
      return { ...state, refusedAttempts: state.refusedAttempts + 1 };
    case 'handedOver':
      return state;
    case 'runStarted':
      if (isLanding(state)) return state;
      return withRun({ ...state, turn: state.turn + 1, phase: { kind: 'running' } }, (run) => ({
        ...run,
        startedAt: run.startedAt ?? at,
        // What could not be prepared while people decided is tried again with their approval.
        steps: run.startedAt === undefined ? withoutFailures(run) : run.steps,
      }));
    case 'stepStarted': {
      const { step, direction, attempt, version } = event.data;
      const key = `${direction}:${step}`;
      const begun = withRun(state, (run) =>
        run.intents.has(key) ? run : { ...run, intents: new Map(run.intents).set(key, at) },
      );
      return withStep(begun, step, (known) => ({
        kind: 'started',
        direction,
        at,
        startedAt: startOf(known, direction) ?? at,
        attempt,
        version,
      }));
    }
    case 'stepWaiting': {
      const { step, direction, handle, detail } = event.data;
      const ours = withRun(state, (run) => ({
        ...run,
        operations: [...new Set([...run.operations, ...namesIn(handle)])],
      }));
      return withStep(ours, step, (known) => ({
        kind: 'waiting',
        direction,
        at,
        startedAt: startOf(known, direction) ?? at,
        attempt: attemptOf(known),
        handle,
        detail,
      }));
    }
    case 'stepDone': {
      const { step, direction, already, detail, output } = event.data;
      if (direction === 'undo') return withStep(state, step, () => ({ kind: 'undone', at, detail }));
      const known = withRun(state, (run) => ({
        ...run,
        operations: [...new Set([...run.operations, ...namesIn(output)])],
      }));
      return withStep(known, step, (known) => ({
        kind: 'done',
        startedAt: startOf(known, direction) ?? at,
        at,
        already,
        detail,
        output,
      }));
    }
    case 'stepFailed': {
      const { step, direction, failure } = event.data;
      return withStep(state, step, () =>
        direction === 'undo' ? { kind: 'undoFailed', at, failure } : { kind: 'failed', at, failure },
      );
    }
    case 'acknowledged': {
      const { step, by } = event.data;
      return withRun(state, (run) => ({ ...run, acknowledged: new Map(run.acknowledged).set(stepId(step), by) }));
    }
    case 'evidenceKept':
      return { ...state, evidence: [...state.evidence, event.data] };
    case 'landingStarted':
      return withRun({ ...state, phase: { kind: 'landing' } }, (run) => ({
        ...run,
        landing: { kind: event.data.landing, because: event.data.because, landed: false },
      }));
    case 'landed':
      return withRun({ ...state, phase: { kind: 'needsPerson', because: event.data.position } }, (run) => ({
        ...run,
        landing: run.landing && { ...run.landing, landed: true },
      }));
    case 'foreignWork':
      return { ...state, foreignWork: [...state.foreignWork, { ...event.data, when: instant(event.data.when) }] };
    case 'takenOver':
      return { ...state, phase: { kind: 'takenOver', by: event.data.by } };
    case 'resumed': {
      const { run } = state;
      // What can't be taken back is gone on with: the same plan, its failed steps open again, and a new approval for it.
      const back = { ...state, turn: state.turn + 1, handedBackAt: at };
      if (state.phase.kind === 'held')
        return { ...back, ...runPutAway(state), thawed: true, phase: { kind: 'suspected', lookAt: at } };
      if (run !== undefined && passedNoReturn(run)) {
        const steps = withoutFailures(run);
        return { ...back, run: { ...run, landing: undefined, steps }, phase: { kind: 'ready' } };
      }
      return { ...back, ...runPutAway(state), phase: { kind: 'suspected', lookAt: at } };
    }
    case 'cancelled':
      return { ...state, phase: { kind: 'dismissed', because: `cancelled by ${event.data.by}: ${event.data.reason}` } };
    case 'noticeDue': {
      const notices = new Map(state.notices);
      if (!notices.has(event.data.notice.id))
        notices.set(event.data.notice.id, {
          notice: event.data.notice,
          dueAt: at,
          delivered: [],
          missed: [],
          attempts: 0,
        });
      return { ...state, notices };
    }
    case 'noticeDelivered':
      return withNotice(state, event.data.notice, (known) => ({
        ...known,
        delivered: [...new Set([...known.delivered, event.data.destination])],
        missed: known.missed.filter((destination) => destination !== event.data.destination),
      }));
    case 'noticeFailed':
      return withNotice(state, event.data.notice, (known) => ({
        ...known,
        missed: [...new Set([...known.missed, event.data.destination])],
        attempts: Math.max(known.attempts, event.data.attempt),
        dueAt: at,
      }));
    case 'needsPerson':
      return { ...state, phase: { kind: 'needsPerson', because: event.data.because } };
    case 'continued':
      return { ...state, ...runPutAway(state), phase: { kind: 'needsPerson', because: event.data.because } };
    case 'resolved':
      return { ...state, measures: event.data.measures, phase: { kind: 'resolved' } };
    case 'dismissed':
      return { ...state, phase: { kind: 'dismissed', because: event.data.because } };
    default:
      return unreachable(event);
  }
}

/** Only for the plan that it is about, and only once. */
const withPreparation = (state: IncidentState, digest: string, preparation: 'begun' | 'withheld'): IncidentState =>
  state.phase.kind === 'awaitingApproval' && state.run?.digest === digest
    ? withRun(state, (run) => (run.preparation === 'allowed' ? { ...run, preparation } : run))
    : state;

/** Names that a signal carries in one text, divided by spaces. */
const wordsOf = (text: string | undefined): readonly string[] => (text ?? '').split(' ').filter((word) => word !== '');

const isLanding = (state: IncidentState): boolean => state.run?.landing !== undefined;

const insideCommittedSectionOf = (state: IncidentState): boolean =>
  state.run !== undefined && insideCommittedSection(state.run);

/** The state that a whole log folds to; `undefined` for an empty one. A check, not the way (decisions.md 10). */
export function replay(id: IncidentId, events: readonly IncidentEvent[]): IncidentState | undefined {
  return events.reduce<IncidentState | undefined>(
    (state, event) => (state === undefined ? begin(id, event) : evolve(state, event)),
    undefined,
  );
}

/** Texts in a handle or an output: among them the names of the operations that it stands for. */
const namesIn = (json: Json): readonly string[] =>
  typeof json === 'object' && json !== null ? Object.values(json).filter((value) => typeof value === 'string') : [];

function withApproval(
  state: IncidentState,
  id: string,
  change: (known: ApprovalState) => ApprovalState,
): IncidentState {
  return { ...state, approvals: state.approvals.map((known) => (known.id === id ? change(known) : known)) };
}

function withNotice(
  state: IncidentState,
  id: string,
  change: (
    known: NonNullable<ReturnType<IncidentState['notices']['get']>>,
  ) => NonNullable<ReturnType<IncidentState['notices']['get']>>,
): IncidentState {
  const known = state.notices.get(id);
  return known === undefined ? state : { ...state, notices: new Map(state.notices).set(id, change(known)) };
}
