import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SandboxDatabases } from '../../sandbox/host/databases.ts';
import { createVirtualClock, type VirtualClock } from '../../sandbox/world/clock.ts';
import { OPERATOR, REFERENCE } from '../../sandbox/world/reference-system.ts';
import { TENANTS } from '../../sandbox/world/sql-schema.ts';
import { createWorld, type World } from '../../sandbox/world/world.ts';
import { RECOVER_CATALOGUE } from '../../shared/actions/catalogue.ts';
import { SecretText } from '../../shared/core/redact.ts';
import { sha256 } from '../../shared/core/digest.ts';
import type { JsonObject } from '../../shared/core/json.ts';
import { instant, minutes } from '../../shared/core/time.ts';
import type { Progress } from '../../shared/engine/action.ts';
import type { RowFile, RowFiles } from '../../shared/ports/row-files.ts';
import type { RowPlace } from '../../shared/ports/rows.ts';
import { createPostgresRows } from '../../shared/providers/postgres-rows.ts';
import { contextOf } from '../actions/context.ts';
import { JumpingClock } from '../engine/rehearsal.ts';

// One tenant's rows on the databases of a sandbox as they are: a real backup read into a real instance, compared with the primary and
// brought back by the product's own actions over PostgreSQL's protocol. The clock moves only when it is told to.

const ENGINE_MS_MAX = 300_000;
const PRIMARY = 'coditect-dms-db';
const COPY = REFERENCE.restored;
const { id: TENANT } = TENANTS[1];
const PERSON = { principal: OPERATOR, from: 'internet' } as const;
const INCIDENT = 'inc-aaaaaaaaaa';
const PLACE = 'gs://files/inc-aaaaaaaaaa/';

let folder: string;
let clock: VirtualClock;
let world: World;
let databases: SandboxDatabases;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dr-tenant-'));
  clock = createVirtualClock(instant(1_767_607_200_000));
  world = createWorld({ clock, seed: 7, publish: () => {} });
  clock.advanceBy(minutes(3));
  databases = new SandboxDatabases(world, 'embedded', folder, [COPY]);
});

afterAll(async () => {
  await databases.close();
  rmSync(folder, { recursive: true });
}, ENGINE_MS_MAX);

/** Files by their names, each once. */
function memoryFiles() {
  const contents = new Map<string, Uint8Array>();
  const fileOf = (name: string): RowFile => ({
    bucket: 'files',
    name,
    generation: '1',
    bytes: contents.get(name)?.length ?? 0,
  });
  const files: RowFiles = {
    create: async (_place, name, content) => {
      if (contents.has(name)) throw new Error(`${name} is there`);
      contents.set(name, content);
      return fileOf(name);
    },
    newest: async (_place, name) => (contents.has(name) ? fileOf(name) : undefined),
    read: async ({ name }) => contents.get(name) ?? new Uint8Array(),
  };
  return { files, names: () => [...contents.keys()].toSorted() };
}

function actor(files: RowFiles) {
  const serverOf = async ({ instance }: RowPlace) => {
    const { ports, passwords, user } = await databases.addresses();
    const port = ports[instance] ?? 0;
    const line = readFileSync(passwords, 'utf8')
      .split('\n')
      .find((one) => one.startsWith(`127.0.0.1:${port}:*:${user}:`));
    return { host: '127.0.0.1', port, user, password: new SecretText(line?.split(':').at(-1) ?? ''), tls: undefined };
  };
  const context = contextOf({
    clock: new JumpingClock(),
    state: { id: INCIDENT },
    stillOurs: async () => {},
    world: {
      rows: createPostgresRows(serverOf),
      rowFiles: files,
      backups: { labels: async () => ({ 'dr-incident': INCIDENT }) },
    },
  });
  return async (kind: string, input: JsonObject): Promise<Progress> => {
    const action = RECOVER_CATALOGUE[kind];
    if (action === undefined) throw new Error(`there is no action ${kind}`);
    let progress = await action.start(input, null, context);
    while (progress.kind === 'running') progress = await action.poll(progress.handle, input, context);
    expect(await action.verify(input, context)).toMatchObject({ ok: true });
    return progress;
  };
}

const documents = (instance: string) =>
  databases.documents(instance).then((ids) => [...ids].filter((id) => id.startsWith('before-')).length);

describe('one tenant’s rows on the databases of a sandbox', () => {
  it(
    'come back from a backup that was read into an instance which was not there before',
    async () => {
      const { admin, fleet } = world.sql;
      const all = await documents(PRIMARY);
      const backup = fleet.backups.findLast(({ instance, status }) => instance === PRIMARY && status === 'SUCCESSFUL');
      const settings = {};
      admin.insert(PERSON, { name: COPY, region: 'us-central1', databaseVersion: 'POSTGRES_15', settings });
      clock.advanceBy(minutes(15));
      admin.restoreBackup(PERSON, COPY, { backup: backup?.id ?? '', source: PRIMARY });
      clock.advanceBy(minutes(30));
      world.disasters.break('mass-delete', undefined, 'tenant');
      const lost = all - (await documents(PRIMARY));
      expect(lost).toBeGreaterThan(50);
      const { files, names } = memoryFiles();
      const perform = actor(files);
      const login = { database: 'dms', login: 'any' };

      const rows = {
        ...login,
        place: PLACE,
        columns: ['tenant_id'],
        home: 'public.tenants',
        leaveOut: [],
        include: [],
        hide: [],
      };
      const compared = await perform('compare-rows', { copy: COPY, source: PRIMARY, tenant: TENANT, rows });
      expect(compared).toMatchObject({
        kind: 'done',
        detail: expect.stringContaining('public.outbox (outbox and audit'),
      });
      const file = { bucket: 'files', name: 'rows.jsonl', generation: '1', bytes: 1 };
      const digest = sha256(await files.read(file, 1));
      const reviewed = { production: PRIMARY, ...login, digest, file, place: PLACE, triggers: [] };
      const imported = await perform('import-rows', reviewed);

      expect(imported).toMatchObject({ kind: 'done', detail: expect.stringContaining('2 other tenants') });
      expect(names()).toEqual([expect.stringMatching(/comparison/), 'rows.jsonl', expect.stringMatching(/^undo-/)]);
      // What was written after the backup is in no backup.
      expect(all - (await documents(PRIMARY))).toBeLessThan(10);
      expect(await perform('import-rows', reviewed)).toMatchObject({ kind: 'done' });
      expect(names()).toHaveLength(3);
    },
    ENGINE_MS_MAX,
  );
});
