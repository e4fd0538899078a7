import { type Instant, millis, seconds } from '../../shared/core/time.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import { PortError } from '../../shared/ports/port-error.ts';
import type { Store } from '../../shared/ports/store.ts';
import type { FunctionName } from '../../shared/system/names.ts';
import type { Chance } from '../../sandbox/world/kernel.ts';

// A store that is far away and fails: now and then by chance, or for a while altogether.

/** How the store fails: at once and without effect, after its effect, or after a long silence with or without it. */
export type StoreFailure = 'refuses' | 'losesReplies' | 'hangs';

/** A time in which nobody reaches the store. */
export interface Outage {
  readonly from: Instant;
  readonly until: Instant;
  readonly how: StoreFailure;
}

/** What the weather is made with. */
export interface StoreWeatherOptions {
  readonly chance: Chance;
  /** Longest time that a call takes, milliseconds; 0: none at all. */
  readonly latencyMax: number;
  /** Probability that a call fails; asked for each call. */
  readonly rate: () => number;
  /** Told of every failure and whom it met. */
  readonly struck: (how: StoreFailure, of: FunctionName) => void;
}

/** How long a caller waits for a store that hangs: the deadline of a database client. */
const SILENCE = seconds(10);

/** Methods that write: only for them does a lost reply leave a doubt. */
const WRITES: ReadonlySet<string> = new Set(['append', 'receive', 'acquire', 'renew', 'release', 'put', 'keep']);

/** The weather over one store. */
export class StoreWeather {
  readonly #options: StoreWeatherOptions;
  readonly #outages: Outage[] = [];

  constructor(options: StoreWeatherOptions) {
    this.#options = options;
  }

  outages(): readonly Outage[] {
    return this.#outages;
  }

  /** Nobody reaches the store for a while. */
  breakOff(outage: Outage): void {
    this.#outages.push(outage);
  }

  /** The store as a process of one function sees it, by that process's clock. */
  over(store: Store, of: FunctionName, clock: Clock): Store {
    const part = <T extends object>(target: T): T =>
      new Proxy(target, {
        get: (own, key) => {
          const value: unknown = Reflect.get(own, key);
          if (typeof value !== 'function') return value;
          return (...args: unknown[]) =>
            this.#pass(String(key), { of, clock }, async () => (await Reflect.apply(value, own, args)) as unknown);
        },
      });
    return {
      log: part(store.log),
      leases: part(store.leases),
      documents: part(store.documents),
      evidence: part(store.evidence),
      pace: store.pace,
      now: () => this.#pass('now', { of, clock }, () => store.now()),
    };
  }

  async #pass<T>(
    method: string,
    { of, clock }: { readonly of: FunctionName; readonly clock: Clock },
    call: () => Promise<T>,
  ): Promise<T> {
    const { chance, latencyMax } = this.#options;
    // All of the way is gone before the effect or after it: one wait tells both orders apart as well as two.
    const way = latencyMax > 0 ? chance.between(-latencyMax, latencyMax) : 0;
    if (way < 0) await clock.sleep(millis(-way));
    const how = this.#failure(clock.now());
    if (how === undefined) {
      const answer = await call();
      if (way > 0) await clock.sleep(millis(way));
      return answer;
    }
    this.#options.struck(how, of);
    const writes = WRITES.has(method);
    const happens = how === 'losesReplies' || (how === 'hangs' && chance.next() < 0.5);
    if (how === 'hangs') await clock.sleep(SILENCE);
    if (!writes) throw new PortError('retryable', 'outage', 'asking the store');
    if (happens) await call();
    throw how === 'refuses'
      ? new PortError('retryable', 'outage', 'asking the store')
      : new PortError('ambiguous', 'timeout', 'asking the store');
  }

  #failure(now: Instant): StoreFailure | undefined {
    const outage = this.#outages.find(({ from, until }) => now >= from && now < until);
    if (outage !== undefined) return outage.how === 'losesReplies' ? 'refuses' : outage.how;
    const { chance, rate } = this.#options;
    const likely = rate();
    if (likely === 0 || chance.next() >= likely) return undefined;
    return chance.pick(['refuses', 'losesReplies', 'hangs'] as const);
  }
}
