import { assert } from '../core/assert.ts';
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

/** What became of asking for several leases: all are held, or none is. */
type Taking<Held> =
  | { readonly kind: 'holding'; readonly holding: Held }
  | { readonly kind: 'taken'; readonly key: string; readonly by: string; readonly until: Instant };

/**
 * Takes all keys or none; `taken` names the first that somebody else holds, and until when. The first key decides between workers for the
 * same thing; the others are asked for at once, since a store may be far away.
 */
export async function takeLeases(
  [first, ...others]: readonly [string, ...string[]],
  options: LeaseOptions,
): Promise<Taking<Holding>> {
  const since = options.clock.monotonic();
  const own = await takeInOrder([first], options);
  if (own.kind === 'taken') return own;
  try {
    const rest = await takeOthers(others, options);
    if (rest.kind === 'holding')
      return { kind: 'holding', holding: new HeldLeases([...own.holding, ...rest.holding], since, options) };
    await giveBack(own.holding, options.leases);
    return rest;
  } catch (error) {
    await giveBack(own.holding, options.leases);
    throw error;
  }
}

/**
 * Two that want the same keys at once may each get some of them, in a store that answers in any order. Whoever misses one gives back its
 * others and asks again, in the order of the keys: there the first to get one is not stopped half way by the other.
 */
async function takeOthers(keys: readonly string[], options: LeaseOptions): Promise<Taking<readonly Lease[]>> {
  const atOnce = await takeAtOnce(keys, options);
  return atOnce.kind === 'holding' || keys.length === 1 ? atOnce : await takeInOrder(keys.toSorted(), options);
}

async function takeAtOnce(keys: readonly string[], options: LeaseOptions): Promise<Taking<readonly Lease[]>> {
  const { leases, holder, length } = options;
  const asked = await Promise.allSettled(keys.map((key) => leases.acquire(key, holder, length)));
  const answers = asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const held = answers.flatMap((answer) => (answer.kind === 'held' ? [answer.lease] : []));
  if (held.length === keys.length) return { kind: 'holding', holding: held };
  await giveBack(held, leases);
  const failed = asked.find((one) => one.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  const taken = answers.find((answer) => answer.kind === 'taken');
  assert(taken !== undefined, 'a lease is held, taken, or its acquisition failed');
  return { kind: 'taken', key: taken.by.key, by: taken.by.holder, until: taken.by.expiresAt };
}

async function takeInOrder(keys: readonly string[], options: LeaseOptions): Promise<Taking<readonly Lease[]>> {
  const { leases, holder, length } = options;
  const held: Lease[] = [];
  for (const key of keys) {
    const outcome = await leases.acquire(key, holder, length);
    if (outcome.kind === 'taken') {
      await giveBack(held, leases);
      return { kind: 'taken', key, by: outcome.by.holder, until: outcome.by.expiresAt };
    }
    held.push(outcome.lease);
  }
  return { kind: 'holding', holding: held };
}

const giveBack = async (held: readonly Lease[], leases: LeaseStore): Promise<void> => {
  await Promise.all(held.map((lease) => leases.release(lease)));
};

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
    await giveBack(this.#held, this.#options.leases);
  }

  async #renew(): Promise<void> {
    const { leases, clock, length } = this.#options;
    const since = clock.monotonic();
    const asked = await Promise.allSettled(this.#held.map((lease) => leases.renew(lease, length)));
    const renewed: Lease[] = [];
    let failure: unknown;
    for (const one of asked)
      if (one.status === 'rejected') failure ??= one.reason;
      else if (one.value !== undefined) renewed.push(one.value);
      else this.#lost = true;
    if (this.#lost) return;
    if (failure !== undefined) {
      // An unreachable store is not a lost lease: what remains of the present term still counts (L1).
      if (isPortError(failure) && failure.kind !== 'permanent') return;
      throw failure;
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
