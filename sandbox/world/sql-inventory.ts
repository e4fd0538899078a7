import type { Json, JsonObject } from '../../shared/core/json.ts';
import { instant, type Instant, parseInstant } from '../../shared/core/time.ts';
import type { Caller } from './caller.ts';
import type { Iam } from './kernel.ts';
import type { DataOutcome } from './sql-data-plane.ts';
import type { Writer } from './row-change.ts';
import type { SqlFleet } from './sql-fleet.ts';
import type { History, Row } from './sql-rows.ts';
import { TABLES, TABLES_OF_A_DOCUMENT, type TableSpec } from './sql-schema.ts';
import { changesOf, SqlTables } from './sql-tables.ts';

// What the agent beside each server tells of the rows: how many there are, whether they hold together, and what a read-only query
// answers. As the rest of the data plane it needs the network and a login.

/** One table. */
export interface TableCount {
  readonly table: string;
  readonly rows: number;
  readonly newestAt: Instant | undefined;
  /** Written after the moment that was asked about. */
  readonly newer: number | undefined;
}

/** What is in a database. */
export interface ContentCount {
  readonly tables: readonly TableCount[];
  readonly brokenKeys: readonly { readonly constraint: string; readonly rows: number }[];
}

const LOGIN = 'cloudsql.instances.login';

/** Columns that say when a row was written, the first that a table has. */
const WRITTEN = ['created_at', 'at', 'written_at'] as const;

/** Tables of dr-autopilot's own, which are no part of what is protected. */
const isOurs = ({ name }: TableSpec): boolean => name.startsWith('dr_');

/** What one writer did to one table within one minute. */
export interface WriterCount {
  /** When the minute began. */
  readonly minute: Instant;
  readonly table: string;
  readonly user: string;
  readonly application: string;
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
  readonly firstAt: Instant;
  readonly lastAt: Instant;
}

/** Who changed what since a moment, or since the oldest that is kept. */
export interface ChangeCount {
  readonly since: Instant;
  readonly changes: readonly WriterCount[];
}

/** What is in the fleet's databases. */
export class SqlInventory {
  readonly #fleet: SqlFleet;
  readonly #iam: Iam;

  constructor(fleet: SqlFleet, iam: Iam) {
    this.#fleet = fleet;
    this.#iam = iam;
  }

  inventory(caller: Caller, instance: string, since: Instant | undefined): DataOutcome<ContentCount> {
    return this.#read(caller, instance, (tables) => ({
      tables: present(tables).map((spec) => count(spec, tables.rows(spec.name), since)),
      brokenKeys: present(tables).flatMap((spec) => broken(spec, tables)),
    }));
  }

  /** Who changed what, by minute: what a server's log of statements and rows (pgaudit) or its logical log would tell. */
  changes(caller: Caller, instance: string, since: Instant): DataOutcome<ChangeCount> {
    const outcome = this.#fleet.servers.read(caller.from, instance, ({ history }) => changesSince(history, since));
    if (outcome.kind !== 'read') return outcome;
    return this.#iam.allows(caller.principal, LOGIN) ? { kind: 'answer', value: outcome.value } : { kind: 'forbidden' };
  }

  /** The first value of the first row. The model counts, and finds least and greatest; what it does not understand it refuses. */
  query(caller: Caller, instance: string, query: string): DataOutcome<string | null> {
    const outcome = this.#read(caller, instance, (tables) => answered(tables, query));
    if (outcome.kind !== 'answer') return outcome;
    return typeof outcome.value === 'object' && outcome.value !== null
      ? { kind: 'refusedByServer', message: outcome.value.refused }
      : { kind: 'answer', value: outcome.value };
  }

  #read<T>(caller: Caller, instance: string, ask: (tables: SqlTables) => T): DataOutcome<T> {
    const outcome = this.#fleet.servers.read(caller.from, instance, (server) => ask(SqlTables.of(server.history)));
    if (outcome.kind !== 'read') return outcome;
    return this.#iam.allows(caller.principal, LOGIN) ? { kind: 'answer', value: outcome.value } : { kind: 'forbidden' };
  }
}

const MINUTE_MS = 60_000;

/** The application's own writes, as its login and name stand in the server. */
const APPLICATION: Writer = { user: 'dms', application: 'dms-api' };

/** What of a change is counted. */
interface Counted {
  readonly kind: keyof typeof COUNTERS;
  readonly table: string;
}

const COUNTERS = { insert: 'inserted', update: 'updated', delete: 'deleted' } as const;

/** The same for each document, so that nobody makes up its rows to count them. */
const DOCUMENT_INSERTS: readonly Counted[] = TABLES_OF_A_DOCUMENT.map((table) => ({ kind: 'insert', table }));

function countedOf(row: Row): readonly Counted[] {
  if (row.content.kind === 'application') return DOCUMENT_INSERTS;
  return changesOf(row).flatMap((change) =>
    change.kind === 'create' || change.kind === 'sequence' || change.table.startsWith('dr_') ? [] : [change],
  );
}

function changesSince(history: History, asked: Instant): ChangeCount {
  const oldest = history.row(history.oldest())?.committedAt ?? asked;
  const since = oldest > asked && history.oldest() > 0 ? oldest : asked;
  const found = new Map<string, { -readonly [Name in keyof WriterCount]: WriterCount[Name] }>();
  for (let index = history.count() - 1; index >= history.oldest(); index -= 1) {
    const row = history.row(index);
    if (row === undefined || row.committedAt < since) break;
    const { user, application } = 'writer' in row.content ? row.content.writer : APPLICATION;
    const minute = instant(Math.floor(row.committedAt / MINUTE_MS) * MINUTE_MS);
    for (const { kind, table } of countedOf(row)) {
      const key = JSON.stringify([minute, table, user, application]);
      let count = found.get(key);
      if (count === undefined) {
        const times = { firstAt: row.committedAt, lastAt: row.committedAt };
        count = { minute, table, user, application, inserted: 0, updated: 0, deleted: 0, ...times };
        found.set(key, count);
      }
      count[COUNTERS[kind]] += 1;
      count.firstAt = row.committedAt;
    }
  }
  return { since, changes: [...found.values()].toSorted((a, b) => a.minute - b.minute || a.firstAt - b.firstAt) };
}

const present = (tables: SqlTables): readonly TableSpec[] =>
  TABLES.filter((spec) => tables.has(spec.name) && !isOurs(spec));

function count({ name, columns }: TableSpec, rows: readonly JsonObject[], since: Instant | undefined): TableCount {
  const column = WRITTEN.find((written) => columns.includes(written));
  const times = column === undefined ? undefined : rows.flatMap((row) => timeOf(row[column]) ?? []);
  const newest = times?.reduce<Instant | undefined>((a, b) => (a === undefined || b > a ? b : a), undefined);
  const newer = since === undefined ? undefined : times?.filter((time) => time > since).length;
  return { table: name, rows: rows.length, newestAt: newest, newer };
}

const timeOf = (value: Json | undefined): Instant | undefined =>
  typeof value === 'string' ? parseInstant(value) : undefined;

function broken({ name, references }: TableSpec, tables: SqlTables): ContentCount['brokenKeys'] {
  return references.flatMap(({ column, table }) => {
    const keys = new Set(tables.has(table) ? tables.rows(table).map((row) => row['id']) : []);
    const rows = tables.rows(name).filter((row) => row[column] !== null && !keys.has(row[column])).length;
    return rows === 0 ? [] : [{ constraint: `${name}_${column}_fkey`, rows }];
  });
}

const QUERY =
  /^select\s+(?:(?<count>count\(\*\))|(?<edge>max|min)\((?<edged>\w+)\))\s+from\s+(?:public\.)?(?<table>\w+)(?:\s+where\s+(?<column>\w+)\s*=\s*'(?<value>[^']*)')?\s*;?$/i;

function answered(tables: SqlTables, query: string): string | null | { readonly refused: string } {
  const { edge, edged = '', table = '', column, value } = QUERY.exec(query.trim())?.groups ?? {};
  if (!QUERY.test(query.trim())) return { refused: `the modelled database does not know how to answer: ${query}` };
  if (!tables.has(table)) return { refused: `relation "${table}" does not exist` };
  const spec = TABLES.find(({ name }) => name === table);
  const unknown = [column, edge === undefined ? undefined : edged].find(
    (name) => name !== undefined && spec?.columns.includes(name) !== true,
  );
  if (unknown !== undefined) return { refused: `column "${unknown}" does not exist` };
  const rows = tables.rows(table).filter((row) => column === undefined || row[column] === value);
  if (edge === undefined) return String(rows.length);
  const values = rows.map((row) => row[edged]).filter((found): found is Json => found !== null && found !== undefined);
  const [first, ...rest] = values.map(String);
  if (first === undefined) return null;
  return rest.reduce((a, b) => ((edge.toLowerCase() === 'max' ? b > a : b < a) ? b : a), first);
}
