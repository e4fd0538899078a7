import { z } from 'zod';
import type { Table } from '../ports/rows.ts';

// Tables as PostgreSQL's catalogue describes them (15 and later).
//
// Left out: the server's own schemas, ours (`dr_…`), partitions (their table stands for them), views and foreign tables.

const nameOf = (namespace: string, relation: string): string => `${namespace}.nspname || '.' || ${relation}.relname`;

const columnNames = (relation: string, numbers: string): string =>
  `(select json_agg(a.attname order by k.n) from unnest(${numbers}) with ordinality k(number, n)
    join pg_attribute a on a.attrelid = ${relation} and a.attnum = k.number)`;

/** One row, `tables`: everything as JSON. The caller sets `search_path` to `pg_catalog`, so that types of people's own are qualified. */
export const SCHEMA_SQL = `
select coalesce(json_agg(json_build_object(
  'name', ${nameOf('n', 'c')},
  'hasRowSecurity', c.relrowsecurity,
  'columns', coalesce((
    select json_agg(json_build_object(
      'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
      'isRequired', a.attnotnull, 'isGenerated', a.attgenerated <> '') order by a.attname::text collate "C")
    from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '[]'),
  'key', coalesce((
    select ${columnNames('c.oid', 'i.indkey::int2[]')} from pg_index i where i.indrelid = c.oid and i.indisprimary), '[]'),
  'foreignKeys', coalesce((
    select json_agg(json_build_object(
      'constraint', f.conname, 'columns', ${columnNames('c.oid', 'f.conkey')},
      'table', ${nameOf('tn', 't')}, 'to', ${columnNames('t.oid', 'f.confkey')}, 'isDeferrable', f.condeferrable)
      order by f.conname::text collate "C")
    from pg_constraint f join pg_class t on t.oid = f.confrelid join pg_namespace tn on tn.oid = t.relnamespace
    where f.conrelid = c.oid and f.contype = 'f' and f.conparentid = 0), '[]'),
  'sequences', coalesce((
    select json_agg(json_build_object(
      'sequence', format('%I.%I', sn.nspname, s.relname), 'column', a.attname,
      'start', q.seqstart::text, 'increment', q.seqincrement::text) order by s.relname::text collate "C")
    from (
      select d.objid as sequence, d.refobjsubid as number from pg_depend d
      where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid
        and d.refobjsubid > 0 and d.deptype in ('a', 'i')
      union
      select d.refobjid, e.adnum from pg_attrdef e
      join pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = e.oid and d.refclassid = 'pg_class'::regclass
      where e.adrelid = c.oid) used
    join pg_class s on s.oid = used.sequence and s.relkind = 'S' join pg_namespace sn on sn.oid = s.relnamespace
    join pg_sequence q on q.seqrelid = s.oid
    join pg_attribute a on a.attrelid = c.oid and a.attnum = used.number), '[]'),
  'triggers', coalesce((
    select json_agg(json_build_object('name', g.tgname, 'on', array_remove(array[
      case when g.tgtype & 4 > 0 then 'insert' end,
      case when g.tgtype & 16 > 0 then 'update' end,
      case when g.tgtype & 8 > 0 then 'delete' end], null)) order by g.tgname::text collate "C")
    from pg_trigger g where g.tgrelid = c.oid and not g.tgisinternal and g.tgenabled in ('O', 'A')), '[]')
) order by ${nameOf('n', 'c')} collate "C"), '[]')::text as tables
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence <> 't'
  and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and c.relname !~ '^dr_'`;

const names = z.array(z.string());
const tableWire = z.object({
  name: z.string(),
  hasRowSecurity: z.boolean(),
  columns: z.array(z.object({ name: z.string(), type: z.string(), isRequired: z.boolean(), isGenerated: z.boolean() })),
  key: names,
  foreignKeys: z.array(
    z.object({ constraint: z.string(), columns: names, table: z.string(), to: names, isDeferrable: z.boolean() }),
  ),
  sequences: z.array(z.object({ sequence: z.string(), column: z.string(), start: z.string(), increment: z.string() })),
  triggers: z.array(z.object({ name: z.string(), on: z.array(z.enum(['insert', 'update', 'delete'])) })),
});

const wire = z.tuple([z.object({ tables: z.string() })]);

/** Reads the answer to `SCHEMA_SQL`. Throws `z.ZodError` on anything else. */
export const parseSchema = (rows: unknown): readonly Table[] => {
  const [{ tables }] = wire.parse(rows);
  return z.array(tableWire).parse(JSON.parse(tables));
};
