import type { JsonObject } from '../../shared/core/json.ts';

// What a transaction did to rows, as a logical log has it: tables and values, no statements. Rows are JSON objects as PostgreSQL's
// `to_jsonb` writes them; a `bigint` is a number. `text` is the row as PostgreSQL wrote it, where a number may have more digits than
// one of JavaScript.

/** Who wrote: the login and what it called itself (`application_name`). */
export interface Writer {
  readonly user: string;
  readonly application: string;
}

/** One change. `before` is the row as it was, or at least its key. */
export type RowChange =
  | { readonly kind: 'insert'; readonly table: string; readonly row: JsonObject; readonly text?: string }
  | {
      readonly kind: 'update';
      readonly table: string;
      readonly before: JsonObject;
      readonly row: JsonObject;
      readonly text?: string;
    }
  | { readonly kind: 'delete'; readonly table: string; readonly before: JsonObject }
  /** A table of the reference schema was made in a database that had none. */
  | { readonly kind: 'create'; readonly table: string }
  /** A sequence that was used: the value that it gave last. */
  | { readonly kind: 'sequence'; readonly sequence: string; readonly value: number };
