import { afterAll, describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../shared/core/json.ts';
import { minutes, seconds } from '../../shared/core/time.ts';
import { createChance } from '../../sandbox/world/chance.ts';
import { TABLES, TENANTS } from '../../sandbox/world/sql-schema.ts';
import { SqlTables } from '../../sandbox/world/sql-tables.ts';
import { EAST, PERSON, PRIMARY, REPLICA } from '../world/sql-world.ts';
import { kinds, realFleet } from './fleet.ts';

// Whatever clients, the application and disasters do, and in whatever order: an engine holds what the history of its server holds,
// row by row. The history is folded by other code than the engine's (sql-tables.ts).

const ENGINE_MS_MAX = 300_000;
/** Things that happen in one round, between two comparisons. */
const ROUND = 25;

/** Statements of clients, with names for what they find. */
const STATEMENTS = [
  `update documents set title = title || '!' where request_id in (select request_id from documents order by md5(request_id) limit 5)`,
  `delete from documents where id in (select id from documents order by md5(request_id) limit 2)`,
  `insert into document_versions (document_id, version, body, created_at) select id, 2, 'again', now() from documents order by md5(request_id) limit 4`,
  `update document_versions set id = id + 1000000 where id in (select id from document_versions where id < 1000000 and id % 2 = 1 order by id limit 1)`,
  `insert into audit_log (tenant_id, actor, action, document_id, at) select tenant_id, 'psql', 'look', id, now() from documents limit 3`,
  `delete from outbox where id in (select id from outbox order by id limit 3)`,
  `insert into tenants (id, name) values (gen_random_uuid(), gen_random_uuid()::text)`,
  `delete from tenants where name not in (${TENANTS.map(({ name }) => `'${name}'`).join(', ')})`,
  `begin; update documents set body = 'gone' ; rollback`,
  `begin; update documents set title = 'a' where request_id = 'w-1'; update documents set title = 'b' where request_id = 'w-1'; commit`,
] as const;

describe.each(kinds())('an engine of %s', (_name, kindOf) => {
  const fleet = realFleet(kindOf(), { idleInTransactionMax: 500 });
  afterAll(() => fleet.close(), ENGINE_MS_MAX);

  /** Times are written differently and mean the same. */
  const plain = (row: JsonObject): JsonObject =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [
        name,
        typeof value === 'string' && /_at$|^at$/.test(name) ? new Date(value).toISOString() : value,
      ]),
    );
  const inEngine = async (instance: string, table: string): Promise<readonly JsonObject[]> =>
    (await fleet.sql(instance, `select to_jsonb(t) as row from ${table} t`)).map(({ row }) => plain(row));
  const sorted = (rows: readonly JsonObject[]): readonly string[] =>
    rows.map((row) => JSON.stringify(plain(row), Object.keys(row).sort())).sort();

  it(
    'holds what the history of its server holds, whatever happens',
    async () => {
      const { world, sql } = fleet;
      const chance = createChance('replay');
      let round = 0;
      const compare = async (): Promise<void> => {
        round += 1;
        for (const instance of world.servers.names()) {
          if (world.servers.contact('internet', instance) !== 'ok') continue;
          for (const { name } of TABLES) {
            const here = sorted(await inEngine(instance, name));
            const told = sorted(SqlTables.of(world.fleet.server(instance).history).rows(name));
            expect({ round, instance, table: name, rows: here }).toEqual({ round, instance, table: name, rows: told });
          }
        }
      };
      const happen = async (primary: string): Promise<void> => {
        const roll = chance.next();
        if (roll < 0.5) world.write(primary);
        else if (roll < 0.85) await sql(primary, chance.pick(STATEMENTS));
        else if (roll < 0.9)
          world.servers.write('functions', primary, { kind: 'heartbeat', sequence: 1, heartbeatAt: world.clock.now() });
        else world.clock.advanceBy(seconds(chance.between(1, 20)));
      };

      for (let times = 0; times < ROUND; times++) await happen(PRIMARY);
      await compare();
      world.rowDisasters.massDelete(PRIMARY, 'tenant');
      const end = world.rowDisasters.corrupt(() => PRIMARY);
      for (let times = 0; times < ROUND; times++) await happen(PRIMARY);
      end();
      await compare();
      world.disasters.setLag(EAST, minutes(10));
      for (let times = 0; times < ROUND; times++) await happen(PRIMARY);
      await compare();
      world.disasters.breakZone(PRIMARY, 'refuses');
      world.finish(world.admin.promoteReplica(PERSON, REPLICA));
      for (let times = 0; times < ROUND; times++) await happen(REPLICA);
      world.disasters.mendZone(PRIMARY);
      world.clock.advanceBy(minutes(5));
      for (let times = 0; times < ROUND; times++) await happen(PRIMARY);
      await compare();
    },
    ENGINE_MS_MAX,
  );

  it(
    'does not wait for ever for a client that thinks in the middle of a transaction',
    async () => {
      const { sql, connect } = fleet;
      const thinking = await connect(REPLICA);
      await thinking.query('begin; delete from document_versions');
      const [{ count }] = await sql(REPLICA, 'select count(*)::int as count from document_versions');
      expect(count).toBeGreaterThan(0);
      await expect(thinking.query('commit')).rejects.toMatchObject({ code: '25P03' });
    },
    ENGINE_MS_MAX,
  );
});
