import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { seconds } from '../../shared/core/time.ts';
import { RealContents } from '../../sandbox/postgres/real-contents.ts';
import type { ContentsOutcome, DumpRequest, LoadRequest } from '../../sandbox/world/sql-contents.ts';
import { TENANTS } from '../../sandbox/world/sql-schema.ts';
import { PERSON, PRIMARY, REPLICA } from '../world/sql-world.ts';
import { kinds, realFleet } from './fleet.ts';

// Files of the real databases, on each kind of engine.

const ENGINE_MS_MAX = 120_000;
const COUNT = 'select count(*)::int as count from documents';
const EVERYTHING: DumpRequest = { kind: 'sql', database: 'dms', tables: [], what: 'everything' };

describe.each(kinds())('files of the databases on %s', (_name, kindOf) => {
  let fleet: ReturnType<typeof realFleet>;
  let contents: RealContents;

  beforeAll(() => {
    fleet = realFleet(kindOf());
    contents = new RealContents(async () => fleet.databases, fleet.world.servers);
    for (let written = 0; written < 9; written++) fleet.world.write(PRIMARY);
  });

  afterAll(() => fleet.close(), ENGINE_MS_MAX);

  const dump = (instance: string, request: DumpRequest) =>
    new Promise<ContentsOutcome<string>>((done) => contents.dump(instance, request, done));
  const load = (instance: string, request: LoadRequest) =>
    new Promise<ContentsOutcome<{ readonly rows: number }>>((done) => contents.load(instance, request, done));
  const textOf = (outcome: ContentsOutcome<string>): string => {
    if (outcome.kind === 'failed') throw new Error(outcome.message);
    return outcome.value;
  };

  it(
    'hold all of it, from which an instance that was created empty becomes another like it',
    async () => {
      const { world, sql } = fleet;
      const text = textOf(await dump(PRIMARY, EVERYTHING));
      const settings = {};
      const draft = { name: 'restored', region: 'us-central1', databaseVersion: 'POSTGRES_15', settings };
      world.finish(world.admin.insert(PERSON, draft));
      world.fleet.server('restored').history.databases.add('dms');
      expect(await load('restored', { kind: 'sql', database: 'dms', text })).toEqual({
        kind: 'done',
        value: { rows: 3 + 9 * 4 },
      });
      expect(await sql('restored', COUNT)).toEqual([{ count: 9 }]);
      expect(world.has('restored', 'w-9')).toBe(true);
      await expect(sql('restored', 'delete from tenants')).rejects.toMatchObject({ code: '23503' });
      await sql(
        'restored',
        `insert into audit_log (tenant_id, actor, action, document_id, at) select id, 'a', 'b', id, now() from tenants`,
      );
      const documents = { ...EVERYTHING, tables: ['documents'], what: 'dataOnly' } as const;
      // A newer pg_dump writes a word of chance into each file.
      const rows = async (instance: string) =>
        textOf(await dump(instance, documents)).replaceAll(/^\\(un)?restrict .*$/gm, '');
      expect(await rows('restored')).toBe(await rows(PRIMARY));
    },
    ENGINE_MS_MAX,
  );

  it(
    'can be of one customer, and bring back what was deleted, on replicas as well',
    async () => {
      const { world, sql } = fleet;
      const tenant = TENANTS[1].id;
      const query = `select * from documents where tenant_id = '${tenant}'`;
      const text = textOf(await dump(PRIMARY, { kind: 'csv', database: 'dms', query }));
      await sql(PRIMARY, `delete from documents where tenant_id = '${tenant}'`);
      expect(await sql(PRIMARY, COUNT)).toEqual([{ count: 6 }]);
      const back = { kind: 'csv', database: 'dms', table: 'documents', columns: [], text } as const;
      expect(await load(PRIMARY, back)).toEqual({ kind: 'done', value: { rows: 3 } });
      expect(await load(PRIMARY, back)).toMatchObject({ kind: 'failed', code: '23505' });
      world.clock.advanceBy(seconds(10));
      expect(await sql(REPLICA, COUNT)).toEqual([{ count: 9 }]);
    },
    ENGINE_MS_MAX,
  );

  it(
    'are refused in PostgreSQL’s words, and by a server that does not answer not at all',
    async () => {
      const { world } = fleet;
      const text =
        'create table mine (id int primary key);\ninsert into mine values (1);\ninsert into mine values (1);\n';
      expect(await load(PRIMARY, { kind: 'sql', database: 'dms', text })).toMatchObject({ code: '23505' });
      expect(textOf(await dump(PRIMARY, { ...EVERYTHING, tables: ['mine'] }))).toMatch(/^1$/m);
      expect(await load(REPLICA, { kind: 'sql', database: 'dms', text })).toMatchObject({ code: '25006' });
      expect(await dump(PRIMARY, { kind: 'csv', database: 'dms', query: 'select nothing' })).toMatchObject({
        code: '42703',
      });
      expect(await dump(PRIMARY, { ...EVERYTHING, database: 'other' })).toMatchObject({ code: '3D000' });
      world.disasters.breakZone(PRIMARY, 'refuses');
      expect(await dump(PRIMARY, EVERYTHING)).toMatchObject({ code: 'connection' });
    },
    ENGINE_MS_MAX,
  );
});
