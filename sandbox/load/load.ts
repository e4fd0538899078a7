import { after, type Instant, type Millis, millis, seconds } from '../../shared/core/time.ts';
import type { ApplicationFront } from '../world/application-front.ts';
import type { Place, WorldClock } from '../world/kernel.ts';

// Simulated users, and the outside judge of what a disaster cost: it believes what users saw and what rows are there, and
// nothing that the product says (decisions.md 24).
//
// L1. A write counts as acknowledged when the user got 201, whatever became of the row.
// L2. A lost write is an acknowledged one whose row is not on the database that counts now.

/** A time without service; `until` is `undefined` while it lasts. */
export interface Outage {
  readonly from: Instant;
  readonly until: Instant | undefined;
}

/** What users of one service saw. */
export interface ServiceReport {
  readonly service: string;
  readonly acknowledged: number;
  readonly failed: number;
  /** Reads of one's own newest write that did not find it. */
  readonly missed: number;
  /** Times in which writes failed, from the first failure to the next success. */
  readonly outages: readonly Outage[];
  /** All outages together, those that last counted until now. */
  readonly downtime: Millis;
}

/** What a recovery lost. */
export interface Loss {
  readonly lost: number;
  readonly oldestLostAt: Instant | undefined;
  /** Commit time of the newest acknowledged write that is missing (decisions.md 24). */
  readonly newestLostAt: Instant | undefined;
  /** Commit time of the newest acknowledged write that is there. */
  readonly newestKeptAt: Instant | undefined;
  /** From the oldest lost write to the failure: the time whose writes are gone. 0 when nothing is lost. */
  readonly rpo: Millis;
}

/** What a load is made with. */
export interface LoadOptions {
  readonly clock: WorldClock;
  readonly front: ApplicationFront;
  /** Services that have users, one user each. */
  readonly services: readonly string[];
  /** From one write of a user to the next, clock time; 1 s unless said otherwise. */
  readonly every?: Millis;
}

interface Acknowledged {
  readonly id: string;
  readonly at: Instant;
}

interface User {
  readonly service: string;
  acknowledged: number;
  failed: number;
  missed: number;
  newest: string | undefined;
  readonly outages: { readonly from: Instant; until: Instant | undefined }[];
}

/** Where users are. */
const USERS: Place = 'internet';

/** Acknowledged writes that are remembered: more than a day of two users. */
const REMEMBERED = 200_000;

/** Users that write and read until they are stopped. */
export class Load {
  readonly #options: LoadOptions;
  readonly #users: readonly User[];
  #acknowledged: Acknowledged[] = [];
  #sequence = 0;
  #cancel: (() => void) | undefined;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#users = options.services.map((service) => ({
      service,
      acknowledged: 0,
      failed: 0,
      missed: 0,
      newest: undefined,
      outages: [],
    }));
  }

  start(): void {
    const { clock, every = seconds(1) } = this.#options;
    if (this.#cancel !== undefined) return;
    const step = (): void => {
      for (const user of this.#users) this.#act(user);
      this.#cancel = clock.schedule(after(clock.now(), every), step);
    };
    this.#cancel = clock.schedule(clock.now(), step);
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  report(): readonly ServiceReport[] {
    return this.#users.map(({ service, acknowledged, failed, missed, outages }) => ({
      service,
      acknowledged,
      failed,
      missed,
      outages: outages.map((outage) => ({ ...outage })),
      downtime: this.#lengthOf(outages),
    }));
  }

  /**
   * What is missing on the database that counts now. `has` says whether it holds a write; `failureAt` is when the old one
   * failed (the newest lost write, when it isn't given). Writes acknowledged after `until` are left out: what an old primary
   * takes after a promotion has diverged, and is no loss of the promotion.
   */
  loss(has: (id: string) => boolean, failureAt?: Instant, until?: Instant): Loss {
    const lost = this.#acknowledged.filter(({ id, at }) => (until === undefined || at <= until) && !has(id));
    const kept = this.#acknowledged.findLast(({ id }) => has(id));
    const [oldest, newest] = [lost[0]?.at, lost.at(-1)?.at];
    const end = failureAt ?? newest;
    const rpo = oldest === undefined || end === undefined ? 0 : Math.max(end - oldest, 0);
    return { lost: lost.length, oldestLostAt: oldest, newestLostAt: newest, newestKeptAt: kept?.at, rpo: millis(rpo) };
  }

  #act(user: User): void {
    const { clock, front } = this.#options;
    const at = clock.now();
    const id = `${user.service}/${++this.#sequence}`;
    const reply = front.request(USERS, user.service, { kind: 'userWrite', id });
    const outage = user.outages.at(-1);
    if (reply.kind === 'reply' && reply.status === 201) {
      user.acknowledged += 1;
      user.newest = id;
      this.#remember({ id, at });
      if (outage !== undefined && outage.until === undefined) outage.until = at;
    } else {
      user.failed += 1;
      if (outage === undefined || outage.until !== undefined) user.outages.push({ from: at, until: undefined });
    }
    this.#readBack(user);
  }

  #readBack(user: User): void {
    if (user.newest === undefined) return;
    const request = { kind: 'userRead', id: user.newest } as const;
    const reply = this.#options.front.request(USERS, user.service, request);
    if (reply.kind === 'reply' && reply.status === 404) user.missed += 1;
  }

  #remember(write: Acknowledged): void {
    this.#acknowledged.push(write);
    if (this.#acknowledged.length > 2 * REMEMBERED) this.#acknowledged = this.#acknowledged.slice(-REMEMBERED);
  }

  #lengthOf(outages: readonly Outage[]): Millis {
    const now = this.#options.clock.now();
    return millis(outages.reduce((sum, { from, until }) => sum + ((until ?? now) - from), 0));
  }
}
