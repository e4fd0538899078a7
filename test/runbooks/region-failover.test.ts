import { describe, expect, it } from '@jest/globals';
import { fenceWall } from '../../shared/guards/walls.ts';
import { planFaults, type Plan, preparingSteps } from '../../shared/plan/plan.ts';
import { drawRegionFailover, type RegionFailoverFacts } from '../../shared/runbooks/region-failover.ts';
import { minutes, seconds } from '../../shared/core/time.ts';
import type { CloudRunApplication } from '../../shared/system/system.ts';
import { consumersOf } from '../../shared/system/topology.ts';
import { at, database, EAST, east, instance, PRIMARY, REPLICA, SYSTEM } from '../classify/looks.ts';

const application = SYSTEM.applications.find(({ id }) => id === 'api-east') as CloudRunApplication; // of the reference
const [standby] = SYSTEM.regions;
const [entrance] = SYSTEM.entrances;
if (standby === undefined || entrance === undefined) throw new Error('the reference has a second region');

const drawn = (change: Partial<RegionFailoverFacts> = {}): Plan | string =>
  drawRegionFailover(SYSTEM, 'inc-aaaaaaaaaa', 'region-failure', {
    at: at(100),
    standby,
    database,
    primary: instance(),
    replica: east(),
    topology: [PRIMARY, REPLICA, EAST],
    heartbeatAt: at(-2),
    refusedSince: undefined,
    failedSince: at(0),
    application,
    before: { min: 1, max: 4 },
    revisionMax: 10,
    unreached: consumersOf(SYSTEM, PRIMARY),
    consumers: [],
    entrances: [{ entrance, from: 'api-gke', ttlMs: 0 }],
    warnings: [],
    opens: [],
    ...change,
  });

function plan(change: Partial<RegionFailoverFacts> = {}): Plan {
  const found = drawn(change);
  if (typeof found === 'string') throw new Error(found);
  expect(planFaults(found)).toEqual([]);
  return found;
}

const stepOf = (found: Plan, action: string) => found.steps.find((step) => step.action === action);

describe('a region failover', () => {
  it('makes the secondary ready, looks again, promotes, and leads users only to what writes, in this order', () => {
    expect(plan().steps.map(({ action, committed }) => `${committed ? '* ' : ''}${action}`)).toEqual([
      'remember-region',
      'raise-service',
      'check-secondary',
      'confirm-region-lost',
      '* drain-replica',
      '* ask-stop',
      '* prove-fence',
      '* check-loss-bound',
      '* promote-replica',
      '* verify-epoch',
      '* point-secret',
      '* point-secret',
      '* verify-consumer',
      '* move-traffic',
      'see-traffic-shift',
      'stay-healthy',
      'take-backup',
      'protect-instance',
      'create-replica',
    ]);
  });

  it('prepares nothing that hurts, whatever people decide', () => {
    expect(preparingSteps(plan()).map(({ action }) => action)).toEqual([
      'remember-region',
      'raise-service',
      'check-secondary',
    ]);
  });

  it('asks for a fence from every place, those that nobody reaches among them', () => {
    expect(stepOf(plan(), 'prove-fence')?.input['consumers']).toEqual(['api-gke', 'api-run', 'api-east']);
  });

  it('points the secret of the lost region too, so that what starts there reads where the database is', () => {
    const secrets = plan().steps.flatMap(({ action, input }) => (action === 'point-secret' ? [input] : []));
    expect(secrets).toEqual([
      { secret: 'coditect-dms-database-url', host: east().address },
      { secret: 'coditect-dms-database-url-east', host: east().address },
    ]);
  });

  it('locks everything that it is about', () => {
    expect(plan().holds).toEqual([
      'region/us-central1',
      'database/coditect-dms-db',
      'instance/coditect-dms-db',
      'instance/coditect-dms-db-replica',
      'instance/coditect-dms-db-east',
      'application/api-gke',
      'application/api-run',
      'application/api-east',
      'entrance/dms-api',
    ]);
  });

  it('meets a wall until people have accepted by name that nobody can prove the fence', () => {
    const { dark } = plan().bounds;
    expect(typeof dark === 'string' ? fenceWall(dark, []) : undefined).toMatchObject({
      kind: 'wall',
      openedBy: 'accept-unfenced-primary',
    });
    expect(typeof dark === 'string' ? fenceWall(dark, ['accept-unfenced-primary']) : 'none').toBeUndefined();
  });

  it('tells whoever accepts that what is in force all the same, and is the same plan when it is drawn again', () => {
    const accepted = plan({ opens: ['accept-unfenced-primary'] });
    const [warning] = accepted.warnings;
    expect(warning?.observed).toContain('both sides may take writes');
    expect(warning?.observed).toContain('In force all the same');
    expect(plan({ opens: ['accept-unfenced-primary'], warnings: accepted.warnings })).toEqual(accepted);
  });

  it('bounds its loss by now, as long as nothing proves that the old side takes no writes', () => {
    expect(plan().lossBound).toMatchObject({ kind: 'growing', ms: seconds(102) + SYSTEM.guards.clockSkew });
  });

  it('waits for the ttl that clients know of a record, where that is longer than dr.yaml says', () => {
    const found = plan({ entrances: [{ entrance, from: 'api-gke', ttlMs: minutes(60) }] });
    expect(stepOf(found, 'see-traffic-shift')?.input['ttlMs']).toBe(minutes(60));
  });

  it.each<readonly [string, Partial<RegionFailoverFacts>]>([
    ['no entrance leads there', { entrances: [] }],
    ['what takes over may not have enough instances', { revisionMax: 2 }],
    ['nobody knows the address of the replica', { replica: east({ address: undefined }) }],
  ])('is not drawn where %s', (_, change) => {
    expect(typeof drawn(change)).toBe('string');
  });
});
