import type { Slice, Table, TableName, TenantPath } from '../ports/rows.ts';
import { assert } from '../core/assert.ts';

// The statements by which rows are read, locked and changed. Pure. Names come from the catalogue and are quoted; values are always
// parameters, which the server reads as the column's own type.

const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** A table as SQL names it. The catalogue's names have no dot of their own in the schema that we write them under. */
export function tableSql(name: TableName): string {
  const dot = name.indexOf('.');
  assert(dot > 0, 'a table is named with its schema');
  return `${identifier(name.slice(0, dot))}.${identifier(name.slice(dot + 1))}`;
}

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** Settings under which every text of a value is written (R1 of ports/rows.ts), and what bounds a session of ours. */
export const SESSION_SETTINGS = [
  `set local datestyle = 'ISO, YMD'`,
  `set local intervalstyle = 'iso_8601'`,
  `set local timezone = 'UTC'`,
  `set local bytea_output = 'hex'`,
  `set local extra_float_digits = 3`,
  // A policy that would hide rows is an error, and not a smaller answer.
  `set local row_security = off`,
].join('; ');

/** Columns that are hashed and written, in the order of their names. */
const valueColumns = ({ columns }: Table): Table['columns'] =>
  columns.filter(({ isGenerated }) => !isGenerated).toSorted((a, b) => (a.name < b.name ? -1 : 1));

const textsOf = (table: Table): string =>
  `array[${valueColumns(table)
    .map(({ name }) => `t.${identifier(name)}::text`)
    .join(', ')}]`;

const hashOf = (table: Table): string => `encode(sha256(convert_to((${textsOf(table)})::text, 'UTF8')), 'hex')`;

const keyOf = ({ key }: Table): string => `array[${key.map((name) => `t.${identifier(name)}::text`).join(', ')}]`;

const rowOf = (table: Table): string => {
  const names = valueColumns(table).map(({ name }) => literal(name));
  return `json_object(array[${names.join(', ')}], ${textsOf(table)})`;
};

const typeOf = (table: Table, name: string): string => {
  const column = table.columns.find((known) => known.name === name);
  assert(column !== undefined, `${table.name} has the column ${name}`);
  return column.type;
};

/** From a table along its path; the last alias has the tenant's column. */
function joinsOf({ hops }: TenantPath): { readonly joins: string; readonly last: string } {
  let last = 't';
  const joins = hops.map(({ columns, table, to }, index) => {
    const alias = `hop${index}`;
    const on = columns.map((column, at) => `${alias}.${identifier(to[at] ?? '')} = ${last}.${identifier(column)}`);
    last = alias;
    return ` left join ${tableSql(table)} ${alias} on ${on.join(' and ')}`;
  });
  return { joins: joins.join(''), last };
}

const tenantOf = (path: TenantPath): { readonly joins: string; readonly tenant: string } => {
  const { joins, last } = joinsOf(path);
  return { joins, tenant: `${last}.${identifier(path.column)}` };
};

/** Integers and UUIDs in the server's own order, which is the same everywhere; all else by the bytes of its text. */
const orderOf = (table: Table): string =>
  table.key
    .map((name) => {
      const column = `t.${identifier(name)}`;
      const isNative = ['smallint', 'integer', 'bigint', 'uuid'].includes(typeOf(table, name));
      return isNative ? column : `${column}::text collate "C"`;
    })
    .join(', ');

/** Keys and hashes of a slice, in order, to be read through a cursor. */
export function hashesSql(
  table: Table,
  slice: Slice,
  cursor: string,
): { readonly text: string; readonly values: string[] } {
  const path = slice.kind === 'all' ? undefined : tenantOf(slice.path);
  const where = path === undefined ? '' : ` where ${path.tenant} = $1`;
  const select = `select ${keyOf(table)} as key, ${hashOf(table)} as hash from ${tableSql(table.name)} t${path?.joins ?? ''}${where} order by ${orderOf(table)}`;
  return {
    text: `declare ${cursor} no scroll cursor for ${select}`,
    values: slice.kind === 'all' ? [] : [slice.tenant],
  };
}

/** Keys as JSON, each an array of texts, in a parameter. */
const matches = (table: Table, element: string): string =>
  table.key
    .map((name, index) => `t.${identifier(name)} = (${element} ->> ${index})::${typeOf(table, name)}`)
    .join(' and ');

/** The rows of keys, `$1`, in the order of the keys; locked one after the other, with `isLocking`. */
export const versionsSql = (table: Table, isLocking: boolean): string =>
  `select ${keyOf(table)} as key, ${hashOf(table)} as hash, ${rowOf(table)}::text as row
   from jsonb_array_elements(($1::text)::jsonb) with ordinality k(key, n) join ${tableSql(table.name)} t on ${matches(table, 'k.key')}
   order by k.n${isLocking ? ' for update of t' : ''}`;

/** Rows and the sum of their hashes' first 60 bits, by tenant where there is a path. */
export function talliesSql(table: Table, path: TenantPath | undefined): string {
  const found = path === undefined ? { joins: '', tenant: `''` } : tenantOf(path);
  return `select tenant, count(*)::text as rows, coalesce(sum(('x' || left(hash, 15))::bit(60)::bigint), 0)::text as sum
   from (select (${found.tenant})::text as tenant, ${hashOf(table)} as hash from ${tableSql(table.name)} t${found.joins}) counted group by tenant`;
}

const valueOf = (table: Table, name: string): string => `(e.value ->> ${literal(name)})::${typeOf(table, name)}`;

/** Rows as JSON, each an object of texts, `$1`. Numbers of identity columns are written as they were. */
export function insertSql(table: Table): string {
  const names = valueColumns(table).map(({ name }) => name);
  return `insert into ${tableSql(table.name)} (${names.map(identifier).join(', ')}) overriding system value
   select ${names.map((name) => valueOf(table, name)).join(', ')} from jsonb_array_elements(($1::text)::jsonb) e`;
}

/** Rows as for `insertSql`; what is in the key stays. */
export function updateSql(table: Table): string {
  const { key } = table;
  const names = valueColumns(table).map(({ name }) => name);
  const set = names
    .filter((name) => !key.includes(name))
    .map((name) => `${identifier(name)} = ${valueOf(table, name)}`);
  const where = key.map((name) => `t.${identifier(name)} = ${valueOf(table, name)}`);
  return `update ${tableSql(table.name)} t set ${set.join(', ')} from jsonb_array_elements(($1::text)::jsonb) e where ${where.join(' and ')}`;
}

/** Keys as for `versionsSql`. */
export const deleteSql = (table: Table): string =>
  `delete from ${tableSql(table.name)} t using jsonb_array_elements(($1::text)::jsonb) e where ${matches(table, 'e.value')}`;
