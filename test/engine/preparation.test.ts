import { describe, expect, it } from '@jest/globals';
import { canonicalJson } from '../../shared/core/json.ts';
import { after, instant, minutes, seconds } from '../../shared/core/time.ts';
import { nextLook, nextMove } from '../../shared/engine/next-move.ts';
import { event, type IncidentEvent, type NewEvent } from '../../shared/incident/events.ts';
import { replay } from '../../shared/incident/evolve.ts';
import type { IncidentState } from '../../shared/incident/state.ts';
import { planDigest, stepId } from '../../shared/plan/plan.ts';
import { incidentId } from '../../shared/system/names.ts';
import { planOf, step } from './rehearsal.ts';

// What may be done while people decide, and by whom.

const T0 = instant(1_767_607_200_000);
const NOW = after(T0, seconds(10));

const PLAN = planOf([step('warm', { risk: 'safe', stage: 'prepare' }), step('move', { needs: [stepId('warm')] })]);
const DIGEST = planDigest(PLAN);

const opened = event('opened', {
  dedupeKey: 'k',
  source: 'alert',
  target: 'thing/one',
  runbook: null,
  headline: 'it broke',
  drill: false,
});
const drawn = (prepares?: boolean) =>
  event('planDrawn', {
    plan: PLAN,
    digest: DIGEST,
    evidence: 'e',
    needsApproval: true,
    performed: true,
    ...(prepares === undefined ? {} : { prepares }),
  });
const asked = event('approvalAsked', {
  approval: 'apr-1',
  planDigest: DIGEST,
  evidence: 'e',
  lossLimitMs: 0,
  approvers: ['ann'],
  quorum: 1,
  expiresAt: T0 + minutes(15),
  startWithinMs: minutes(10),
  opens: [],
});
const begun = event('preparationStarted', { run: DIGEST, leaseToken: 1, worker: 'w' });
const decided = (decision: 'approve' | 'deny') =>
  event('decided', { approval: 'apr-1', approver: 'ann', identity: null, decision, token: 't' });
const done = event('stepDone', { step: 'warm', direction: 'do', already: false, detail: '', output: null });
const failed = (kind: 'permanent' | 'voided') =>
  event('stepFailed', { step: 'warm', direction: 'do', failure: { kind, code: 'c', detail: 'd', block: null } });
const started = event('runStarted', { run: DIGEST, planDigest: DIGEST, leaseToken: 2, worker: 'w' });

function stateAfter(...events: readonly NewEvent[]): IncidentState {
  const stored = events.map(
    (one, index) => ({ ...one, id: String(index), sequence: index + 1, at: T0 }) as IncidentEvent,
  );
  const state = replay(incidentId('inc-aaaaaaaaaa'), stored);
  if (state === undefined) throw new Error('an empty log');
  return state;
}

describe('while people decide', () => {
  it('the safe steps of a plan may begin, by heal', () => {
    expect(nextMove(stateAfter(opened, drawn(true), asked), NOW)).toEqual({ kind: 'prepare', role: 'heal' });
    const move = nextMove(stateAfter(opened, drawn(true), asked, begun), NOW);
    expect(move).toMatchObject({ kind: 'perform', role: 'heal', direction: 'do' });
    expect(move.kind === 'perform' && move.steps.map(({ id }) => String(id))).toEqual(['warm']);
  });

  it('nothing begins under a plan that does not say so, as in every log of before', () => {
    for (const plan of [drawn(), drawn(false)])
      expect(nextMove(stateAfter(opened, plan, asked), NOW).kind).not.toBe('prepare');
  });

  it('nothing begins that was held back', () => {
    const block = {
      guard: 'g',
      kind: 'brake',
      code: 'c',
      observed: '',
      limit: '',
      clearsAtMs: null,
      openedBy: null,
    } as const;
    const withheld = event('preparationWithheld', { run: DIGEST, blocks: [block] });
    expect(nextMove(stateAfter(opened, drawn(true), asked, withheld), NOW).kind).toMatch(/look|wait/);
  });

  it('a preparation that stands in the log under another plan begins nothing', () => {
    const other = event('preparationStarted', { run: 'another', leaseToken: 1, worker: 'w' });
    expect(nextMove(stateAfter(opened, drawn(true), asked, other), NOW)).toEqual({ kind: 'prepare', role: 'heal' });
  });

  it('no destructive step is ever heal’s to perform', () => {
    const move = nextMove(stateAfter(opened, drawn(true), asked, begun, done), NOW);
    expect(move.kind).toMatch(/look|wait/);
  });

  it('the world is looked at beside it', () => {
    const state = stateAfter(opened, drawn(true), asked, begun);
    expect(nextLook(state, after(T0, minutes(2))).kind).toBe('look');
  });

  it('a plan that its first steps find void is void', () => {
    expect(nextMove(stateAfter(opened, drawn(true), asked, begun, failed('voided')), NOW)).toMatchObject({
      kind: 'stop',
      role: 'heal',
    });
  });
});

describe('once people have decided', () => {
  it('recover takes over what was being prepared', () => {
    const state = stateAfter(opened, drawn(true), asked, begun, decided('approve'));
    expect(nextMove(state, NOW)).toEqual({ kind: 'startRun', role: 'recover' });
  });

  it('a preparation that failed is tried again with the approval', () => {
    const state = stateAfter(opened, drawn(true), asked, begun, failed('permanent'), decided('approve'), started);
    expect(nextMove(state, NOW)).toMatchObject({ kind: 'perform', role: 'recover' });
    expect(canonicalJson([...(state.run?.steps.keys() ?? [])])).toBe('[]');
  });

  it('a deny ends it', () => {
    const state = stateAfter(opened, drawn(true), asked, begun, decided('deny'));
    expect(nextMove(state, NOW)).toEqual({ kind: 'closeApproval', standing: 'denied' });
  });
});
