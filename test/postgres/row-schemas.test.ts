import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { ImportOutcome } from '../../shared/rows/import-set.ts';
import { PRIMARY } from '../world/sql-world.ts';
import { kinds } from './fleet.ts';
import { rowStage } from './row-stage.ts';

// Rows of tables that are not as simple as the reference application's, on each kind of engine: every type that has a text, keys of
// several columns, rows that point at their own table, triggers, cascades.

const ENGINE_MS_MAX = 120_000;

const ODD = `
create type mood as enum ('sad', 'glad');
create table odd (
  part text, number numeric(20, 5), primary key (part, number),
  at timestamptz, span interval, bytes bytea, real float8, flags boolean, list text[], doc jsonb, raw json, feeling mood,
  address inet, range tstzrange, padded varchar(12), "Strange ""name" text, twice int generated always as (length(part) * 2) stored
);
insert into odd values
  ('ä ''quoted'', "x" \\ y', 1.50000, '2026-02-03 04:05:06.789+02', '1 mon 2 days 03:04:05.6', '\\x00ff10', 0.1, true,
   array['a', null, 'NULL', '{}', ''], '{"b": [1, 2.50], "a": null}', '{"z" : 1,  "a":2}', 'glad', '10.0.0.1', '[2026-01-01,2026-02-01)', 'padded', E'two\\nlines'),
  ('', -3, 'infinity', null, null, 'NaN', null, '{}', null, null, null, null, 'empty', null, null),
  ('Z', 1e10, '0044-03-15 12:00:00+00 BC', '-00:00:01', '\\x', '-Infinity', false, '{{1,2},{3,4}}', '"𐀀"', 'null', 'sad', '::1/64', '(,)', '', '');`;

const TREE = `
create table tree (id int primary key, parent int references tree (id), name text not null);
insert into tree values (1, null, 'root'), (5, 1, 'leaf'), (3, 5, 'below a greater number'), (4, 3, 'deep');`;

const WATCHED = `
create table seen (id bigint generated always as identity primary key, what text);
create table watched (id int primary key, what text);
create function watch() returns trigger language plpgsql as $$ begin insert into public.seen (what) values (new.what); return new; end $$;
create trigger watch after insert or update on watched for each row execute function watch();
insert into watched values (1, 'one'), (2, 'two');`;

const CASCADING = `
create table owner (id int primary key, name text);
create table pet (id int primary key, owner int not null references owner (id) on delete cascade, tag text);
insert into owner values (1, 'one'), (2, 'two'); insert into pet values (10, 1, 'a'), (11, 2, 'b');`;

const refusalOf = (outcome: ImportOutcome): string => (outcome.kind === 'refused' ? outcome.code : outcome.kind);

describe.each(kinds())('rows of other schemas on %s', (_name, kindOf) => {
  let stage: ReturnType<typeof rowStage>;

  beforeAll(async () => {
    stage = rowStage(kindOf());
    for (const schema of [ODD, TREE, WATCHED, CASCADING]) await stage.sql(PRIMARY, schema);
    stage.clone('before');
    // It starts now, and no test waits for it.
    await stage.sql('before', 'select 1');
  }, ENGINE_MS_MAX);

  beforeEach(() => {
    stage.world.write(PRIMARY);
  });

  afterAll(() => stage.close(), ENGINE_MS_MAX);

  it(
    'come back with every value as it was',
    async () => {
      const { sql, compare, importText } = stage;
      const all = 'select odd::text as row from odd order by 1';
      const before = await sql(PRIMARY, all);
      await sql(PRIMARY, `delete from odd where part = ''; update odd set number = number, at = now(), list = null`);
      const only = ['public.odd'];
      const { text, found } = await compare('before', { only });
      expect(found.tables).toEqual([expect.objectContaining({ missing: 1, changed: 2, added: 0 })]);
      expect(refusalOf(await importText(text))).toBe('imported');
      expect(await sql(PRIMARY, all)).toEqual(before);
      expect((await compare('before', { only })).found.entries).toBe(0);
    },
    ENGINE_MS_MAX,
  );

  it(
    'that point at their own table come back in one statement, and go by a set that asks for it',
    async () => {
      const { sql, compare, importText, files } = stage;
      const only = ['public.tree'];
      await sql(PRIMARY, `delete from tree where id in (3, 4, 5)`);
      const { text } = await compare('before', { only });
      expect(refusalOf(await importText(text))).toBe('imported');
      expect(await sql(PRIMARY, 'select count(*)::int from tree')).toEqual([{ count: 4 }]);
      const undo = [...files].findLast(([name]) => name.startsWith('undo'))?.[1] ?? '';
      expect(refusalOf(await importText(undo))).toBe('imported');
      expect(await sql(PRIMARY, 'select id from tree')).toEqual([{ id: 1 }]);
    },
    ENGINE_MS_MAX,
  );

  it(
    'are refused where a trigger would fire that nobody has allowed, and where an allowed one changes another table',
    async () => {
      const { sql, compare, importText } = stage;
      await sql(PRIMARY, `update watched set what = 'wrong' where id = 1; delete from seen`);
      const { text } = await compare('before', { only: ['public.watched'] });
      expect(refusalOf(await importText(text))).toBe('triggerWouldFire');
      const triggers = new Set(['public.watched.watch']);
      expect(refusalOf(await importText(text, { triggers }))).toBe('otherRowsTouched');
      expect(await sql(PRIMARY, 'select what from watched where id = 1')).toEqual([{ what: 'wrong' }]);
      expect(await sql(PRIMARY, 'select count(*)::int from seen')).toEqual([{ count: 0 }]);
    },
    ENGINE_MS_MAX,
  );

  it(
    'are refused where a deletion would take rows of a table along that is not in the set',
    async () => {
      const { sql, compare, importText } = stage;
      await sql(PRIMARY, `insert into owner values (3, 'new'); insert into pet values (12, 3, 'c')`);
      const { text } = await compare('before', { only: ['public.owner'], operations: ['delete'] });
      expect(refusalOf(await importText(text))).toBe('otherRowsTouched');
      expect(await sql(PRIMARY, 'select count(*)::int from pet')).toEqual([{ count: 3 }]);
    },
    ENGINE_MS_MAX,
  );

  it(
    'are refused after a migration',
    async () => {
      const { sql, compare, importText } = stage;
      await sql(PRIMARY, `update pet set tag = 'wrong' where id = 10`);
      const { text } = await compare('before', { only: ['public.pet'] });
      await sql(PRIMARY, 'alter table pet add column age int');
      expect(refusalOf(await importText(text))).toBe('schemaChanged');
    },
    ENGINE_MS_MAX,
  );
});
