import type { Json, JsonObject } from '../../shared/core/json.ts';
import type { RowChange } from './row-change.ts';
import type { ContentsOutcome, DumpRequest, LoadRequest, SqlContents } from './sql-contents.ts';
import { INDEXES, TABLES, type TableSpec, tableOf } from './sql-schema.ts';
import type { SqlServer } from './sql-server.ts';
import type { SqlServers } from './sql-servers.ts';
import { RowRefused, SqlTables } from './sql-tables.ts';
import { copyLine, csvLine, readCopyLine, readCsv } from './sql-text.ts';

// Files of the modelled databases. It writes and reads the reference schema: tables and COPY blocks as `pg_dump` has them, CSV of one
// table with a condition on one column. Anything else is refused by name, with `0A000`: what it does not understand it does not guess.

/** The login under which Cloud SQL imports. */
const IMPORTER = { user: 'cloudsqlimport', application: 'cloudsql-import' } as const;

/** The place from which Cloud SQL's own work reaches its servers. */
const BESIDE = 'cloudsql';

/** Contents of the model. */
export class ModelContents implements SqlContents {
  readonly #servers: SqlServers;

  constructor(servers: SqlServers) {
    this.#servers = servers;
  }

  dump(instance: string, request: DumpRequest, done: (outcome: ContentsOutcome<string>) => void): void {
    done(this.#asked(instance, request.database, (server) => dumped(SqlTables.of(server.history), request)));
  }

  load(
    instance: string,
    request: LoadRequest,
    done: (outcome: ContentsOutcome<{ readonly rows: number }>) => void,
  ): void {
    done(this.#asked(instance, request.database, (server) => this.#loaded(server, request)));
  }

  #loaded(server: SqlServer, request: LoadRequest): { readonly rows: number } {
    if (!server.acceptsWrites()) throw new RowRefused('25006', 'cannot execute COPY FROM in a read-only transaction');
    const tables = SqlTables.of(server.history);
    let rows = 0;
    const blocks =
      request.kind === 'sql' ? readSql(request.text) : [inserts(request.table, request.columns, readCsv(request.text))];
    for (const changes of blocks) {
      // A COPY is one statement: it is there as a whole or not at all (D3).
      for (const change of changes) tables.change(change);
      rows += changes.filter(({ kind }) => kind === 'insert').length;
      if (changes.length > 0)
        this.#servers.write(BESIDE, server.name, { kind: 'transaction', writer: IMPORTER, changes });
    }
    return { rows };
  }

  #asked<T>(instance: string, database: string, ask: (server: SqlServer) => T): ContentsOutcome<T> {
    const server = this.#servers.server(instance);
    if (server === undefined || this.#servers.contact(BESIDE, instance) !== 'ok')
      return { kind: 'failed', code: 'connection', message: `the server of ${instance} does not answer` };
    if (!server.history.databases.has(database))
      return { kind: 'failed', code: '3D000', message: `database "${database}" does not exist` };
    try {
      return { kind: 'done', value: ask(server) };
    } catch (error) {
      if (error instanceof RowRefused) return { kind: 'failed', code: error.code, message: error.message };
      throw error;
    }
  }
}

const notModelled = (what: string): RowRefused =>
  new RowRefused('0A000', `the modelled database does not know ${what}`);

/** The text of a file. Throws `RowRefused`. */
export function dumped(tables: SqlTables, request: DumpRequest): string {
  if (request.kind === 'csv') return queried(tables, request.query);
  const wanted = request.tables.map((name) => name.replace(/^public\./, ''));
  const missing = wanted.find((name) => !tables.has(name));
  if (missing !== undefined) throw new RowRefused('42P01', `no matching tables were found: ${missing}`);
  const specs = TABLES.filter(({ name }) => tables.has(name) && (wanted.length === 0 || wanted.includes(name)));
  const schema = specs.map(({ ddl }) => `${ddl};`);
  const data = specs.map(({ name, columns }) => {
    const lines = tables.rows(name).map((row) => `${copyLine(columns, row)}\n`);
    return `COPY public.${name} (${columns.join(', ')}) FROM stdin;\n${lines.join('')}\\.\n`;
  });
  const indexes = INDEXES.filter((text) => specs.some(({ name }) => text.includes(` on ${name} `)));
  const parts = [
    ...(request.what === 'dataOnly' ? [] : schema),
    ...(request.what === 'schemaOnly' ? [] : data),
    ...(request.what === 'dataOnly' ? [] : indexes.map((text) => `${text};`)),
  ];
  return `--\n-- PostgreSQL database dump\n--\n\n${parts.join('\n')}\n`;
}

const QUERY =
  /^select\s+(?<columns>\*|[\w\s,]+?)\s+from\s+(?:public\.)?(?<table>\w+)(?:\s+where\s+(?<column>\w+)\s*=\s*'(?<value>[^']*)')?\s*;?$/i;

function queried(tables: SqlTables, query: string): string {
  const { columns, table = '', column, value } = QUERY.exec(query.trim())?.groups ?? {};
  const spec = tableOf(table);
  if (columns === undefined) throw notModelled(`how to answer: ${query}`);
  if (spec === undefined || !tables.has(table)) throw new RowRefused('42P01', `relation "${table}" does not exist`);
  const wanted = columns === '*' ? spec.columns : columns.split(',').map((name) => name.trim());
  const unknown = [...wanted, ...(column === undefined ? [] : [column])].find((name) => !spec.columns.includes(name));
  if (unknown !== undefined) throw new RowRefused('42703', `column "${unknown}" does not exist`);
  return tables
    .rows(table)
    .filter((row) => column === undefined || row[column] === value)
    .map((row) => `${csvLine(wanted.map((name) => row[name] ?? null))}\n`)
    .join('');
}

const COPY = /^COPY (?:public\.)?(?<table>\w+) \((?<columns>[^)]*)\) FROM stdin;$/i;
const CREATE = /^create table (?:public\.)?(?<table>\w+) \(.*\);$/i;

/** Reads what `dumped` writes: for each statement, what it changes. */
function* readSql(text: string): Generator<readonly RowChange[]> {
  const lines = text.split('\n');
  for (let line = lines.shift(); line !== undefined; line = lines.shift()) {
    const created = tableOf(CREATE.exec(line)?.groups?.['table'] ?? '');
    const copied = COPY.exec(line)?.groups;
    if (created !== undefined) {
      yield [{ kind: 'create', table: created.name }];
    } else if (copied !== undefined) {
      const values: (readonly (string | null)[])[] = [];
      for (let row = lines.shift(); row !== undefined && row !== '\\.'; row = lines.shift())
        values.push(readCopyLine(row));
      yield inserts(copied['table'] ?? '', (copied['columns'] ?? '').split(','), values);
    } else if (line !== '' && !line.startsWith('--') && !INDEXES.includes(line.replace(/;$/, ''))) {
      throw notModelled(`the statement: ${line.slice(0, 100)}`);
    }
  }
}

/** What one COPY inserts. */
function inserts(
  name: string,
  columns: readonly string[],
  lines: readonly (readonly (string | null)[])[],
): readonly RowChange[] {
  const table = name.replace(/^public\./, '');
  const spec = tableOf(table);
  if (spec === undefined) throw new RowRefused('42P01', `relation "${table}" does not exist`);
  const named = columns.map((column) => column.trim());
  const unknown = named.find((column) => !spec.columns.includes(column));
  if (unknown !== undefined) throw new RowRefused('42703', `column "${unknown}" of relation "${table}" does not exist`);
  const wanted = named.length === 0 ? spec.columns : named;
  return lines.map((values) => ({ kind: 'insert', table, row: rowOf(spec, wanted, values) }));
}

/** Columns whose values are numbers in the reference schema. */
const NUMBERS = new Set(['version', 'sequence']);

function rowOf(spec: TableSpec, columns: readonly string[], values: readonly (string | null)[]): JsonObject {
  if (values.length !== columns.length)
    throw new RowRefused('22P04', 'the number of values differs from that of columns');
  const isNumber = (column: string): boolean =>
    NUMBERS.has(column) || (column === 'id' && /id (bigint|integer)/.test(spec.ddl));
  return Object.fromEntries(
    columns.map((column, index): [string, Json] => {
      const value = values[index] ?? null;
      return [column, value !== null && isNumber(column) ? Number(value) : value];
    }),
  );
}
