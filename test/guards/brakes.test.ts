import { describe, expect, it } from '@jest/globals';
import { instant, millis } from '../../shared/core/time.ts';
import {
  budgetGuard,
  cooldownGuard,
  downtimeGuard,
  failingTogether,
  massFailureGuard,
  modeGuard,
} from '../../shared/guards/brakes.ts';
import { brakesFor } from '../../shared/guards/guards.ts';
import type { RecordedRun } from '../../shared/guards/run-ledger.ts';
import { incidentId, targetId } from '../../shared/system/names.ts';
import { reference } from '../system/reference.ts';

const NOW = instant(100 * 60_000);
const minutesAgo = (minutes: number): number => NOW - minutes * 60_000;
const API = targetId('application/api-gke');

/** A run that began so many minutes ago and took one, unless it has not ended. */
const began = (minutes: number, change: Partial<RecordedRun> = {}): RecordedRun => ({
  incident: `inc-${minutes}`,
  startedAtMs: minutesAgo(minutes),
  endedAtMs: minutesAgo(minutes - 1),
  drill: false,
  ...change,
});

const budget = (...runs: readonly RecordedRun[]) =>
  budgetGuard([{ runs: 2, window: millis(60 * 60_000) }], { runs }, 'inc-new', NOW);

describe('the budget', () => {
  it('holds the third run of two in an hour back, until the first one is an hour old', () => {
    expect(budget(began(50), began(20))).toMatchObject({
      kind: 'brake',
      code: 'budgetUsedUp',
      clearsAtMs: minutesAgo(-10),
      openedBy: null,
    });
  });

  it('lets a run pass that has room', () => {
    expect(budget(began(50))).toBeUndefined();
    expect(budget(began(60), began(20))).toBeUndefined();
  });

  it('is not used up by drills, nor by the very run that goes on', () => {
    expect(budget(began(50), began(20, { drill: true }))).toBeUndefined();
    expect(budget(began(50), began(20, { incident: 'inc-new', endedAtMs: null }))).toBeUndefined();
  });

  it('is not trusted when the runs are unknown', () => {
    expect(budgetGuard([], { unknown: 'timeout' }, 'inc-new', NOW)).toMatchObject({
      kind: 'brake',
      code: 'budgetUnknown',
    });
  });
});

describe('the cooldown', () => {
  const cool = (...runs: readonly RecordedRun[]) =>
    cooldownGuard(millis(10 * 60_000), millis(5 * 60_000), { runs }, 'inc-new', NOW);

  it('counts from the end of the last run, not from its start', () => {
    expect(cool(began(30, { endedAtMs: minutesAgo(9) }))).toMatchObject({
      code: 'coolingDown',
      clearsAtMs: minutesAgo(-1),
    });
    expect(cool(began(30, { endedAtMs: minutesAgo(10) }))).toBeUndefined();
  });

  it('takes a run without an end for as long as its runbook may last, and no longer', () => {
    expect(cool(began(14, { endedAtMs: null }))).toMatchObject({ clearsAtMs: minutesAgo(-1) });
    expect(cool(began(15, { endedAtMs: null }))).toBeUndefined();
  });

  it('does not begin with a drill', () => {
    expect(cool(began(2, { drill: true }))).toBeUndefined();
  });
});

describe('the other brakes', () => {
  it('freeze when more targets fail at once than dr.yaml allows', () => {
    const failing = (count: number, sinceMs: number) =>
      Array.from({ length: count }, (_, index) => ({ target: targetId(`application/${index}`), sinceMs }));
    const limit = { targets: 5, window: millis(120_000) };
    const guard = (...known: readonly ReturnType<typeof failing>[]) =>
      massFailureGuard(limit, failingTogether(limit, known.flat(), minutesAgo(1)));

    expect(guard(failing(6, minutesAgo(1)))).toMatchObject({
      code: 'massFailure',
      clearsAtMs: null,
      openedBy: 'dr resume',
    });
    expect(guard(failing(5, minutesAgo(1)))).toBeUndefined();
    expect(guard(failing(1, minutesAgo(1)), failing(6, minutesAgo(3)))).toBeUndefined();
    expect(guard(failing(3, minutesAgo(1)), failing(3, minutesAgo(0)))).toBeUndefined();
  });

  it('hold back while a target is marked, for four hours at the most', () => {
    const mark = { target: API, by: 'ann', reason: 'upgrade', fromMs: minutesAgo(10), untilMs: NOW + 60_000 };
    expect(downtimeGuard([mark], API, NOW)).toMatchObject({ code: 'markedDown', clearsAtMs: NOW + 60_000 });
    expect(downtimeGuard([mark], targetId('application/other'), NOW)).toBeUndefined();
    expect(downtimeGuard([{ ...mark, fromMs: minutesAgo(240), untilMs: NOW + 9e9 }], API, NOW)).toBeUndefined();
    expect(downtimeGuard([{ ...mark, untilMs: NOW }], API, NOW)).toBeUndefined();
  });

  it('do nothing in mode observe', () => {
    expect(modeGuard('observe', 'pod-heal')).toMatchObject({ code: 'modeObserve' });
    expect(modeGuard('approve', 'pod-heal') ?? modeGuard('auto', 'pod-heal')).toBeUndefined();
  });

  it('are all asked, with the numbers of dr.yaml', () => {
    const question = {
      system: reference(),
      runbook: 'pod-heal',
      target: API,
      incident: incidentId('inc-new'),
      now: NOW,
    } as const;
    const codes = (runs: readonly RecordedRun[]) =>
      brakesFor({ ...question, ledger: { runs } }).map(({ code }) => code);
    expect(codes([])).toEqual([]);
    expect(codes([began(3)])).toEqual(['coolingDown']);
    expect(codes([began(40), began(30), began(20)])).toEqual(['budgetUsedUp']);
    expect(codes([began(40), began(30), began(3)])).toEqual(['budgetUsedUp', 'coolingDown']);
    expect(brakesFor({ ...question, mode: 'observe', ledger: { unknown: 'x' } }).map(({ code }) => code)).toEqual([
      'modeObserve',
      'budgetUnknown',
      'cooldownUnknown',
    ]);
  });
});
