import { z } from 'zod';
import type { DumpRequest } from '../world/sql-contents.ts';
import { type Engine, SqlError } from './engine.ts';
import { runSimple } from './session-sql.ts';

// What `pg_dump --format=plain` writes, out of the catalogs, for an engine that has no pg_dump (PGlite's version is newer than what
// machines have). Tables with their defaults, identities, constraints and indexes, sequences with their values, and rows. Views,
// functions, types and triggers are not written; where a database has some, the dump says so in its head.

type PlainRequest = Extract<DumpRequest, { readonly kind: 'sql' }>;

const identifier = (name: string): string =>
  /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;

const tableWire = z.object({ schema: z.string(), name: z.string(), oid: z.string() });
const columnWire = z.object({
  name: z.string(),
  type: z.string(),
  required: z.boolean(),
  identity: z.string(),
  generated: z.string(),
  otherwise: z.string().nullable(),
});
const definitionWire = z.object({ name: z.string(), kind: z.string(), definition: z.string() });
const indexWire = z.object({ definition: z.string() });
const sequenceWire = z.object({
  name: z.string(),
  type: z.string(),
  value: z.string().nullable(),
  owner: z.string().nullable(),
  identity: z.boolean(),
  options: z.string(),
});

type Table = z.infer<typeof tableWire> & { readonly full: string };

/** The text of a dump. Throws `SqlError` for a table that isn't there. */
export async function writePlainDump(engine: Engine, request: PlainRequest): Promise<string> {
  const tables = await wantedTables(engine, request.tables);
  const [schema, constraints]: [string[], string[]] = [[], []];
  const data: string[] = [];
  for (const table of tables) {
    schema.push(await tableStatement(engine, table));
    const { before, after } = await sequencesOf(engine, table, request.what);
    schema.unshift(...before);
    constraints.push(...after);
    constraints.push(...(await constraintsOf(engine, table)));
    if (request.what !== 'schemaOnly') data.push(await rowsOf(engine, table));
  }
  const parts = [
    ...(request.what === 'dataOnly' ? [] : schema),
    ...data,
    // Those that point at other tables come last.
    ...(request.what === 'dataOnly' ? [] : [...constraints].sort((a, b) => rank(a) - rank(b))),
  ];
  return `--\n-- PostgreSQL database dump\n--\n${await leftOut(engine)}\n${parts.join('\n\n')}\n`;
}

const rank = (statement: string): number => (/ FOREIGN KEY /.test(statement) ? 1 : 0);

async function wantedTables(engine: Engine, names: readonly string[]): Promise<readonly Table[]> {
  const rows = await engine.query(
    `select n.nspname as schema, c.relname as name, c.oid::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' order by c.oid`,
  );
  const all = rows.map((row): Table => {
    const found = tableWire.parse(row);
    return { ...found, full: `${identifier(found.schema)}.${identifier(found.name)}` };
  });
  const matches = (table: Table, name: string): boolean =>
    name === table.name || name === `${table.schema}.${table.name}`;
  const missing = names.find((name) => !all.some((table) => matches(table, name)));
  if (missing !== undefined) throw new SqlError('42P01', `no matching tables were found: ${missing}`);
  return names.length === 0 ? all : all.filter((table) => names.some((name) => matches(table, name)));
}

async function tableStatement(engine: Engine, { oid, full }: Table): Promise<string> {
  const rows = await engine.query(
    `select a.attname as name, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as required,
       a.attidentity as identity, a.attgenerated as generated, pg_get_expr(d.adbin, d.adrelid) as otherwise
     from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
     where a.attrelid = ($1::text)::oid and a.attnum > 0 and not a.attisdropped order by a.attnum`,
    [oid],
  );
  const columns = rows.map((row) => {
    const column = columnWire.parse(row);
    const by = column.identity === 'a' ? 'ALWAYS' : 'BY DEFAULT';
    const value =
      column.generated !== ''
        ? ` GENERATED ALWAYS AS (${column.otherwise ?? ''}) STORED`
        : column.identity !== ''
          ? ` GENERATED ${by} AS IDENTITY`
          : column.otherwise === null
            ? ''
            : ` DEFAULT ${column.otherwise}`;
    return `    ${identifier(column.name)} ${column.type}${value}${column.required ? ' NOT NULL' : ''}`;
  });
  return `CREATE TABLE ${full} (\n${columns.join(',\n')}\n);`;
}

async function constraintsOf(engine: Engine, { oid, full }: Table): Promise<readonly string[]> {
  const constraints = await engine.query(
    `select conname as name, contype as kind, pg_get_constraintdef(oid) as definition from pg_constraint
     where conrelid = ($1::text)::oid and contype in ('p', 'u', 'c', 'f', 'x')
     order by array_position(array['p', 'u', 'c', 'x', 'f'], contype::text), conname`,
    [oid],
  );
  const indexes = await engine.query(
    `select pg_get_indexdef(i.indexrelid) as definition from pg_index i
     where i.indrelid = ($1::text)::oid and not exists (select from pg_constraint c where c.conindid = i.indexrelid and c.contype in ('p', 'u', 'x'))`,
    [oid],
  );
  return [
    ...constraints.map((row) => {
      const { name, definition } = definitionWire.parse(row);
      return `ALTER TABLE ONLY ${full} ADD CONSTRAINT ${identifier(name)} ${definition};`;
    }),
    ...indexes.map((row) => `${indexWire.parse(row).definition};`),
  ];
}

/** Sequences of a table's columns: made before it, owned and set after it; those of identities come with their column. */
async function sequencesOf(
  engine: Engine,
  { oid, full }: Table,
  what: PlainRequest['what'],
): Promise<{ readonly before: readonly string[]; readonly after: readonly string[] }> {
  const rows = await engine.query(
    `select format('%I.%I', s.schemaname, s.sequencename) as name, s.data_type::text as type, s.last_value::text as value,
       quote_ident(a.attname) as owner, d.deptype = 'i' as identity,
       format('START WITH %s INCREMENT BY %s', s.start_value, s.increment_by) as options
     from pg_depend d
     join pg_class c on c.oid = d.objid and c.relkind = 'S'
     join pg_namespace n on n.oid = c.relnamespace
     join pg_sequences s on s.schemaname = n.nspname and s.sequencename = c.relname
     join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
     where d.refobjid = ($1::text)::oid and d.deptype in ('a', 'i')`,
    [oid],
  );
  const [before, after]: [string[], string[]] = [[], []];
  for (const row of rows) {
    const { name, type, value, owner, identity, options } = sequenceWire.parse(row);
    if (identity) after.push(`ALTER SEQUENCE ${name} ${options};`);
    else {
      before.push(`CREATE SEQUENCE ${name} AS ${type} ${options};`);
      after.push(`ALTER SEQUENCE ${name} OWNED BY ${full}.${owner ?? ''};`);
    }
    if (value !== null && what !== 'schemaOnly') after.push(`SELECT pg_catalog.setval('${name}', ${value}, true);`);
  }
  return { before, after };
}

async function rowsOf(engine: Engine, { oid, full }: Table): Promise<string> {
  const rows = await engine.query(
    `select quote_ident(attname) as definition from pg_attribute
     where attrelid = ($1::text)::oid and attnum > 0 and not attisdropped and attgenerated = '' order by attnum`,
    [oid],
  );
  const columns = rows.map((row) => indexWire.parse(row).definition).join(', ');
  const session = await engine.connect({ user: 'postgres', application: 'pg_dump', settings: {} });
  const { copied } = await runSimple(session, `COPY ${full} (${columns}) TO stdout`);
  await session.end();
  return `COPY ${full} (${columns}) FROM stdin;\n${copied.toString('utf8')}\\.\n`;
}

const leftWire = z.object({ kind: z.string(), count: z.string() });

async function leftOut(engine: Engine): Promise<string> {
  const rows = await engine.query(`
    with mine as (select oid from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema')
    select kind, count(*)::text as count from (
      select case relkind when 'v' then 'views' when 'm' then 'materialised views' else 'partitioned tables' end as kind
      from pg_class where relkind in ('v', 'm', 'p') and relnamespace in (select oid from mine)
      union all select 'functions' from pg_proc where pronamespace in (select oid from mine)
      union all select 'types' from pg_type where typtype in ('e', 'd') and typnamespace in (select oid from mine)
      union all select 'triggers' from pg_trigger where not tgisinternal
    ) objects group by kind order by kind`);
  return rows
    .map((row) => leftWire.parse(row))
    .map(({ kind, count }) => `-- Not written by the sandbox: ${count} ${kind}\n`)
    .join('');
}
