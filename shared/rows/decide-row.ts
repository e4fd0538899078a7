import { unreachable } from '../core/assert.ts';
import type { RowChange, RowKey, RowVersion, TableName } from '../ports/rows.ts';
import { ABSENT, type SetEntry } from './reviewed-set.ts';

// What becomes of one row of a reviewed set, now that production's row is locked: the heart of an import. Nothing that was written
// since the review is overwritten.

/** Why a row is left as it is, for people to look at again. */
export type SecondReview =
  /** Somebody has made a row with this key since. */
  | 'exists'
  /** Somebody has changed it since. */
  | 'changed'
  /** Somebody has deleted it since. */
  | 'gone'
  /** A constraint stands against it: SQLSTATE. */
  | { readonly refused: string };

/** What to do. */
export type RowDecision =
  | { readonly kind: 'change'; readonly change: RowChange }
  /** It is what it should become. */
  | { readonly kind: 'already' }
  | { readonly kind: 'secondReview'; readonly because: SecondReview };

/** Decides by the reviewed hash and production's locked row. */
export function decideRow(entry: SetEntry, current: RowVersion | undefined): RowDecision {
  switch (entry.operation) {
    case 'insert':
      if (current === undefined) return { kind: 'change', change: { kind: 'insert', key: entry.key, row: entry.row } };
      return current.hash === entry.hash ? { kind: 'already' } : { kind: 'secondReview', because: 'exists' };
    case 'update':
      if (current === undefined) return { kind: 'secondReview', because: 'gone' };
      if (current.hash === entry.hash) return { kind: 'already' };
      return current.hash === entry.reviewed
        ? { kind: 'change', change: { kind: 'update', key: entry.key, row: entry.row } }
        : { kind: 'secondReview', because: 'changed' };
    case 'delete':
      if (current === undefined) return { kind: 'already' };
      return current.hash === entry.reviewed
        ? { kind: 'change', change: { kind: 'delete', key: entry.key } }
        : { kind: 'secondReview', because: 'changed' };
    default:
      return unreachable(entry);
  }
}

/** What takes a change back: an entry of the undo set. `before`: production's row as it was locked. */
export function undoOf(entry: SetEntry, before: RowVersion | undefined): SetEntry | undefined {
  const { table, key } = entry;
  switch (entry.operation) {
    case 'insert':
      return { table, operation: 'delete', key, reviewed: entry.hash };
    case 'update':
      return before === undefined ? undefined : putBack(table, key, before, entry.hash);
    case 'delete':
      return before === undefined
        ? undefined
        : { table, operation: 'insert', key, reviewed: ABSENT, row: before.row, hash: before.hash };
    default:
      return unreachable(entry);
  }
}

const putBack = (table: TableName, key: RowKey, before: RowVersion, now: string): SetEntry => ({
  table,
  operation: 'update',
  key,
  reviewed: now,
  row: before.row,
  hash: before.hash,
});
