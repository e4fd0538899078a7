import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { inspect } from 'node:util';
import { SecretText } from '../../shared/core/redact.ts';
import { instant, millis } from '../../shared/core/time.ts';
import type { DatabaseRedundancy, Databases } from '../../shared/ports/databases.ts';
import type { Messages } from '../../shared/ports/messages.ts';
import type { Metrics } from '../../shared/ports/metrics.ts';
import type { Secrets } from '../../shared/ports/secrets.ts';
import type { ServiceScaling, Services } from '../../shared/ports/services.ts';
import { createCloudRunServices } from '../../shared/providers/cloud-run-services.ts';
import { createCloudSqlDatabases } from '../../shared/providers/cloud-sql-databases.ts';
import { crc32c } from '../../shared/providers/crc32c.ts';
import { createMonitoringMetrics } from '../../shared/providers/monitoring-metrics.ts';
import { createPubSubMessages } from '../../shared/providers/pubsub-messages.ts';
import { createSecretManagerSecrets } from '../../shared/providers/secret-manager-secrets.ts';
import { instanceName } from '../../shared/system/names.ts';
import { endpointsAt, identity, startVendorServer } from './vendor-server.ts';
import type { VendorServer } from './vendor-server.ts';

// The adapters with the real clients, over answers shaped as Google documents them.

let server: VendorServer;
let databases: Databases & DatabaseRedundancy;
let services: Services;
let secrets: Secrets;
let metrics: Metrics;
let messages: Messages;
const us = identity();

beforeAll(async () => {
  server = await startVendorServer();
  const access = { project: 'coditect-prod', endpoints: endpointsAt(server.base), identity: us };
  databases = createCloudSqlDatabases(access);
  services = createCloudRunServices(access, [apiOnRun]);
  secrets = createSecretManagerSecrets(access);
  metrics = createMonitoringMetrics(access);
  messages = createPubSubMessages(access);
});
afterAll(() => server.close());

const apiOnRun = {
  kind: 'cloudRun',
  id: 'api-run',
  service: 'coditect-dms-api',
  region: 'us-central1',
  maxInstances: 10,
  databaseSecret: undefined,
  dependsOn: [],
  probes: { deepHealth: 'https://x/', canary: 'https://x/', vantage: undefined },
} as const;

const primary = {
  kind: 'sql#instance',
  name: 'coditect-dms-db',
  instanceType: 'CLOUD_SQL_INSTANCE',
  state: 'RUNNABLE',
  region: 'us-central1',
  databaseVersion: 'POSTGRES_15',
  replicaNames: ['coditect-dms-db-replica'],
  ipAddresses: [
    { type: 'PRIMARY', ipAddress: '192.0.2.1' },
    { type: 'PRIVATE', ipAddress: '10.0.0.3' },
  ],
  settings: {
    settingsVersion: '7',
    activationPolicy: 'ALWAYS',
    availabilityType: 'ZONAL',
    tier: 'db-custom-4-16384',
    backupConfiguration: { enabled: true, pointInTimeRecoveryEnabled: true },
  },
};
const replica = {
  ...primary,
  name: 'coditect-dms-db-replica',
  instanceType: 'READ_REPLICA_INSTANCE',
  masterInstanceName: 'coditect-prod:coditect-dms-db',
  replicaNames: [],
};
const operation = {
  name: 'op-1',
  targetId: 'coditect-dms-db',
  operationType: 'UPDATE',
  status: 'RUNNING',
  insertTime: '2026-11-22T10:00:00.250Z',
  user: 'somebody@example.com',
};
const db = instanceName('coditect-dms-db');
const body = (): unknown => JSON.parse(server.seen.at(-1)?.body ?? '""');
const asked = (): string => `${server.seen.at(-1)?.method} ${server.seen.at(-1)?.url.split('?')[0]}`;

describe('Cloud SQL', () => {
  it('reads an instance with its place in the topology', async () => {
    server.answer({ status: 200, body: replica });
    expect(await databases.inspect(instanceName('coditect-dms-db-replica'))).toMatchObject({
      role: 'replica',
      upstream: 'coditect-dms-db',
      state: 'runnable',
      activation: 'always',
      availability: 'zonal',
      address: '10.0.0.3',
      version: '7',
      backupsEnabled: true,
      deletionProtection: false,
      databaseVersion: 'POSTGRES_15',
    });
  });

  it('refuses to guess what an instance of an unknown type is', async () => {
    server.answer({ status: 200, body: { ...primary, instanceType: 'A_LATER_INVENTION' } });
    await expect(databases.inspect(db)).rejects.toMatchObject({ kind: 'permanent', code: 'unreadable' });
  });

  it('reads all pages of the fleet, without what takes no writes of ours', async () => {
    const pool = { ...primary, name: 'pool', instanceType: 'READ_POOL_INSTANCE' };
    server.answer(({ url }) => ({
      status: 200,
      body: url.includes('pageToken=p2') ? { items: [replica] } : { items: [primary, pool], nextPageToken: 'p2' },
    }));
    expect((await databases.fleet()).map(({ instance }) => instance)).toEqual([
      'coditect-dms-db',
      'coditect-dms-db-replica',
    ]);
  });

  it('promotes with an empty body, once, and names the operation', async () => {
    server.answer({ status: 200, body: operation });
    expect(await databases.promote(instanceName('coditect-dms-db-replica'))).toBe('op-1');
    expect(server.seen).toHaveLength(1);
    expect(asked()).toBe('POST /v1/projects/coditect-prod/instances/coditect-dms-db-replica/promoteReplica');
    expect(body()).toBe('');
  });

  it('stops an instance with the version that the decision saw', async () => {
    server.answer({ status: 200, body: operation });
    await databases.setActivation(db, 'never', '7');
    expect(body()).toEqual({ tags: {}, settings: { userLabels: {}, settingsVersion: '7', activationPolicy: 2 } });
    server.answer({
      status: 412,
      body: { error: { code: 412, message: 'stale', errors: [{ reason: 'conditionNotMet' }] } },
    });
    await expect(databases.setActivation(db, 'never', '6')).rejects.toMatchObject({ kind: 'conflict' });
  });

  it.each(['reset', 'close', 'half', 'silence'] as const)(
    'never repeats a promotion whose reply was lost (%s)',
    async (loss) => {
      const hasty = createCloudSqlDatabases({
        project: 'p',
        endpoints: endpointsAt(server.base),
        identity: us,
        limits: { reads: millis(300), writes: millis(300) },
      });
      server.answer(loss);
      await expect(hasty.promote(db)).rejects.toMatchObject({ kind: 'ambiguous' });
      expect(server.seen).toHaveLength(1);
    },
  );

  it('tells a finished operation from one that failed, and who asked for it', async () => {
    server.answer({
      status: 200,
      body: {
        items: [
          operation,
          {
            ...operation,
            name: 'op-2',
            status: 'DONE',
            insertTime: '2026-11-22T11:00:00Z',
            endTime: '2026-11-22T11:02:00Z',
            error: { errors: [{ code: 'ERROR_RDBMS', message: 'no zone' }] },
          },
        ],
      },
    });
    expect(await databases.operations(db)).toEqual([
      expect.objectContaining({
        name: 'op-2',
        state: 'done',
        error: 'ERROR_RDBMS: no zone',
        endedAt: Date.parse('2026-11-22T11:02:00Z'),
      }),
      expect.objectContaining({
        name: 'op-1',
        state: 'running',
        error: undefined,
        insertedAt: Date.parse('2026-11-22T10:00:00.250Z'),
        user: 'somebody@example.com',
      }),
    ]);
  });

  it('makes a replica of the version and size that its primary has', async () => {
    server.answer(({ method }) => ({ status: 200, body: method === 'GET' ? primary : operation }));
    await databases.createReplica(db, instanceName('new'), 'us-east1');
    expect(body()).toMatchObject({
      name: 'new',
      region: 'us-east1',
      masterInstanceName: 'coditect-dms-db',
      settings: { tier: 'db-custom-4-16384' },
    });
    server.answer(({ method }) =>
      method === 'GET'
        ? { status: 200, body: primary }
        : { status: 409, body: { error: { code: 409, status: 'ALREADY_EXISTS', message: 'there' } } },
    );
    await expect(databases.createReplica(db, instanceName('new'), 'us-east1')).rejects.toMatchObject({
      kind: 'conflict',
      code: 'alreadyExists',
    });
  });

  it('protects an instance and lists its backups', async () => {
    server.answer({ status: 200, body: operation });
    await databases.protect(db, '8');
    expect(body()).toMatchObject({
      settings: {
        settingsVersion: '8',
        availabilityType: 2,
        deletionProtectionEnabled: true,
        backupConfiguration: { enabled: true, pointInTimeRecoveryEnabled: true },
      },
    });
    server.answer({
      status: 200,
      body: {
        items: [
          {
            id: '1795341600123',
            status: 'SUCCESSFUL',
            description: 'after promotion',
            endTime: '2026-11-22T10:00:00Z',
          },
        ],
      },
    });
    expect(await databases.backups(db)).toEqual([
      {
        id: '1795341600123',
        description: 'after promotion',
        successful: true,
        endedAt: Date.parse('2026-11-22T10:00:00Z'),
      },
    ]);
  });

  it('forgets a token that was refused', async () => {
    us.forgotten = 0;
    server.answer({ status: 401, body: { error: { code: 401, message: 'who?', status: 'UNAUTHENTICATED' } } });
    await expect(databases.inspect(db)).rejects.toMatchObject({ kind: 'retryable', code: 'unauthenticated' });
    expect(us.forgotten).toBe(1);
  });
});

describe('Cloud Run', () => {
  const service = {
    name: 'projects/coditect-prod/locations/us-central1/services/coditect-dms-api',
    etag: '"e1"',
    uri: 'https://api.example',
    generation: '3',
    observedGeneration: '3',
    latestReadyRevision: 'projects/1/locations/l/services/s/revisions/api-00003',
    latestCreatedRevision: 'projects/1/locations/l/services/s/revisions/api-00003',
    terminalCondition: { type: 'Ready', state: 'CONDITION_SUCCEEDED' },
  };
  const started = {
    name: 'projects/coditect-prod/locations/us-central1/operations/op-1',
    done: false,
    metadata: { '@type': 'type.googleapis.com/google.cloud.run.v2.Service' },
  };

  const scalings: readonly (readonly [unknown, ServiceScaling])[] = [
    [
      { minInstanceCount: 1, maxInstanceCount: 10 },
      { kind: 'automatic', min: 1, max: 10 },
    ],
    [undefined, { kind: 'automatic', min: 0, max: undefined }],
    [
      { scalingMode: 'MANUAL', manualInstanceCount: 0 },
      { kind: 'manual', instances: 0 },
    ],
  ];

  it.each(scalings)('reads how a service scales: %j', async (scaling, expected) => {
    server.answer({ status: 200, body: { ...service, scaling } });
    expect(await services.inspect('api-run')).toEqual({
      scaling: expected,
      ready: true,
      settled: true,
      etag: '"e1"',
      revision: 'api-00003',
      url: 'https://api.example',
    });
  });

  it('is neither ready nor settled while a newer generation is on its way', async () => {
    server.answer({ status: 200, body: { ...service, generation: '4', reconciling: true } });
    expect(await services.inspect('api-run')).toMatchObject({ ready: false, settled: false });
  });

  it('holds a service by exactly zero instances, under a mask and its etag', async () => {
    server.answer({ status: 200, body: started });
    expect(await services.setScaling('api-run', { kind: 'manual', instances: 0 }, '"e1"')).toBe(started.name);
    expect(body()).toEqual({
      labels: {},
      annotations: {},
      etag: '"e1"',
      scaling: { scalingMode: 2, manualInstanceCount: 0 },
    });
    expect(decodeURIComponent(server.seen.at(-1)?.url ?? '')).toContain(
      'updateMask=scaling.scaling_mode,scaling.manual_instance_count&',
    );
  });

  it('reports a lost race over the etag, and a failed operation', async () => {
    server.answer({ status: 409, body: { error: { code: 409, status: 'ABORTED', message: 'etag' } } });
    await expect(
      services.setScaling('api-run', { kind: 'automatic', min: 1, max: undefined }, '"e0"'),
    ).rejects.toMatchObject({ kind: 'conflict' });
    server.answer({ status: 200, body: { ...started, done: true, error: { code: 9, message: 'no quota' } } });
    expect(await services.operation(started.name)).toEqual({ done: true, error: '9: no quota' });
  });
});

describe('Secret Manager', () => {
  const url = 'postgresql://dms:hunter2@10.0.0.3:5432/dms';
  const version = 'projects/1/secrets/url/versions/4';

  it('reads a payload that arrived whole, as text that prints as nothing', async () => {
    server.answer({
      status: 200,
      body: {
        name: version,
        payload: { data: Buffer.from(url).toString('base64'), dataCrc32c: String(crc32c(Buffer.from(url))) },
      },
    });
    const payload = await secrets.read('url', '4');
    expect(payload.reveal()).toBe(url);
    expect(`${String(payload)} ${JSON.stringify({ payload })} ${inspect(payload)}`).not.toContain('hunter2');
  });

  it('refuses a payload that was damaged on its way', async () => {
    server.answer({
      status: 200,
      body: { name: version, payload: { data: Buffer.from('postgresql://').toString('base64'), dataCrc32c: '1' } },
    });
    await expect(secrets.read('url', '4')).rejects.toMatchObject({ kind: 'retryable', code: 'checksum' });
  });

  it('adds a payload with its checksum, and doubts it when nobody compared it', async () => {
    server.answer({ status: 200, body: { name: version, clientSpecifiedPayloadChecksum: true } });
    expect(await secrets.add('url', new SecretText(url))).toBe('4');
    expect(body()).toEqual({
      payload: { data: Buffer.from(url).toString('base64'), dataCrc32c: String(crc32c(Buffer.from(url))) },
    });
    server.answer({ status: 200, body: { name: version, clientSpecifiedPayloadChecksum: false } });
    await expect(secrets.add('url', new SecretText(url))).rejects.toMatchObject({ kind: 'ambiguous' });
  });

  it('lets no payload out with an error', async () => {
    server.answer('reset');
    const error: unknown = await secrets.add('url', new SecretText(url)).catch((thrown: unknown) => thrown);
    const printed = inspect(error, { depth: 20, showHidden: true });
    expect(printed).not.toContain('hunter2');
    expect(printed).not.toContain(Buffer.from(url).toString('base64').slice(0, 20));
  });

  it('names the newest version, whether or not it can be read', async () => {
    server.answer({ status: 200, body: { name: version, state: 'DISABLED' } });
    expect(await secrets.latest('url')).toEqual({ version: '4', enabled: false });
  });
});

describe('Monitoring and Pub/Sub', () => {
  it('reads points newest first, whatever their type, over all pages', async () => {
    const series = (value: unknown, endTime: string) => ({
      metric: { type: 'm', labels: { state: 'ok' } },
      resource: { type: 'cloudsql_database', labels: { database_id: 'p:db' } },
      points: [
        { interval: { endTime: '2026-11-22T10:00:00Z' }, value: { int64Value: '7' } },
        { interval: { endTime }, value },
      ],
    });
    server.answer(({ url }) => ({
      status: 200,
      body: url.includes('pageToken=p2')
        ? { timeSeries: [series({ boolValue: false }, '2026-11-22T10:02:00Z')] }
        : { timeSeries: [series({ doubleValue: 0.5 }, '2026-11-22T10:01:00.5Z')], nextPageToken: 'p2' },
    }));
    const found = await metrics.series('metric.type = "m"', instant(0), instant(60_000));
    expect(found.map(({ points }) => points)).toEqual([
      [
        { at: Date.parse('2026-11-22T10:01:00.5Z'), value: 0.5 },
        { at: Date.parse('2026-11-22T10:00:00Z'), value: 7 },
      ],
      [
        { at: Date.parse('2026-11-22T10:02:00Z'), value: 0 },
        { at: Date.parse('2026-11-22T10:00:00Z'), value: 7 },
      ],
    ]);
    expect(found[0]?.resource).toEqual({ type: 'cloudsql_database', database_id: 'p:db' });
  });

  it('publishes JSON with attributes, and doubts a message whose reply was lost', async () => {
    server.answer({ status: 200, body: { messageIds: ['1'] } });
    await messages.publish('dr-recover', { incident: 'inc-1', sequence: 4 }, { kind: 'continue' });
    expect(asked()).toBe('POST /v1/projects/coditect-prod/topics/dr-recover:publish');
    expect(body()).toEqual({
      messages: [
        { data: Buffer.from('{"incident":"inc-1","sequence":4}').toString('base64'), attributes: { kind: 'continue' } },
      ],
    });
    server.answer('reset');
    await expect(messages.publish('dr-recover', {})).rejects.toMatchObject({ kind: 'ambiguous' });
    expect(server.seen).toHaveLength(1);
  });
});

it('computes CRC-32C as RFC 3720 does', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
});
