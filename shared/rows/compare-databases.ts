import { unreachable } from '../core/assert.ts';
import { err, ok, type Result } from '../core/result.ts';
import type { Instant } from '../core/time.ts';
import type {
  RowKey,
  RowPlace,
  RowReader,
  RowText,
  RowVersion,
  Slice,
  Table,
  TableName,
  TenantPath,
} from '../ports/rows.ts';
import { differences, type Difference, type Looked } from './compare.ts';
import { fingerprintOf } from './fingerprint.ts';
import { keyOrders, keyText } from './key-order.ts';
import {
  ABSENT,
  type Operation,
  SET_BYTES_MAX,
  SET_ROWS_MAX,
  type SetEntry,
  type SetHeader,
  writeLine,
} from './reviewed-set.ts';
import { orderTables, type TableCycle } from './table-order.ts';

// Compares a source (a clone, a restored backup) with production, table by table, and writes what would bring production's rows to
// what the source says: a reviewed set, as soon as somebody has reviewed it. Nothing is changed.

/** Differences whose rows are fetched at once. */
const BATCH = 200;

/** Rows of one kind that are shown as samples, of each table, and characters of a value. */
const SAMPLES_MAX = 5;
const SHOWN_MAX = 80;

/** What is compared with what. */
export interface ComparisonRequest {
  readonly incident: string;
  readonly at: Instant;
  readonly source: { readonly place: RowPlace; readonly reader: RowReader };
  readonly production: { readonly place: RowPlace; readonly reader: RowReader };
  /** As production has them. */
  readonly tables: readonly Table[];
  /** Only this tenant's rows; each table has a path then. */
  readonly tenant: { readonly value: string; readonly paths: ReadonlyMap<TableName, TenantPath> } | undefined;
  /** What the set may do. Without `delete` nothing that was added since is touched; without `update` no row that is there. */
  readonly operations: readonly Operation[];
  /** Columns whose values are not shown in samples, as `schema.table.column`. */
  readonly hidden: ReadonlySet<string>;
}

/** One row as an example. Values are cut, and hidden where dr.yaml says so. */
export interface Sample {
  readonly key: RowKey;
  /** For a changed row the columns that differ, else all. */
  readonly columns: Readonly<Record<string, { readonly source?: string | null; readonly production?: string | null }>>;
}

/** What was found in one table. */
export interface TableComparison {
  readonly table: TableName;
  readonly rows: { readonly source: number; readonly production: number };
  /** In the source only; different; in production only. */
  readonly missing: number;
  readonly changed: number;
  readonly added: number;
  readonly samples: { readonly missing: Sample[]; readonly changed: Sample[]; readonly added: Sample[] };
}

/** What came of it. */
export interface Comparison {
  readonly header: SetHeader;
  readonly tables: readonly TableComparison[];
  /** Lines that the set has besides its header; `undefined` when they would be more than a set may hold: what was written is no set then. */
  readonly entries: number | undefined;
}

/** Compares, and hands the set's lines to `write`, the header first. Rejects with `PortError`. */
export async function compareDatabases(
  request: ComparisonRequest,
  write: (text: string) => Promise<void>,
): Promise<Result<Comparison, TableCycle>> {
  const order = orderTables(request.tables);
  if (!order.ok) return err(order.error);
  const header = headerOf(request, order.value);
  await write(writeLine(header));
  const sizes = { entries: 0, bytes: 0 };
  const tables: TableComparison[] = [];
  for (const table of order.value) {
    tables.push(
      await compareTable(request, table, async (entries) => {
        const text = entries.map(writeLine).join('');
        sizes.entries += entries.length;
        sizes.bytes += Buffer.byteLength(text);
        if (text !== '' && fits(sizes)) await write(text);
      }),
    );
  }
  return ok({ header, tables, entries: fits(sizes) ? sizes.entries : undefined });
}

const fits = ({ entries, bytes }: { readonly entries: number; readonly bytes: number }): boolean =>
  entries <= SET_ROWS_MAX && bytes <= SET_BYTES_MAX;

function headerOf(
  { incident, at, source, production, tenant, operations }: ComparisonRequest,
  tables: readonly Table[],
): SetHeader {
  const paths = Object.fromEntries(
    [...(tenant?.paths ?? [])]
      .filter(([name]) => tables.some((table) => table.name === name))
      .map(([name, { hops, column }]) => [
        name,
        { column, hops: hops.map((hop) => ({ columns: [...hop.columns], table: hop.table, to: [...hop.to] })) },
      ]),
  );
  return {
    kind: 'dr.rows',
    version: 1,
    incident,
    source: namedIn(source.place),
    production: namedIn(production.place),
    comparedAtMs: at,
    undoes: null,
    schema: fingerprintOf(tables),
    tables: tables.map(({ name }) => name),
    operations: [...operations],
    tenant: tenant === undefined ? null : { value: tenant.value, paths },
  };
}

const namedIn = ({ instance, database }: RowPlace) => ({ instance, database });

async function compareTable(
  { source, production, tenant, operations, hidden }: ComparisonRequest,
  table: Table,
  put: (entries: readonly SetEntry[]) => Promise<void>,
): Promise<TableComparison> {
  const path = tenant?.paths.get(table.name);
  const slice: Slice =
    tenant === undefined || path === undefined ? { kind: 'all' } : { kind: 'tenant', path, tenant: tenant.value };
  const looked: Looked = { source: 0, production: 0 };
  const found = { missing: 0, changed: 0, added: 0 };
  const samples: TableComparison['samples'] = { missing: [], changed: [], added: [] };
  const walk = differences(
    source.reader.hashes(table, slice),
    production.reader.hashes(table, slice),
    keyOrders(table),
    looked,
  );
  for await (const batch of inBatches(walk)) {
    const isWanted = (difference: Difference): boolean =>
      samples[difference.kind].length < SAMPLES_MAX || operations.includes(OPERATION[difference.kind]);
    const wanted = batch.filter(isWanted);
    const mine = await versionsOf(
      source.reader,
      table,
      wanted.filter(({ kind }) => kind !== 'added'),
    );
    const unlike = wanted.filter(({ kind }) => kind !== 'missing').slice(0, 2 * SAMPLES_MAX);
    const theirs =
      samples.changed.length + samples.added.length < 2 * SAMPLES_MAX
        ? await versionsOf(production.reader, table, unlike)
        : new Map<string, RowVersion>();
    for (const difference of batch) {
      found[difference.kind] += 1;
      const [ours, other] = [mine, theirs].map((rows) => rows.get(keyText(difference.key))?.row);
      const shown = samples[difference.kind];
      const isKnown = difference.kind === 'missing' ? ours !== undefined : other !== undefined;
      if (shown.length < SAMPLES_MAX && isKnown) shown.push(sampleOf(table, difference.key, ours, other, hidden));
    }
    await put(wanted.flatMap((difference) => entryOf(table, difference, operations, mine) ?? []));
  }
  return { table: table.name, rows: { ...looked }, ...found, samples };
}

/** What would bring a difference to the source's side. */
const OPERATION: Readonly<Record<Difference['kind'], Operation>> = {
  missing: 'insert',
  changed: 'update',
  added: 'delete',
};

function entryOf(
  { name: table }: Table,
  difference: Difference,
  operations: readonly Operation[],
  source: ReadonlyMap<string, RowVersion>,
): SetEntry | undefined {
  if (!operations.includes(OPERATION[difference.kind])) return undefined;
  const { key } = difference;
  if (difference.kind === 'added') return { table, operation: 'delete', key, reviewed: difference.production };
  const found = source.get(keyText(key));
  if (found === undefined) return undefined;
  const { row, hash } = found;
  switch (difference.kind) {
    case 'missing':
      return { table, operation: 'insert', key, reviewed: ABSENT, row, hash };
    case 'changed':
      return { table, operation: 'update', key, reviewed: difference.production, row, hash };
    default:
      return unreachable(difference);
  }
}

async function versionsOf(
  reader: RowReader,
  table: Table,
  wanted: readonly Difference[],
): Promise<ReadonlyMap<string, RowVersion>> {
  if (wanted.length === 0) return new Map();
  const rows = await reader.versions(
    table,
    wanted.map(({ key }) => key),
  );
  return new Map(rows.map((row) => [keyText(row.key), row]));
}

async function* inBatches(walk: AsyncIterable<Difference>): AsyncGenerator<readonly Difference[]> {
  let batch: Difference[] = [];
  for await (const difference of walk) {
    batch.push(difference);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

function sampleOf(
  table: Table,
  key: RowKey,
  source: RowText | undefined,
  production: RowText | undefined,
  hidden: ReadonlySet<string>,
): Sample {
  const shown = (column: string, row: RowText): string | null => {
    const value = row[column] ?? null;
    if (value !== null && hidden.has(`${table.name}.${column}`)) return '[hidden]';
    return value !== null && value.length > SHOWN_MAX ? `${value.slice(0, SHOWN_MAX)}…` : value;
  };
  const names = table.columns.filter(({ isGenerated }) => !isGenerated).map(({ name }) => name);
  const unlike = names.filter(
    (name) => source === undefined || production === undefined || source[name] !== production[name],
  );
  const columns = unlike.map((name) => [
    name,
    {
      ...(source === undefined ? {} : { source: shown(name, source) }),
      ...(production === undefined ? {} : { production: shown(name, production) }),
    },
  ]);
  return { key, columns: Object.fromEntries(columns) };
}
