import { closeSync, openSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue, type SQLOutputValue } from 'node:sqlite';
import { isPortError, PortError, type PortErrorKind } from '../ports/port-error.ts';
import { inNextTurn } from '../providers/next-turn.ts';

// One connection to a file that other processes write at the same time. It owns transactions and turns SQLite's errors
// into ours.
//
// C1. Every write begins with BEGIN IMMEDIATE: it waits for its turn before it reads, so what it read is still true when
//     it commits, and no reader has to be upgraded (which SQLite answers with an error that no waiting cures).
// C2. A write that fails before its COMMIT left nothing behind: `retryable`, or `permanent` when trying again is no use.
// C3. A COMMIT that fails for another reason than a lock may have reached the disk: `ambiguous`.
// C4. Writes that are asked for in one turn of the event loop share one transaction, each behind a savepoint of its own: a storm
//     pays for one visit to the disk instead of forty. None is answered before its COMMIT, and one that fails takes no other along.
// C5. Committed is on the disk (WAL with synchronous=FULL): neither kill -9 nor a power cut takes it back.
//
// Not protected: a process that is frozen (SIGSTOP) inside a transaction stops every writer until it goes on; the others
// answer `retryable` meanwhile. Files on network file systems: WAL needs shared memory.

/** Wall time to wait for another writer. A write takes milliseconds; meanwhile this process's event loop stands still. */
export const BUSY_TIMEOUT_MS = 5_000;

/** Tries to switch a new file to WAL while others do the same; SQLite refuses at once instead of waiting there. */
const WAL_ATTEMPTS_MAX = 1_000;

/** A statement that was prepared once. Rows come as SQLite's own values, unparsed. */
export interface Statement {
  all(...values: readonly SQLInputValue[]): readonly Row[];
  get(...values: readonly SQLInputValue[]): Row | undefined;
  /** The number of rows that it changed. */
  run(...values: readonly SQLInputValue[]): number;
}

/** A row before it is parsed. */
export type Row = Readonly<Record<string, SQLOutputValue>>;

/** An open file. After `close` every call throws. */
export interface Connection {
  prepare(sql: string): Statement;
  execute(sql: string): void;
  /** Runs a single read. Rejects with `PortError`; a stored thing that can't be parsed is `permanent` (`corrupt`). */
  read<T>(doing: string, work: () => T): T;
  /** Runs `work` in a transaction, perhaps after others (C4), and commits it; nothing of it stays when it throws. */
  write<T>(doing: string, work: () => T): Promise<T>;
  /** `write` in a transaction of its own, before it returns: for a file that is being opened. */
  writeNow<T>(doing: string, work: () => T): T;
  close(): void;
}

/** Where and how to open. */
export interface ConnectionOptions {
  readonly path: string;
  /** Opens a file that exists, and refuses to write. */
  readonly readOnly: boolean;
  readonly busyTimeoutMs: number;
}

/** Opens the file, creating it for this user alone. Throws `PortError`. */
export function openConnection({ path, readOnly, busyTimeoutMs }: ConnectionOptions): Connection {
  return translated(`opening ${path}`, () => {
    // The log holds decisions' tokens: SQLite would create it readable for everybody.
    if (!readOnly) closeSync(openSync(path, 'a', 0o600));
    const database = new DatabaseSync(path, { readOnly, timeout: busyTimeoutMs });
    try {
      if (!readOnly) enterWal(database);
      database.exec('PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF');
    } catch (error) {
      database.close();
      throw error;
    }
    return connectionTo(database);
  });
}

function connectionTo(database: DatabaseSync): Connection {
  const writes = new SharedWrites(database);
  return {
    prepare(sql) {
      const statement = translated('preparing a statement', () => database.prepare(sql));
      return {
        all: (...values) => statement.all(...values),
        get: (...values) => statement.get(...values),
        run: (...values) => Number(statement.run(...values).changes),
      };
    },
    execute: (sql) => database.exec(sql),
    read: translated,
    write: (doing, work) => writes.add(doing, work),
    writeNow: (doing, work) => {
      begin(database, doing);
      try {
        const result = translated(doing, work);
        commit(database, doing);
        return result;
      } catch (error) {
        rollBack(database);
        throw error;
      }
    },
    close: () => {
      writes.flush();
      database.close();
    },
  };
}

/** A write that waits for its turn. */
interface Pending {
  readonly doing: string;
  /** Does it within the transaction and keeps what came of it. */
  readonly work: () => void;
  readonly commit: () => void;
  readonly fail: (error: unknown) => void;
}

/** Writes in one transaction at most: what the disk is visited for once. */
const SHARED_MAX = 100;

/** Gathers what is written in one turn of the event loop (C4). */
class SharedWrites {
  readonly #database: DatabaseSync;
  #pending: Pending[] = [];

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  add<T>(doing: string, work: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let result: { readonly value: T } | undefined;
      if (this.#pending.length === 0) inNextTurn(() => this.flush());
      this.#pending.push({
        doing,
        work: () => {
          result = { value: work() };
        },
        commit: () =>
          result === undefined ? reject(new Error(`${doing}: committed, and never done`)) : resolve(result.value),
        fail: reject,
      });
    });
  }

  /** Writes what waits, now. */
  flush(): void {
    while (this.#pending.length > 0) this.#writeTogether(this.#pending.splice(0, SHARED_MAX));
  }

  #writeTogether(writes: readonly Pending[]): void {
    const done: Pending[] = [];
    try {
      begin(this.#database, 'beginning to write');
      for (const write of writes) if (this.#wasDone(write)) done.push(write);
      commit(this.#database, 'writing');
    } catch (error) {
      rollBack(this.#database);
      // Those that failed on their own have been told; the others share the transaction's fate, each in its own words.
      for (const { doing, fail } of writes)
        fail(isPortError(error) ? new PortError(error.kind, error.code, doing, error.cause) : error);
      return;
    }
    for (const write of done) write.commit();
  }

  /** Whether it was done. One that failed leaves nothing; the transaction goes on for the others unless it is over. */
  #wasDone({ doing, work, fail }: Pending): boolean {
    this.#database.exec('SAVEPOINT one');
    try {
      translated(doing, work);
      this.#database.exec('RELEASE one');
      return true;
    } catch (error) {
      fail(error);
      // A full disk may have ended the transaction as a whole.
      if (!this.#database.isTransaction) throw error;
      this.#database.exec('ROLLBACK TO one; RELEASE one');
      return false;
    }
  }
}

function begin(database: DatabaseSync, doing: string): void {
  translated(doing, () => {
    // Only a rollback that failed leaves a transaction open.
    if (database.isTransaction) database.exec('ROLLBACK');
    database.exec('BEGIN IMMEDIATE');
  });
}

function commit(database: DatabaseSync, doing: string): void {
  try {
    database.exec('COMMIT');
  } catch (error) {
    if (isLocked(error)) throw portError(doing, error);
    throw new PortError('ambiguous', nameOf(codeOf(error)), doing, error);
  }
}

/** Some errors have rolled back already; a rollback that fails is tried again before the next transaction. */
function rollBack(database: DatabaseSync): void {
  try {
    if (database.isTransaction) database.exec('ROLLBACK');
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
  }
}

/** A file is switched to WAL once in its life, by whoever comes first. */
function enterWal(database: DatabaseSync): void {
  for (let attempt = 1; ; attempt += 1) {
    try {
      database.exec('PRAGMA journal_mode = WAL');
      return;
    } catch (error) {
      if (!isLocked(error) || attempt === WAL_ATTEMPTS_MAX) throw error;
      // Waits, as the switch itself does not, for whoever is switching.
      database.exec('BEGIN IMMEDIATE; COMMIT');
    }
  }
}

const LOCKED: ReadonlySet<number | undefined> = new Set([5, 6]);
const isLocked = (error: unknown): boolean => LOCKED.has(codeOf(error));

/** Primary result codes (sqlite.org/rescode.html, read 2026-11-22) whose cause can pass; any other is permanent. */
const CODES: Readonly<Record<number, readonly [name: string, kind: PortErrorKind]>> = {
  3: ['not permitted', 'permanent'],
  5: ['busy', 'retryable'],
  6: ['locked', 'retryable'],
  8: ['read only', 'permanent'],
  10: ['disk error', 'retryable'],
  11: ['corrupt', 'permanent'],
  13: ['disk full', 'retryable'],
  14: ['cannot open', 'permanent'],
  15: ['busy', 'retryable'],
  19: ['constraint', 'permanent'],
  26: ['not a database', 'permanent'],
};

const nameOf = (code: number | undefined): string => CODES[code ?? -1]?.[0] ?? `sqlite ${code}`;

/** SQLite's primary result code; `undefined` when the error is not SQLite's. Known by shape: realms have their own `Error`. */
function codeOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('errcode' in error)) return undefined;
  return typeof error.errcode === 'number' ? error.errcode & 0xff : undefined;
}

function portError(doing: string, error: unknown): PortError {
  const code = codeOf(error);
  return new PortError(CODES[code ?? -1]?.[1] ?? 'permanent', nameOf(code), doing, error);
}

function translated<T>(doing: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (codeOf(error) !== undefined) throw portError(doing, error);
    if (isFileError(error)) throw new PortError('permanent', 'cannot open', doing, error);
    throw error;
  }
}

const isFileError = (error: unknown): boolean => typeof error === 'object' && error !== null && 'syscall' in error;
