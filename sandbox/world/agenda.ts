import type { Instant } from '../../shared/core/time.ts';

/** Something that is due at a moment. */
interface Due {
  readonly at: Instant;
  readonly what: () => void;
}

interface Entry extends Due {
  readonly order: number;
  cancelled: boolean;
}

const isBefore = (a: Entry, b: Entry): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/** Callbacks in order of time, then of scheduling: a binary heap, in which a cancelled entry stays until it surfaces. */
export class Agenda {
  readonly #heap: Entry[] = [];
  #order = 0;

  /** Adds a callback; returns a function that cancels it. */
  add(at: Instant, what: () => void): () => void {
    const entry: Entry = { at, what, order: this.#order++, cancelled: false };
    this.#rise(entry);
    return () => {
      entry.cancelled = true;
    };
  }

  /** When the earliest callback is due, or `undefined` when there is none. */
  next(): Instant | undefined {
    this.#dropCancelled();
    return this.#heap[0]?.at;
  }

  /** Takes the earliest callback out. */
  take(): Due | undefined {
    this.#dropCancelled();
    return this.#pop();
  }

  #dropCancelled(): void {
    while (this.#heap[0]?.cancelled === true) this.#pop();
  }

  #pop(): Entry | undefined {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (first !== undefined && last !== undefined && first !== last) this.#sink(last);
    return first;
  }

  /** Puts a new entry at the end and lets it rise to its place. */
  #rise(entry: Entry): void {
    let index = this.#heap.length;
    for (;;) {
      const parentIndex = (index - 1) >> 1;
      const parent = index > 0 ? this.#heap[parentIndex] : undefined;
      if (parent === undefined || !isBefore(entry, parent)) break;
      this.#heap[index] = parent;
      index = parentIndex;
    }
    this.#heap[index] = entry;
  }

  /** Puts an entry at the top and lets it sink to its place. */
  #sink(entry: Entry): void {
    let index = 0;
    for (;;) {
      const left = this.#heap[2 * index + 1];
      const right = this.#heap[2 * index + 2];
      const child = left !== undefined && right !== undefined && isBefore(right, left) ? right : left;
      if (child === undefined || isBefore(entry, child)) break;
      this.#heap[index] = child;
      index = child === right ? 2 * index + 2 : 2 * index + 1;
    }
    this.#heap[index] = entry;
  }
}
