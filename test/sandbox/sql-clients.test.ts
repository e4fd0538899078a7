import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AlertPolicyServiceClient, MetricServiceClient } from '@google-cloud/monitoring';
import {
  SqlBackupRunsServiceClient,
  SqlDatabasesServiceClient,
  SqlInstancesServiceClient,
  SqlOperationsServiceClient,
  SqlUsersServiceClient,
} from '@google-cloud/sql';
import { OAuth2Client } from 'google-auth-library';
import { createVirtualClock, type VirtualClock } from '../../sandbox/world/clock.ts';
import { instant, minutes } from '../../shared/core/time.ts';
import { startSqlSandbox, tokenOf } from './sql-sandbox.ts';

// The clients that the product uses, unchanged, against the sandbox on loopback.

const START = instant(1_767_607_200_000);
const project = 'coditect-prod';
const PRIMARY = 'coditect-dms-db';
const REPLICA = 'coditect-dms-db-replica';

function connect(port: number, token: string) {
  const authClient = new OAuth2Client();
  authClient.setCredentials({ access_token: token, expiry_date: 32_503_680_000_000 });
  // gax reads `protocol`, which its types don't declare.
  const options = {
    fallback: true as const,
    apiEndpoint: '127.0.0.1',
    port,
    protocol: 'http',
    authClient,
    projectId: project,
  };
  return {
    instances: new SqlInstancesServiceClient(options),
    operations: new SqlOperationsServiceClient(options),
    backups: new SqlBackupRunsServiceClient(options),
    databases: new SqlDatabasesServiceClient(options),
    users: new SqlUsersServiceClient(options),
    metrics: new MetricServiceClient(options),
    policies: new AlertPolicyServiceClient(options),
  };
}

/** What a rejected call carries. */
async function refusalOf(call: Promise<unknown>): Promise<{ readonly code: unknown; readonly message: string }> {
  try {
    await call;
  } catch (error) {
    const { code, message } = error as { code: unknown; message: string }; // a client's error
    return { code, message };
  }
  throw new Error('it was not refused');
}

describe('the npm clients', () => {
  let clock: VirtualClock;
  let sandbox: Awaited<ReturnType<typeof startSqlSandbox>>;
  let clients: ReturnType<typeof connect>;
  const as = (name: Parameters<typeof tokenOf>[0]) => connect(sandbox.port, tokenOf(name));

  beforeEach(async () => {
    clock = createVirtualClock(START);
    sandbox = await startSqlSandbox(clock);
    clock.advanceBy(minutes(10));
    clients = as('recover');
  });

  afterEach(async () => {
    await sandbox.close();
  });

  /** Lets an operation come to its end. */
  async function finish(operation: { readonly name?: string | null }) {
    clock.advanceBy(minutes(20));
    const [done] = await clients.operations.get({ project, operation: operation.name ?? '' });
    expect(done.status).toBe('DONE');
    return done;
  }

  it('reads an instance with everything that a decision needs', async () => {
    const [primary] = await clients.instances.get({ project, instance: PRIMARY });
    expect(primary).toMatchObject({
      kind: 'sql#instance',
      name: PRIMARY,
      state: 'RUNNABLE',
      instanceType: 'CLOUD_SQL_INSTANCE',
      databaseVersion: 'POSTGRES_15',
      region: 'us-central1',
      gceZone: 'us-central1-a',
      connectionName: 'coditect-prod:us-central1:coditect-dms-db',
      replicaNames: ['coditect-dms-db-east', REPLICA],
      ipAddresses: [{ type: 'PRIVATE', ipAddress: '10.20.0.3' }],
      settings: {
        settingsVersion: { value: '7' },
        activationPolicy: 'ALWAYS',
        availabilityType: 'ZONAL',
        tier: 'db-custom-4-16384',
        deletionProtectionEnabled: { value: true },
        backupConfiguration: { enabled: { value: true }, pointInTimeRecoveryEnabled: { value: true } },
      },
    });
    const [replica] = await clients.instances.get({ project, instance: REPLICA });
    expect(replica).toMatchObject({
      instanceType: 'READ_REPLICA_INSTANCE',
      masterInstanceName: 'coditect-prod:coditect-dms-db',
      replicaNames: [],
    });
    const [list] = await clients.instances.list({ project });
    expect(list.items?.map(({ name }) => name)).toEqual([PRIMARY, 'coditect-dms-db-east', REPLICA]);
  });

  it('promotes, and reads the operation with its user and its times', async () => {
    const [operation] = await clients.instances.promoteReplica({ project, instance: REPLICA });
    expect(operation).toMatchObject({ status: 'PENDING', operationType: 'PROMOTE_REPLICA', targetId: REPLICA });
    const busy = await refusalOf(clients.instances.promoteReplica({ project, instance: REPLICA }));
    expect(busy.code).toBe(10); // 409 as gax 6 tells it (facts.md 0.1)
    const done = await finish(operation);
    expect(done).toMatchObject({ user: `dr-recover@${project}.iam.gserviceaccount.com`, error: null });
    expect(Number(done.endTime?.seconds)).toBeGreaterThan(Number(done.startTime?.seconds));
    const again = await refusalOf(clients.instances.promoteReplica({ project, instance: REPLICA }));
    expect(again.code).toBe(3);
    const [listed] = await clients.operations.list({ project, instance: REPLICA, maxResults: 10 });
    expect(listed.items?.map(({ operationType }) => operationType)).toEqual(['PROMOTE_REPLICA']);
  });

  it('lists users without their passwords, and sets one', async () => {
    const { users } = as('operator');
    const [{ items }] = await users.list({ project, instance: PRIMARY });
    expect(items?.map(({ name, password }) => `${name} ${password}`)).toEqual(['dms ', 'postgres ']);
    const [operation] = await users.update({ project, instance: PRIMARY, name: 'dms', body: { password: 'battery' } });
    expect(await finish(operation)).toMatchObject({ operationType: 'UPDATE_USER', targetId: PRIMARY, error: null });
    expect(sandbox.world.sql.fleet.servers.passwordOf(PRIMARY, 'dms')).toBe('battery');
    const unknown = await refusalOf(users.update({ project, instance: PRIMARY, name: 'eve', body: { password: 'x' } }));
    expect(unknown.code).toBe(5);
  });

  it('stops under the version that it read, and is refused under a stale one', async () => {
    const stop = (value: number) =>
      clients.instances.patch({
        project,
        instance: PRIMARY,
        body: { settings: { activationPolicy: 'NEVER', settingsVersion: { value } } },
      });
    expect((await refusalOf(stop(6))).code).toBe(9);
    const [operation] = await stop(7);
    await finish(operation);
    const [stopped] = await clients.instances.get({ project, instance: PRIMARY });
    expect(stopped).toMatchObject({
      state: 'RUNNABLE',
      settings: {
        activationPolicy: 'NEVER',
        settingsVersion: { value: '8' },
        deletionProtectionEnabled: { value: true },
      },
    });
  });

  it('protects the new primary, creates a replica under it and takes a backup', async () => {
    await finish((await clients.instances.promoteReplica({ project, instance: REPLICA }))[0]);
    const protection = {
      availabilityType: 'REGIONAL' as const,
      backupConfiguration: { enabled: { value: true }, pointInTimeRecoveryEnabled: { value: true } },
      deletionProtectionEnabled: { value: true },
    };
    await finish((await clients.instances.patch({ project, instance: REPLICA, body: { settings: protection } }))[0]);
    const body = {
      name: 'coditect-dms-db-replica-2',
      masterInstanceName: REPLICA,
      region: 'us-east1',
      databaseVersion: 'POSTGRES_15' as const,
      settings: { tier: 'db-custom-4-16384' },
    };
    await finish((await clients.instances.insert({ project, body }))[0]);
    const [created] = await clients.instances.get({ project, instance: body.name });
    expect(created).toMatchObject({ state: 'RUNNABLE', masterInstanceName: `coditect-prod:${REPLICA}` });
    await finish((await clients.backups.insert({ project, instance: REPLICA, body: { description: 'after' } }))[0]);
    const [runs] = await clients.backups.list({ project, instance: REPLICA });
    expect(runs.items).toMatchObject([{ status: 'SUCCESSFUL', type: 'ON_DEMAND', description: 'after' }]);
  });

  it('sees a restart that is DONE and has failed', async () => {
    sandbox.world.disasters.break('primary-database');
    const done = await finish((await clients.instances.restart({ project, instance: PRIMARY }))[0]);
    expect(done.error?.errors).toMatchObject([{ code: 'INTERNAL_ERROR' }]);
  });

  it('export to a bucket, import from there into a new instance, and restore a backup into it', async () => {
    const person = as('operator');
    const uri = 'gs://coditect-dms-backups/daily/now.sql.gz';
    const wanted = { fileType: 'SQL' as const, uri, databases: ['dms'] };
    const exported = await person.instances.export({ project, instance: PRIMARY, body: { exportContext: wanted } });
    expect((await finish(exported[0])).error).toBeNull();
    const body = { name: 'restored', region: 'us-central1', databaseVersion: 'POSTGRES_15' as const };
    await finish((await person.instances.insert({ project, body }))[0]);
    await finish((await person.databases.insert({ project, instance: 'restored', body: { name: 'dms' } }))[0]);
    const importContext = { fileType: 'SQL' as const, uri, database: 'dms' };
    const refused = await person.instances.import({ project, instance: 'restored', body: { importContext } });
    expect((await finish(refused[0])).error?.errors?.[0]?.message).toContain('storage.objects.get');
    const [backups] = await person.backups.list({ project, instance: PRIMARY });
    const backupRunId = backups.items?.[0]?.id ?? '';
    const restoreBackupContext = { backupRunId, instanceId: PRIMARY, project };
    const restored = await person.instances.restoreBackup({
      project,
      instance: 'restored',
      body: { restoreBackupContext },
    });
    expect(await finish(restored[0])).toMatchObject({ operationType: 'RESTORE_VOLUME', error: null });
  });

  it('are refused what their account may not do, and what does not exist', async () => {
    expect((await refusalOf(as('heal').instances.promoteReplica({ project, instance: REPLICA }))).code).toBe(7);
    expect((await refusalOf(as('notify').instances.get({ project, instance: PRIMARY }))).code).toBe(7);
    expect((await refusalOf(clients.instances.get({ project, instance: 'nobody' }))).code).toBe(5);
    expect((await refusalOf(clients.instances.get({ project: 'other', instance: PRIMARY }))).code).toBe(7);
    const stranger = connect(sandbox.port, 'no token of this sandbox');
    expect((await refusalOf(stranger.instances.get({ project, instance: PRIMARY }))).code).toBe(16);
  });

  it('meet faults at the door as the real API shows them', async () => {
    const { faults } = sandbox.world.kernel;
    faults.inject({ what: { kind: 'throttled' }, on: { api: 'sqladmin' }, count: 1 });
    expect((await refusalOf(clients.instances.get({ project, instance: PRIMARY }))).code).toBe(8);
    faults.inject({ what: { kind: 'serverError' }, on: { api: 'sqladmin' }, count: 1 });
    expect((await refusalOf(clients.instances.get({ project, instance: PRIMARY }))).code).toBe(14);
    faults.inject({
      what: { kind: 'loseReplyAfter' },
      on: { permission: 'cloudsql.instances.promoteReplica' },
      count: 1,
    });
    const lost = clients.instances.promoteReplica({ project, instance: REPLICA }, { timeout: 300 });
    expect((await refusalOf(lost)).code).toBe(4);
    expect(sandbox.world.kernel.audit.effects('cloudsql.instances.promoteReplica')).toHaveLength(1);
    const [found] = await clients.operations.list({ project, instance: REPLICA });
    expect(found.items).toMatchObject([{ operationType: 'PROMOTE_REPLICA' }]);
  });

  it('read series late, newest point first, and aggregated if they ask for it', async () => {
    const filter =
      'metric.type = "cloudsql.googleapis.com/database/up" AND resource.labels.database_id = "coditect-prod:coditect-dms-db"';
    const interval = {
      startTime: { seconds: (clock.now() - minutes(8)) / 1_000 },
      endTime: { seconds: clock.now() / 1_000 },
    };
    const name = `projects/${project}`;
    const [series] = await as('tick').metrics.listTimeSeries({ name, filter, interval, view: 'FULL' });
    expect(series).toHaveLength(1);
    expect(series[0]).toMatchObject({
      resource: { type: 'cloudsql_database', labels: { region: 'us-central' } },
      metricKind: 'GAUGE',
      valueType: 'INT64',
    });
    const times = series[0]?.points?.map(({ interval: at }) => Number(at?.endTime?.seconds)) ?? [];
    expect(times).toEqual([...times].sort((a, b) => b - a));
    expect(clock.now() / 1_000 - (times[0] ?? 0)).toBeGreaterThanOrEqual(90);
    expect(series[0]?.points?.[0]?.value?.int64Value).toBe('1');
    const aggregation = {
      alignmentPeriod: { seconds: 120 },
      perSeriesAligner: 'ALIGN_MIN' as const,
      crossSeriesReducer: 'REDUCE_SUM' as const,
    };
    const everything = 'metric.type = "cloudsql.googleapis.com/database/up"';
    const [sums] = await as('tick').metrics.listTimeSeries({ name, filter: everything, interval, aggregation });
    expect(sums[0]?.points?.at(-1)?.value?.doubleValue).toBe(3);
    const bad = as('tick').metrics.listTimeSeries({ name, filter: 'resource.type = "x"', interval });
    expect((await refusalOf(bad)).code).toBe(3);
    expect((await refusalOf(as('notify').metrics.listTimeSeries({ name, filter, interval }))).code).toBe(7);
  });

  it('read the alert policies that are evaluated', async () => {
    const [policies] = await as('operator').policies.listAlertPolicies({ name: `projects/${project}` });
    expect(policies.map(({ displayName }) => displayName)).toEqual([
      'dr-cloudsql-primary-down',
      'dr-app-5xx',
      'dr-cloudrun-5xx',
      'dr-uptime',
      'dr-pod-not-ready',
      'dr-pod-crashloop',
      'dr-cloudrun-no-instance',
      'dr-cloudrun-slow',
      'dr-cloudsql-mass-change',
      'dr-secret-read',
      'dr-database-user-changed',
      'dr-project-policy-changed',
    ]);
    expect(policies.find(({ displayName }) => displayName === 'dr-secret-read')).toMatchObject({
      conditions: [
        { conditionMatchedLog: { labelExtractors: { principal: expect.stringContaining('principalEmail') } } },
      ],
      alertStrategy: { notificationRateLimit: { period: { seconds: '3600' } } },
    });
    const [policy] = await as('operator').policies.getAlertPolicy({ name: policies[0]?.name ?? '' });
    expect(policy).toMatchObject({
      userLabels: { dr_scenario: 'database-primary-failure', dr_target: PRIMARY },
      conditions: [{ conditionThreshold: { comparison: 'COMPARISON_LT', duration: { seconds: '60' } } }, {}],
      combiner: 'OR',
      severity: 'CRITICAL',
    });
    sandbox.world.monitoring.setPolicies([]);
    const [none] = await as('operator').policies.listAlertPolicies({ name: `projects/${project}` });
    expect(none).toEqual([]);
  });
});
