import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { z } from 'zod';
import type { Facts } from '../../cli/sandbox-facts.ts';
import { control } from '../../cli/sandbox-facts.ts';
import { sandboxEnv } from '../../cli/sandbox.ts';
import { controlRoutes } from '../../sandbox/host/control.ts';
import { SandboxDatabases } from '../../sandbox/host/databases.ts';
import { FunctionCopies } from '../../sandbox/host/function-copies.ts';
import { type Messaging, startMessaging } from '../../sandbox/host/messaging.ts';
import { NoticeBoard } from '../../sandbox/host/notice-board.ts';
import { type RunningServer, startServer } from '../../sandbox/http/server.ts';
import { Load } from '../../sandbox/load/load.ts';
import { createVirtualClock } from '../../sandbox/world/clock.ts';
import { OPERATOR } from '../../sandbox/world/reference-system.ts';
import { SERVICES } from '../../sandbox/world/reference-world.ts';
import { createWorld, type World } from '../../sandbox/world/world.ts';
import { instant, minutes } from '../../shared/core/time.ts';

// What `./dr sandbox env` prints for psql, asked at the control door of a world without functions. Its clock stands still.

const ENGINE_MS_MAX = 180_000;
const TOKEN = 'token-of-a-test';

let folder: string;
let world: World;
let databases: SandboxDatabases;
let messaging: Messaging;
let server: RunningServer;
let facts: Facts;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dr-env-'));
  const start = instant(1_767_607_200_000);
  const still = createVirtualClock(start);
  const clock = { ...still, start, rate: 1, wallStart: 0, toWall: (length: number) => length, close: () => {} };
  world = createWorld({ clock, seed: 3, publish: () => {} });
  clock.advanceBy(minutes(2));
  const load = new Load({ clock, front: world.front, services: [SERVICES.apiGke] });
  load.start();
  clock.advanceBy(minutes(1));
  databases = new SandboxDatabases(world, 'embedded', folder);
  const { project, kernel } = world;
  messaging = await startMessaging({
    kernel,
    clock,
    project,
    tokenKey: TOKEN,
    disorder: { duplicates: 0, delayMax: minutes(0) },
  });
  const parts = { world, load, messaging, databases, board: new NoticeBoard(), copies: new FunctionCopies() };
  server = await startServer({
    routes: controlRoutes({ ...parts, operator: 'oncall@coditect.ai', approve: '', shutDown: () => {} }),
    principals: (token) => (token === TOKEN ? OPERATOR : undefined),
    clock,
  });
  const url = `http://127.0.0.1:${server.port}`;
  facts = {
    pid: process.pid,
    project: project.id,
    control: url,
    controlToken: TOKEN,
    google: url,
    proxyPort: server.port,
    kubernetes: url,
    kubeconfig: join(folder, 'kubeconfig.json'),
    operatorToken: 'none',
    config: '',
    store: '',
    approve: [],
    status: '',
    rate: 1,
    startWall: 0,
    startClock: 0,
  };
}, ENGINE_MS_MAX);

afterAll(async () => {
  await server.close();
  await databases.close();
  await messaging.stop();
  rmSync(folder, { recursive: true });
}, ENGINE_MS_MAX);

const variables = async (): Promise<Readonly<Record<string, string>>> =>
  Object.fromEntries(
    [...(await sandboxEnv(facts)).stdout.matchAll(/^export (\w+)='([^']*)'$/gm)].map(([, name, value]) => [
      name,
      value,
    ]),
  );

describe('the variables of a sandbox', () => {
  it('lead to the instance that the application uses, to every other one, and to one that is created later', async () => {
    const before = await variables();
    expect(before['PGPORT']).toBe(before['PGPORT_CODITECT_DMS_DB']);
    expect(before['PGPORT_CODITECT_DMS_DB_REPLICA']).toMatch(/^\d+$/);
    expect(before['PGPORT_RECOVERED']).toBeUndefined();
    const operator = { principal: OPERATOR, from: 'internet' } as const;
    expect(world.sql.admin.clone(operator, 'coditect-dms-db', 'recovered', undefined)).toMatchObject({
      kind: 'answer',
    });
    const after = await variables();
    expect(after['PGPORT_RECOVERED']).toMatch(/^\d+$/);
    expect(after['PGPORT_CODITECT_DMS_DB']).toBe(before['PGPORT_CODITECT_DMS_DB']);
  });

  it(
    'are enough to log in, and the control door counts the same rows by SQL',
    async () => {
      const { PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSFILE = '' } = await variables();
      const lines = readFileSync(PGPASSFILE, 'utf8').split('\n');
      const password = lines
        .find((line) => line.startsWith(`127.0.0.1:${PGPORT}:*:${PGUSER}:`))
        ?.split(':')
        .at(-1);
      const login = { host: PGHOST, port: Number(PGPORT), database: PGDATABASE, user: PGUSER, password };
      const client = new pg.Client(login);
      await client.connect();
      const { rows } = await client.query('select count(*)::int as count from documents');
      await client.end();
      const count = world.sql.fleet.server('coditect-dms-db').history.applicationRows().length;
      expect(rows).toEqual([{ count }]);

      const lost = z.object({ primary: z.string(), lost: z.number() });
      const nothing = { primary: 'coditect-dms-db', lost: 0 };
      expect(lost.parse(await control(facts, 'GET', '/rows'))).toEqual(nothing);
      await control(facts, 'POST', '/break', { name: 'mass-delete', variant: 'table' });
      const byRows = lost.parse(await control(facts, 'GET', '/rows'));
      expect(byRows.lost).toBeGreaterThan(50);
      expect(byRows).toEqual(lost.parse(await control(facts, 'GET', '/loss')));
    },
    ENGINE_MS_MAX,
  );
});
