import { describe, expect, it } from '@jest/globals';
import { planFaults, type Plan } from '../../shared/plan/plan.ts';
import { drawRegionReturn, type RegionReturnFacts } from '../../shared/runbooks/region-return.ts';
import { at, EAST, east, instance, PRIMARY, SYSTEM } from '../classify/looks.ts';

const drawn = (change: Partial<RegionReturnFacts> = {}): Plan | string =>
  drawRegionReturn(SYSTEM, 'inc-bbbbbbbbbb', 'region-return', {
    at: at(100),
    record: {
      version: 1,
      incident: 'inc-aaaaaaaaaa',
      region: 'us-central1',
      former: PRIMARY,
      promoted: EAST,
      standby: 'api-east',
      before: { min: 1, max: 4 },
      wanted: { min: 3, max: 4 },
      recordedAtMs: at(40),
    },
    former: instance(),
    promoted: east({ role: 'primary' }),
    consumers: ['api-gke', 'api-run'],
    warnings: [],
    ...change,
  });

function plan(): Plan {
  const found = drawn();
  if (typeof found === 'string') throw new Error(found);
  expect(planFaults(found)).toEqual([]);
  return found;
}

describe('a region return', () => {
  it('counts before it stops, after which nobody could, and restarts whoever is still there last', () => {
    expect(plan().steps.map(({ action, risk }) => `${action} ${risk}`)).toEqual([
      'await-return observe',
      'count-divergence observe',
      'stop-instance destructive',
      'prove-fence observe',
      'restart-stale destructive',
      'restart-stale destructive',
      'name-stale observe',
    ]);
  });

  it('counts from the moment at which the failover was written down', () => {
    expect(plan().steps.find(({ action }) => action === 'count-divergence')?.input['sinceMs']).toBe(at(40));
  });

  it('holds nothing that the new side needs, however long it waits', () => {
    expect(plan().holds).toEqual(['return/us-central1']);
  });

  it('never stops the new primary', () => {
    const stops = plan().steps.filter(({ action }) => action === 'stop-instance');
    expect(stops.map(({ input }) => input['instance'])).toEqual([PRIMARY]);
  });

  it('is not drawn where nobody knows where they are', () => {
    expect(typeof drawn({ former: instance({ address: undefined }) })).toBe('string');
  });
});
