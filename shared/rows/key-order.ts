import type { RowKey, Table } from '../ports/rows.ts';

// The order of keys in which both sides of a comparison are read. It has to be the same on every server, so no collation of a server's
// own decides it: numbers by value, UUIDs and everything else by the bytes of their text.

const NUMBERS: ReadonlySet<string> = new Set(['smallint', 'integer', 'bigint']);

/** How a key column is ordered. Numbers and UUIDs lie so in the server's own index. */
export type KeyOrder = 'number' | 'uuid' | 'text';

/** How the columns of a table's key are ordered. */
export function keyOrders(table: Table): readonly KeyOrder[] {
  return table.key.map((name) => {
    const type = table.columns.find((column) => column.name === name)?.type ?? '';
    if (NUMBERS.has(type)) return 'number';
    return type === 'uuid' ? 'uuid' : 'text';
  });
}

/** Negative when `a` comes first, 0 for equal keys. */
export function compareKeys(orders: readonly KeyOrder[], a: RowKey, b: RowKey): number {
  for (const [index, order] of orders.entries()) {
    const [one, other] = [a[index] ?? '', b[index] ?? ''];
    const found = order === 'number' ? compareNumbers(one, other) : compareTexts(one, other);
    if (found !== 0) return found;
  }
  return 0;
}

function compareNumbers(a: string, b: string): number {
  const [one, other] = [BigInt(a), BigInt(b)];
  return one < other ? -1 : one > other ? 1 : 0;
}

/** By UTF-8, as the server's collation "C" does; UTF-16 puts characters beyond the first plane elsewhere. */
const compareTexts = (a: string, b: string): number => (a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b)));

/** One text for a key, for use in maps and sets. */
export const keyText = (key: RowKey): string => JSON.stringify(key);
