import { describe, expect, it } from '@jest/globals';
import { planFaults, type Plan, preparingSteps } from '../../shared/plan/plan.ts';
import { drawClusterFailback } from '../../shared/runbooks/cluster-failback.ts';
import { type ClusterFailoverFacts, drawClusterFailover } from '../../shared/runbooks/cluster-failover.ts';
import type { CloudRunApplication, GkeApplication } from '../../shared/system/system.ts';
import { at, SYSTEM } from '../classify/looks.ts';

const home = SYSTEM.applications.find(({ id }) => id === 'api-gke') as GkeApplication; // of the reference
const standby = SYSTEM.applications.find(({ id }) => id === 'api-run') as CloudRunApplication;
const { entrances } = SYSTEM;
const before = { min: 1, max: 4 };

const failover = (change: Partial<ClusterFailoverFacts> = {}): Plan | string =>
  drawClusterFailover(SYSTEM, 'inc-aaaaaaaaaa', 'cluster-failure', {
    at: at(100),
    home,
    standby,
    instances: 3,
    before,
    revisionMax: 10,
    entrances,
    warnings: [],
    ...change,
  });

const record = {
  version: 1,
  incident: 'inc-aaaaaaaaaa',
  home: 'api-gke',
  standby: 'api-run',
  before,
  wanted: { min: 3, max: 4 },
  recordedAtMs: 0,
} as const;

const failback = (change: Partial<Parameters<typeof drawClusterFailback>[3]> = {}): Plan | string =>
  drawClusterFailback(SYSTEM, 'inc-bbbbbbbbbb', 'running-on-standby', {
    at: at(100),
    home,
    standby,
    entrances,
    record,
    warnings: [],
    ...change,
  });

function plan(drawn: Plan | string): Plan {
  if (typeof drawn === 'string') throw new Error(drawn);
  expect(planFaults(drawn)).toEqual([]);
  return drawn;
}

const actions = (drawn: Plan | string): readonly string[] => plan(drawn).steps.map(({ action }) => action);

describe('a cluster failover', () => {
  it('makes the standby ready, looks again, moves, and sees users arrive, in this order', () => {
    expect(actions(failover())).toEqual([
      'remember-standby',
      'raise-service',
      'check-standby',
      'confirm-cluster-down',
      'move-traffic',
      'see-traffic-shift',
      'stay-healthy',
    ]);
  });

  it('may only prepare unasked what hurts nobody', () => {
    const prepared = preparingSteps(plan(failover()));
    expect(prepared.map(({ action }) => action)).toEqual(['remember-standby', 'raise-service', 'check-standby']);
    expect(prepared.every(({ risk }) => risk !== 'destructive')).toBe(true);
  });

  it('can lead users back, and nothing in it can not be taken back', () => {
    const { steps } = plan(failover());
    expect(steps.find(({ action }) => action === 'move-traffic')?.undo).toMatchObject({
      kind: 'action',
      input: { from: 'api-run', to: 'api-gke' },
    });
    expect(steps.some(({ undo }) => undo.kind === 'pointOfNoReturn')).toBe(false);
  });

  it('never lowers a limit that the standby has already', () => {
    const raise = plan(failover({ before: { min: 6, max: 8 } })).steps.find(({ id }) => id === 'raise');
    expect(raise?.input).toMatchObject({ before: { min: 6, max: 8 }, wanted: { min: 6, max: 8 } });
  });

  it('leaves a service without a maximum without one', () => {
    const raise = plan(failover({ before: { min: 0, max: null } })).steps.find(({ id }) => id === 'raise');
    expect(raise?.input).toMatchObject({ wanted: { min: 3, max: null } });
  });

  it.each([
    ['the revision allows too few instances', { revisionMax: 2 }],
    ['no entrance leads there', { entrances: [] }],
  ])('is not drawn when %s', (_, change) => {
    expect(typeof failover(change)).toBe('string');
  });
});

describe('a cluster failback', () => {
  it('moves traffic first, waits until nobody comes, and takes the scaling back last', () => {
    expect(actions(failback())).toEqual([
      'stay-healthy',
      'move-traffic',
      'see-traffic-shift',
      'await-drain',
      'restore-service',
      'forget-standby',
      'stay-healthy',
    ]);
  });

  it('takes the standby back to exactly what was written down', () => {
    const restore = plan(failback()).steps.find(({ id }) => id === 'restore');
    expect(restore?.input).toMatchObject({ before, wanted: record.wanted });
  });

  it('leaves a scaling alone of which nobody wrote down what it was', () => {
    expect(actions(failback({ record: undefined }))).not.toContain('restore-service');
  });

  it('asks for nothing destructive when no user was moved', () => {
    const { steps } = plan(failback({ entrances: [] }));
    expect(steps.map(({ action }) => action)).toEqual(['restore-service', 'forget-standby']);
    expect(steps.some(({ risk }) => risk === 'destructive')).toBe(false);
  });

  it('is not drawn when there is nothing to take back', () => {
    expect(typeof failback({ entrances: [], record: undefined })).toBe('string');
  });
});
