import { unreachable } from '../core/assert.ts';
import type { Instant } from '../core/time.ts';
import type { ChangeHistory, TableChanges } from '../ports/contents.ts';
import type { TableName } from '../ports/rows.ts';
import type { Operation } from './reviewed-set.ts';

// Which rows may be brought back without a person's word on each: those that nobody but the culprits can have changed. A row that
// differs may have been changed for good since, and one that is missing may have been deleted for good; the history says by whom.

/** Who changed rows of which tables since a moment. */
export interface Culpability {
  /** `user` and `application_name` of those whose changes are to be taken back. */
  readonly culprits: readonly { readonly user: string; readonly application: string }[];
  /** `undefined` where nobody can tell. */
  readonly history: ChangeHistory | undefined;
  readonly since: Instant;
}

/** Why a line of that operation needs a person's word; `undefined` when only the culprits can have made it necessary. */
export function whyDoubtful(table: TableName, operation: Operation, known: Culpability): string | undefined {
  const { culprits, history, since } = known;
  if (history === undefined || history.since > since) return 'nobody can tell who changed its rows since';
  const others = history.changes.filter(
    (change) =>
      isOf(change, table) &&
      change.lastAt >= since &&
      didThat(change, operation) &&
      !culprits.some(({ user, application }) => user === change.user && application === change.application),
  );
  const [first] = others;
  return first === undefined
    ? undefined
    : `${first.application} (${first.user}) ${DID[operation]} rows of it since, too`;
}

const DID: Readonly<Record<Operation, string>> = { insert: 'deleted', update: 'changed', delete: 'added' };

/** Whether a change of that kind is what a line of the operation takes back. */
function didThat({ inserted, updated, deleted }: TableChanges, operation: Operation): boolean {
  switch (operation) {
    case 'insert':
      return deleted > 0;
    case 'update':
      return updated > 0;
    case 'delete':
      return inserted > 0;
    default:
      return unreachable(operation);
  }
}

/** An agent may name a table with its schema or without. */
const isOf = ({ table }: TableChanges, name: TableName): boolean => table === name || name.endsWith(`.${table}`);
