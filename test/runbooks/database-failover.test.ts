import { describe, expect, it } from '@jest/globals';
import type { DatabaseFacts } from '../../shared/classify/facts.ts';
import { minutes } from '../../shared/core/time.ts';
import { drawPlan } from '../../shared/flows/draw-plan.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import { incidentId } from '../../shared/system/names.ts';
import type { Database } from '../../shared/system/system.ts';
import { ask, at, database, deadLook, every20, instance, operation, SYSTEM } from '../classify/looks.ts';

// Which ways a database failover has, and in which order, by what dr.yaml lists and the RTO leaves (decisions.md 19).

interface Setting {
  readonly remedies: Database['remedies'];
  readonly isRegional?: boolean;
  /** Seconds after the failure at which the plan is drawn. */
  readonly drawnAt?: number;
  readonly change?: Partial<DatabaseFacts>;
}

function drawn({ remedies, isRegional = false, drawnAt = 80, change = {} }: Setting): Plan {
  const rounds = every20(drawnAt - 60, drawnAt, (seconds) =>
    deadLook(seconds, {
      database: { ...database, remedies },
      primary: instance({ availability: isRegional ? 'regional' : 'zonal' }),
      ...change,
    }),
  );
  const facts = rounds.at(-1);
  if (facts === undefined) throw new Error('no look');
  const diagnosis = ask(rounds);
  const plan = drawPlan(SYSTEM, incidentId('inc-aaaaaaaaaa'), diagnosis, facts, { warnings: [], opens: [] });
  if (plan.kind === 'none') throw new Error(`${diagnosis.reasons[0]?.code}: ${plan.because}`);
  return plan.plan;
}

/** The actions up to the first of the committed section. */
const before = ({ steps }: Plan): readonly string[] =>
  steps
    .slice(
      0,
      Math.max(
        0,
        steps.findIndex(({ committed }) => committed),
      ),
    )
    .map(({ action }) => action);

const stepOf = ({ steps }: Plan, id: string) => steps.find((step) => step.id === id);
const alternative = ({ alternatives }: Plan, name: string) => alternatives.find((other) => other.name === name);

const LOOK = 'confirm-database-failed';
const PROOF = ['verify-primary-serves', 'primary-stays-well'];

describe('A database failover', () => {
  it('is what it always was where dr.yaml lists nothing but promotion', () => {
    const plan = drawn({ remedies: ['wait', 'promote'] });
    expect(before(plan)).toEqual([LOOK]);
    expect(JSON.stringify(plan)).not.toContain('unless');
  });

  it('begins with a restart that is listed and fits into the RTO, and looks again before it promotes', () => {
    const plan = drawn({ remedies: ['wait', 'restart', 'promote'] });
    expect(before(plan)).toEqual([LOOK, 'restart-instance', ...PROOF, LOOK]);
    expect(stepOf(plan, 'restart')).toMatchObject({ risk: 'destructive', repeat: 'serialised', optional: true });
    expect(stepOf(plan, 'confirm')).toMatchObject({ unless: ['restart-holds'], optional: false });
  });

  it('tries the HA failover of a REGIONAL instance first, then the restart', () => {
    const plan = drawn({ remedies: ['wait', 'failover', 'restart', 'promote'], isRegional: true, drawnAt: 260 });
    expect(before(plan)).toEqual([LOOK, 'failover-instance', ...PROOF, 'restart-instance', ...PROOF, LOOK]);
    expect(stepOf(plan, 'restart')?.unless).toEqual(['failover-holds']);
    expect(stepOf(plan, 'confirm')?.unless).toEqual(['failover-holds', 'restart-holds']);
  });

  it('tries no HA failover of a ZONAL instance', () => {
    const plan = drawn({ remedies: ['wait', 'failover', 'promote'] });
    expect(before(plan)).toEqual([LOOK]);
    expect(alternative(plan, 'ha-failover')).toMatchObject({
      possible: false,
      because: expect.stringContaining('ZONAL'),
    });
  });

  it('promotes at once when a restart before it would miss the RTO, and says so', () => {
    const lastFit = SYSTEM.objectives.rto / 1_000 - 12 * 60;
    const late = drawn({ remedies: ['wait', 'restart', 'promote'], drawnAt: lastFit + 20 });
    expect(before(drawn({ remedies: ['wait', 'restart', 'promote'], drawnAt: lastFit }))).toContain('restart-instance');
    expect(before(late)).toEqual([LOOK]);
    expect(alternative(late, 'restart')).toMatchObject({
      possible: true,
      because: 'listed in remedies, but with the promotion after it the RTO would be missed',
    });
  });

  it('leaves the promotion its time: a remedy has a latest start', () => {
    const plan = drawn({ remedies: ['wait', 'restart', 'promote'] });
    const deadline = at(0) + SYSTEM.objectives.rto;
    expect(stepOf(plan, 'restart')?.input['latestStartMs']).toBe(deadline - minutes(12));
  });

  it('does not try again what was tried since the failure began, whoever did', () => {
    const done = operation('RESTART', at(30), { state: 'done', error: 'INTERNAL_ERROR' });
    const plan = drawn({ remedies: ['wait', 'restart', 'promote'], change: { operations: [done] } });
    expect(before(plan)).toEqual([LOOK]);
    expect(alternative(plan, 'restart')).toMatchObject({
      possible: false,
      because: expect.stringContaining('did not help'),
    });
  });

  it('has no promotion where none is listed: the last remedy then has to help', () => {
    const plan = drawn({ remedies: ['restart'], drawnAt: 7_200 });
    expect(plan.steps.map(({ action }) => action)).toEqual([LOOK, 'restart-instance', ...PROOF]);
    expect(plan.steps.map(({ optional }) => optional)).toEqual([false, false, false, false]);
    expect(plan.lossBound).toEqual({ kind: 'none' });
    expect(plan.bounds['replica']).toBeUndefined();
    expect(plan.failback).toContain('stays the primary');
  });

  it('has no promotion where no replica is fit, and says why', () => {
    const plan = drawn({ remedies: ['wait', 'restart', 'promote'], change: { replicas: [] } });
    expect(plan.steps.some(({ action }) => action === 'promote-replica')).toBe(false);
    expect(alternative(plan, 'failover')?.because).toContain('nothing is promoted: no replica is fit');
  });

  it.each([
    { remedies: ['wait', 'promote'] as const, restart: 'not listed in remedies of dr.yaml', this: 'promote' },
    {
      remedies: ['wait', 'restart', 'promote'] as const,
      restart: 'this plan begins with it, and promotes only if it does not help',
      this: 'restart coditect-dms-db; if that does not help, promote coditect-dms-db-replica',
    },
    {
      remedies: ['restart'] as const,
      restart: 'this plan begins with it, and promotes nothing',
      this: 'restart coditect-dms-db',
    },
  ])('tells the truth about its alternatives ($remedies)', ({ remedies, restart, this: words }) => {
    const plan = drawn({ remedies });
    expect(alternative(plan, 'restart')?.because).toBe(restart);
    expect(alternative(plan, 'failover')?.text).toContain(`This plan: ${words}`);
  });

  it('counts the remedies into what a growing loss may come to', () => {
    const [without, withRestart] = [drawn({ remedies: ['promote'] }), drawn({ remedies: ['restart', 'promote'] })];
    const limit = (plan: Plan): number => ('limitMs' in plan.lossBound ? plan.lossBound.limitMs : Number.NaN);
    expect(limit(withRestart) - limit(without)).toBe(minutes(3) + SYSTEM.guards.holdTime);
  });
});
