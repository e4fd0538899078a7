import { z } from 'zod';
import type { JsonObject } from '../../shared/core/json.ts';
import type { RowChange, Writer } from '../world/row-change.ts';
import type { Engine } from './engine.ts';

// How a primary's commits become changes: triggers write each row that changes into a table of ours, in the same transaction, so that
// what is rolled back is never seen. What triggers can't see (DDL, TRUNCATE, tables without a key) shows in the catalogs' fingerprint
// or is marked, and is replicated as an image of the whole database.
//
// K1. Ours is in a schema whose name begins with `pg_` and in internal triggers, which neither `pg_dump` nor `\d` shows.
// K2. While an engine stands for a replica or a primary that takes no writes, another trigger refuses changes even to a client that
//     has made its transaction READ WRITE.

const SCHEMA = `
set allow_system_table_mods = on;
create schema pg_dr_wal;
create table pg_dr_wal.changes (
  id bigint generated always as identity primary key,
  xid bigint not null default txid_current(),
  writer text not null default session_user,
  application text not null default coalesce(current_setting('application_name', true), ''),
  table_name text not null,
  kind text not null,
  before jsonb,
  after jsonb
);
create function pg_dr_wal.note() returns trigger language plpgsql security definer set search_path = pg_catalog as $body$
begin
  insert into pg_dr_wal.changes (table_name, kind, before, after) values (
    case when tg_table_schema = 'public' then tg_table_name else tg_table_schema || '.' || tg_table_name end,
    lower(tg_op),
    case when tg_op <> 'INSERT' then to_jsonb(old) end,
    case when tg_op <> 'DELETE' then to_jsonb(new) end);
  return null;
end $body$;
create function pg_dr_wal.note_whole() returns trigger language plpgsql security definer set search_path = pg_catalog as $body$
begin
  insert into pg_dr_wal.changes (table_name, kind) values (tg_table_name, 'whole');
  return null;
end $body$;
create function pg_dr_wal.guard() returns trigger language plpgsql as $body$ begin return null; end $body$;
reset allow_system_table_mods;`;

/** Gives every table that has none its triggers. */
const TRIGGERS = `
set allow_system_table_mods = on;
do $body$
declare found record;
begin
  for found in
    select c.oid::regclass as name, exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary) as keyed
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
      and not exists (select from pg_trigger g where g.tgrelid = c.oid and g.tgname = 'dr_wal_note')
  loop
    execute format('create trigger dr_wal_note after insert or update or delete on %s for each %s execute function pg_dr_wal.%s()',
      found.name, case when found.keyed then 'row' else 'statement' end, case when found.keyed then 'note' else 'note_whole' end);
    execute format('create trigger dr_wal_guard before insert or update or delete or truncate on %s for each statement execute function pg_dr_wal.guard()', found.name);
  end loop;
end $body$;
update pg_trigger set tgisinternal = true where tgname in ('dr_wal_note', 'dr_wal_guard') and not tgisinternal;
reset allow_system_table_mods;`;

const CATALOGS = [
  'pg_class',
  'pg_attribute',
  'pg_proc',
  'pg_constraint',
  'pg_index',
  'pg_trigger',
  'pg_attrdef',
  'pg_type',
  'pg_enum',
  'pg_namespace',
  'pg_sequence',
  'pg_rewrite',
  'pg_extension',
  'pg_policy',
];

/** Which rows the catalogs have, by number and newest change. Temporary tables leave it as it is where they can. */
const FINGERPRINT = `select string_agg(part, ' ' order by part) as fingerprint from (${CATALOGS.map(
  (name) =>
    `select '${name}:' || count(*) || ':' || coalesce(max(xmin::text::bigint), 0) as part from ${name}${
      name === 'pg_class' ? " where relpersistence <> 't'" : ''
    }`,
).join(' union all ')}) parts`;

/** What an engine is to the fleet at this moment. */
export type EngineMode = 'primary' | 'readOnly' | 'replica';

/** Makes our own schema and triggers, on an engine that has none. */
export async function installCapture(engine: Engine): Promise<void> {
  const [found] = await engine.query(`select 1 from pg_namespace where nspname = 'pg_dr_wal'`);
  if (found === undefined) await engine.execute(SCHEMA);
  await engine.execute(TRIGGERS);
}

/** Makes the server answer as what it stands for. */
export async function setMode(engine: Engine, mode: EngineMode): Promise<void> {
  const refuse = `raise exception using errcode = '25006', message = format('cannot execute %s in a read-only transaction', tg_op);`;
  await engine.execute(`
set allow_system_table_mods = on;
create or replace function pg_catalog.pg_is_in_recovery() returns boolean language sql stable as $body$ select ${mode === 'replica'} $body$;
create or replace function pg_dr_wal.guard() returns trigger language plpgsql as $body$ begin ${mode === 'primary' ? '' : refuse} return null; end $body$;
reset allow_system_table_mods;`);
}

/** The state of the catalogs: another one means that something was defined, altered, dropped or truncated. */
export async function fingerprint(engine: Engine): Promise<string> {
  const [row] = await engine.query(FINGERPRINT);
  return z.object({ fingerprint: z.string() }).parse(row).fingerprint;
}

/** How far the engine's own log is: while it stays the same, nobody wrote anything. */
export async function logPosition(engine: Engine): Promise<string> {
  const [row] = await engine.query('select pg_current_wal_insert_lsn()::text as position');
  return z.object({ position: z.string() }).parse(row).position;
}

/** A transaction that was committed. `whole`: its changes are not known row by row. */
export interface Captured {
  readonly writer: Writer;
  readonly changes: readonly RowChange[];
  readonly whole: boolean;
}

const capturedWire = z.object({
  xid: z.string(),
  writer: z.string(),
  application: z.string(),
  table_name: z.string(),
  kind: z.enum(['insert', 'update', 'delete', 'whole']),
  before: z.string().nullable(),
  after: z.string().nullable(),
});

/** Takes what was committed since the last time, one entry for each transaction, oldest first. */
export async function takeCaptured(engine: Engine): Promise<readonly Captured[]> {
  const rows = await engine.query(
    `with taken as (delete from pg_dr_wal.changes returning *)
     select xid::text, writer, application, table_name, kind, before::text, after::text from taken order by taken.id`,
  );
  const transactions = new Map<string, { writer: Writer; changes: RowChange[]; whole: boolean }>();
  for (const row of rows) {
    const found = capturedWire.parse(row);
    const writer = { user: found.writer, application: found.application };
    const transaction = transactions.get(found.xid) ?? { writer, changes: [], whole: false };
    transactions.set(found.xid, transaction);
    const { table_name: table, before, after } = found;
    if (found.kind === 'whole') transaction.whole = true;
    else if (found.kind === 'insert' && after !== null)
      transaction.changes.push({ kind: 'insert', table, row: rowOf(after), text: after });
    else if (found.kind === 'update' && before !== null && after !== null)
      transaction.changes.push({ kind: 'update', table, before: rowOf(before), row: rowOf(after), text: after });
    else if (before !== null) transaction.changes.push({ kind: 'delete', table, before: rowOf(before) });
  }
  return [...transactions.values()];
}

const rowOf = (text: string): JsonObject => z.record(z.string(), z.json()).parse(JSON.parse(text));

const sequenceWire = z.object({ sequence: z.string(), value: z.string() });

/** The value that each sequence gave last. */
export async function sequences(engine: Engine): Promise<ReadonlyMap<string, number>> {
  const rows = await engine.query(
    `select format('%I.%I', schemaname, sequencename) as sequence, last_value::text as value
     from pg_sequences where last_value is not null and schemaname !~ '^pg_'`,
  );
  const found = rows.map((row) => sequenceWire.parse(row));
  return new Map(found.map(({ sequence, value }) => [sequence, Number(value)]));
}
