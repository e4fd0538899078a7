import type { Instant } from '../core/time.ts';
import type { InstanceName } from '../system/names.ts';

/** One table, as its server counts it. */
export interface TableContent {
  readonly table: string;
  readonly rows: number;
  /** When its newest row says that it was written; `undefined` for an empty table, or one without such a column. */
  readonly newestAt: Instant | undefined;
  /** Rows that say that they were written after the moment that was asked about; `undefined` where that can't be told. */
  readonly newer: number | undefined;
}

/** What is in a database. */
export interface Inventory {
  readonly tables: readonly TableContent[];
  /** Foreign keys that rows break: a copy that is whole has none. */
  readonly brokenKeys: readonly { readonly constraint: string; readonly rows: number }[];
}

/** What one writer did to one table within one minute. */
export interface TableChanges {
  /** When the minute began. */
  readonly minute: Instant;
  readonly table: string;
  /** The login, and what the session called itself (`application_name`). */
  readonly user: string;
  readonly application: string;
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
  /** Commits of the first and the last of them. */
  readonly firstAt: Instant;
  readonly lastAt: Instant;
}

/** Who changed what, as far back as it is kept. */
export interface ChangeHistory {
  /** Complete from here on: the moment that was asked about, or a later one. */
  readonly since: Instant;
  /** By minute, oldest first. */
  readonly changes: readonly TableChanges[];
}

/** What came of a query. */
export type QueryAnswer =
  | { readonly kind: 'value'; readonly value: string | null }
  /** The server refused it: a fault in the query, most likely. */
  | { readonly kind: 'refused'; readonly detail: string }
  | { readonly kind: 'unanswered'; readonly detail: string };

/** What we ask of the rows themselves, through the data plane: in read-only transactions, of primaries, replicas and copies alike. */
export interface Contents {
  /** `undefined` when the server can't be asked. `since`: what `newer` counts from. */
  inventory(instance: InstanceName, since: Instant | undefined): Promise<Inventory | undefined>;
  /** Who changed which tables since a moment; `undefined` when nobody can be asked. */
  changes(instance: InstanceName, since: Instant): Promise<ChangeHistory | undefined>;
  /** The first value of the first row. */
  ask(instance: InstanceName, query: string): Promise<QueryAnswer>;
}
