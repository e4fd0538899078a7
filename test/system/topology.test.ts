import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { instanceName } from '../../shared/system/names.ts';
import type { MonitoredResource, TargetRef } from '../../shared/system/topology.ts';
import {
  consumersOf,
  databaseOf,
  databaseWith,
  dependenciesOf,
  dependentsOf,
  instancesOf,
  modeFor,
  policyFor,
  resolveAlertTarget,
  targetIdOf,
  targetNamed,
  targetOf,
  targetsOf,
} from '../../shared/system/topology.ts';
import { changed, parsed, reference } from './reference.ts';

const primary = instanceName('coditect-dms-db');
const database: TargetRef = { kind: 'database', instance: primary };
const api: TargetRef = { kind: 'application', id: 'api-gke' };

describe('the targets of a system', () => {
  it('are its databases and its applications, each with an id that leads back to it', () => {
    const system = reference();

    expect(targetsOf(system).map(targetIdOf)).toEqual([
      'database/coditect-dms-db',
      'application/api-gke',
      'application/api-run',
      'application/api-east',
    ]);
    expect(targetsOf(system).map((ref) => targetOf(system, targetIdOf(ref)))).toEqual(targetsOf(system));
  });

  it('are not its replicas', () => {
    expect(targetNamed(reference(), 'coditect-dms-db-east')).toBeUndefined();
    expect(targetNamed(reference(), 'coditect-dms-db')).toEqual(database);
  });

  it('know their database, also by a replica', () => {
    const system = reference();

    expect(databaseOf(system, api)?.instance).toBe(primary);
    expect(databaseWith(system, instanceName('coditect-dms-db-east'))?.instance).toBe(primary);
    expect(databaseWith(system, instanceName('nobody'))).toBeUndefined();
  });

  it('name every consumer, whichever copy of the database is asked for', () => {
    const names = (instance: string) => consumersOf(reference(), instanceName(instance)).map(({ id }) => id);

    expect(names('coditect-dms-db')).toEqual(['api-gke', 'api-run']);
    expect(names('coditect-dms-db-replica')).toEqual(['api-gke', 'api-run']);
    expect(names('nobody')).toEqual([]);
    // What waits in the second region is none before the primary is there.
    const there = consumersOf(reference(), instanceName('coditect-dms-db-east'), 'us-east1');
    expect(there.map(({ id }) => id)).toEqual(['api-gke', 'api-run', 'api-east']);
  });

  it('list the primary before its replicas', () => {
    expect(reference().databases.map(instancesOf)).toEqual([
      ['coditect-dms-db', 'coditect-dms-db-replica', 'coditect-dms-db-east'],
    ]);
  });

  it('carry failures along their dependencies, over several steps', () => {
    const system = parsed(changed([['applications', 3], { ...worker, dependsOn: ['api-run'] }]));

    expect(dependentsOf(system, database).map(targetIdOf)).toEqual([
      'application/api-gke',
      'application/api-run',
      'application/worker',
    ]);
    expect(dependenciesOf(system, { kind: 'application', id: 'worker' }).map(targetIdOf)).toEqual([
      'application/api-run',
      'database/coditect-dms-db',
    ]);
  });

  it('never depend on themselves, and need exactly those that they are needed by', () => {
    const edges = fc.array(fc.tuple(fc.nat(5), fc.nat(5)), { maxLength: 20 });
    fc.assert(
      fc.property(edges, (pairs) => {
        const system = tangled(pairs);
        for (const ref of targetsOf(system)) {
          const needed = dependenciesOf(system, ref);
          expect(needed.map(targetIdOf)).not.toContain(targetIdOf(ref));
          for (const other of needed) expect(dependentsOf(system, other)).toContainEqual(ref);
        }
      }),
    );
  });
});

describe('the policy of a system', () => {
  it('is found by the display name that a notification carries', () => {
    expect(policyFor(reference(), 'dr-pod-crashloop')).toEqual({
      policy: 'dr-pod-crashloop',
      runbook: 'pod-heal',
      target: 'api-gke',
    });
    expect(policyFor(reference(), 'projects/12345/alertPolicies/12345')).toBeUndefined();
  });

  it('has a mode of its own for a runbook, or the default', () => {
    expect(modeFor(reference(), 'pod-heal')).toBe('auto');
    expect(modeFor(reference(), 'database-failover')).toBe('approve');
  });
});

describe("an alert's resource", () => {
  const sql = (databaseId: string): MonitoredResource => ({
    type: 'cloudsql_database',
    labels: { project_id: 'coditect-prod', database_id: databaseId, region: 'us-central' },
  });
  const container = (labels: Readonly<Record<string, string>>): MonitoredResource => ({
    type: 'k8s_container',
    labels: {
      project_id: 'coditect-prod',
      location: 'us-central1-a',
      cluster_name: 'coditect-prod-cluster',
      namespace_name: 'coditect-dms',
      pod_name: 'coditect-dms-api-7d9c5b6f4-x2kqz',
      container_name: 'api',
      ...labels,
    },
  });
  const wholeGke = { target: api, part: { kind: 'whole' } };

  it.each<readonly [string, MonitoredResource, unknown]>([
    [
      'the primary',
      sql('coditect-prod:coditect-dms-db'),
      { target: database, part: { kind: 'instance', instance: 'coditect-dms-db', role: 'primary' } },
    ],
    [
      'a replica, as part of its database',
      sql('coditect-prod:coditect-dms-db-east'),
      { target: database, part: { kind: 'instance', instance: 'coditect-dms-db-east', role: 'replica' } },
    ],
    [
      'a pod by its name',
      container({}),
      { target: api, part: { kind: 'pod', pod: 'coditect-dms-api-7d9c5b6f4-x2kqz' } },
    ],
    [
      'a pod by its controller',
      {
        ...container({ pod_name: 'short-1' }),
        systemLabels: { top_level_controller_name: 'coditect-dms-api', top_level_controller_type: 'Deployment' },
      },
      { target: api, part: { kind: 'pod', pod: 'short-1' } },
    ],
    [
      'a Deployment by a kube-state metric',
      {
        type: 'prometheus_target',
        labels: { cluster: 'coditect-prod-cluster', namespace: 'coditect-dms', location: 'us-central1-a' },
        metricLabels: { deployment: 'coditect-dms-api' },
      },
      wholeGke,
    ],
    [
      'a Cloud Run service',
      { type: 'cloud_run_revision', labels: { location: 'us-central1', service_name: 'coditect-dms-api' } },
      { target: { kind: 'application', id: 'api-run' }, part: { kind: 'whole' } },
    ],
    [
      'the host of an uptime check',
      { type: 'uptime_url', labels: { project_id: 'coditect-prod', host: 'DMS-api.coditect.ai' } },
      wholeGke,
    ],
  ])('names %s', (_, resource, expected) => {
    expect(resolveAlertTarget(reference(), resource)).toEqual(expected);
  });

  it('is divided at its last colon, since a project of a domain has one of its own', () => {
    const system = { ...reference(), project: 'coditect.ai:prod' };
    const resource = { type: 'cloudsql_database', labels: { database_id: 'coditect.ai:prod:coditect-dms-db' } };

    expect(resolveAlertTarget(system, resource)?.target).toEqual(database);
  });

  it.each<readonly [string, MonitoredResource]>([
    ['an instance of another project', sql('coditect-test:coditect-dms-db')],
    ['a resource of another project', container({ project_id: 'coditect-test' })],
    ['an instance that nobody listed', sql('coditect-prod:another-db')],
    ['an instance without a project', sql('coditect-dms-db')],
    ['another namespace', container({ namespace_name: 'default' })],
    ['another cluster', container({ cluster_name: 'coditect-dr-cluster' })],
    [
      'the pod of a Deployment whose name only begins alike',
      container({ pod_name: 'coditect-dms-api-canary-7d9c5b6f4-x2kqz' }),
    ],
    [
      'the pod of a job',
      {
        ...container({}),
        systemLabels: { top_level_controller_name: 'coditect-dms-api', top_level_controller_type: 'Job' },
      },
    ],
    [
      'a Cloud Run service elsewhere',
      { type: 'cloud_run_revision', labels: { location: 'us-east1', service_name: 'coditect-dms-api' } },
    ],
    ['a host that nobody probes', { type: 'uptime_url', labels: { host: 'www.coditect.ai' } }],
    ['a test notification', { type: 'example_resource', labels: { example: 'label' } }],
    ['nothing', { type: 'k8s_container', labels: {} }],
  ])('is nothing of ours when it is %s', (_, resource) => {
    expect(resolveAlertTarget(reference(), resource)).toBeUndefined();
  });

  it('is left to the policy when a host serves two applications', () => {
    const system = parsed(
      changed([['applications', 1, 'probes', 'deepHealth'], 'https://dms-api-gke.coditect.ai/run/health']),
    );

    const resource = { type: 'uptime_url', labels: { host: 'dms-api-gke.coditect.ai' } };
    expect(resolveAlertTarget(system, resource)).toBeUndefined();
  });

  it('is the home of an entrance when it is its host, whoever serves there now', () => {
    const resource = { type: 'uptime_url', labels: { host: 'dms-api.coditect.ai' } };
    expect(resolveAlertTarget(reference(), resource)?.target).toEqual({ kind: 'application', id: 'api-gke' });
  });

  it('never throws, whatever its labels', () => {
    const labels = fc.dictionary(fc.constantFrom('database_id', 'pod_name', 'host', 'service_name'), fc.string());
    const type = fc.constantFrom('cloudsql_database', 'k8s_pod', 'uptime_url', 'cloud_run_revision', '');
    fc.assert(
      fc.property(type, labels, (kind, found) => {
        expect(() => resolveAlertTarget(reference(), { type: kind, labels: found })).not.toThrow();
      }),
    );
  });
});

const worker = {
  id: 'worker',
  kind: 'cloudRun',
  service: 'coditect-worker',
  region: 'us-central1',
  maxInstances: 2,
  probes: { deepHealth: 'https://worker.example.com/health', canary: 'https://worker.example.com/canary' },
};

/** Six applications that depend on each other in any way, circles included, as no parsed file could. */
function tangled(pairs: readonly (readonly [number, number])[]) {
  const system = reference();
  const [, run] = system.applications;
  if (run === undefined) throw new Error('the reference has two applications');
  const applications = Array.from({ length: 6 }, (_, from) => {
    const dependsOn = pairs.filter(([of]) => of === from).map(([, to]) => `app-${to}`);
    return { ...run, id: `app-${from}`, dependsOn };
  });
  return { ...system, applications };
}
