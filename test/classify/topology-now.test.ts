import { describe, expect, it } from '@jest/globals';
import { scopeOf, topologyNow } from '../../shared/classify/topology-now.ts';
import { instanceName } from '../../shared/system/names.ts';
import { database, EAST, east, instance, PRIMARY, REPLICA, replica, SYSTEM } from './looks.ts';

const primaryOf = (fleet: Parameters<typeof topologyNow>[1], addresses: readonly string[] = []) =>
  topologyNow(database, fleet, addresses).primary?.instance;

describe('the topology as it is now', () => {
  it('is that of the file while nothing has changed', () => {
    const now = topologyNow(database, [east(), replica(), instance()], []);
    expect(now.primary?.instance).toBe(PRIMARY);
    expect(now.others.map((status) => status.instance).toSorted()).toEqual([EAST, REPLICA].toSorted());
  });

  it('has the promoted replica as its primary once the applications are on it', () => {
    const promoted = instance({ instance: REPLICA, address: '10.20.0.4' });
    expect(primaryOf([instance(), promoted], ['10.20.0.4', '10.20.0.4'])).toBe(REPLICA);
    expect(primaryOf([instance(), promoted], ['10.20.0.3', '10.20.0.4'])).toBe(PRIMARY);
  });

  it('has the one that runs when the old one is stopped', () => {
    expect(primaryOf([instance({ activation: 'never' }), instance({ instance: REPLICA, address: '10.20.0.4' })])).toBe(
      REPLICA,
    );
  });

  it('has the one that runs although the applications still name the old one', () => {
    const fleet = [instance({ activation: 'never' }), instance({ instance: REPLICA, address: '10.20.0.4' })];
    expect(primaryOf(fleet, ['10.20.0.3'])).toBe(REPLICA);
  });

  it('has none when no listed instance is one', () => {
    expect(primaryOf([replica(), instance({ instance: instanceName('other') })])).toBeUndefined();
  });

  it('names replicas that the file does not list', () => {
    const stranger = replica({ instance: instanceName('analytics') });
    expect(topologyNow(database, [instance(), stranger], []).others).toContain(stranger);
  });
});

describe('what is looked at', () => {
  it('is a target, what it depends on, and every consumer of a database among those', () => {
    const scope = scopeOf(SYSTEM, [{ kind: 'application', id: 'api-gke' }]);
    expect(scope.databases.map((known) => known.instance)).toEqual([PRIMARY]);
    expect(scope.applications.map(({ id }) => id)).toEqual(['api-gke', 'api-run']);
  });

  it('is each thing once, what others need first', () => {
    const [gke, run] = SYSTEM.applications;
    if (gke === undefined || run === undefined) throw new Error('the reference has two');
    const system = { ...SYSTEM, applications: [{ ...gke, dependsOn: [PRIMARY, 'api-run'] }, run] };
    const scope = scopeOf(system, [
      { kind: 'application', id: 'api-gke' },
      { kind: 'database', instance: PRIMARY },
    ]);
    expect(scope.applications.map(({ id }) => id)).toEqual(['api-run', 'api-gke']);
    expect(scope.databases).toHaveLength(1);
  });
});
