import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SecretText } from '../../shared/core/redact.ts';
import { minutes, seconds } from '../../shared/core/time.ts';
import { createLogins } from '../../shared/providers/cloud-sql-users.ts';
import { instanceName } from '../../shared/system/names.ts';
import { TENANTS } from '../../sandbox/world/sql-schema.ts';
import { EAST, PERSON, PRIMARY, RECOVER, REPLICA } from '../world/sql-world.ts';
import { hasPsql, kinds, PASSWORDS, psql, realFleet } from './fleet.ts';

// What clients of PostgreSQL see of the fleet, on each kind of engine. The clock moves only when it is told to.

/** Bounds an engine that hangs; starting one takes seconds on a busy machine. */
const ENGINE_MS_MAX = 120_000;

/** Between two writes of a busy application: more than an engine takes for one, or it would never have them all. */
const BUSY_EVERY_MS = 25;

const PSQL = hasPsql();

const COUNT = 'select count(*)::int as count from documents';
const isFailure = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

describe.each(kinds())('the real databases on %s', (_name, kindOf) => {
  let fleet: ReturnType<typeof realFleet>;

  beforeAll(() => {
    fleet = realFleet(kindOf());
  });

  afterAll(async () => {
    await fleet.close();
  }, ENGINE_MS_MAX);

  it(
    'hold what the application was told is written',
    async () => {
      const { world, sql } = fleet;
      const ids = Array.from({ length: 9 }, () => world.write(PRIMARY));
      expect(await sql(PRIMARY, 'select request_id from documents order by 1')).toEqual(
        ids.map((request_id) => ({ request_id })),
      );
      expect(
        await sql(
          PRIMARY,
          'select (select count(*)::int from tenants) as tenants, count(*)::int, count(distinct tenant_id)::int as of from documents',
        ),
      ).toEqual([{ tenants: TENANTS.length, count: 9, of: 3 }]);
      expect(
        await sql(
          PRIMARY,
          'select count(*)::int from documents d join document_versions v on v.document_id = d.id join outbox o on o.document_id = d.id join audit_log a on a.document_id = d.id',
        ),
      ).toEqual([{ count: 9 }]);
    },
    ENGINE_MS_MAX,
  );

  it(
    'give a replica what clients commit, after its lag, and nothing that was rolled back',
    async () => {
      const { world, connect, sql } = fleet;
      const client = await connect(PRIMARY);
      await client.query('begin');
      await client.query(`update documents set title = 'mine' where request_id = 'w-1'`);
      await client.query('savepoint s');
      await client.query(`delete from documents where request_id = 'w-2'`);
      await client.query('rollback to s');
      expect(await sql(REPLICA, `select title from documents where request_id = 'w-1'`)).toEqual([]);
      await client.query('commit');
      await client.query('begin');
      await client.query('delete from documents');
      await client.query('rollback');
      await client.end();
      expect(await sql(REPLICA, COUNT)).toEqual([{ count: 0 }]);
      world.clock.advanceBy(seconds(10));
      expect(await sql(REPLICA, `select title from documents where request_id in ('w-1', 'w-2') order by 1`)).toEqual([
        { title: 'Document w-2' },
        { title: 'mine' },
      ]);
    },
    ENGINE_MS_MAX,
  );

  it(
    'refuse to write on a replica, which says that it is one, whatever a client sets',
    async () => {
      const { connect } = fleet;
      const client = await connect(REPLICA);
      expect((await client.query('select pg_is_in_recovery() as recovering')).rows).toEqual([{ recovering: true }]);
      const refused = isFailure('25006', /^cannot execute \w+( TABLE)? in a read-only transaction$/);
      await expect(client.query('delete from documents')).rejects.toEqual(refused);
      await expect(client.query('create table mine (id int)')).rejects.toEqual(refused);
      await client.query('begin read write');
      await expect(client.query('delete from documents')).rejects.toEqual(refused);
      await client.query('rollback');
      expect((await client.query(COUNT)).rows).toEqual([{ count: 9 }]);
      await client.end();
    },
    ENGINE_MS_MAX,
  );

  it(
    'throw away what a client defines on a replica by force',
    async () => {
      const { connect, sql } = fleet;
      const client = await connect(REPLICA);
      await client.query('begin read write; create table public.mine (id int primary key); commit');
      await client.end();
      await expect(sql(REPLICA, 'select * from mine')).rejects.toEqual(isFailure('42P01', /mine/));
      expect(await sql(REPLICA, COUNT)).toEqual([{ count: 9 }]);
    },
    ENGINE_MS_MAX,
  );

  it(
    'let nobody in who has another password, or asks for another database',
    async () => {
      const { connect } = fleet;
      await expect(connect(PRIMARY, { password: 'guessed' })).rejects.toEqual(
        isFailure('28P01', /^password authentication failed for user "dms"$/),
      );
      await expect(connect(PRIMARY, { user: 'toString', password: 'x' })).rejects.toEqual(
        isFailure('28P01', /toString/),
      );
      await expect(connect(PRIMARY, { database: 'other' })).rejects.toEqual(
        isFailure('3D000', /^database "other" does not exist$/),
      );
    },
    ENGINE_MS_MAX,
  );

  it(
    'keep what one client has open from another, and take it back when it leaves',
    async () => {
      const { connect, sql } = fleet;
      const [first, second] = [await connect(PRIMARY), await connect(PRIMARY, { application_name: 'second' })];
      await first.query(`set statement_timeout = '77s'`);
      await first.query('begin');
      await first.query(`delete from document_versions`);
      const meanwhile = second.query('select count(*)::int as count from document_versions');
      await first.end();
      expect((await meanwhile).rows).toEqual([{ count: 9 }]);
      const name = `select current_setting('application_name') as name, current_setting('statement_timeout') as timeout`;
      expect((await second.query(name)).rows).toEqual([{ name: 'second', timeout: '0' }]);
      await second.query(`set statement_timeout = '55s'`);
      expect(await sql(PRIMARY, name)).toEqual([{ name: '', timeout: '0' }]);
      expect((await second.query(name)).rows).toEqual([{ name: 'second', timeout: '55s' }]);
      await second.end();
    },
    ENGINE_MS_MAX,
  );

  it(
    'replicate what is defined, altered and truncated, sequences, and rows without a key',
    async () => {
      const { world, connect, sql } = fleet;
      const client = await connect(PRIMARY);
      await client.query('create table notes (id serial primary key, amount numeric, tags text[], body jsonb)');
      await client.query(
        `insert into notes (amount, tags, body) values (1.10, '{a,b}', '{"n": 12345678901234567890}')`,
      );
      await client.query('alter table notes add column more text default $$x$$');
      await client.query(`insert into notes (amount) values (12345678901234567890.123)`);
      await client.query('create table keyless (line text)');
      await client.query(`insert into keyless values ('one'), ('one')`);
      world.write(PRIMARY);
      await client.query('truncate audit_log');
      world.write(PRIMARY);
      world.clock.advanceBy(seconds(10));
      const everything = `select (select json_agg(n order by id) from notes n)::text as notes, (select count(*) from keyless)::int as keyless,
      (select count(*) from audit_log)::int as audit, (${COUNT}) as documents`;
      const [here] = (await client.query(everything)).rows;
      expect(here).toMatchObject({ keyless: 2, audit: 1, documents: 11 });
      expect(here.notes).toContain('12345678901234567890.123');
      expect(await sql(REPLICA, everything)).toEqual([here]);
      // As on a physical replica, it may be ahead by what the log reserves; what was given is not given again.
      const [{ sequence }] = await sql(REPLICA, 'select last_value::int as sequence from notes_id_seq');
      expect(sequence).toBeGreaterThanOrEqual(2);
      await client.query('drop table notes, keyless');
      await client.end();
    },
    ENGINE_MS_MAX,
  );

  it(
    'let nobody in by a password that was changed, on a replica after its lag, and end no session that is open',
    async () => {
      const { world, connect } = fleet;
      const open = await connect(PRIMARY);
      const logsIn = createLogins(async (instance) => {
        const { port } = await fleet.open(instance);
        return { host: '127.0.0.1', port, tls: undefined };
      });
      const isLetIn = (password: string) =>
        logsIn(instanceName(PRIMARY), { user: 'dms', password: new SecretText(password), database: 'dms' });
      expect([await isLetIn(PASSWORDS.dms), await isLetIn('another one')]).toEqual([true, false]);
      world.finish(world.admin.updateUser(PERSON, PRIMARY, 'dms', 'another one'));
      expect([await isLetIn(PASSWORDS.dms), await isLetIn('another one')]).toEqual([false, true]);
      for (const instance of [PRIMARY, REPLICA]) {
        await expect(connect(instance)).rejects.toEqual(isFailure('28P01', /password authentication failed/));
        const client = await connect(instance, { password: 'another one' });
        expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
        await client.end();
      }
      expect((await open.query('select 2 as two')).rows).toEqual([{ two: 2 }]);
      await open.end();
      world.finish(world.admin.updateUser(PERSON, PRIMARY, 'dms', PASSWORDS.dms));
    },
    ENGINE_MS_MAX,
  );

  if (PSQL)
    it(
      'take text by COPY, as psql sends it, whole or not at all',
      async () => {
        const { connect, sql, world } = fleet;
        const { port } = await fleet.open(PRIMARY);
        const typed = (text: string) =>
          psql(
            port,
            ['-v', 'ON_ERROR_STOP=1'],
            `\\copy dr_canary from stdin\n${text}\\.\nselect count(*) from dr_canary;\n`,
          );
        expect(await typed('c1\t2026-01-01\nc2\t2026-01-01\n')).toMatchObject({
          status: 0,
          stdout: expect.stringContaining('2'),
        });
        expect(await typed('c3\t2026-01-01\nc2\t2026-01-01\n')).toMatchObject({
          status: 3,
          stderr: expect.stringContaining('dr_canary_pkey'),
        });
        world.clock.advanceBy(seconds(10));
        expect(await sql(REPLICA, 'select token from dr_canary order by 1')).toEqual([
          { token: 'c1' },
          { token: 'c2' },
        ]);
        const client = await connect(PRIMARY);
        await expect(client.query({ text: 'copy dr_canary from stdin', values: ['x'] })).rejects.toEqual(
          isFailure('0A000', /simple query/),
        );
        expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
        await client.end();
      },
      ENGINE_MS_MAX,
    );

  it(
    'replicate a large transaction as one',
    async () => {
      const { sql, world } = fleet;
      await sql(
        PRIMARY,
        `insert into outbox (tenant_id, topic, document_id, created_at) select '${TENANTS[0].id}', 'bulk', gen_random_uuid(), now() from generate_series(1, 6000)`,
      );
      await sql(PRIMARY, `update outbox set topic = 'changed' where topic = 'bulk'`);
      const bulk = `select count(*)::int as count, max(id)::int as newest from outbox where topic = 'changed'`;
      expect(await sql(REPLICA, bulk)).toEqual([{ count: 0, newest: null }]);
      world.clock.advanceBy(seconds(10));
      expect(await sql(REPLICA, bulk)).toEqual(await sql(PRIMARY, bulk));
    },
    ENGINE_MS_MAX,
  );

  it(
    'refuse the application, too, what they would refuse anybody',
    async () => {
      const { sql, world } = fleet;
      await sql(PRIMARY, 'alter table documents add column owner text not null default $$x$$');
      await sql(PRIMARY, 'alter table documents alter column owner drop default');
      expect(world.write(PRIMARY)).toBeUndefined();
      await sql(PRIMARY, 'alter table documents drop column owner');
      expect(world.write(PRIMARY)).toBeDefined();
    },
    ENGINE_MS_MAX,
  );

  it(
    'refuse it from the moment of the change on, however much it writes meanwhile, and go on',
    async () => {
      const { sql, world } = fleet;
      const altering = sql(
        PRIMARY,
        `alter table documents add column color text; update documents set color = 'x'; alter table documents alter column color set not null`,
      );
      const accepted: string[] = [];
      const busy = setInterval(() => {
        const id = world.write(PRIMARY);
        if (id !== undefined) accepted.push(id);
      }, BUSY_EVERY_MS);
      await altering;
      clearInterval(busy);
      expect(world.write(PRIMARY)).toBeUndefined();
      expect(accepted.length).toBeGreaterThan(0);
      // What came too late for the old table and does not fit into the new one is in neither, and the model says the same.
      const [{ count }] = await sql(PRIMARY, COUNT);
      expect(count).toBe(world.fleet.server(PRIMARY).history.applicationRows().length);
      await sql(PRIMARY, 'alter table documents drop column color');
      expect(world.write(PRIMARY)).toBeDefined();
      world.clock.advanceBy(seconds(10));
      expect(await sql(REPLICA, COUNT)).toEqual(await sql(PRIMARY, COUNT));
    },
    ENGINE_MS_MAX,
  );

  it(
    'clone what was there at a moment, which a mass delete has not reached',
    async () => {
      const { sql, world } = fleet;
      const [before] = await sql(PRIMARY, COUNT);
      const moment = world.clock.now();
      world.clock.advanceBy(seconds(30));
      await sql(PRIMARY, `delete from documents where tenant_id = '${TENANTS[1].id}'`);
      expect(world.has(PRIMARY, 'w-1')).toBe(false);
      world.clock.advanceBy(minutes(1));
      expect((await sql(REPLICA, COUNT))[0]?.count).toBeLessThan(before.count);
      world.finish(world.admin.clone(PERSON, PRIMARY, 'recovered', moment));
      expect(await sql('recovered', COUNT)).toEqual([before]);
      expect(await sql('recovered', `select request_id from documents where request_id = 'w-1'`)).toHaveLength(1);
    },
    ENGINE_MS_MAX,
  );

  it(
    'lose on promotion what had not arrived, and keep it on the old primary',
    async () => {
      const { sql, world, connect } = fleet;
      world.disasters.setLag(EAST, minutes(20));
      await sql(EAST, COUNT);
      world.clock.advanceBy(minutes(1));
      const held = (await sql(PRIMARY, COUNT))[0]?.count;
      await sql(PRIMARY, `insert into dr_canary values ('on the way', now())`);
      const id = world.write(PRIMARY);
      const client = await connect(EAST);
      const ended = new Promise((done) => client.once('end', done));
      world.finish(world.admin.promoteReplica(RECOVER, EAST));
      await (await fleet.open(EAST)).settle();
      await ended;
      expect(await sql(EAST, `select (${COUNT}) as count, pg_is_in_recovery() as recovering`)).toEqual([
        { count: held, recovering: false },
      ]);
      expect(await sql(EAST, `select * from dr_canary where token = 'on the way'`)).toEqual([]);
      await sql(EAST, `insert into dr_canary values ('after', now())`);
      expect(await sql(PRIMARY, `select token from dr_canary where token in ('on the way', 'after')`)).toEqual([
        { token: 'on the way' },
      ]);
      expect(await sql(PRIMARY, 'select request_id from documents where request_id = $1', [id])).toHaveLength(1);
    },
    ENGINE_MS_MAX,
  );

  it(
    'are not to be reached while their host refuses, and are silent while it hangs',
    async () => {
      const { sql, world, connect, open } = fleet;
      const client = await connect(PRIMARY);
      world.disasters.breakZone(PRIMARY, 'refuses');
      await (await open(PRIMARY)).settle();
      await expect(client.query('select 1')).rejects.toThrow();
      await expect(connect(PRIMARY)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
      world.disasters.mendZone(PRIMARY);
      world.clock.advanceBy(minutes(5));
      await (await open(PRIMARY)).settle();
      expect(await sql(PRIMARY, `select token from dr_canary where token = 'on the way'`)).toHaveLength(1);
      world.disasters.breakZone(PRIMARY, 'hangs');
      await (await open(PRIMARY)).settle();
      await expect(connect(PRIMARY, { connectionTimeoutMillis: 300 })).rejects.toThrow(/timeout/);
    },
    ENGINE_MS_MAX,
  );
});
