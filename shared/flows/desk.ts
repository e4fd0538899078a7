import type { Instant } from '../core/time.ts';
import type { IncidentId } from '../system/names.ts';
import type { Store } from '../ports/store.ts';

// What the deliveries of one process know of one another, in memory. It only saves work: leases decide between processes, and a
// process that dies takes nothing with it that is not in the store.
//
// K1. Of those who would absorb one does, and one more waits to go on after it. Whoever comes third may leave: what it received is
//     in the inbox, and the second has yet to read the inbox.
// K2. One delivery waits for an incident's next look. Others poke it and leave.
// K3. One delivery waits for the looks of all; it takes on no more when it has done so for a while, and the next one does.
// K4. So many looks at once, however many incidents are open: a look holds answers of half a dozen APIs in memory.

/** Looks that one process makes side by side. */
const LOOKS_MAX = 4;

/** A delivery that waits for looks, its own and others' (K3). */
export class Looker {
  readonly #until: Instant;
  readonly #looks: Promise<void>[] = [];
  readonly #failures: unknown[] = [];

  constructor(until: Instant) {
    this.#until = until;
  }

  takesOnAt(now: Instant): boolean {
    return now < this.#until;
  }

  take(look: Promise<void>): void {
    this.#looks.push(look.catch((error: unknown) => void this.#failures.push(error)));
  }

  /** Waits until none is under way. */
  async ended(): Promise<void> {
    for (let look = this.#looks.shift(); look !== undefined; look = this.#looks.shift()) await look;
  }

  /** Throws what went wrong first. */
  tell(): void {
    if (this.#failures.length > 0) throw this.#failures[0];
  }
}

/** One process's desk for one store. */
export class Desk {
  #absorbing: Promise<unknown> | undefined;
  #isNextTaken = false;
  #isPausing = false;
  /** By incident, what wakes the delivery that waits for its next look; `true` when it was poked while it did not sleep. */
  readonly #watched = new Map<IncidentId, (() => void) | boolean>();
  /** Who waits for looks now (K3). */
  looker: Looker | undefined;
  #looks = 0;
  readonly #waitingLooks: (() => void)[] = [];

  /** Whether nobody is absorbing, or waits to. */
  isFree(): boolean {
    return this.#absorbing === undefined;
  }

  /** Runs `work` after whoever is at it; `undefined` when somebody else will do it instead (K1). */
  async absorbInTurn<T>(work: () => Promise<T>): Promise<T | undefined> {
    if (this.#absorbing !== undefined) {
      if (this.#isNextTaken) return undefined;
      this.#isNextTaken = true;
      // Its failure is told to whoever began it; here only its end counts.
      while (this.#absorbing !== undefined) await this.#absorbing.catch(() => undefined);
      this.#isNextTaken = false;
    }
    const run = work();
    this.#absorbing = run;
    try {
      return await run;
    } finally {
      this.#absorbing = undefined;
    }
  }

  /** Lets one delivery pause for all of them; `false` when one does already. */
  async pauseForAll(pause: () => Promise<void>): Promise<boolean> {
    if (this.#isPausing) return false;
    this.#isPausing = true;
    try {
      await pause();
      return true;
    } finally {
      this.#isPausing = false;
    }
  }

  /** Takes the incident on; `false` when another delivery has, which is poked (K2). */
  watch(id: IncidentId): boolean {
    const known = this.#watched.get(id);
    if (known === undefined) {
      this.#watched.set(id, false);
      return true;
    }
    if (typeof known === 'function') known();
    else this.#watched.set(id, true);
    return false;
  }

  /** Sleeps until `sleep` ends or somebody pokes. */
  async sleepOn(id: IncidentId, sleep: () => Promise<void>): Promise<void> {
    if (this.#watched.get(id) === true) {
      this.#watched.set(id, false);
      return;
    }
    const poked = new Promise<void>((wake) => this.#watched.set(id, wake));
    await Promise.race([sleep(), poked]);
    this.#watched.set(id, false);
  }

  /** Lets go of the incident; `false`, and it is still ours, when somebody has poked since the last sleep. */
  leave(id: IncidentId): boolean {
    if (this.#watched.get(id) === true) {
      this.#watched.set(id, false);
      return false;
    }
    this.#watched.delete(id);
    return true;
  }

  /** Lets go of the incident whatever is. */
  drop(id: IncidentId): void {
    this.#watched.delete(id);
  }

  lookerAt(now: Instant): Looker | undefined {
    return this.looker?.takesOnAt(now) === true ? this.looker : undefined;
  }

  /** Runs a look as soon as fewer than the most are under way (K4). */
  async look<T>(work: () => Promise<T>): Promise<T> {
    if (this.#looks >= LOOKS_MAX) await new Promise<void>((turn) => this.#waitingLooks.push(turn));
    else this.#looks += 1;
    try {
      // Whoever waits to hear that a signal is logged comes before those who look because of the last one.
      await this.#absorbing?.catch(() => undefined);
      return await work();
    } finally {
      const next = this.#waitingLooks.shift();
      if (next === undefined) this.#looks -= 1;
      else next();
    }
  }
}

const desks = new WeakMap<Store, Desk>();

/** The desk of this process for the store that it has opened. */
export function deskOf(store: Store): Desk {
  const known = desks.get(store) ?? new Desk();
  desks.set(store, known);
  return known;
}
