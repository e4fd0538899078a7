import { describe, expect, it } from '@jest/globals';
import { minutes } from '../../shared/core/time.ts';
import { planFaults, type Plan } from '../../shared/plan/plan.ts';
import { drawRegionFailback, type RegionFailbackFacts } from '../../shared/runbooks/region-failback.ts';
import type { Consumer } from '../../shared/runbooks/consumer-steps.ts';
import { instanceName } from '../../shared/system/names.ts';
import type { CloudRunApplication, Entrance } from '../../shared/system/system.ts';
import { consumersOf } from '../../shared/system/topology.ts';
import { at, database, EAST, east, gke, instance, PRIMARY, run, SYSTEM } from '../classify/looks.ts';

const HOME = instanceName('coditect-dms-db-2');
const waiting = SYSTEM.applications.find(({ id }) => id === 'api-east') as CloudRunApplication; // of the reference
const [standby] = SYSTEM.regions;
const [entrance] = SYSTEM.entrances;
const api = SYSTEM.applications.find(({ id }) => id === 'api-gke');
const { workload } = gke('serving');
const { service } = run('serving');
if (standby === undefined || entrance === undefined || api === undefined) throw new Error('the reference has them');
if (workload === undefined || 'unreadable' in workload || service === undefined || 'unreadable' in service)
  throw new Error('they are readable');

const consumers = consumersOf(SYSTEM, PRIMARY, 'us-east1').map(
  (application): Consumer =>
    application.kind === 'gke'
      ? { kind: 'gke', application, status: workload }
      : { kind: 'cloudRun', application, status: service },
);

const drawn = (change: Partial<RegionFailbackFacts> = {}): Plan | string =>
  drawRegionFailback(SYSTEM, 'inc-aaaaaaaaaa', 'running-in-secondary', {
    at: at(100),
    standby,
    database,
    primary: east({ upstream: undefined, role: 'primary' }),
    replica: instance({ instance: HOME, upstream: EAST, address: '10.20.0.7' }),
    topology: [EAST, PRIMARY, HOME],
    consumers,
    waiting,
    entrances: [{ entrance, home: api }],
    warnings: [],
    ...change,
  });

function plan(change: Partial<RegionFailbackFacts> = {}): Plan {
  const found = drawn(change);
  if (typeof found === 'string') throw new Error(found);
  expect(planFaults(found)).toEqual([]);
  return found;
}

const stepOf = (found: Plan, action: string) => found.steps.find((step) => step.action === action);

describe('a region failback', () => {
  it('turns nobody away before the region holds, and promotes nothing before the last row has arrived', () => {
    expect(plan().steps.map(({ action, committed }) => `${committed ? '* ' : ''}${action}`)).toEqual([
      'stay-healthy',
      'stay-healthy',
      'check-way',
      'see-replica-follow',
      '* hold-workload',
      '* hold-service',
      '* hold-service',
      '* mark-last-write',
      '* stop-instance',
      '* prove-fence',
      '* promote-replica',
      '* verify-epoch',
      '* point-secret',
      '* point-secret',
      '* release-workload',
      '* release-service',
      '* release-service',
      '* verify-consumer',
      '* move-traffic',
      'verify-consumer',
      'verify-consumer',
      'see-traffic-shift',
      'await-drain',
      'stay-healthy',
      'stay-healthy',
      'take-backup',
      'protect-instance',
      'create-replica',
    ]);
  });

  it('loses nothing, and says so: it bounds no loss, and promotes only what has the last row', () => {
    expect(plan().lossBound).toEqual({ kind: 'none' });
    expect(stepOf(plan(), 'promote-replica')?.input).toEqual({ replica: HOME, upstream: EAST, loses: 'nothing' });
    expect(stepOf(plan(), 'mark-last-write')?.input).toMatchObject({
      primary: EAST,
      replica: HOME,
      consumers: ['api-gke', 'api-run', 'api-east'],
    });
  });

  it('is the same plan a minute later, so that nobody is asked anew: only the moment of the look differs', () => {
    const { bounds, ...rest } = plan();
    const { bounds: later, ...again } = plan({ at: at(160) });
    expect(again).toEqual(rest);
    expect(later).toEqual({ ...bounds, observedAtMs: at(160) });
  });

  it('can take back every step until the promotion, and none of the walls is opened for it', () => {
    const { steps, bounds } = plan();
    const section = steps.filter(({ committed }) => committed);
    const until = section.findIndex(({ undo }) => undo.kind === 'pointOfNoReturn');
    expect(section[until]?.action).toBe('promote-replica');
    const changing = section.slice(0, until).filter(({ risk }) => risk === 'destructive');
    expect(changing.map(({ undo }) => (undo.kind === 'action' ? undo.action : undo.kind))).toEqual([
      'release-workload',
      'release-service',
      'release-service',
      'start-instance',
    ]);
    expect(bounds['opens']).toBeUndefined();
  });

  it('leads users only to what was seen to write at home', () => {
    const { steps } = plan();
    const move = steps.findIndex(({ action }) => action === 'move-traffic');
    expect(steps[move]?.input).toEqual({ entrance: 'dms-api', from: 'api-east', to: 'api-gke' });
    expect(steps[move - 1]?.id).toBe('verify-api-gke');
  });

  it('does not begin while clients know a record for longer than dr.yaml says', () => {
    const record: Entrance = {
      id: 'by-record',
      via: 'dns',
      host: 'dms-api.coditect.ai',
      probe: 'https://dms-api.coditect.ai/dr/health',
      zone: 'coditect-zone',
      ttl: minutes(1),
      backends: [],
    };
    const found = plan({ entrances: [{ entrance: record, home: api }] });
    expect(stepOf(found, 'check-way')?.input).toEqual({
      entrance: 'by-record',
      leadsTo: 'api-east',
      ttlMs: minutes(1),
    });
    expect(stepOf(found, 'see-replica-follow')?.needs).toContain('way-by-record');
  });

  it.each<readonly [string, Partial<RegionFailbackFacts>]>([
    ['no entrance leads back', { entrances: [] }],
    ['nobody knows the address of the replica', { replica: instance({ address: undefined }) }],
    ['what users are led to is no consumer', { consumers: consumers.slice(1) }],
  ])('is not drawn where %s', (_, change) => {
    expect(typeof drawn(change)).toBe('string');
  });
});
