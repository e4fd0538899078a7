import type { Instant } from '../../shared/core/time.ts';
import { KILL_SWITCH_KEY, parseKillSwitch } from '../../shared/guards/kill-switch.ts';
import type { Lease, Store } from '../../shared/ports/store.ts';

// Reads along what the store is told beside the logs: who holds which lease, and when the kill switch was on. Nothing of the product
// sees it.

/** The kill switch as it was from a moment on. */
export interface Switched {
  readonly at: Instant;
  readonly on: boolean;
}

/** Leases and the kill switch of one run. */
export class Books {
  readonly #leases = new Map<string, Lease>();
  readonly #now: () => Instant;
  /** Every change of the kill switch, oldest first. */
  readonly switches: Switched[] = [];

  constructor(now: () => Instant) {
    this.#now = now;
  }

  /** The store, read along. */
  along(store: Store): Store {
    const { leases, documents } = store;
    return {
      ...store,
      leases: {
        ...leases,
        acquire: async (key, holder, length) => {
          const outcome = await leases.acquire(key, holder, length);
          if (outcome.kind === 'held') this.#leases.set(key, outcome.lease);
          return outcome;
        },
        renew: async (lease, length) => {
          const renewed = await leases.renew(lease, length);
          if (renewed !== undefined) this.#leases.set(lease.key, renewed);
          return renewed;
        },
        release: async (lease) => {
          await leases.release(lease);
          if (this.#leases.get(lease.key)?.token === lease.token) this.#leases.delete(lease.key);
        },
      },
      documents: {
        ...documents,
        put: async (key, value, expected) => {
          const written = await documents.put(key, value, expected);
          if (written && key === KILL_SWITCH_KEY)
            this.switches.push({ at: this.#now(), on: parseKillSwitch(value).kind === 'on' });
          return written;
        },
      },
    };
  }

  /** Whether a process holds the lease of an incident now: the right to act on it. */
  mayAct(process: string): boolean {
    const now = this.#now();
    return [...this.#leases.values()].some(
      ({ key, holder, expiresAt }) =>
        key.startsWith('incident/') && holder.startsWith(`${process}/`) && now < expiresAt,
    );
  }
}
