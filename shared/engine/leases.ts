import { type Instant, type Millis, millis } from '../core/time.ts';
import type { Clock } from '../ports/clock.ts';
import { isPortError } from '../ports/port-error.ts';
import type { Lease, LeaseStore } from '../ports/store.ts';

// The right to act. One lease for the incident and one lock for each target of the run, all with fencing tokens.
//
// L1. A call is sent only if what remains of every lease, on the monotonic clock, exceeds its deadline plus the skew.
// L2. A lease whose renewal fails or is refused is lost: the worker stops at once, without another call.
//
// Google's APIs check no token of ours: what a late request of a former holder can still do is said by its repeat class.

/** Ours until we lose it. */
export interface Holding {
  /** The incident lease's fencing token. */
  readonly token: number;
  /**
   * Renews what is more than a third used up and says whether there is time for a call that may take `wall` of wall time.
   * `false`: stop, somebody else may act now.
   */
  ready(wall: Millis): Promise<boolean>;
  release(): Promise<void>;
}

/** How leases are taken. */
export interface LeaseOptions {
  readonly leases: LeaseStore;
  readonly clock: Clock;
  readonly holder: string;
  readonly length: Millis;
  readonly skew: Millis;
}

/** Takes all keys or none; `taken` names the first that somebody else holds, and until when. */
export async function takeLeases(
  keys: readonly string[],
  options: LeaseOptions,
): Promise<
  | { readonly kind: 'holding'; readonly holding: Holding }
  | { readonly kind: 'taken'; readonly key: string; readonly by: string; readonly until: Instant }
> {
  const { leases, clock, holder, length } = options;
  const held: Lease[] = [];
  const since = clock.monotonic();
  for (const key of keys) {
    const outcome = await leases.acquire(key, holder, length);
    if (outcome.kind === 'taken') {
      for (const lease of held) await leases.release(lease);
      return { kind: 'taken', key, by: outcome.by.holder, until: outcome.by.expiresAt };
    }
    held.push(outcome.lease);
  }
  return { kind: 'holding', holding: new HeldLeases(held, since, options) };
}

class HeldLeases implements Holding {
  readonly token: number;
  readonly #options: LeaseOptions;
  #held: readonly Lease[];
  /** When, on our monotonic clock, the present term was asked for; counting from the asking is the safe side. */
  #since: Millis;
  #lost = false;
  #renewing: Promise<void> | undefined;

  constructor(held: readonly Lease[], since: Millis, options: LeaseOptions) {
    this.#held = held;
    this.#since = since;
    this.#options = options;
    this.token = held[0]?.token ?? 0;
  }

  async ready(wall: Millis): Promise<boolean> {
    const { clock, length, skew } = this.#options;
    if (clock.monotonic() - this.#since > length / 3) {
      this.#renewing ??= this.#renew().finally(() => {
        this.#renewing = undefined;
      });
      await this.#renewing;
    }
    const remaining = length - (clock.monotonic() - this.#since);
    return !this.#lost && remaining > clock.spanOf(wall) + skew;
  }

  async release(): Promise<void> {
    if (this.#lost) return;
    this.#lost = true;
    for (const lease of this.#held) await this.#options.leases.release(lease);
  }

  async #renew(): Promise<void> {
    const { leases, clock, length } = this.#options;
    const since = clock.monotonic();
    const renewed: Lease[] = [];
    for (const lease of this.#held) {
      try {
        const next = await leases.renew(lease, length);
        if (next === undefined) {
          this.#lost = true;
          return;
        }
        renewed.push(next);
      } catch (error) {
        // An unreachable store is not a lost lease: what remains of the present term still counts (L1).
        if (isPortError(error) && error.kind !== 'permanent') return;
        throw error;
      }
    }
    this.#held = renewed;
    this.#since = since;
  }
}

/** Deadline of one call in wall time that leaves room in a lease of `length` for it (L1): at most ten seconds. */
export function callDeadline(length: Millis, skew: Millis, clock: Clock): Millis {
  const span = clock.spanOf(millis(1_000)) / 1_000;
  return millis(Math.min(10_000, Math.floor((length / 2 - skew) / span)));
}
