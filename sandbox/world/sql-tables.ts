import type { Json, JsonObject } from '../../shared/core/json.ts';
import { toIso } from '../../shared/core/time.ts';
import type { RowChange } from './row-change.ts';
import type { History, Row } from './sql-rows.ts';
import { documentChanges, TABLES, TENANTS, type TableSpec, tableOf } from './sql-schema.ts';

// The rows of the reference schema without a server, for the simulation: a fold over a history, with the constraints that the
// schema states. What SQL can do beyond these tables only a real engine knows.

/** A change that PostgreSQL would refuse, with its SQLSTATE and its words. */
export class RowRefused extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** What a row of the history did to the tables. */
export function changesOf({ content, committedAt, position }: Row): readonly RowChange[] {
  switch (content.kind) {
    case 'application':
      return documentChanges(content.id, committedAt, position);
    case 'transaction':
      return content.changes;
    case 'password':
      return []; // a role is no row of the application's database
    case 'image':
      return []; // an engine's own; nothing here can read it
    case 'canary':
      return [insert('dr_canary', { token: content.token, written_at: toIso(committedAt) })];
    case 'heartbeat':
      return [insert('dr_heartbeat', { id: 1, sequence: content.sequence, at: toIso(content.heartbeatAt) })];
    case 'epoch':
      return [insert('dr_epoch', { epoch: content.epoch, written_at: toIso(committedAt) })];
  }
}

const insert = (table: string, row: JsonObject): RowChange => ({ kind: 'insert', table, row });

/** Tables with rows. */
export class SqlTables {
  readonly #rows = new Map<string, Map<string, JsonObject>>();

  /** The tables after the first `count` rows of a history. An instance that was created empty has none until they are made. */
  static of(history: History, count: number = history.count()): SqlTables {
    const tables = new SqlTables();
    if (history.base === 'reference') {
      for (const spec of TABLES) tables.create(spec);
      for (const tenant of TENANTS) tables.put('tenants', tenant);
    }
    for (let index = history.oldest(); index < count; index++) {
      const row = history.row(index);
      if (row !== undefined) for (const change of changesOf(row)) tables.#replay(change);
    }
    return tables;
  }

  has(table: string): boolean {
    return this.#rows.has(table);
  }

  create(spec: TableSpec): void {
    this.#rows.set(spec.name, new Map());
  }

  /** In the order of their keys. */
  rows(table: string): readonly JsonObject[] {
    return [...(this.#rows.get(table)?.entries() ?? [])].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
  }

  put(table: string, row: JsonObject): void {
    const spec = tableOf(table);
    if (spec !== undefined) this.#rows.get(table)?.set(keyOf(spec, row), row);
  }

  /** Checks a change as a client's statement is checked, and makes it. Throws `RowRefused`. */
  change(change: RowChange): void {
    if (change.kind === 'insert') this.#checkInsert(change.table, change.row);
    if (change.kind === 'create' && this.has(change.table))
      throw new RowRefused('42P07', `relation "${change.table}" already exists`);
    this.#replay(change);
  }

  /** Makes a change that was committed elsewhere, unchecked. */
  #replay(change: RowChange): void {
    switch (change.kind) {
      case 'insert':
        return this.put(change.table, change.row);
      case 'update':
        this.#drop(change.table, change.before);
        return this.put(change.table, change.row);
      case 'delete':
        return this.#drop(change.table, change.before);
      case 'create': {
        const spec = tableOf(change.table);
        if (spec !== undefined) this.create(spec);
        return;
      }
      case 'sequence':
        return;
    }
  }

  #drop(table: string, row: JsonObject): void {
    const spec = tableOf(table);
    if (spec !== undefined) this.#rows.get(table)?.delete(keyOf(spec, row));
  }

  #checkInsert(table: string, row: JsonObject): void {
    const spec = tableOf(table);
    const rows = this.#rows.get(table);
    if (spec === undefined || rows === undefined) throw new RowRefused('42P01', `relation "${table}" does not exist`);
    if (rows.has(keyOf(spec, row)))
      throw new RowRefused('23505', `duplicate key value violates unique constraint "${table}_pkey"`);
    for (const column of spec.unique) {
      if (![...rows.values()].some((other) => other[column] === row[column])) continue;
      throw new RowRefused('23505', `duplicate key value violates unique constraint "${table}_${column}_key"`);
    }
    for (const { column, table: target } of spec.references) {
      if (this.#rows.get(target)?.has(JSON.stringify([row[column]])) === true) continue;
      const why = `insert or update on table "${table}" violates foreign key constraint "${table}_${column}_fkey"`;
      throw new RowRefused('23503', why);
    }
  }
}

const keyOf = ({ key }: TableSpec, row: JsonObject): string =>
  JSON.stringify(key.map((column): Json => row[column] ?? null));
