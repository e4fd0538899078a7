import type { Table, TableName } from '../ports/rows.ts';
import { whyDifferent } from './fingerprint.ts';

/** Which tables are compared, as production has them, and why others are not. */
export interface Selection {
  readonly tables: readonly Table[];
  readonly leftOut: readonly { readonly table: TableName; readonly because: string }[];
}

/** What decides which tables are compared. */
export interface SelectionRules {
  /** Only these; all when `undefined`. */
  readonly only: readonly TableName[] | undefined;
  /** Never these. */
  readonly leaveOut: readonly TableName[];
  /** These although their name says that they are an outbox or an audit log. */
  readonly include: readonly TableName[];
}

/**
 * What was put into an outbox has been sent, and would be sent again; an audit log says what happened, and these rows did not happen
 * twice. Both are told by their name.
 */
const BY_DEFAULT = /(^|[._])(outbox|audit)([_s]|$)/;

/** Selects the tables of which rows may be compared and imported. */
export function selectTables(
  source: readonly Table[],
  production: readonly Table[],
  { only, leaveOut, include }: SelectionRules,
): Selection {
  const tables: Table[] = [];
  const leftOut: { table: TableName; because: string }[] = [];
  const why = (table: Table): string | undefined => {
    const { name } = table;
    if (leaveOut.includes(name)) return 'dr.yaml leaves it out';
    if (BY_DEFAULT.test(name) && !include.includes(name))
      return 'outbox and audit tables are left out unless dr.yaml includes them';
    if (table.key.length === 0) return 'it has no primary key, so its rows can’t be told apart';
    if (table.hasRowSecurity) return 'row-level security may hide rows of it';
    const other = source.find((found) => found.name === name);
    return other === undefined ? 'the source does not have it' : whyDifferent(other, table);
  };
  for (const table of production) {
    if (only !== undefined && !only.includes(table.name)) continue;
    const because = why(table);
    if (because === undefined) tables.push(table);
    else leftOut.push({ table: table.name, because });
  }
  const known = new Set(production.map(({ name }) => name));
  const missing = (only ?? source.map(({ name }) => name)).filter((name) => !known.has(name));
  return {
    tables,
    leftOut: [...leftOut, ...missing.map((table) => ({ table, because: 'production does not have it' }))],
  };
}
