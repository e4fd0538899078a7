/** An entry that says again what an earlier one of its list said. */
export interface Repeat<Item> {
  readonly item: Item;
  readonly index: number;
  /** Position of the first entry with the same key. */
  readonly first: number;
}

/** Every entry whose key an earlier entry has. */
export function repeated<Item>(items: readonly Item[], keyOf: (item: Item) => string): readonly Repeat<Item>[] {
  const keys = items.map(keyOf);
  return items.flatMap((item, index) => {
    const first = keys.indexOf(keyOf(item));
    return first < index ? [{ item, index, first }] : [];
  });
}
