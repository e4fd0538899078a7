import { after, type Instant, seconds } from '../../shared/core/time.ts';
import type { ApplicationFront } from './application-front.ts';
import { sessionToken } from './application-session.ts';
import type { Place, WorldClock } from './kernel.ts';

// Somebody who has stolen secrets and uses them: makes sessions with every signing key that was stolen, and asks the applications with
// them. An outside judge of what a breach response was worth: what counts is what the applications let in.

/** What the intruder met at one service. */
export interface Intrusion {
  readonly service: string;
  /** Requests that were let in. */
  readonly admitted: number;
  /** Requests that were refused because the session is none. */
  readonly refused: number;
  readonly lastAdmittedAt: Instant | undefined;
  readonly lastRefusedAt: Instant | undefined;
}

/** What an intruder is made with. */
export interface IntruderOptions {
  readonly clock: WorldClock;
  readonly front: ApplicationFront;
  readonly services: readonly string[];
  /** The enabled versions of the signing key, as the thief finds them. */
  readonly stealKeys: () => readonly string[];
}

/** From one try to the next. */
const EVERY = seconds(2);

const FROM: Place = 'internet';

/** One thief. */
export class Intruder {
  readonly #options: IntruderOptions;
  readonly #met: Map<string, { -readonly [K in keyof Omit<Intrusion, 'service'>]: Intrusion[K] }>;
  #keys: readonly string[] = [];
  #cancel: (() => void) | undefined;

  constructor(options: IntruderOptions) {
    this.#options = options;
    this.#met = new Map(
      options.services.map((service) => [
        service,
        { admitted: 0, refused: 0, lastAdmittedAt: undefined, lastRefusedAt: undefined },
      ]),
    );
  }

  /** Copies what can be read now, and begins to use it. */
  breakIn(): void {
    this.#keys = this.#options.stealKeys();
    if (this.#cancel === undefined) this.#tryAgain();
  }

  /** Gives up. What was stolen stays known: whoever breaks in again steals anew. */
  leave(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  report(): readonly Intrusion[] {
    return [...this.#met].map(([service, met]) => ({ service, ...met }));
  }

  #tryAgain(): void {
    const { clock, services } = this.#options;
    for (const service of services) for (const key of this.#keys) this.#try(service, key);
    this.#cancel = clock.schedule(after(clock.now(), EVERY), () => this.#tryAgain());
  }

  #try(service: string, key: string): void {
    const { clock, front } = this.#options;
    const met = this.#met.get(service);
    const reply = front.request(FROM, service, { kind: 'signedIn', token: sessionToken('mallory', key) });
    if (met === undefined || reply.kind !== 'reply') return;
    if (reply.status === 200) {
      met.admitted += 1;
      met.lastAdmittedAt = clock.now();
    } else if (reply.status === 401) {
      met.refused += 1;
      met.lastRefusedAt = clock.now();
    }
  }
}
