import type { Digest } from '../core/digest.ts';
import type { InstanceName } from '../system/names.ts';

// What we ask of the rows themselves, one by one: to compare two databases, and to bring reviewed rows into one of them.
//
// R1. A row's hash is made by the database, of the same text on both sides: SHA-256 over the array of its columns' texts, in the order
//     of their names, generated columns left out. Texts are written under fixed settings (DateStyle ISO, IntervalStyle iso_8601,
//     TimeZone UTC, bytea_output hex, extra_float_digits 3), so equal rows have equal hashes whoever asks, and wherever.
// R2. Every session is one transaction at one snapshot (REPEATABLE READ): what others commit meanwhile is not in what it reads.
// R3. A table without a primary key is described, and nothing else is asked of it.

/** Where rows are. */
export interface RowPlace {
  readonly instance: InstanceName;
  readonly database: string;
  /** The secret with a database URL, whose user and password log in. */
  readonly login: string;
}

/** A table's name as `schema.table`. */
export type TableName = string;

/** One column. */
export interface Column {
  readonly name: string;
  /** As `format_type` writes it, such as `timestamp with time zone`. */
  readonly type: string;
  readonly isRequired: boolean;
  /** Computed by the database: not hashed, not written. */
  readonly isGenerated: boolean;
}

/** Columns that point at the key of another table. */
export interface ForeignKey {
  readonly constraint: string;
  readonly columns: readonly string[];
  readonly table: TableName;
  readonly to: readonly string[];
  /** Whether it can be checked at the end of a transaction. */
  readonly isDeferrable: boolean;
}

/** A sequence that gives a column its numbers. */
export interface Sequence {
  /** As SQL names it, quoted where needed. */
  readonly sequence: string;
  readonly column: string;
  /** Texts of `bigint`. */
  readonly start: string;
  readonly increment: string;
}

/** A trigger of people's own that would fire; constraints' own are none. */
export interface Trigger {
  readonly name: string;
  readonly on: readonly ('insert' | 'update' | 'delete')[];
}

/** A table as the catalogue describes it. */
export interface Table {
  readonly name: TableName;
  /** In the order of their names. */
  readonly columns: readonly Column[];
  /** Columns of the primary key; empty when it has none (R3). */
  readonly key: readonly string[];
  readonly foreignKeys: readonly ForeignKey[];
  readonly sequences: readonly Sequence[];
  readonly triggers: readonly Trigger[];
  /** Whether row-level security may hide rows from whoever asks. */
  readonly hasRowSecurity: boolean;
}

/** The texts of a row's columns, by name; `null` for SQL's null. */
export type RowText = Readonly<Record<string, string | null>>;

/** The texts of the columns of a primary key, in its order. */
export type RowKey = readonly string[];

/** A row by its key and its hash (R1). */
export interface RowHash {
  readonly key: RowKey;
  readonly hash: string;
}

/** A row with what it says. */
export interface RowVersion extends RowHash {
  readonly row: RowText;
}

/** From a table to one with a column that names the tenant, by foreign keys; no hops when the table has it itself. */
export interface TenantPath {
  readonly hops: readonly {
    readonly columns: readonly string[];
    readonly table: TableName;
    readonly to: readonly string[];
  }[];
  /** In the last table. */
  readonly column: string;
}

/** Which rows of a table. */
export type Slice =
  | { readonly kind: 'all' }
  | { readonly kind: 'tenant'; readonly path: TenantPath; readonly tenant: string };

/**
 * How many rows, and the sum of the first 60 bits of their hashes: it does not depend on their order, and one row more or less
 * changes it by that row's share. It finds accidents; it is no proof against somebody who makes rows for it.
 */
export interface Tally {
  readonly rows: number;
  readonly sum: bigint;
}

/** Reading at one snapshot (R2). Rejects with `PortError`. */
export interface RowReader {
  /** Tables of people's own, in the order of their names: not those of the server, and not ours (`dr_…`). */
  schema(): Promise<readonly Table[]>;
  /**
   * Keys and hashes of a slice, a bounded chunk at a time, in an order that is the same on every server: numbers by value, all else by
   * the bytes of its text.
   */
  hashes(table: Table, slice: Slice): AsyncIterable<readonly RowHash[]>;
  /** The rows of these keys that are there, in no order. */
  versions(table: Table, keys: readonly RowKey[]): Promise<readonly RowVersion[]>;
  /** By tenant, or under `''` without a path. Rows that lead to no tenant are counted under `null`. */
  tallies(table: Table, path: TenantPath | undefined): Promise<ReadonlyMap<string | null, Tally>>;
  /** What a set that was imported came to; `undefined` when it was not. Rejects as `permanent` (`noImportTable`) where `dr_row_imports` is missing. */
  imported(set: Digest): Promise<ImportRecord | undefined>;
}

/** A change of one row. */
export type RowChange =
  | { readonly kind: 'insert'; readonly key: RowKey; readonly row: RowText }
  | { readonly kind: 'update'; readonly key: RowKey; readonly row: RowText }
  | { readonly kind: 'delete'; readonly key: RowKey };

/** A change that the server would not make, with the SQLSTATE of its reason. */
export interface RefusedChange {
  readonly key: RowKey;
  readonly code: string;
}

/** What a transaction has done to a table so far, as the server counts it. */
export interface Touched {
  readonly table: TableName;
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
}

/** The record of a finished import, in the database that it changed: it is there exactly when the rows are. */
export interface ImportRecord {
  /** The digest of the reviewed set. */
  readonly set: Digest;
  readonly incident: string;
  /** What came of it, as JSON text. */
  readonly result: string;
}

/**
 * One transaction that may change rows. Others' changes since its snapshot of a row that is locked, or of one with the same key, end
 * it as `retryable` (`serialization`): nothing has happened then.
 */
export interface RowWriter extends RowReader {
  /** Locks the rows of these keys that are there until the transaction ends, and reads them. */
  lock(table: Table, keys: readonly RowKey[]): Promise<readonly RowVersion[]>;
  /** Makes changes of one kind. What an existing row, a missing one or a constraint stands against is refused, and the rest is made. */
  apply(table: Table, changes: readonly RowChange[]): Promise<readonly RefusedChange[]>;
  /** Raises a sequence so that it gives nothing up to `value` any more; never lowers it. Not undone by a rollback. */
  raise(sequence: Sequence, value: bigint): Promise<void>;
  /** Checks now what constraints leave to the end. Rejects as `permanent` with the SQLSTATE. */
  settle(): Promise<void>;
  /** Tables of people's own that this transaction has changed. `isExact`: no refused change is counted. */
  touched(): Promise<{ readonly isExact: boolean; readonly tables: readonly Touched[] }>;
  /** Leaves the record. */
  record(entry: ImportRecord): Promise<void>;
}

/** How a transaction ends, with what it came to. */
export type TransactionEnd<T> =
  | { readonly kind: 'commit'; readonly value: T }
  | { readonly kind: 'rollback'; readonly value: T };

/** Rows of databases, by sessions of our own. Rejects with `PortError`; a reply to the end of a change that is lost is `ambiguous`. */
export interface Rows {
  /** Reads at one snapshot. */
  reading<T>(place: RowPlace, work: (reader: RowReader) => Promise<T>): Promise<T>;
  /** One transaction, which ends as `work` says, and is rolled back when it rejects. */
  changing<T>(place: RowPlace, work: (writer: RowWriter) => Promise<TransactionEnd<T>>): Promise<T>;
}
