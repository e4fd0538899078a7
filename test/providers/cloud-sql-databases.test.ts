import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { millis, seconds } from '../../shared/core/time.ts';
import type { DatabaseRedundancy, DatabaseRemedies, Databases } from '../../shared/ports/databases.ts';
import { createCloudSqlDatabases } from '../../shared/providers/cloud-sql-databases.ts';
import { instanceName } from '../../shared/system/names.ts';
import { endpointsAt, identity, startVendorServer } from './vendor-server.ts';
import type { VendorServer } from './vendor-server.ts';

// The adapter with the real client, over answers shaped as Google documents them.

let server: VendorServer;
let databases: Databases & DatabaseRemedies & DatabaseRedundancy;
const us = identity();

beforeAll(async () => {
  server = await startVendorServer();
  databases = createCloudSqlDatabases({ project: 'coditect-prod', endpoints: endpointsAt(server.base), identity: us });
});
afterAll(() => server.close());

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

  it('restarts with an empty body, and fails over with the version that the decision saw', async () => {
    server.answer({ status: 200, body: operation });
    expect(await databases.restart(db)).toBe('op-1');
    expect(asked()).toBe('POST /v1/projects/coditect-prod/instances/coditect-dms-db/restart');
    expect(body()).toBe('');
    expect(await databases.failover(db, '7')).toBe('op-1');
    expect(asked()).toBe('POST /v1/projects/coditect-prod/instances/coditect-dms-db/failover');
    expect(body()).toEqual({ failoverContext: { settingsVersion: '7' } });
    server.answer({
      status: 412,
      body: { error: { code: 412, message: 'stale', errors: [{ reason: 'conditionNotMet' }] } },
    });
    await expect(databases.failover(db, '6')).rejects.toMatchObject({ kind: 'conflict' });
  });

  it.each(['reset', 'close', 'half', 'silence'] as const)(
    'never repeats a promotion, a restart or a failover whose reply was lost (%s)',
    async (loss) => {
      const hasty = createCloudSqlDatabases({
        project: 'p',
        endpoints: endpointsAt(server.base),
        identity: us,
        // Only silence is ended by the limit. On a machine that has other work it may end a request before it left: none was repeated then.
        limits: { reads: seconds(20), writes: loss === 'silence' ? millis(300) : seconds(20) },
      });
      for (const ask of [() => hasty.promote(db), () => hasty.restart(db), () => hasty.failover(db, '7')]) {
        server.answer(loss);
        await expect(ask()).rejects.toMatchObject({ kind: 'ambiguous' });
        if (loss === 'silence') expect(server.seen.length).toBeLessThanOrEqual(1);
        else expect(server.seen).toHaveLength(1);
      }
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
