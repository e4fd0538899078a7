import type { Table, TableName, TenantPath } from '../ports/rows.ts';

// Which tables hold a tenant's rows, and how each row leads to its tenant: found in the schema, and confirmed by people.

/** Hops that a path may take: rows that are further away than this belong to nobody in particular. */
const HOPS_MAX = 4;

/** What was found. */
export interface TenantTables {
  readonly paths: ReadonlyMap<TableName, TenantPath>;
  /** Tables whose rows lead to no tenant: they are common to all, or hold something that nobody told us of. */
  readonly without: readonly TableName[];
}

/**
 * The shortest way from each table to a column by which tenants are told apart: a column of that name in the table itself, or along
 * foreign keys of which each row has one. `columns`: names that such a column may have. `home`: the table of the tenants themselves,
 * whose key is the tenant.
 */
export function findTenantPaths(
  tables: readonly Table[],
  { columns, home }: { readonly columns: readonly string[]; readonly home: TableName | undefined },
): TenantTables {
  const paths = new Map<TableName, TenantPath>();
  for (const table of tables) {
    const own = table.columns.find(({ name }) => columns.includes(name));
    const key = table.name === home && table.key.length === 1 ? table.key[0] : undefined;
    const column = own?.name ?? key;
    if (column !== undefined) paths.set(table.name, { hops: [], column });
  }
  for (let hops = 0; hops < HOPS_MAX; hops += 1) {
    const found = tables.flatMap((table) => {
      const path = paths.has(table.name) ? undefined : stepFrom(table, paths);
      return path === undefined ? [] : [[table.name, path] as const];
    });
    for (const [name, path] of found) paths.set(name, path);
  }
  return { paths, without: tables.map(({ name }) => name).filter((name) => !paths.has(name)) };
}

/** Along a key that every row has; one that rows may lack leads some of them nowhere, and is the second choice. */
function stepFrom(table: Table, paths: ReadonlyMap<TableName, TenantPath>): TenantPath | undefined {
  const isRequired = (column: string): boolean =>
    table.columns.some(({ name, isRequired: required }) => name === column && required);
  const leading = table.foreignKeys.filter((key) => key.table !== table.name && paths.has(key.table));
  const [key] = leading.toSorted((a, b) => Number(!a.columns.every(isRequired)) - Number(!b.columns.every(isRequired)));
  const path = key === undefined ? undefined : paths.get(key.table);
  if (key === undefined || path === undefined) return undefined;
  return { hops: [{ columns: key.columns, table: key.table, to: key.to }, ...path.hops], column: path.column };
}
