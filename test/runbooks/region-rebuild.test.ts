import { describe, expect, it } from '@jest/globals';
import { planFaults, type Plan } from '../../shared/plan/plan.ts';
import { drawRegionRebuild, type RegionRebuildFacts } from '../../shared/runbooks/region-rebuild.ts';
import { instanceName } from '../../shared/system/names.ts';
import type { CloudRunApplication } from '../../shared/system/system.ts';
import { at, EAST, PRIMARY, SYSTEM, WENT_ELSEWHERE } from '../classify/looks.ts';

const application = SYSTEM.applications.find(({ id }) => id === 'api-east') as CloudRunApplication; // of the reference
function plan(change: Partial<RegionRebuildFacts> = {}): Plan {
  const found = drawRegionRebuild(SYSTEM, 'inc-bbbbbbbbbb', 'region-without-replica', {
    at: at(100),
    region: 'us-central1',
    former: PRIMARY,
    primary: EAST,
    replica: instanceName('coditect-dms-db-2'),
    waiting: undefined,
    warnings: [],
    ...change,
  });
  expect(planFaults(found)).toEqual([]);
  return found;
}

const SECONDARY: Partial<RegionRebuildFacts> = {
  region: 'us-east1',
  former: EAST,
  primary: instanceName('coditect-dms-db-2'),
  replica: instanceName('coditect-dms-db-east-2'),
  waiting: { application, record: WENT_ELSEWHERE },
};

describe('a region rebuild', () => {
  it('asks for a replica under a free name and waits for it, and deletes and changes nothing else', () => {
    expect(plan().steps.map(({ action, input }) => [action, input])).toEqual([
      ['create-replica', { primary: EAST, replica: 'coditect-dms-db-2', region: 'us-central1' }],
      ['await-replica', { primary: EAST, replica: 'coditect-dms-db-2' }],
    ]);
  });

  it('holds nothing that another recovery needs, however long the replica takes', () => {
    expect(plan().holds).toEqual(['rebuild/us-central1']);
    expect(plan(SECONDARY).holds).toEqual(['rebuild/us-east1', 'application/api-east']);
  });

  it('leaves what waits in the secondary on the primary until the replica follows', () => {
    const { steps } = plan(SECONDARY);
    expect(steps.map(({ action }) => action)).toEqual([
      'create-replica',
      'await-replica',
      'point-at-replica',
      'read-replica',
      'restore-service',
      'forget-region',
    ]);
    expect(steps.map(({ needs }) => needs[0])).toEqual([undefined, 'create', 'await', 'secret', 'read', 'restore']);
  });

  it('takes the limits back to exactly what was written down', () => {
    const restore = plan(SECONDARY).steps.find(({ id }) => id === 'restore');
    expect(restore?.input).toMatchObject({ before: WENT_ELSEWHERE.before, wanted: WENT_ELSEWHERE.wanted });
  });
});
