import { err, ok, type Result } from '../core/result.ts';
import type { Table, TableName } from '../ports/rows.ts';

// In which order tables are filled: what is pointed at before what points at it.

/** Tables that point at each other, with no key among them that is checked at the end: none of them can be filled first. */
export interface TableCycle {
  readonly tables: readonly TableName[];
}

/**
 * The tables in the order in which rows are inserted; deleted in the opposite one. A table that points at itself is filled by one
 * statement, and foreign keys that are checked at the end of the transaction bind nobody.
 */
export function orderTables(tables: readonly Table[]): Result<readonly Table[], TableCycle> {
  const waiting = new Map(tables.map((table) => [table.name, table]));
  const ordered: Table[] = [];
  while (waiting.size > 0) {
    const free = [...waiting.values()].filter((table) => !bindingsOf(table).some((other) => waiting.has(other)));
    if (free.length === 0) return err({ tables: [...waiting.keys()].toSorted() });
    for (const table of free.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      ordered.push(table);
      waiting.delete(table.name);
    }
  }
  return ok(ordered);
}

const bindingsOf = ({ name, foreignKeys }: Table): readonly TableName[] =>
  foreignKeys.filter((key) => key.table !== name && !key.isDeferrable).map((key) => key.table);

/** Whether rows of a table may have to be inserted by one statement, because they point at each other. */
export const pointsAtItself = ({ name, foreignKeys }: Table): boolean =>
  foreignKeys.some((key) => key.table === name && !key.isDeferrable);
