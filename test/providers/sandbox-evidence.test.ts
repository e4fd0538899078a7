import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { OPERATOR, REFERENCE } from '../../sandbox/world/reference-system.ts';
import { REFERENCE_EVIDENCE } from '../../sandbox/world/reference-world.ts';
import { after, minutes } from '../../shared/core/time.ts';
import { createCloudSqlBackups } from '../../shared/providers/cloud-sql-backups.ts';
import { createCloudSqlDatabases } from '../../shared/providers/cloud-sql-databases.ts';
import { createCloudStorageVault } from '../../shared/providers/cloud-storage-vault.ts';
import type { GoogleAccess } from '../../shared/providers/google-call.ts';
import { createGoogleLogArchive } from '../../shared/providers/google-log-archive.ts';
import { instanceName } from '../../shared/system/names.ts';
import { startSandbox } from './sandbox-world.ts';

// Where the evidence of a breach goes and comes from: the real clients against the sandbox.

let sandbox: Awaited<ReturnType<typeof startSandbox>>;
let recover: GoogleAccess;
beforeAll(async () => {
  sandbox = await startSandbox();
  recover = await sandbox.as('recover');
});
afterAll(() => sandbox.close());

const { name: BUCKET } = REFERENCE_EVIDENCE;
const operator = { principal: OPERATOR, from: 'internet' } as const;

describe('A bucket of evidence', () => {
  it('says how long it keeps what is in it, and whether for good', async () => {
    const vault = createCloudStorageVault(recover);

    expect(await vault.retention(BUCKET)).toEqual({ seconds: 365 * 86_400, locked: true });
    expect(await vault.retention('coditect-dms-backups')).toEqual({ seconds: null, locked: false });
  });

  it('takes a piece once, tells its generation, and takes nothing else under that name', async () => {
    const vault = createCloudStorageVault(recover);
    await vault.seal(BUCKET, 'inc-a/1.txt', 'GET /admin 200 ü');
    await vault.seal(BUCKET, 'inc-a/1.txt', 'GET /admin 200 ü');
    await expect(vault.seal(BUCKET, 'inc-a/1.txt', 'nothing happened')).rejects.toMatchObject({
      kind: 'permanent',
      code: 'otherContent',
    });

    const [object] = sandbox.world.storage.list(BUCKET, { prefix: 'inc-a/' });
    expect(await vault.sealed(BUCKET, 'inc-a/')).toEqual([
      { name: 'inc-a/1.txt', generation: String(object?.generation), bytes: 17, crc32c: object?.crc32c },
    ]);
    expect(Buffer.from(object?.content ?? []).toString()).toBe('GET /admin 200 ü');
  });

  it('gives nothing back, not even to its owner before its time', async () => {
    const vault = createCloudStorageVault(recover);
    await vault.seal(BUCKET, 'inc-b/1.txt', 'a line');
    const { storageApi } = sandbox.world;
    const at = { bucket: BUCKET, name: 'inc-b/1.txt' };

    expect(storageApi.delete(operator, at, {})).toMatchObject({ kind: 'error', error: { status: 403 } });
    expect(storageApi.allows('dr-recover@coditect-prod.iam.gserviceaccount.com', BUCKET, 'storage.objects.get')).toBe(
      false,
    );
    await expect(createCloudStorageVault(await sandbox.as('heal')).seal(BUCKET, 'x', 'y')).rejects.toMatchObject({
      code: 'forbidden',
    });
  });
});

describe('What Cloud Logging has of an application', () => {
  const probes = { deepHealth: 'https://x/', canary: 'https://x/', vantage: undefined };
  const onRun = {
    kind: 'cloudRun',
    id: 'api-run',
    service: REFERENCE.api,
    region: REFERENCE.region,
    maxInstances: 10,
    slowAfter: undefined,
    databaseSecret: undefined,
    dependsOn: [],
    probes,
  } as const;

  it('is read over several pages, the newest of it, oldest first, and says when there is more', async () => {
    const { world, clock } = sandbox;
    const resource = {
      type: 'cloud_run_revision',
      labels: {
        project_id: REFERENCE.project.id,
        location: REFERENCE.region,
        service_name: REFERENCE.api,
        revision_name: `${REFERENCE.api}-00001-abc`,
      },
    };
    const from = clock.now();
    for (let line = 0; line < 1_205; line += 1) {
      const at = after(from, line);
      world.logs.write({ log: 'run.googleapis.com/stderr', resource, severity: 'INFO', text: `line ${line}`, at });
    }
    clock.advanceBy(minutes(1));
    const archive = createGoogleLogArchive(recover, [onRun]);

    const all = await archive.entries('api-run', from, clock.now(), 5_000);
    expect(all.more).toBe(false);
    const lines = all.entries.filter(({ text }) => text.startsWith('line '));
    expect(lines.map(({ text }) => text)).toEqual(Array.from({ length: 1_205 }, (_, line) => `line ${line}`));
    const part = await archive.entries('api-run', from, after(from, 1_204), 1_100);
    expect(part).toMatchObject({ more: true });
    expect(part.entries).toHaveLength(1_100);
    expect(part.entries.at(-1)?.text).toBe('line 1204');
  });
});

describe('A clone for forensics', () => {
  it('holds what its source holds, says whose it is, and can neither be used nor deleted', async () => {
    const [source, copy] = [instanceName('coditect-dms-db'), instanceName('coditect-dms-db-forensic-a')];
    const { fleet } = sandbox.world.sql;
    const copies = createCloudSqlBackups(recover);
    const databases = createCloudSqlDatabases(recover);
    const before = fleet.server(source).history.applicationRows().length;
    await copies.clone(source, copy, undefined);
    sandbox.clock.advanceBy(minutes(30));
    expect(await databases.inspect(copy)).toMatchObject({ role: 'primary', state: 'runnable' });
    const { version } = await databases.inspect(copy);
    await copies.keep(copy, { 'dr-incident': 'inc-a' }, version);
    sandbox.clock.advanceBy(minutes(5));

    expect(fleet.server(copy).history.applicationRows().length).toBeGreaterThanOrEqual(before);
    expect(await copies.labels(copy)).toMatchObject({ 'dr-incident': 'inc-a' });
    expect(await databases.inspect(copy)).toMatchObject({ deletionProtection: true, activation: 'never' });
    await expect(copies.keep(copy, {}, version)).rejects.toMatchObject({ kind: 'conflict' });
    await expect(copies.clone(source, copy, undefined)).rejects.toMatchObject({ kind: 'conflict' });
  });
});
