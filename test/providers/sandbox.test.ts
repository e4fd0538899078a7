import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { SecretText } from '../../shared/core/redact.ts';
import { after, minutes, seconds } from '../../shared/core/time.ts';
import type { GoogleAccess } from '../../shared/providers/google-call.ts';
import { createCloudSqlDatabases } from '../../shared/providers/cloud-sql-databases.ts';
import { createCloudRunServices } from '../../shared/providers/cloud-run-services.ts';
import { createKubernetesWorkloads } from '../../shared/providers/kubernetes-workloads.ts';
import { createMonitoringMetrics } from '../../shared/providers/monitoring-metrics.ts';
import { createPubSubMessages } from '../../shared/providers/pubsub-messages.ts';
import { createSecretManagerSecrets } from '../../shared/providers/secret-manager-secrets.ts';
import { instanceName } from '../../shared/system/names.ts';
import { startSandbox } from './sandbox-world.ts';

// The contract between adapters and sandbox: real clients, Application Default Credentials, and nothing but addresses.

let sandbox: Awaited<ReturnType<typeof startSandbox>>;
let recover: GoogleAccess;
let heal: GoogleAccess;
let notify: GoogleAccess;

beforeAll(async () => {
  sandbox = await startSandbox();
  recover = await sandbox.as('recover');
  heal = await sandbox.as('heal');
  notify = await sandbox.as('notify');
});
afterAll(() => sandbox.close());
beforeEach(() => sandbox.world.kernel.faults.clear());

const probes = { deepHealth: 'https://x/', canary: 'https://x/', vantage: undefined };
const api = { databaseSecret: REFERENCE.databaseSecret, dependsOn: [], probes } as const;
const onRun = {
  ...api,
  kind: 'cloudRun',
  id: 'api-run',
  service: REFERENCE.api,
  region: REFERENCE.region,
  maxInstances: 10,
  slowAfter: undefined,
} as const;
const onGke = {
  ...api,
  kind: 'gke',
  id: 'api-gke',
  cluster: REFERENCE.cluster,
  location: REFERENCE.zone,
  namespace: REFERENCE.namespace,
  deployment: REFERENCE.api,
  container: 'api',
  urlMap: undefined,
  maxReplicas: 10,
} as const;

const effects = (permission: string): number => sandbox.world.kernel.audit.effects(permission).length;

describe('Secret Manager', () => {
  it('gives the database URL to who may read it, and takes a new one', async () => {
    const secrets = createSecretManagerSecrets(recover);
    const { version } = await secrets.latest(REFERENCE.databaseSecret);
    const url = (await secrets.read(REFERENCE.databaseSecret, version)).reveal();
    expect(url).toMatch(/^postgresql:\/\/dms:.+@10\.20\.0\.3:5432\/dms$/);
    const next = await secrets.add(REFERENCE.databaseSecret, new SecretText(url.replace('10.20.0.3', '10.20.0.4')));
    expect(await secrets.latest(REFERENCE.databaseSecret)).toEqual({ version: next, enabled: true });
    expect(sandbox.world.secrets.readSecret(REFERENCE.databaseSecret)).toContain('10.20.0.4');
    await secrets.add(REFERENCE.databaseSecret, new SecretText(url));
  });

  it('refuses who may not, and what is not there', async () => {
    await expect(createSecretManagerSecrets(heal).read(REFERENCE.databaseSecret, '1')).rejects.toMatchObject({
      kind: 'permanent',
      code: 'forbidden',
    });
    await expect(createSecretManagerSecrets(recover).latest('no-such-secret')).rejects.toMatchObject({
      kind: 'permanent',
      code: 'notFound',
    });
  });

  it('leaves a version in doubt that was added and not confirmed, and it is there once', async () => {
    sandbox.world.secrets.create('spare');
    const before = effects('secretmanager.versions.add');
    sandbox.world.kernel.faults.inject({
      what: { kind: 'serverErrorAfter' },
      on: { permission: 'secretmanager.versions.add' },
      count: 1,
    });
    await expect(createSecretManagerSecrets(recover).add('spare', new SecretText('x'))).rejects.toMatchObject({
      kind: 'ambiguous',
    });
    expect(effects('secretmanager.versions.add')).toBe(before + 1);
  });
});

describe('Cloud Run', () => {
  it('holds a service at zero and releases it as it was', async () => {
    const services = createCloudRunServices(recover, [onRun]);
    const before = await services.inspect('api-run');
    expect(before).toMatchObject({ ready: true, revisionMax: 10, scaling: { kind: 'automatic', min: 1, max: 4 } });

    const held = await services.setScaling('api-run', { kind: 'manual', instances: 0 }, before.etag);
    expect(await services.operation(held)).toEqual({ done: false, error: undefined });
    sandbox.clock.advanceBy(minutes(1));
    expect(await services.operation(held)).toEqual({ done: true, error: undefined });
    const during = await services.inspect('api-run');
    expect(during).toMatchObject({ settled: true, scaling: { kind: 'manual', instances: 0 } });

    await expect(services.setScaling('api-run', before.scaling, before.etag)).rejects.toMatchObject({
      kind: 'conflict',
    });
    await services.setScaling('api-run', before.scaling, during.etag);
    sandbox.clock.advanceBy(minutes(2));
    expect(await services.inspect('api-run')).toMatchObject({ ready: true, settled: true, scaling: before.scaling });
  });

  it('lets nobody scale who may only look', async () => {
    const services = createCloudRunServices(await sandbox.as('classify'), [onRun]);
    const { etag } = await services.inspect('api-run');
    await expect(services.setScaling('api-run', { kind: 'manual', instances: 0 }, etag)).rejects.toMatchObject({
      kind: 'permanent',
      code: 'forbidden',
    });
  });
});

describe('Kubernetes', () => {
  const settled = async () => {
    sandbox.clock.advanceBy(minutes(3));
    const found = await createKubernetesWorkloads(recover, [onGke]).inspect('api-gke');
    expect(found).toMatchObject({ settled: true });
    return found;
  };

  it('shows a Deployment, its autoscaler and its pods', async () => {
    const workloads = createKubernetesWorkloads(heal, [onGke]);
    expect(await workloads.inspect('api-gke')).toMatchObject({
      replicas: 3,
      ready: 3,
      available: 3,
      updated: 3,
      settled: true,
      autoscaler: { min: 3, max: 10 },
    });
    const pods = await workloads.pods('api-gke');
    expect(pods).toHaveLength(3);
    expect(pods[0]).toMatchObject({
      ready: true,
      terminating: false,
      restarts: 0,
      container: { kind: 'running' },
      node: expect.any(String),
      template: expect.any(String),
    });
    const [pod] = pods;
    expect(await workloads.describePod('api-gke', pod?.name ?? '')).toMatch(
      /Status: +Running[\s\S]*Events:\n.*Scheduled/,
    );
    expect(await workloads.podLog('api-gke', pod?.name ?? '', { previous: false, lines: 50 })).toContain(
      'application startup complete',
    );
    expect(await workloads.podLog('api-gke', pod?.name ?? '', { previous: true, lines: 50 })).toBeUndefined();
    expect(await workloads.podLog('api-gke', 'no-such-pod', { previous: false, lines: 50 })).toBeUndefined();
  });

  it('evicts one pod by its uid, and no second one while its budget is used up', async () => {
    const workloads = createKubernetesWorkloads(heal, [onGke]);
    const [first, second] = await workloads.pods('api-gke');
    if (first === undefined || second === undefined) throw new Error('there are pods');
    expect(await workloads.evict('api-gke', first.name, 'another-uid')).toEqual({ kind: 'gone' });
    expect(await workloads.evict('api-gke', first.name, first.uid)).toEqual({ kind: 'evicted' });
    expect(await workloads.evict('api-gke', second.name, second.uid)).toMatchObject({ kind: 'budgetWouldBreak' });
    await settled();
    expect(await workloads.evict('api-gke', first.name, first.uid)).toEqual({ kind: 'gone' });
    expect(effects('k8s.pods/eviction.create')).toBe(1);
  });

  it('scales to zero and back by the version that was read', async () => {
    const workloads = createKubernetesWorkloads(recover, [onGke]);
    const { version } = await settled();
    await workloads.scale('api-gke', 0, version);
    await expect(workloads.scale('api-gke', 0, version)).rejects.toMatchObject({ kind: 'conflict' });
    const held = await settled();
    expect(held).toMatchObject({ replicas: 0, ready: 0 });
    expect(await workloads.pods('api-gke')).toEqual([]);
    await workloads.scale('api-gke', 3, held.version);
    expect(await settled()).toMatchObject({ replicas: 3, ready: 3 });
  });

  it('raises the floor of the autoscaler, so that it lasts, and lowers it again', async () => {
    const workloads = createKubernetesWorkloads(recover, [onGke]);
    await workloads.scale('api-gke', 5, (await settled()).version);
    const raised = await settled();
    expect(raised).toMatchObject({ replicas: 5, ready: 5, autoscaler: { min: 5, max: 10 } });
    await workloads.scale('api-gke', 3, raised.version);
    sandbox.clock.advanceBy(minutes(10));
    expect(await settled()).toMatchObject({ replicas: 3, autoscaler: { min: 3, max: 10 } });
  });

  it('lets heal scale up and not down', async () => {
    const workloads = createKubernetesWorkloads(heal, [onGke]);
    await expect(workloads.scale('api-gke', 0, (await settled()).version)).rejects.toMatchObject({
      kind: 'permanent',
      code: 'forbidden',
    });
    await expect(createKubernetesWorkloads(notify, [onGke]).inspect('api-gke')).rejects.toMatchObject({
      kind: 'permanent',
      code: 'forbidden',
    });
  });

  it('leaves an eviction in doubt whose reply was lost, and the pod is gone', async () => {
    const workloads = createKubernetesWorkloads({ ...heal, limits: { reads: seconds(10), writes: seconds(1) } }, [
      onGke,
    ]);
    const [pod] = await workloads.pods('api-gke');
    sandbox.world.kernel.faults.inject({
      what: { kind: 'loseReplyAfter' },
      on: { permission: 'k8s.pods/eviction.create' },
      count: 1,
    });
    await expect(workloads.evict('api-gke', pod?.name ?? '', pod?.uid ?? '')).rejects.toMatchObject({
      kind: 'ambiguous',
      code: 'timeout',
    });
    await settled();
    expect((await workloads.pods('api-gke')).map(({ uid }) => uid)).not.toContain(pod?.uid);
  });

  it('says what a cut network and a busy API server mean', async () => {
    const workloads = createKubernetesWorkloads({ ...heal, limits: { reads: seconds(1), writes: seconds(1) } }, [
      onGke,
    ]);
    sandbox.world.kernel.faults.inject({ what: { kind: 'throttled' }, on: { api: 'kubernetes' }, count: 1 });
    await expect(workloads.pods('api-gke')).rejects.toMatchObject({ kind: 'retryable', code: 'throttled' });
    sandbox.world.kernel.network.cut('functions', `kubernetes/${REFERENCE.cluster}`);
    await expect(workloads.pods('api-gke')).rejects.toMatchObject({ kind: 'retryable', code: 'timeout' });
    sandbox.world.kernel.network.mend('functions', `kubernetes/${REFERENCE.cluster}`);
    expect(await workloads.pods('api-gke')).toHaveLength(3);
  });
});

describe('Pub/Sub', () => {
  it('takes a message from who may publish, and from nobody else', async () => {
    await createPubSubMessages(recover).publish('dr-recover', { incident: 'inc-1', sequence: 4 });
    await expect(createPubSubMessages(heal).publish('dr-recover', {})).rejects.toMatchObject({
      kind: 'permanent',
      code: 'forbidden',
    });
  });
});

describe('Monitoring', () => {
  it('shows that the primary is up, newest point first', async () => {
    const now = sandbox.clock.now();
    const filter =
      'metric.type = "cloudsql.googleapis.com/database/up" AND ' +
      'resource.labels.database_id = "coditect-prod:coditect-dms-db"';
    const [series, ...others] = await createMonitoringMetrics(heal).series(filter, after(now, -minutes(10)), now);
    expect(others).toEqual([]);
    expect(series?.resource).toMatchObject({ type: 'cloudsql_database', database_id: 'coditect-prod:coditect-dms-db' });
    expect(series?.points.length).toBeGreaterThan(3);
    expect(new Set(series?.points.map(({ value }) => value))).toEqual(new Set([1]));
    expect(series?.points).toEqual([...(series?.points ?? [])].sort((a, b) => b.at - a.at));
  });

  it('refuses who may not look', async () => {
    const now = sandbox.clock.now();
    await expect(createMonitoringMetrics(notify).series('metric.type = "x"', now, now)).rejects.toMatchObject({
      kind: 'permanent',
      code: 'forbidden',
    });
  });
});

describe('Cloud SQL', () => {
  const [primary, replica, spare] = [
    instanceName('coditect-dms-db'),
    instanceName('coditect-dms-db-east'),
    instanceName('coditect-dms-db-new'),
  ];
  const databases = () => createCloudSqlDatabases(recover);
  const carriedOut = async (name: string) => {
    for (let polls = 0; polls < 100; polls += 1) {
      const operation = await databases().operation(name);
      if (operation.state === 'done') return operation;
      sandbox.clock.advanceBy(seconds(10));
    }
    throw new Error(`${name} does not end`);
  };

  it('shows the fleet as it is', async () => {
    const fleet = await databases().fleet();
    const told = fleet.map(({ instance, role, upstream, region, address }) => [
      instance,
      role,
      upstream,
      region,
      address,
    ]);
    expect(new Set(told)).toEqual(
      new Set([
        ['coditect-dms-db', 'primary', undefined, 'us-central1', '10.20.0.3'],
        ['coditect-dms-db-east', 'replica', 'coditect-dms-db', 'us-east1', '10.20.0.5'],
        ['coditect-dms-db-replica', 'replica', 'coditect-dms-db', 'us-central1', '10.20.0.4'],
      ]),
    );
    expect(await databases().inspect(primary)).toMatchObject({
      state: 'runnable',
      activation: 'always',
      availability: 'zonal',
      databaseVersion: 'POSTGRES_15',
      tier: 'db-custom-4-16384',
    });
    await expect(databases().inspect(instanceName('no-such-instance'))).rejects.toMatchObject({ kind: 'permanent' });
  });

  it('stops an instance by the version that was read, one change at a time', async () => {
    const { version } = await databases().inspect(primary);
    const stop = await databases().setActivation(primary, 'never', version);
    await expect(databases().setActivation(primary, 'always', version)).rejects.toMatchObject({ kind: 'conflict' });
    expect(await carriedOut(stop)).toMatchObject({
      instance: primary,
      type: 'UPDATE',
      error: undefined,
      user: expect.stringContaining('dr-recover@'),
    });
    const stopped = await databases().inspect(primary);
    expect(stopped).toMatchObject({ activation: 'never', state: 'runnable' });
    await expect(databases().setActivation(primary, 'always', version)).rejects.toMatchObject({ kind: 'conflict' });
    expect(await carriedOut(await databases().setActivation(primary, 'always', stopped.version))).toMatchObject({
      error: undefined,
    });
  });

  it('restarts and fails over for recover alone, and only what can be', async () => {
    const forbidden = { kind: 'permanent', code: 'forbidden' };
    const sql = createCloudSqlDatabases(heal);
    await expect(sql.restart(primary)).rejects.toMatchObject(forbidden);
    await expect(sql.failover(primary, '7')).rejects.toMatchObject(forbidden);

    sandbox.world.disasters.break('primary-database', undefined, 'crashed');
    expect(await carriedOut(await databases().restart(primary))).toMatchObject({ type: 'RESTART', error: undefined });
    expect(sandbox.world.sql.fleet.server(primary).up()).toBe(true);

    const { version } = await databases().inspect(primary);
    await expect(databases().failover(primary, version)).rejects.toMatchObject({ kind: 'permanent' });
    await carriedOut(await databases().protect(primary, version));
    await expect(databases().failover(primary, version)).rejects.toMatchObject({ kind: 'conflict' });
    const failover = await databases().failover(primary, (await databases().inspect(primary)).version);
    expect(await carriedOut(failover)).toMatchObject({ type: 'FAILOVER', error: undefined });
  });

  it('promotes for recover alone, and never twice', async () => {
    await expect(createCloudSqlDatabases(heal).promote(replica)).rejects.toMatchObject({
      kind: 'permanent',
      code: 'forbidden',
    });
    sandbox.world.kernel.faults.inject({
      what: { kind: 'serverErrorAfter' },
      on: { permission: 'cloudsql.instances.promoteReplica' },
      count: 1,
    });
    await expect(databases().promote(replica)).rejects.toMatchObject({ kind: 'ambiguous' });

    const [ours] = await databases().operations(replica);
    expect(ours).toMatchObject({ type: 'PROMOTE_REPLICA', user: expect.stringContaining('dr-recover@') });
    expect(await carriedOut(ours?.name ?? '')).toMatchObject({ error: undefined });

    expect(await databases().inspect(replica)).toMatchObject({ role: 'primary', upstream: undefined });
    await expect(databases().promote(replica)).rejects.toMatchObject({ kind: 'permanent' });
    expect(effects('cloudsql.instances.promoteReplica')).toBe(1);
  });

  it('protects the new primary and gives it a replica and a backup', async () => {
    const { version } = await databases().inspect(replica);
    await carriedOut(await databases().protect(replica, version));
    expect(await databases().inspect(replica)).toMatchObject({
      availability: 'regional',
      backupsEnabled: true,
      pointInTimeRecovery: true,
      deletionProtection: true,
    });
    expect(await carriedOut(await databases().takeBackup(replica, 'after the promotion'))).toMatchObject({
      error: undefined,
    });
    expect((await databases().backups(replica))[0]).toMatchObject({
      description: 'after the promotion',
      successful: true,
    });
    expect(await carriedOut(await databases().createReplica(replica, spare, 'us-central1'))).toMatchObject({
      error: undefined,
    });
    expect(await databases().inspect(spare)).toMatchObject({
      role: 'replica',
      upstream: replica,
      region: 'us-central1',
    });
    await expect(databases().createReplica(replica, spare, 'us-central1')).rejects.toMatchObject({ kind: 'conflict' });
  });
});
