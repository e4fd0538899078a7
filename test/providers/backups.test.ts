import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { minutes, seconds } from '../../shared/core/time.ts';
import { createCloudSqlBackups } from '../../shared/providers/cloud-sql-backups.ts';
import { createCloudSqlDatabases } from '../../shared/providers/cloud-sql-databases.ts';
import { createCloudStorageDumps } from '../../shared/providers/cloud-storage-dumps.ts';
import type { GoogleAccess } from '../../shared/providers/google-call.ts';
import { createHttpContents } from '../../shared/providers/http-contents.ts';
import { instanceName } from '../../shared/system/names.ts';
import { startSandbox } from './sandbox-world.ts';

// Backups, copies and what is in them: the real clients against the sandbox, each with the identity of one of our functions.

const PRIMARY = instanceName('coditect-dms-db');
const COPY = instanceName(REFERENCE.restored);
const DAILY = 'gs://coditect-dms-backups/daily/';

let sandbox: Awaited<ReturnType<typeof startSandbox>>;
let recover: GoogleAccess;
let classify: GoogleAccess;
let heal: GoogleAccess;

beforeAll(async () => {
  sandbox = await startSandbox();
  recover = await sandbox.as('recover');
  classify = await sandbox.as('classify');
  heal = await sandbox.as('heal');
});
afterAll(() => sandbox.close());
beforeEach(() => sandbox.world.kernel.faults.clear());

describe('backups', () => {
  it('are listed with when they were taken, by who may only look', async () => {
    const [newest] = await createCloudSqlBackups(classify).runs(PRIMARY);

    expect(newest).toMatchObject({
      instance: PRIMARY,
      kind: 'automated',
      state: 'successful',
      databaseVersion: 'POSTGRES_15',
      startedAt: sandbox.world.sql.fleet.backups[0]?.startedAt,
    });
  });

  it('are none, and for good, where the instance is gone', async () => {
    const asked = createCloudSqlBackups(classify).runs(instanceName('nobody'));

    await expect(asked).rejects.toMatchObject({ kind: 'permanent', code: 'notFound' });
  });
});

describe('dumps', () => {
  it('are listed by generation, size and checksum, the newest first', async () => {
    const dumps = await createCloudStorageDumps(classify, createCloudSqlBackups(classify)).dumps(DAILY);

    expect(dumps).toHaveLength(3);
    const known = sandbox.world.storage.object('coditect-dms-backups', dumps[0]?.name ?? '');
    expect(dumps[0]).toEqual({
      bucket: 'coditect-dms-backups',
      name: 'daily/2026-01-05.sql.gz',
      generation: String(known.generation),
      bytes: known.content.length,
      crc32c: known.crc32c,
      writtenAt: known.createdAt,
    });
  });

  it('can’t be listed in a bucket that is not there', async () => {
    await expect(
      createCloudStorageDumps(classify, createCloudSqlBackups(classify)).dumps('gs://nobodys-bucket/'),
    ).rejects.toMatchObject({
      kind: 'permanent',
    });
  });

  it('are listed again after a busy answer, which is for the engine to do', async () => {
    sandbox.world.kernel.faults.inject({ what: { kind: 'serverError' }, on: { api: 'storage' }, count: 1 });
    const dumps = createCloudStorageDumps(classify, createCloudSqlBackups(classify));

    await expect(dumps.dumps(DAILY)).rejects.toMatchObject({ kind: 'retryable' });
    expect(await dumps.dumps(DAILY)).toHaveLength(3);
  });
});

describe('a clone', () => {
  const CLONE = instanceName('coditect-dms-db-recovery');

  it('is made by `heal`, marked and deleted by `recover`, and holds the moment that was asked for', async () => {
    const backups = createCloudSqlBackups(recover);
    const databases = createCloudSqlDatabases(recover);
    const contents = createHttpContents(recover);
    sandbox.clock.advanceBy(minutes(5));
    const { latest } = await backups.recoveryWindow(PRIMARY);
    const { earliest } = await createCloudSqlBackups(classify).recoveryWindow(PRIMARY);
    expect(earliest).toBeLessThan(latest);

    const operation = await createCloudSqlBackups(heal).clone(PRIMARY, CLONE, latest);
    sandbox.clock.advanceBy(minutes(20));
    await sandbox.settlePorts();
    expect(await databases.operation(operation)).toMatchObject({ state: 'done', error: undefined, type: 'CLONE' });
    const kept = sandbox.world.sql.fleet.server(PRIMARY).history;
    expect(sandbox.world.sql.fleet.server(CLONE).history.count()).toBe(kept.countAt(latest));

    const { version } = await databases.inspect(CLONE);
    await expect(backups.mark(CLONE, {}, true, String(Number(version) - 1))).rejects.toMatchObject({
      kind: 'conflict',
    });
    await backups.mark(CLONE, { 'dr-incident': 'inc-aaaaaaaaaa' }, true, version);
    sandbox.clock.advanceBy(minutes(5));
    expect(await backups.labels(CLONE)).toEqual({ 'dr-incident': 'inc-aaaaaaaaaa' });
    await expect(backups.remove(CLONE)).rejects.toMatchObject({ kind: 'permanent' });

    await backups.mark(CLONE, {}, false, (await databases.inspect(CLONE)).version);
    sandbox.clock.advanceBy(minutes(5));
    await backups.remove(CLONE);
    sandbox.clock.advanceBy(minutes(10));
    expect(await backups.labels(CLONE)).toBeUndefined();
    expect(await contents.changes(CLONE, latest)).toBeUndefined();
  });

  it('is all that `recover` may delete, and nobody else may delete even that', async () => {
    await expect(createCloudSqlBackups(recover).remove(PRIMARY)).rejects.toMatchObject({ kind: 'permanent' });
    await expect(createCloudSqlBackups(heal).remove(CLONE)).rejects.toMatchObject({ kind: 'permanent' });
    const deletions = sandbox.world.kernel.audit
      .entries()
      .filter(({ call }) => call.permission === 'cloudsql.instances.delete' && call.resource.endsWith(PRIMARY));
    expect(deletions.map(({ result }) => result)).toEqual(['refused']);
  });
});

describe('who changed what', () => {
  it('is told by minute, table and writer, through the data plane', async () => {
    const since = sandbox.clock.now();
    sandbox.clock.advanceBy(seconds(1));
    sandbox.world.sql.rowDisasters.massDelete(PRIMARY, 'tenant');

    const history = await createHttpContents(classify).changes(PRIMARY, since);

    expect(history?.since).toBe(since);
    expect(history?.changes).toContainEqual(
      expect.objectContaining({ table: 'documents', user: 'postgres', application: 'psql', inserted: 0, updated: 0 }),
    );
    expect(history?.changes.every(({ firstAt, lastAt }) => firstAt > since && lastAt >= firstAt)).toBe(true);
  });
});

describe('a copy', () => {
  it('is made like its source, filled from a backup, and tells what is in it', async () => {
    const backups = createCloudSqlBackups(recover);
    const contents = createHttpContents(recover);
    const template = await backups.template(PRIMARY);
    expect(await backups.labels(COPY)).toBeUndefined();

    await backups.create(COPY, template, { 'dr-incident': 'inc-aaaaaaaaaa' });
    sandbox.clock.advanceBy(minutes(15));
    const [run] = await backups.runs(PRIMARY);
    const operation = await backups.restore(COPY, { id: run?.id ?? '', instance: PRIMARY });
    sandbox.clock.advanceBy(minutes(20));
    await sandbox.settlePorts();

    expect(await createCloudSqlDatabases(recover).operation(operation)).toMatchObject({
      state: 'done',
      error: undefined,
      type: 'RESTORE_VOLUME',
    });
    expect(await backups.labels(COPY)).toEqual({ 'dr-incident': 'inc-aaaaaaaaaa' });
    expect(await backups.template(COPY)).toEqual(template);
    const inventory = await contents.inventory(COPY, run?.startedAt);
    expect(inventory?.brokenKeys).toEqual([]);
    expect(inventory?.tables).toContainEqual(expect.objectContaining({ table: 'documents', rows: 184, newer: 0 }));
    expect(await contents.ask(COPY, 'SELECT count(*) FROM documents')).toEqual({ kind: 'value', value: '184' });
    expect(await contents.ask(COPY, 'SELECT count(*) FROM nothing')).toMatchObject({ kind: 'refused' });
  });

  it('is let into a bucket to read a dump, and out again, and the rest of the policy stays', async () => {
    const copies = createCloudSqlBackups(recover);
    const dumps = createCloudStorageDumps(recover, copies);
    const copy = instanceName('of-a-dump');
    const bucket = 'coditect-dms-backups';
    await copies.create(copy, await copies.template(PRIMARY), {});
    sandbox.clock.advanceBy(minutes(15));
    await copies.createDatabase(copy, 'dms');
    sandbox.clock.advanceBy(minutes(1));
    const before = sandbox.world.storage.bucket(bucket).policy.bindings;

    await dumps.admit(copy, bucket);
    expect(await dumps.isAdmitted(copy, bucket)).toBe(true);
    const [dump] = await dumps.dumps(DAILY);
    const operation = await copies.importDump(copy, { bucket, name: dump?.name ?? '' }, 'dms');
    sandbox.clock.advanceBy(minutes(10));
    await dumps.dismiss(copy, bucket);

    expect(await createCloudSqlDatabases(recover).operation(operation)).toMatchObject({
      state: 'done',
      error: undefined,
      type: 'IMPORT',
    });
    expect(await copies.databases(copy)).toEqual(['postgres', 'dms']);
    expect(sandbox.world.sql.fleet.server(copy).history.applicationRows()).toContain('before-100');
    expect(await dumps.isAdmitted(copy, bucket)).toBe(false);
    expect(sandbox.world.storage.bucket(bucket).policy.bindings).toEqual(before);
  });

  it('is made by `recover` alone', async () => {
    const backups = createCloudSqlBackups(heal);
    const template = await backups.template(PRIMARY);

    await expect(backups.create(instanceName('another'), template, {})).rejects.toMatchObject({ kind: 'permanent' });
  });

  it('that is not there can’t be asked', async () => {
    const contents = createHttpContents(recover);

    expect(await contents.inventory(instanceName('nobody'), undefined)).toBeUndefined();
    expect(await contents.ask(instanceName('nobody'), 'SELECT 1')).toMatchObject({ kind: 'unanswered' });
  });
});

// Last: what is taken here would be the newest for everything above.
describe('backups that fail', () => {
  it('show the automated one that failed, to the eyes of `tick` too, and the good one after it', async () => {
    const look = async () =>
      (await createCloudSqlBackups(await sandbox.as('tick')).runs(PRIMARY)).map(
        ({ kind, state }) => `${kind} ${state}`,
      );
    sandbox.world.disasters.break('failed-backups', PRIMARY, 'next');
    sandbox.clock.advanceBy(minutes(3));
    expect(await look()).toEqual(['automated failed', 'automated successful']);
    sandbox.world.disasters.mend('failed-backups');
    sandbox.clock.advanceBy(minutes(3));
    expect(await look()).toEqual(['automated successful', 'automated failed', 'automated successful']);
  });
});
