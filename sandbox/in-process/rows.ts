import { sha256 } from '../../shared/core/digest.ts';
import type { Json, JsonObject } from '../../shared/core/json.ts';
import { toIso } from '../../shared/core/time.ts';
import { PortError } from '../../shared/ports/port-error.ts';
import type {
  ImportRecord,
  RowChange,
  RowKey,
  RowPlace,
  Rows,
  RowText,
  RowVersion,
  RowWriter,
  Slice,
  Table,
  Tally,
  TenantPath,
  Touched,
} from '../../shared/ports/rows.ts';
import type { RowChange as WorldChange, Writer } from '../world/row-change.ts';
import { TABLES, type TableSpec, tableOf } from '../world/sql-schema.ts';
import { RowRefused, SqlTables } from '../world/sql-tables.ts';
import type { World } from '../world/world.ts';
import { type Crossing, travel } from './crossing.ts';

// Rows of the model, for one identity: a session reads the tables as the history has them at its first moment, and what it changes is
// one transaction of that history, unless somebody else has changed one of its rows meanwhile.

/** How we call ourselves. */
const WRITER: Writer = { user: 'dms', application: 'dr-autopilot' };

/** Columns that are numbers; all others are texts. */
const NUMBERS: Readonly<Record<string, readonly string[]>> = {
  document_versions: ['id', 'version'],
  outbox: ['id'],
  audit_log: ['id'],
};

const LOGIN = 'cloudsql.instances.login';

/** Rows for one identity. */
export function inProcessRows(world: World, crossing: Crossing): Rows {
  const { caller, clock, chance } = crossing;
  const { servers } = world.sql.fleet;
  const read = async (instance: string, doing: string): Promise<SqlTables> => {
    await clock.sleep(travel(chance));
    if (!world.kernel.iam.allows(caller.principal, LOGIN)) throw new PortError('permanent', 'forbidden', doing);
    const found = servers.read(caller.from, instance, ({ history }) => SqlTables.of(history));
    if (found.kind === 'read') return found.value;
    throw new PortError('retryable', found.kind === 'connectionRefused' ? found.kind : 'timeout', doing);
  };
  const pause = async (): Promise<void> => {
    await clock.sleep(travel(chance));
  };
  return {
    reading: async ({ instance }, work) => {
      const doing = `reading rows of ${instance}`;
      return await work(new ModelSession(await read(instance, doing), pause, toIso(clock.now())));
    },
    changing: async ({ instance }: RowPlace, work) => {
      const doing = `changing rows of ${instance}`;
      const session = new ModelSession(await read(instance, doing), pause, toIso(clock.now()));
      const end = await work(session);
      if (end.kind === 'rollback') return end.value;
      await pause();
      const now = servers.read(caller.from, instance, ({ history }) => SqlTables.of(history));
      if (now.kind !== 'read' || session.isBehind(now.value)) throw new PortError('retryable', 'serialization', doing);
      const { changes } = session;
      const outcome = servers.write(caller.from, instance, { kind: 'transaction', writer: WRITER, changes });
      if (outcome.kind === 'refusedByServer') throw new PortError('conflict', 'readOnly', doing);
      if (outcome.kind !== 'written') throw new PortError('ambiguous', outcome.kind, doing);
      await pause();
      return end.value;
    },
  };
}

const specOf = (table: Pick<Table, 'name'>): TableSpec => {
  const spec = tableOf(table.name.replace(/^public\./, ''));
  if (spec === undefined) throw new PortError('permanent', 'sql 42P01', `reading ${table.name}`);
  return spec;
};

const describe = ({ name, columns, key, references }: TableSpec): Table => ({
  name: `public.${name}`,
  columns: columns
    .map((column) => ({
      name: column,
      type: NUMBERS[name]?.includes(column) === true ? 'bigint' : 'text',
      isRequired: true,
      isGenerated: false,
    }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  key,
  foreignKeys: references.map(({ column, table }) => ({
    constraint: `${name}_${column}_fkey`,
    columns: [column],
    table: `public.${table}`,
    to: ['id'],
    isDeferrable: false,
  })),
  sequences: [],
  triggers: [],
  hasRowSecurity: false,
});

const textOf = (value: Json | undefined): string | null =>
  value === undefined || value === null ? null : typeof value === 'string' ? value : JSON.stringify(value);

const textsOf = ({ columns }: TableSpec, row: JsonObject): RowText =>
  Object.fromEntries(columns.map((name) => [name, textOf(row[name])]));

/** Rows by the text of their key. */
const indexOf = (spec: TableSpec, tables: SqlTables): Map<string, JsonObject> =>
  new Map(
    tables
      .rows(spec.name)
      .map((row) => [JSON.stringify(spec.key.map((name) => textOf(row[name]) ?? '')), row] as const),
  );

function versionOf(spec: TableSpec, row: JsonObject): RowVersion {
  const { columns, key } = spec;
  const names = [...columns].sort();
  const texts = textsOf(spec, row);
  return {
    key: key.map((name) => texts[name] ?? ''),
    hash: sha256(JSON.stringify(names.map((name) => texts[name]))),
    row: texts,
  };
}

const rowOf = ({ name }: TableSpec, texts: RowText): JsonObject =>
  Object.fromEntries(
    Object.entries(texts).map(([column, text]) => [
      column,
      text !== null && NUMBERS[name]?.includes(column) === true ? Number(text) : text,
    ]),
  );

/** Rows at a chunk of a reading. */
const CHUNK = 100;

class ModelSession implements RowWriter {
  readonly #tables: SqlTables;
  readonly #pause: () => Promise<void>;
  readonly #at: string;
  /** Rows that were locked, and what they were, or that there was none. */
  readonly #locked = new Map<
    string,
    { readonly spec: TableSpec; readonly key: string; readonly hash: string | undefined }
  >();
  readonly #touched = new Map<string, Touched>();
  readonly #byKey = new Map<string, Map<string, JsonObject>>();
  #isExact = true;
  readonly changes: WorldChange[] = [];

  constructor(tables: SqlTables, pause: () => Promise<void>, at: string) {
    this.#at = at;
    this.#tables = tables;
    this.#pause = pause;
  }

  async schema(): Promise<readonly Table[]> {
    await this.#pause();
    return TABLES.filter(({ name }) => !name.startsWith('dr_') && this.#tables.has(name))
      .map(describe)
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  async *hashes(table: Table, slice: Slice): AsyncGenerator<readonly RowVersion[]> {
    const rows = this.#versions(specOf(table))
      .filter(({ row }) => slice.kind === 'all' || this.#tenantOf(row, slice.path) === slice.tenant)
      .toSorted((a, b) => compareIn(table, a.key, b.key));
    for (let from = 0; from < rows.length; from += CHUNK) {
      await this.#pause();
      yield rows.slice(from, from + CHUNK);
    }
  }

  async versions(table: Table, keys: readonly RowKey[]): Promise<readonly RowVersion[]> {
    await this.#pause();
    return keys.flatMap((key) => this.#find(specOf(table), key) ?? []);
  }

  async tallies(table: Table, path: TenantPath | undefined): Promise<ReadonlyMap<string | null, Tally>> {
    await this.#pause();
    const groups = Map.groupBy(this.#versions(specOf(table)), ({ row }) =>
      path === undefined ? '' : this.#tenantOf(row, path),
    );
    const sumOf = (rows: readonly RowVersion[]): bigint =>
      rows.reduce((sum, { hash }) => sum + BigInt(`0x${hash.slice(0, 15)}`), 0n);
    return new Map([...groups].map(([tenant, rows]) => [tenant, { rows: rows.length, sum: sumOf(rows) }]));
  }

  async imported(set: ImportRecord['set']): Promise<ImportRecord | undefined> {
    await this.#pause();
    const found = this.#tables.rows('dr_row_imports').find((row) => row['set_digest'] === set);
    return found === undefined
      ? undefined
      : { set, incident: textOf(found['incident']) ?? '', result: textOf(found['result']) ?? '' };
  }

  async record({ set, incident, result }: ImportRecord): Promise<void> {
    await this.#pause();
    const row = { set_digest: set, incident, imported_at: this.#at, result };
    this.changes.push({ kind: 'insert', table: 'dr_row_imports', row });
  }

  async lock(table: Table, keys: readonly RowKey[]): Promise<readonly RowVersion[]> {
    const found = await this.versions(table, keys);
    const spec = specOf(table);
    for (const key of keys) {
      const text = JSON.stringify(key);
      const hash = found.find((row) => JSON.stringify(row.key) === text)?.hash;
      this.#locked.set(`${spec.name} ${text}`, { spec, key: text, hash });
    }
    return found;
  }

  async apply(table: Table, changes: readonly RowChange[]) {
    await this.#pause();
    const spec = specOf(table);
    return changes.flatMap((change) => {
      const code = this.#change(spec, change);
      if (code === undefined) return [];
      this.#isExact = false;
      return [{ key: change.key, code }];
    });
  }

  async raise(): Promise<void> {
    await this.#pause();
  }

  async settle(): Promise<void> {
    await this.#pause();
  }

  async touched() {
    await this.#pause();
    return { isExact: this.#isExact, tables: [...this.#touched.values()] };
  }

  /** Whether somebody has changed a row that was locked here. */
  isBehind(now: SqlTables): boolean {
    const indexes = new Map<string, ReadonlyMap<string, JsonObject>>();
    return [...this.#locked.values()].some(({ spec, key, hash }) => {
      const index = indexes.get(spec.name) ?? indexOf(spec, now);
      indexes.set(spec.name, index);
      const row = index.get(key);
      return (row === undefined ? undefined : versionOf(spec, row).hash) !== hash;
    });
  }

  #change(spec: TableSpec, change: RowChange): string | undefined {
    const key = JSON.stringify(change.key);
    const before = this.#index(spec).get(key);
    const made = worldChange(spec, change, before);
    if (made === undefined) return undefined;
    try {
      this.#tables.change(made);
    } catch (error) {
      if (error instanceof RowRefused) return error.code;
      throw error;
    }
    this.changes.push(made);
    if (made.kind === 'delete') this.#index(spec).delete(key);
    else if (made.kind !== 'create' && made.kind !== 'sequence') this.#index(spec).set(key, made.row);
    const name = `public.${spec.name}`;
    const known = this.#touched.get(name) ?? { table: name, inserted: 0, updated: 0, deleted: 0 };
    const counter = ({ insert: 'inserted', update: 'updated', delete: 'deleted' } as const)[change.kind];
    this.#touched.set(name, { ...known, [counter]: known[counter] + 1 });
    return undefined;
  }

  #index(spec: TableSpec): Map<string, JsonObject> {
    const known = this.#byKey.get(spec.name) ?? indexOf(spec, this.#tables);
    this.#byKey.set(spec.name, known);
    return known;
  }

  #versions = (spec: TableSpec): readonly RowVersion[] =>
    [...this.#index(spec).values()].map((row) => versionOf(spec, row));

  #find(spec: TableSpec, key: RowKey): RowVersion | undefined {
    const row = this.#index(spec).get(JSON.stringify(key));
    return row === undefined ? undefined : versionOf(spec, row);
  }

  /** Along the keys of the reference schema, which all lead to a table's own key. */
  #tenantOf(row: RowText, path: TenantPath): string | null {
    let found: RowText | undefined = row;
    for (const { columns, table } of path.hops) {
      const spec = specOf({ name: table });
      const next: JsonObject | undefined = this.#index(spec).get(
        JSON.stringify(columns.map((name) => found?.[name] ?? '')),
      );
      found = next === undefined ? undefined : textsOf(spec, next);
    }
    return found?.[path.column] ?? null;
  }
}

function worldChange(spec: TableSpec, change: RowChange, before: JsonObject | undefined): WorldChange | undefined {
  const { name: table } = spec;
  switch (change.kind) {
    case 'insert':
      return { kind: 'insert', table, row: rowOf(spec, change.row) };
    case 'update':
      return before === undefined ? undefined : { kind: 'update', table, before, row: rowOf(spec, change.row) };
    case 'delete':
      return before === undefined ? undefined : { kind: 'delete', table, before };
  }
}

/** Numbers by value, all else by its bytes, as the real servers are asked for it. */
function compareIn({ columns, key }: Table, a: RowKey, b: RowKey): number {
  for (const [index, name] of key.entries()) {
    const [one, other] = [a[index] ?? '', b[index] ?? ''];
    const isNumber = columns.some((column) => column.name === name && column.type === 'bigint');
    const found = isNumber ? Number(BigInt(one) - BigInt(other)) : Buffer.compare(Buffer.from(one), Buffer.from(other));
    if (found !== 0) return found;
  }
  return 0;
}
