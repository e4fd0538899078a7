import type { Instant } from '../../shared/core/time.ts';

/** Something that is due at a moment. */
export interface Due {
  readonly at: Instant;
  readonly what: () => void;
}

interface Entry extends Due {
  readonly order: number;
  cancelled: boolean;
}

/** Callbacks in order of time, then of scheduling: a binary heap, in which a cancelled entry stays until it surfaces. */
export interface Agenda {
  /** Adds a callback; returns a function that cancels it. */
  add(at: Instant, what: () => void): () => void;
  /** When the earliest callback is due, or `undefined` when there is none. */
  next(): Instant | undefined;
  /** Takes the earliest callback out. */
  take(): Due | undefined;
}

const isBefore = (a: Entry, b: Entry): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/** An empty agenda. */
export function createAgenda(): Agenda {
  const heap: Entry[] = [];
  let order = 0;

  const place = (index: number, entry: Entry): void => {
    heap[index] = entry;
  };

  const rise = (entry: Entry): void => {
    let index = heap.length;
    place(index, entry);
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex];
      if (parent === undefined || !isBefore(entry, parent)) break;
      place(index, parent);
      index = parentIndex;
    }
    place(index, entry);
  };

  const sink = (entry: Entry): void => {
    let index = 0;
    for (;;) {
      const left = heap[2 * index + 1];
      const right = heap[2 * index + 2];
      const child = left !== undefined && right !== undefined && isBefore(right, left) ? right : left;
      if (child === undefined || isBefore(entry, child)) break;
      place(index, child);
      index = child === right ? 2 * index + 2 : 2 * index + 1;
    }
    place(index, entry);
  };

  const pop = (): Entry | undefined => {
    const first = heap[0];
    const last = heap.pop();
    if (first !== undefined && last !== undefined && first !== last) sink(last);
    return first;
  };

  const dropCancelled = (): void => {
    while (heap[0]?.cancelled === true) pop();
  };

  return {
    add(at, what) {
      const entry: Entry = { at, what, order: order++, cancelled: false };
      rise(entry);
      return () => {
        entry.cancelled = true;
      };
    },
    next() {
      dropCancelled();
      return heap[0]?.at;
    },
    take() {
      dropCancelled();
      return pop();
    },
  };
}
