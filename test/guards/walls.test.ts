import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { instant, minutes } from '../../shared/core/time.ts';
import { brakesFor, wallsFor } from '../../shared/guards/guards.ts';
import { KILL_SWITCH_KEY, killSwitchGuard, parseKillSwitch, readKillSwitch } from '../../shared/guards/kill-switch.ts';
import { parseLedger } from '../../shared/guards/run-ledger.ts';
import { lossBudgetWall, lossKnownWall, replicaFitWall } from '../../shared/guards/walls.ts';
import type { LossBound } from '../../shared/plan/loss-bound.ts';
import { guardBlockWire } from '../../shared/plan/plan.ts';
import { PortError } from '../../shared/ports/port-error.ts';
import { createMemoryStore } from '../../shared/store/memory-store.ts';
import { incidentId, targetId } from '../../shared/system/names.ts';
import { reference } from '../system/reference.ts';

const documents = () => createMemoryStore({ now: () => instant(0) }).documents;
const known = (ms: number): LossBound => ({
  kind: 'known',
  ms,
  limitMs: ms,
  heartbeatAtMs: 0,
  endedAtMs: ms,
  how: 'seen',
});
const growing = (ms: number): LossBound => ({
  kind: 'growing',
  ms,
  limitMs: ms * 9,
  heartbeatAtMs: 0,
  asOfMs: ms,
  how: 'seen',
});
const unknown: LossBound = { kind: 'unknown', how: 'no heartbeat' };

describe('the kill switch', () => {
  it('stops nothing before anybody has pressed it', async () => {
    expect(killSwitchGuard(await readKillSwitch(documents()))).toBeUndefined();
  });

  it('is a wall with who pressed it, when and why', async () => {
    const store = documents();
    await store.put(KILL_SWITCH_KEY, { on: true, by: 'ann', reason: 'wrong region', atMs: 0 }, 0);
    expect(killSwitchGuard(await readKillSwitch(store))).toMatchObject({
      kind: 'wall',
      code: 'killSwitch',
      observed: 'on since 1970-01-01T00:00:00.000Z by ann: wrong region',
      clearsAtMs: null,
      openedBy: 'dr release',
    });
  });

  it('opens when it is released', () => {
    expect(killSwitchGuard(parseKillSwitch({ on: false, by: 'ann', reason: 'done', atMs: 0 }))).toBeUndefined();
  });

  it('stops everything when nobody knows whether it is pressed', async () => {
    const down = { ...documents(), get: () => Promise.reject(new PortError('retryable', 'timeout', 'reading')) };
    expect(killSwitchGuard(await readKillSwitch(down))).toMatchObject({ code: 'killSwitchUnknown' });
  });
});

describe('the walls of a promotion', () => {
  it('stand while no replica is fit, and no verb opens that', () => {
    expect(replicaFitWall({ instance: 'replica' })).toBeUndefined();
    expect(replicaFitWall({ unfit: ['a is stopped', 'b is small'] })).toMatchObject({
      code: 'replicaUnfit',
      observed: 'a is stopped; b is small',
      openedBy: null,
    });
    expect(replicaFitWall(undefined)).toMatchObject({ code: 'replicaUnknown' });
  });

  it('stand while the loss is unknown, until that is accepted by its own verb', () => {
    expect(lossKnownWall(unknown, [])).toMatchObject({ code: 'lossUnknown', openedBy: 'accept-unknown-loss' });
    expect(lossKnownWall(unknown, ['accept-loss'])).toBeDefined();
    expect(lossKnownWall(unknown, ['accept-unknown-loss'])).toBeUndefined();
    expect(lossKnownWall(known(1), [])).toBeUndefined();
  });

  it('stand while the loss is above the budget, until that is accepted by its own verb', () => {
    expect(lossBudgetWall(known(60_000), minutes(1), [])).toBeUndefined();
    expect(lossBudgetWall(known(60_001), minutes(1), [])).toMatchObject({
      code: 'lossAboveBudget',
      openedBy: 'accept-loss',
    });
    expect(lossBudgetWall(growing(60_001), minutes(1), [])).toBeDefined();
    expect(lossBudgetWall(known(60_001), minutes(1), ['accept-loss'])).toBeUndefined();
    expect(lossBudgetWall(known(60_001), minutes(1), ['accept-unknown-loss'])).toBeDefined();
  });

  it('are asked only where a promotion is planned', () => {
    const promotion = { choice: { unfit: ['x'] }, lossBound: unknown, lossBudget: minutes(1), opens: [] };
    expect(wallsFor({ kind: 'off' })).toEqual([]);
    expect(wallsFor({ kind: 'off' }, promotion).map(({ guard }) => guard)).toEqual(['replicaFit', 'lossKnown']);
  });
});

describe('what nobody knows', () => {
  it('always blocks a wall, and holds back what nobody asked for', () => {
    fc.assert(
      fc.property(fc.anything(), (stored) => {
        const found = parseKillSwitch(stored);
        if (found.kind === 'unknown') expect(wallsFor(found)).toHaveLength(1);
        const ledger = parseLedger(stored);
        const question = {
          system: reference(),
          runbook: 'pod-heal',
          target: targetId('application/a'),
          incident: incidentId('inc-a'),
          now: instant(0),
          ledger,
        } as const;
        if ('unknown' in ledger) expect(brakesFor(question).map(({ kind }) => kind)).toEqual(['brake', 'brake']);
      }),
    );
  });

  it('is said in a form that the log can keep', () => {
    const blocks = [
      ...wallsFor(
        { kind: 'unknown', because: 'x' },
        { choice: undefined, lossBound: unknown, lossBudget: minutes(1), opens: [] },
      ),
    ];
    expect(blocks.map((block) => guardBlockWire.parse(block))).toEqual(blocks);
  });
});
