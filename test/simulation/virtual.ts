import { after, instant, type Instant, type Millis, millis } from '../../shared/core/time.ts';
import type { Chance, Clock } from '../../shared/ports/clock.ts';
import type { Chance as WorldChance } from '../../sandbox/world/kernel.ts';
import type { VirtualClock } from '../../sandbox/world/clock.ts';

// Virtual time for promises: a callback of the clock runs, everything that it made possible runs to its end, then the next.
//
// V1. Nothing of a run waits for the machine: promises are drained, and work that leaves the thread is done in a fixed order.

/** The product's clock on a virtual one, ahead of it by `offset` (a machine's clock is never quite right). */
export function clockPort(clock: VirtualClock, offset = 0): Clock {
  return {
    now: () => instant(Math.floor(clock.now() + offset)),
    monotonic: () => millis(clock.now()),
    spanOf: (wall) => wall,
    sleep: (length: Millis, signal?: AbortSignal) =>
      new Promise<void>((wake) => {
        if (signal?.aborted === true) {
          wake();
          return;
        }
        const cancel = clock.schedule(after(clock.now(), Math.max(0, Math.ceil(length))), wake);
        signal?.addEventListener('abort', () => {
          cancel();
          wake();
        });
      }),
  };
}

/** The product's chance from a seed. */
export function chancePort(chance: WorldChance): Chance {
  const hex = (digits: number): string =>
    Math.floor(chance.next() * 16 ** digits)
      .toString(16)
      .padStart(digits, '0');
  return {
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(8)}${hex(4)}`,
    bytes: (count) => Uint8Array.from({ length: count }, () => chance.between(0, 255)),
    fraction: () => chance.next(),
  };
}

/** Turns that are asked of the event loop at once: a hundred moments or so are played in one round of it, and not in one each. */
const TURNS = 128;

/** Work that leaves the thread, such as signing: counted and done one after the other, so that its order repeats (V1). */
export class Outside {
  #pending = 0;
  #turn: Promise<unknown> = Promise.resolve();
  /** Turns that were asked for and have not come. */
  #coming = 0;
  #next: (() => void) | undefined;

  run<T>(work: () => Promise<T>): Promise<T> {
    this.#pending += 1;
    const turn = this.#turn.then(work, work).finally(() => {
      this.#pending -= 1;
    });
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** Resolves when nothing more can happen without the clock. */
  async settle(): Promise<void> {
    await this.#drained();
    // What is done on another thread is heard of in the loop's next round.
    while (this.#pending > 0)
      await new Promise<void>((turn) => {
        setImmediate(turn);
      });
  }

  /** Resolves when every promise that can settle by itself has: the queue of promises is emptied before each turn. */
  #drained(): Promise<void> {
    if (this.#coming === 0) {
      this.#coming = TURNS;
      for (let turn = 0; turn < TURNS; turn += 1) setImmediate(() => this.#comes());
    }
    return new Promise<void>((turn) => {
      this.#next = turn;
    });
  }

  #comes(): void {
    this.#coming -= 1;
    const next = this.#next;
    this.#next = undefined;
    next?.();
  }
}

/** Runs the world until `until`, or until `done` says that it may stop; returns when it stopped. */
export async function runUntil(
  clock: VirtualClock,
  until: Instant,
  outside: Outside,
  done: () => boolean,
): Promise<Instant> {
  for (;;) {
    await outside.settle();
    const next = clock.nextAt();
    if (done() || next === undefined || next > until) return instant(clock.now());
    // Everything of one moment runs together, as callbacks of one timer turn do.
    do clock.runNext();
    while (clock.nextAt() === next);
  }
}
