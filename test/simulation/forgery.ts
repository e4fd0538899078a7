import type { JsonObject } from '../../shared/core/json.ts';
import { after, instant, minutes } from '../../shared/core/time.ts';
import { event, type NewEvent } from '../../shared/incident/events.ts';
import { currentApproval, type IncidentState, type RunState } from '../../shared/incident/state.ts';
import { sealEvents } from '../../shared/log/chain.ts';
import { type Plan, planDigest } from '../../shared/plan/plan.ts';
import type { Forgery } from './plot.ts';
import type { Stage } from './stage.ts';

// Somebody who can write our store, and nothing else (design.md section 10, point 12): they put events into the log of the open
// incident, rightly chained, and know every genuine token that the log carries.

/** Tries of one append: the attacker races with our own functions. */
const TRIES = 5;

/** Writes the forgery; `false` when the log offers no place for it. */
export async function forge(what: Forgery, stage: Stage): Promise<boolean> {
  const { chronicle, clock, store, witness } = stage;
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const state = chronicle.open();
    const events = state === undefined ? [] : await eventsOf(what, state, stage);
    const head = state === undefined ? undefined : await store.log.head(state.id);
    if (state === undefined || head === undefined || events.length === 0 || head.sequence !== state.sequence) continue;
    const at = instant(clock.now());
    const drafts = events.map(({ kind, data }, index) => ({
      id: `forged-${head.sequence}-${index}`,
      at,
      kind,
      data: data as JsonObject, // event data is JSON by its schema
    }));
    const records = sealEvents({ incident: state.id, head, events: drafts });
    const last = records.at(-1);
    if (last === undefined) return false;
    const newHead = { ...head, sequence: last.sequence, hash: last.hash, dueAt: at };
    const outcome = await store.log.append(state.id, head.sequence, records, newHead, []);
    if (outcome.kind !== 'appended') continue;
    witness.forged.push({ at, incident: state.id, what });
    return true;
  }
  return false;
}

async function eventsOf(what: Forgery, state: IncidentState, stage: Stage): Promise<readonly NewEvent[]> {
  const { run, phase } = state;
  if (run === undefined) return [];
  const isRunning = phase.kind === 'running';
  switch (what) {
    case 'decided':
      return decided(state, 'eyJhbGciOiJub25lIn0.e30.');
    case 'decidedByStrangerKey':
      return decided(state, await strangersToken(state, run, stage));
    case 'approvalAsked':
      return [asked(run, stage, { approvers: ['mallory'] }), ...(await decidedOn(state, run, stage, 'mallory'))];
    case 'runStarted':
      return [event('runStarted', { run: run.digest, planDigest: run.digest, leaseToken: 1, worker: 'mallory' })];
    case 'fenceProved':
      return isRunning ? stepsDone(run, ({ action }) => action === 'stop-instance' || action === 'prove-fence') : [];
    case 'everythingBeforePromotion': {
      const promotion = run.plan.steps.findIndex(({ action }) => action === 'promote-replica');
      const before = new Set(run.plan.steps.slice(0, promotion));
      return isRunning && promotion > 0 ? stepsDone(run, (step) => before.has(step)) : [];
    }
    case 'promotionDone': {
      const epoch = run.plan.steps.findIndex(({ action }) => action === 'verify-epoch');
      const before = new Set(run.plan.steps.slice(0, epoch + 1));
      return isRunning && epoch > 0 ? stepsDone(run, (step) => before.has(step)) : [];
    }
    case 'planWithoutFence':
      return await planWithoutFence(state, run, stage);
    case 'planUnderFalseDigest': {
      const plan = withoutFence(run.plan);
      return plan === undefined ? [] : [drawn(run, plan, run.digest)];
    }
    case 'planAgain':
      return [drawn(run, run.plan, run.digest)];
    case 'denyForgotten': {
      const asked = state.approvals.at(-1);
      const [first] = asked?.decisions.filter(({ decision }) => decision === 'approve') ?? [];
      if (asked === undefined || first === undefined || asked.planDigest !== run.digest) return [];
      const { approver, identity, token } = first;
      return [
        askedAs(asked.id, run, stage, {}),
        event('decided', { approval: asked.id, approver, identity, decision: 'approve', token }),
      ];
    }
    case 'lossAccepted': {
      const genuine = currentApproval(state)?.decisions.at(-1);
      if (genuine === undefined) return [];
      const opens = ['accept-unfenced-primary', 'accept-unknown-loss'];
      const { approver, identity, token } = genuine;
      return [
        asked(run, stage, { lossLimitMs: null, opens }),
        event('decided', { approval: FORGED, approver, identity, decision: 'approve', token }),
      ];
    }
    case 'resolved':
      return [event('resolved', { measures: {}, text: 'all is well' })];
  }
}

const FORGED = 'apr-forged';

function decided(state: IncidentState, token: string): readonly NewEvent[] {
  const approval = currentApproval(state);
  const approver = approval?.approvers[0];
  if (approval === undefined || approver === undefined) return [];
  return [event('decided', { approval: approval.id, approver, identity: null, decision: 'approve', token })];
}

async function decidedOn(
  state: IncidentState,
  run: RunState,
  stage: Stage,
  approver: string,
): Promise<readonly NewEvent[]> {
  const token = await strangersToken(state, run, stage, { approver, approval: FORGED });
  return [event('decided', { approval: FORGED, approver, identity: null, decision: 'approve', token })];
}

interface Asked {
  readonly approvers?: string[];
  readonly lossLimitMs?: number | null;
  readonly opens?: string[];
}

const asked = (run: RunState, stage: Stage, more: Asked): NewEvent => askedAs(FORGED, run, stage, more);

function askedAs(approval: string, run: RunState, { clock }: Stage, more: Asked): NewEvent {
  return event('approvalAsked', {
    approval,
    planDigest: run.digest,
    evidence: run.evidence,
    lossLimitMs: 0,
    approvers: ['oncall'],
    quorum: 1,
    expiresAt: after(clock.now(), minutes(15)),
    startWithinMs: minutes(10),
    opens: [],
    ...more,
  });
}

/** A token with all the right claims, signed with a key that is not ours under our key's name. */
function strangersToken(
  state: IncidentState,
  run: RunState,
  { clock, keys }: Stage,
  more: { readonly approver?: string; readonly approval?: string } = {},
): Promise<string> {
  return keys.stranger.sign({
    approval: currentApproval(state)?.id ?? FORGED,
    incident: state.id,
    approver: currentApproval(state)?.approvers[0] ?? 'oncall',
    decision: 'approve',
    planDigest: run.digest,
    evidenceDigest: run.evidence,
    lossBoundMs: null,
    tokenId: `forged-${state.sequence}`,
    expiresAt: after(clock.now(), minutes(15)),
    ...more,
  });
}

function stepsDone(run: RunState, which: (step: Plan['steps'][number]) => boolean): readonly NewEvent[] {
  return run.plan.steps
    .filter((step) => which(step) && run.steps.get(step.id)?.kind !== 'done')
    .map(({ id }) =>
      event('stepDone', { step: id, direction: 'do', already: false, detail: 'forged', output: { proved: true } }),
    );
}

/** The plan without what proves and bounds; `undefined` for one that has nothing of it. */
function withoutFence(plan: Plan): Plan | undefined {
  const left = new Set(['stop-instance', 'prove-fence', 'check-loss-bound', 'confirm-database-failed']);
  const steps = plan.steps.filter(({ action }) => !left.has(action));
  if (steps.length === plan.steps.length) return undefined;
  const kept = new Set(steps.map(({ id }) => id));
  return { ...plan, steps: steps.map((step) => ({ ...step, needs: step.needs.filter((id) => kept.has(id)) })) };
}

const drawn = (run: RunState, plan: Plan, digest: string): NewEvent =>
  event('planDrawn', { plan, digest, evidence: run.evidence, needsApproval: true, performed: true });

/** Such a plan under its own digest, and the genuine decision on the genuine one for it. */
async function planWithoutFence(state: IncidentState, run: RunState, stage: Stage): Promise<readonly NewEvent[]> {
  const plan = withoutFence(run.plan);
  if (plan === undefined) return [];
  const digest = planDigest(plan);
  const altered = { ...run, plan, digest };
  const genuine = currentApproval(state)?.decisions.at(-1)?.token;
  const token = genuine ?? (await strangersToken(state, altered, stage, { approval: FORGED }));
  return [
    drawn(run, plan, digest),
    asked(altered, stage, {}),
    event('decided', { approval: FORGED, approver: 'oncall', identity: null, decision: 'approve', token }),
  ];
}
