import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SandboxDatabases } from '../../sandbox/host/databases.ts';
import { Load } from '../../sandbox/load/load.ts';
import { createVirtualClock, type VirtualClock } from '../../sandbox/world/clock.ts';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { SERVICES } from '../../sandbox/world/reference-world.ts';
import { TENANTS } from '../../sandbox/world/sql-schema.ts';
import { createWorld, type World } from '../../sandbox/world/world.ts';
import { instant, minutes, seconds } from '../../shared/core/time.ts';
import { hasPsql, programs } from '../postgres/fleet.ts';

// The databases of a sandbox as a person meets them who types what the runbook says. The clock moves only when it is told to.

const ENGINE_MS_MAX = 180_000;
const PRIMARY = 'coditect-dms-db';
const REPLICA = 'coditect-dms-db-replica';
const PSQL = hasPsql();

let folder: string;
let clock: VirtualClock;
let world: World;
let load: Load;
let databases: SandboxDatabases;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dr-databases-'));
  clock = createVirtualClock(instant(1_767_607_200_000));
  world = createWorld({ clock, seed: 7, publish: () => {} });
  clock.advanceBy(minutes(2));
  load = new Load({ clock, front: world.front, services: [SERVICES.apiGke, SERVICES.apiRun] });
  load.start();
  clock.advanceBy(minutes(1));
  databases = new SandboxDatabases(world, 'embedded', folder);
});

afterAll(async () => {
  await databases.close();
  rmSync(folder, { recursive: true });
}, ENGINE_MS_MAX);

/** A program with the variables that `./dr sandbox env` exports. */
async function typed(program: string, args: readonly string[], instance = PRIMARY) {
  const { ports, passwords, database, user } = await databases.addresses();
  return await programs(program, args, {
    PGHOST: '127.0.0.1',
    PGPORT: String(ports[instance]),
    PGDATABASE: database,
    PGUSER: user,
    PGPASSFILE: passwords,
  });
}

const query = async (sql: string, instance = PRIMARY): Promise<string> =>
  (await typed('psql', ['-X', '-A', '-t', '-c', sql], instance)).stdout.trim();

const COUNT = 'select count(*) from documents';

describe('the databases of a sandbox', () => {
  it(
    'start no engine until somebody asks one something',
    async () => {
      const before = process.memoryUsage().rss;
      expect(Object.keys((await databases.addresses()).ports)).toContain(PRIMARY);
      expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000);
    },
    ENGINE_MS_MAX,
  );

  if (PSQL)
    it(
      'hold what users wrote, whom psql sees by the password of the secret',
      async () => {
        const acknowledged = load.report().reduce((sum, service) => sum + service.acknowledged, 0);
        const documents = Number(await query(COUNT));
        expect(documents).toBeGreaterThanOrEqual(acknowledged);
        const lines = readFileSync((await databases.addresses()).passwords, 'utf8').split('\n');
        const url = world.secrets.readSecret(REFERENCE.databaseSecret) ?? '';
        expect(lines.some((line) => url.includes(`:${line.split(':').at(-1) ?? ''}@`) && line.includes(':dms:'))).toBe(
          true,
        );
        expect(await query('select session_user, current_database()')).toBe('dms|dms');
      },
      ENGINE_MS_MAX,
    );

  if (PSQL)
    it(
      'refuse and carry out chapter 6.2 of the runbook as PostgreSQL does',
      async () => {
        const tenant = TENANTS[1].id;
        const dump = await typed('pg_dump', [
          '--table=documents',
          `--where=tenant_id='${tenant}'`,
          '-f',
          join(folder, 'x.sql'),
        ]);
        expect(dump).toMatchObject({ status: 1, stderr: expect.stringMatching(/unrecognized option '--where/) });

        const file = join(folder, 'tenant.csv');
        const copied = await typed('psql', [
          '-X',
          '-c',
          `\\copy (select * from documents where tenant_id = '${tenant}') to '${file}' csv`,
        ]);
        expect(copied.stdout).toMatch(/^COPY \d+$/m);
        const held = await query(COUNT);
        world.disasters.break('mass-delete');
        expect(Number(await query(COUNT))).toBeLessThan(Number(held));
        const script = join(folder, 'tenant_documents.sql');
        writeFileSync(script, `\\set ON_ERROR_STOP on\n\\copy documents from '${file}' csv\n`);
        expect(await typed('psql', ['-X', '--single-transaction', '-f', script])).toMatchObject({ status: 0 });
        expect(await query(COUNT)).toBe(held);
        // The same file again, as a second try would: nothing is doubled.
        expect(await typed('psql', ['-X', '-f', script])).toMatchObject({
          status: 3,
          stderr: expect.stringContaining('documents_pkey'),
        });
      },
      ENGINE_MS_MAX,
    );

  if (PSQL)
    it(
      'show what a promotion lost, in rows, and the clone from before a corruption',
      async () => {
        const moment = clock.now();
        clock.advanceBy(minutes(2));
        world.disasters.break('data-corruption');
        clock.advanceBy(seconds(30));
        world.disasters.mend('data-corruption');
        const wrong = `select count(*) from documents where body !~ '^What .* says.$'`;
        expect(Number(await query(wrong))).toBeGreaterThan(100);
        clock.advanceBy(minutes(1));
        expect(await query(wrong, REPLICA)).toBe(await query(wrong));
        const operator = { principal: 'operator@coditect.ai', from: 'internet' } as const;
        expect(world.sql.admin.clone(operator, PRIMARY, 'recovered', moment)).toMatchObject({ kind: 'answer' });
        clock.advanceBy(minutes(20));
        expect(await query(wrong, 'recovered')).toBe('0');

        world.sql.disasters.setLag(REPLICA, seconds(90));
        clock.advanceBy(minutes(5));
        load.stop();
        world.disasters.break('primary-database');
        world.sql.admin.promoteReplica(operator, REPLICA);
        clock.advanceBy(minutes(10));
        const there = await databases.documents(REPLICA);
        const lost = load.loss((id) => there.has(id));
        expect(lost.lost).toBeGreaterThan(100);
        expect(lost).toEqual(load.loss((id) => world.sql.fleet.server(REPLICA).history.hasApplicationRow(id)));
        expect((await typed('psql', ['-X', '-c', COUNT])).stderr).toContain('Connection refused');
      },
      ENGINE_MS_MAX,
    );
});
