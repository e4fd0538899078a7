import type { Json } from '../../shared/core/json.ts';
import type { Instant } from '../../shared/core/time.ts';
import { REFERENCE } from './reference-system.ts';
import type { RowChange, Writer } from './row-change.ts';
import { bodyOf, documentOf, tenantOf, TABLES_OF_A_DOCUMENT } from './sql-schema.ts';

// What the databases hold. A history is an append-only list of committed rows with positions, as the write-ahead log orders
// them: a replica's history is always a prefix of the one that it follows, until it is promoted.

/** What one row says. */
export type RowContent =
  /** A write of the application for one of its users. */
  | { readonly kind: 'application'; readonly id: string }
  | { readonly kind: 'canary'; readonly token: string }
  | { readonly kind: 'heartbeat'; readonly sequence: number; readonly heartbeatAt: Instant }
  | { readonly kind: 'epoch'; readonly epoch: string }
  /** A user of the server got another password. */
  | { readonly kind: 'password'; readonly user: string; readonly password: string }
  /** What a client did by SQL, or a fault in its name. */
  | { readonly kind: 'transaction'; readonly writer: Writer; readonly changes: readonly RowChange[] }
  | DatabaseImage;

/** A transaction whose changes are no rows (a table was made, altered, dropped, truncated): the whole database after it. */
export interface DatabaseImage {
  readonly kind: 'image';
  readonly writer: Writer;
  /** Under which an engine finds it. */
  readonly image: string;
  /** How many rows of this history it holds; those between them and itself come after it. */
  readonly covers: number;
  /** Writes of the application whose documents are in it. */
  readonly applications: readonly string[];
  /** Why the server refuses writes of the application, by tenant. */
  readonly refusals: Readonly<Record<string, string>>;
}

/** A committed row. */
export interface Row {
  /** Where its commit ends in the log, in bytes; grows along a history. */
  readonly position: number;
  readonly committedAt: Instant;
  /** Grows by one with each promotion on the way: rows of the old and the new primary at one position differ here. */
  readonly timeline: number;
  readonly content: RowContent;
}

/** Rows that a history keeps at least; older ones are forgotten, so that a sandbox may stay up for days. */
const ROWS_KEPT = 100_000;

/** What Cloud SQL counts rows by (metric `postgresql/tuples_processed_count`). */
export type TupleOperation = 'insert' | 'update' | 'delete';

/** What an instance held before its history began: the reference schema with its tenants, or nothing. */
export type HistoryBase = 'reference' | 'empty';

/** The rows of one instance, with what is looked up in them. */
export class History {
  readonly base: HistoryBase;
  /** Databases that the instance has; all that it holds is in the one that applications use. */
  readonly databases: Set<string>;
  #rows: Row[] = [];
  /** How many rows were forgotten before the first in `#rows`. */
  #forgotten = 0;
  #position = 0;
  readonly #applications = new Set<string>();
  /** Writes of the application whose document no longer says what was written. */
  readonly #altered = new Set<string>();
  /** Why the application's writes for a tenant are refused. */
  readonly #refusals = new Map<string, string>();
  readonly #canaries = new Set<string>();
  /** Rows that were inserted, updated and deleted since this history began, as the server's statistics count them. */
  readonly tuples: Record<TupleOperation, number> = { insert: 0, update: 0, delete: 0 };
  #heartbeat: { readonly sequence: number; readonly at: Instant } | undefined;
  #epoch: string | undefined;
  /** Passwords that were changed, by user. */
  readonly #passwords = new Map<string, string>();
  /** The same as of the rows that are forgotten. */
  readonly #forgottenPasswords = new Map<string, string>();

  constructor(base: HistoryBase = 'reference') {
    this.base = base;
    this.databases = new Set(base === 'reference' ? ['postgres', REFERENCE.database] : ['postgres']);
  }

  append(row: Row): void {
    this.#rows.push(row);
    this.#position = row.position;
    this.#note(row.content);
    this.#count(row.content);
    if (this.#rows.length > 2 * ROWS_KEPT) this.#forget(ROWS_KEPT);
  }

  /** How many rows were ever appended; the row with this index is the next to come. */
  count(): number {
    return this.#forgotten + this.#rows.length;
  }

  /** The row with an index that counts from the very first one; `undefined` for one not there yet, or forgotten. */
  row(index: number): Row | undefined {
    return this.#rows[index - this.#forgotten];
  }

  /** Index of the oldest row that is kept. */
  oldest(): number {
    return this.#forgotten;
  }

  /** When the last row was committed; `undefined` while there is none. */
  newestAt(): Instant | undefined {
    return this.#rows.at(-1)?.committedAt;
  }

  /** The position of the last row, in bytes. */
  position(): number {
    return this.#position;
  }

  hasApplicationRow(id: string): boolean {
    return this.#applications.has(id);
  }

  /** Whether the document of a write is there and says something else than was written. */
  isAltered(id: string): boolean {
    return this.#altered.has(id);
  }

  /** Writes of the application whose documents are there, oldest first. */
  applicationRows(): readonly string[] {
    return [...this.#applications];
  }

  /** From now on writes of the application for these tenants are refused, and for no others. */
  refuse(refusals: Readonly<Record<string, string>>): void {
    this.#refusals.clear();
    for (const [tenant, why] of Object.entries(refusals)) this.#refusals.set(tenant, why);
  }

  /** Why the server refuses a write of the application, in PostgreSQL's words. */
  refusal(content: RowContent): string | undefined {
    if (content.kind !== 'application' || this.#refusals.size === 0) return undefined;
    return this.#refusals.get(tenantOf(content.id));
  }

  hasCanary(token: string): boolean {
    return this.#canaries.has(token);
  }

  heartbeat(): { readonly sequence: number; readonly at: Instant } | undefined {
    return this.#heartbeat;
  }

  epoch(): string | undefined {
    return this.#epoch;
  }

  /** The password that a user was given last; `undefined` while it has the one of the beginning. */
  passwordOf(user: string): string | undefined {
    return this.#passwords.get(user);
  }

  /** A copy of the first `count` rows. */
  copy(count: number = this.count()): History {
    const copy = new History(this.base);
    for (const [user, password] of this.#forgottenPasswords) {
      copy.#passwords.set(user, password);
      copy.#forgottenPasswords.set(user, password);
    }
    for (const database of this.databases) copy.databases.add(database);
    copy.#forgotten = this.#forgotten;
    for (let index = this.#forgotten; index < count; index++) {
      const row = this.row(index);
      if (row !== undefined) copy.append(row);
    }
    return copy;
  }

  /** How many rows had been committed by a moment. */
  countAt(moment: Instant): number {
    const index = this.#rows.findIndex((row) => row.committedAt > moment);
    return index < 0 ? this.count() : this.#forgotten + index;
  }

  #note(content: RowContent): void {
    switch (content.kind) {
      case 'application':
        this.#applications.add(content.id);
        return;
      case 'canary':
        this.#canaries.add(content.token);
        return;
      case 'heartbeat':
        // The newest counts: of two writers, the later may be the first to arrive.
        if (this.#heartbeat === undefined || content.heartbeatAt >= this.#heartbeat.at)
          this.#heartbeat = { sequence: content.sequence, at: content.heartbeatAt };
        return;
      case 'epoch':
        this.#epoch = content.epoch;
        return;
      case 'password':
        this.#passwords.set(content.user, content.password);
        return;
      case 'transaction':
        for (const change of content.changes) this.#noteChange(change);
        return;
      case 'image':
        return this.#noteImage(content);
    }
  }

  /** An image is an engine's own, whose rows nothing here can read. */
  #count(content: RowContent): void {
    if (content.kind === 'transaction') {
      for (const { kind } of content.changes) if (kind !== 'create' && kind !== 'sequence') this.tuples[kind] += 1;
    } else if (content.kind === 'heartbeat') this.tuples.update += 1;
    else if (content.kind === 'application') this.tuples.insert += TABLES_OF_A_DOCUMENT.length;
    else if (content.kind === 'canary' || content.kind === 'epoch') this.tuples.insert += 1;
  }

  #noteImage({ applications, refusals, covers }: DatabaseImage): void {
    this.#applications.clear();
    for (const id of applications) this.#applications.add(id);
    this.refuse(refusals);
    for (let index = covers; index < this.count(); index++) {
      const content = this.row(index)?.content;
      if (content !== undefined && content.kind !== 'image') this.#note(content);
    }
  }

  #noteChange(change: RowChange): void {
    if (change.kind === 'sequence' || change.kind === 'create') return;
    if (change.table === 'tenants') {
      if (change.kind !== 'insert') this.#refusals.set(textOf(change.before['id']), NO_SUCH_TENANT);
      if (change.kind !== 'delete') this.#refusals.delete(textOf(change.row['id']));
    }
    if (change.table !== 'documents') return;
    if (change.kind !== 'insert') {
      const id = textOf(change.before['request_id']);
      this.#applications.delete(id);
      this.#altered.delete(id);
    }
    if (change.kind === 'delete') return;
    const id = textOf(change.row['request_id']);
    // Under another key it is no document that the application would find.
    if (change.row['id'] !== documentOf(id)) return;
    this.#applications.add(id);
    if (change.row['body'] !== bodyOf(id)) this.#altered.add(id);
  }

  #forget(count: number): void {
    for (const { content } of this.#rows.slice(0, count)) {
      if (content.kind === 'application') {
        this.#applications.delete(content.id);
        this.#altered.delete(content.id);
      }
      if (content.kind === 'canary') this.#canaries.delete(content.token);
      if (content.kind === 'password') this.#forgottenPasswords.set(content.user, content.password);
    }
    this.#rows = this.#rows.slice(count);
    this.#forgotten += count;
  }
}

/** A text column's value; nothing else identifies a row of the application. */
const textOf = (value: Json | undefined): string => (typeof value === 'string' ? value : '');

const NO_SUCH_TENANT =
  'insert or update on table "documents" violates foreign key constraint "documents_tenant_id_fkey"';
