import { assert } from '../core/assert.ts';
import type { RowHash, RowKey } from '../ports/rows.ts';
import { compareKeys, type KeyOrder } from './key-order.ts';

// What differs between two sides of a table, of which each is read once, in the same order, a chunk at a time: never more than one
// chunk of each is in memory.

/** One row that differs. `source`: the copy as it was; `production`: now. */
export type Difference =
  /** In the source only. */
  | { readonly kind: 'missing'; readonly key: RowKey; readonly source: string }
  | { readonly kind: 'changed'; readonly key: RowKey; readonly source: string; readonly production: string }
  /** In production only. */
  | { readonly kind: 'added'; readonly key: RowKey; readonly production: string };

/** How many rows were looked at, while it goes on. */
export interface Looked {
  source: number;
  production: number;
}

/** Walks along both sides. Their order is `orders`; a side that does not keep it is our bug, and throws. */
export async function* differences(
  source: AsyncIterable<readonly RowHash[]>,
  production: AsyncIterable<readonly RowHash[]>,
  orders: readonly KeyOrder[],
  looked: Looked,
): AsyncGenerator<Difference> {
  const [mine, theirs] = [new Side(source, orders), new Side(production, orders)];
  try {
    let [ours, other] = [await mine.next(), await theirs.next()];
    while (ours !== undefined || other !== undefined) {
      const order = ours === undefined ? 1 : other === undefined ? -1 : compareKeys(orders, ours.key, other.key);
      if (order < 0 && ours !== undefined) {
        yield { kind: 'missing', key: ours.key, source: ours.hash };
      } else if (order > 0 && other !== undefined) {
        yield { kind: 'added', key: other.key, production: other.hash };
      } else if (ours !== undefined && other !== undefined && ours.hash !== other.hash) {
        yield { kind: 'changed', key: ours.key, source: ours.hash, production: other.hash };
      }
      if (order <= 0) ours = await mine.next();
      if (order >= 0) other = await theirs.next();
    }
  } finally {
    looked.source = mine.count;
    looked.production = theirs.count;
    await Promise.all([mine.end(), theirs.end()]);
  }
}

class Side {
  readonly #chunks: AsyncIterator<readonly RowHash[]>;
  readonly #orders: readonly KeyOrder[];
  #chunk: readonly RowHash[] = [];
  #at = 0;
  #last: RowKey | undefined;
  count = 0;

  constructor(chunks: AsyncIterable<readonly RowHash[]>, orders: readonly KeyOrder[]) {
    this.#chunks = chunks[Symbol.asyncIterator]();
    this.#orders = orders;
  }

  async next(): Promise<RowHash | undefined> {
    while (this.#at >= this.#chunk.length) {
      const read = await this.#chunks.next();
      if (read.done === true) return undefined;
      this.#chunk = read.value;
      this.#at = 0;
    }
    const row = this.#chunk[this.#at++];
    if (row === undefined) return undefined;
    const inOrder = this.#last === undefined || compareKeys(this.#orders, this.#last, row.key) < 0;
    assert(inOrder, 'rows are read in the order of their keys');
    this.#last = row.key;
    this.count += 1;
    return row;
  }

  /** Ends the reading on the server, too. */
  async end(): Promise<void> {
    await this.#chunks.return?.();
  }
}
