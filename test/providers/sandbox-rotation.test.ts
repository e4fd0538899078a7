import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { SecretText } from '../../shared/core/redact.ts';
import { minutes } from '../../shared/core/time.ts';
import { RESTARTED_FOR } from '../../shared/ports/service-restarts.ts';
import { createCloudRunRestarts } from '../../shared/providers/cloud-run-restarts.ts';
import { createCloudSqlDatabases } from '../../shared/providers/cloud-sql-databases.ts';
import { createCloudSqlUsers } from '../../shared/providers/cloud-sql-users.ts';
import type { GoogleAccess } from '../../shared/providers/google-call.ts';
import { createSecretManagerSecrets } from '../../shared/providers/secret-manager-secrets.ts';
import { instanceName } from '../../shared/system/names.ts';
import { startSandbox } from './sandbox-world.ts';

// What a breach response asks of Secret Manager, the cluster and Cloud Run: the real clients against the sandbox.

let sandbox: Awaited<ReturnType<typeof startSandbox>>;
let recover: GoogleAccess;
let heal: GoogleAccess;
beforeAll(async () => {
  sandbox = await startSandbox();
  recover = await sandbox.as('recover');
  heal = await sandbox.as('heal');
});
afterAll(() => sandbox.close());

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

const effects = (permission: string): number => sandbox.world.kernel.audit.effects(permission).length;

describe('Versions of a secret', () => {
  it('lists versions newest first, and disables one that is as it was looked at', async () => {
    const secrets = createSecretManagerSecrets(recover);
    const name = REFERENCE.signingSecret;
    const added = await secrets.add(name, new SecretText('a new one'));
    const [newest, oldest] = await secrets.versions(name);
    expect(newest).toMatchObject({ version: added, state: 'enabled', createdAt: sandbox.clock.now() });
    expect(oldest).toMatchObject({ version: '1', state: 'enabled' });

    await secrets.disable(name, '1', oldest?.etag ?? '');
    expect((await secrets.versions(name)).map(({ state }) => state)).toEqual(['enabled', 'disabled']);
    expect(effects('secretmanager.versions.disable')).toBe(1);
    await expect(secrets.disable(name, added, oldest?.etag ?? '')).rejects.toMatchObject({ kind: 'conflict' });
    await expect(createSecretManagerSecrets(heal).disable(name, added, newest?.etag ?? '')).rejects.toMatchObject({
      code: 'forbidden',
    });
  });
});

describe('Users of a database', () => {
  it('are listed, and given a password by whoever may', async () => {
    const address = async () => ({ host: '127.0.0.1', port: 1, tls: undefined });
    const users = createCloudSqlUsers(recover, address);
    const primary = instanceName('coditect-dms-db');
    expect(await users.list(primary)).toEqual(['dms', 'postgres']);
    const operation = await users.setPassword(primary, 'dms', new SecretText('battery'));
    sandbox.clock.advanceBy(minutes(1));

    const databases = createCloudSqlDatabases(recover);
    expect(await databases.operation(operation)).toMatchObject({
      type: 'UPDATE_USER',
      state: 'done',
      error: undefined,
    });
    expect(sandbox.world.sql.fleet.servers.passwordOf(primary, 'dms')).toBe('battery');
    expect(effects('cloudsql.users.update')).toBe(1);
    await expect(users.setPassword(primary, 'eve', new SecretText('x'))).rejects.toMatchObject({
      kind: 'permanent',
      code: 'notFound',
    });
    await expect(
      createCloudSqlUsers(heal, address).setPassword(primary, 'dms', new SecretText('x')),
    ).rejects.toMatchObject({ code: 'forbidden' });
  });
});

describe('Restarting a Cloud Run service', () => {
  const restarts = (access = recover) => createCloudRunRestarts(access, [onRun]);

  it('gives every instance a new start under a name, and is refused for what is no longer as it was', async () => {
    const { applications } = sandbox.world;
    const instances = () => applications.running().filter(({ place, role }) => place === 'cloudRun' && role === 'api');
    const old = instances();
    const before = await restarts().inspect('api-run');
    expect(before).toMatchObject({ complete: true, restartedFor: undefined });
    await restarts().restart('api-run', 'inc-a/restart', before.etag);
    expect(await restarts().inspect('api-run')).toMatchObject({ restartedFor: 'inc-a/restart', complete: false });
    sandbox.clock.advanceBy(minutes(5));

    expect(await restarts().inspect('api-run')).toMatchObject({ restartedFor: 'inc-a/restart', complete: true });
    expect(instances().length).toBeGreaterThanOrEqual(1);
    expect(instances().filter((process) => old.includes(process))).toEqual([]);
    await expect(restarts().restart('api-run', 'inc-b', before.etag)).rejects.toMatchObject({ kind: 'conflict' });
  });

  it('changes nothing else of it', async () => {
    const { spec } = sandbox.world.run.service({ location: REFERENCE.region, service: REFERENCE.api });
    const { etag } = await restarts().inspect('api-run');
    await restarts().restart('api-run', 'inc-c/restart', etag);

    const now = sandbox.world.run.service({ location: REFERENCE.region, service: REFERENCE.api }).spec;
    const annotations = { ...spec.template.annotations, [RESTARTED_FOR]: 'inc-c/restart' };
    expect(now).toEqual({ ...spec, template: { ...spec.template, annotations } });
  });

  it('is not for who may only look', async () => {
    const own = restarts(await sandbox.as('classify'));
    const { etag } = await own.inspect('api-run');
    await expect(own.restart('api-run', 'inc-a', etag)).rejects.toMatchObject({ code: 'forbidden' });
  });
});
