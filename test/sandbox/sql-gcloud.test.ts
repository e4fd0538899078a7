import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { createScaledClock } from '../../sandbox/world/clock.ts';
import { instant } from '../../shared/core/time.ts';
import { COMMAND_MS_MAX, hasGcloud, runGcloud, type Said } from './gcloud.ts';
import { startSqlSandbox, tokenOf } from './sql-sandbox.ts';

// `gcloud sql` against the sandbox on loopback, each test on one of its own and all of them side by side: of the time of a command that
// waits for an operation, gcloud sleeps three seconds.

const START = instant(1_767_607_200_000);
const PRIMARY = 'coditect-dms-db';
const REPLICA = 'coditect-dms-db-replica';

/** Clock time runs so much faster that creating a replica takes a second or two. */
const RATE = 600;

interface Stage {
  readonly world: Awaited<ReturnType<typeof startSqlSandbox>>['world'];
  readonly gcloud: (command: string) => Promise<Said>;
}

/** A test with a sandbox of its own. */
const onSandbox =
  (test: (stage: Stage) => Promise<void>): (() => Promise<void>) =>
  async () => {
    const clock = createScaledClock(RATE, START);
    const sandbox = await startSqlSandbox(clock);
    const folder = await mkdtemp(join(tmpdir(), 'gcloud-'));
    const variables = { CLOUDSDK_API_ENDPOINT_OVERRIDES_SQL: `http://127.0.0.1:${sandbox.port}/` };
    try {
      await test({
        world: sandbox.world,
        gcloud: (command) =>
          runGcloud(['sql', ...command.split(' ')], { folder, token: tokenOf('operator'), variables }),
      });
    } finally {
      clock.close();
      await sandbox.close();
      await rm(folder, { recursive: true });
    }
  };

(hasGcloud() ? describe : describe.skip)('gcloud sql', () => {
  it.concurrent(
    'answers chapter 3.1 of the runbook',
    onSandbox(async ({ gcloud }) => {
      const described = await gcloud(`instances describe ${PRIMARY} --format=json`);
      expect(JSON.parse(described.out)).toMatchObject({
        name: PRIMARY,
        state: 'RUNNABLE',
        settings: { settingsVersion: '7' },
      });
      const list = await gcloud('instances list');
      expect(list.out).toMatch(
        /coditect-dms-db-replica +POSTGRES_15 +us-central1-c +db-custom-4-16384 +- +10\.20\.0\.4 +RUNNABLE/,
      );
      const promoted = await gcloud(`instances promote-replica ${REPLICA}`);
      expect(promoted).toMatchObject({ code: 0 });
      expect(promoted.err).toContain('done');
      const operations = await gcloud(`operations list --instance=${REPLICA}`);
      expect(operations.out).toMatch(/PROMOTE_REPLICA .* DONE/);
      const again = await gcloud(`instances promote-replica ${REPLICA}`);
      expect(again).toMatchObject({ code: 1 });
      expect(again.err).toContain('only valid for read replica instances');
    }),
    5 * COMMAND_MS_MAX,
  );

  it.concurrent(
    'stops, fails to restart in a lost zone, and says so',
    onSandbox(async ({ world, gcloud }) => {
      world.disasters.break('primary-database');
      const restarted = await gcloud(`instances restart ${PRIMARY}`);
      expect(restarted).toMatchObject({ code: 1 });
      expect(restarted.err).toContain('[INTERNAL_ERROR]');
      const stopped = await gcloud(`instances patch ${PRIMARY} --activation-policy=NEVER`);
      expect(stopped).toMatchObject({ code: 0 });
      expect(world.sql.fleet.server(PRIMARY).power).toBe('stopped');
      const refused = await gcloud(`instances patch ${REPLICA} --activation-policy=NEVER`);
      expect(refused).toMatchObject({ code: 1 });
      const protectedOne = await gcloud(`instances delete ${PRIMARY}`);
      expect(protectedOne.err).toContain('protected');
    }),
    5 * COMMAND_MS_MAX,
  );

  it.concurrent(
    'lists users and sets a password',
    onSandbox(async ({ world, gcloud }) => {
      const { servers } = world.sql.fleet;
      const users = await gcloud(`users list --instance=${PRIMARY}`);
      expect(users.out).toMatch(/dms +BUILT_IN\s+postgres +BUILT_IN/);
      const set = await gcloud(`users set-password dms --instance=${PRIMARY} --password=battery`);
      expect(set).toMatchObject({ code: 0 });
      expect(servers.passwordOf(PRIMARY, 'dms')).toBe('battery');
      const unknown = await gcloud(`users set-password mallory --instance=${PRIMARY} --password=battery`);
      expect(unknown).toMatchObject({ code: 1 });
      const replica = await gcloud(`users set-password dms --instance=${REPLICA} --password=battery`);
      expect(replica.err).toContain('read replica');
    }),
    5 * COMMAND_MS_MAX,
  );

  it.concurrent(
    'clones to a moment, creates a replica and lists backups',
    onSandbox(async ({ gcloud }) => {
      const asked = await gcloud(`instances get-latest-recovery-time ${PRIMARY} --format=value(latestRecoveryTime)`);
      const moment = asked.out.trim();
      const cloned = await gcloud(`instances clone ${PRIMARY} recovery --point-in-time=${moment}`);
      expect(cloned).toMatchObject({ code: 0 });
      const created = await gcloud(
        `instances create coditect-dms-db-east2 --master-instance-name=${PRIMARY} --region=us-east1`,
      );
      expect(created).toMatchObject({ code: 0 });
      expect(created.out).toContain('RUNNABLE');
      const backups = await gcloud(`backups list --instance=${PRIMARY}`);
      expect(backups.out).toContain('SUCCESSFUL');
    }),
    5 * COMMAND_MS_MAX,
  );

  it.concurrent(
    'exports, creates a database, and restores a backup, as chapter 6 of the runbook needs it',
    onSandbox(async ({ gcloud }) => {
      const uri = 'gs://coditect-dms-backups/recovery.sql.gz';
      const exported = await gcloud(`export sql ${PRIMARY} ${uri} --database=dms`);
      expect(exported).toMatchObject({ code: 0 });
      const again = await gcloud(`export sql ${PRIMARY} ${uri} --database=dms`);
      expect(again).toMatchObject({ code: 1 });
      expect(again.err).toContain('already exists');
      const created = await gcloud(
        'instances create restored --database-version=POSTGRES_15 --tier=db-custom-4-16384 --region=us-central1',
      );
      expect(created).toMatchObject({ code: 0 });
      expect(await gcloud('databases create dms --instance=restored')).toMatchObject({ code: 0 });
      const imported = await gcloud(`import sql restored ${uri} --database=dms`);
      expect(imported.err).toContain('storage.objects.get');
      const [backup] = JSON.parse((await gcloud(`backups list --instance=${PRIMARY} --format=json`)).out);
      const restored = await gcloud(
        `backups restore ${backup.id} --restore-instance=restored --backup-instance=${PRIMARY}`,
      );
      expect(restored).toMatchObject({ code: 0 });
    }),
    8 * COMMAND_MS_MAX,
  );
});
