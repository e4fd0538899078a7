import { type Digest, digestOf } from '../core/digest.ts';
import type { Table } from '../ports/rows.ts';

/**
 * What of some tables must not change between a review and its import: columns with their types, keys, foreign keys. What a migration
 * in between would make of the reviewed rows nobody has seen.
 */
export const fingerprintOf = (tables: readonly Table[]): Digest =>
  digestOf(
    tables
      .map(({ name, columns, key, foreignKeys }) => ({ name, columns, key, foreignKeys }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  );

/** Whether rows of one table can be rows of the other: the same columns of the same types, and the same key. */
export function whyDifferent(source: Table, production: Table): string | undefined {
  if (source.key.join() !== production.key.join())
    return `its key is (${production.key.join(', ')}) in production and (${source.key.join(', ')}) in the source`;
  const columns = (table: Table): ReadonlyMap<string, string> =>
    new Map(table.columns.filter(({ isGenerated }) => !isGenerated).map(({ name, type }) => [name, type]));
  const [mine, theirs] = [columns(source), columns(production)];
  const names = [...new Set([...mine.keys(), ...theirs.keys()])].filter((name) => mine.get(name) !== theirs.get(name));
  return names.length === 0 ? undefined : `these columns differ in production and in the source: ${names.join(', ')}`;
}
