import { unreachable } from '../../shared/core/assert.ts';
import { after, type Instant, type Millis, millis } from '../../shared/core/time.ts';
import type { Deliver, DeliveryAnswer, Disorder, Ledger, PulledMessage } from './broker-delivery.ts';
import type { Message, SubscriptionConfig } from './broker-message.ts';
import type { Chance, WorldClock } from './kernel.ts';

// One subscription's queue: every message that its topic accepted, until it is acknowledged, dead-lettered or too old.
//
//   accept ──▶ scheduled ──▶ due ──▶ outstanding ──▶ acknowledged
//                  ▲                     │ nack, or no answer within the ack deadline
//                  └──── backoff ────────┴──▶ dead-lettered (after the last attempt)
//
// Q1. accepted = acknowledged + dead-lettered + expired + waiting, at every moment; each is counted where it happens.
// Q2. A message fails at most `attemptsMax` times; an attempt's number never exceeds it.
// Q3. Echoes are the deliberate duplicates: a second delivery of the same attempt, at its own time, even after an
//     acknowledgement. An echo can acknowledge a message; it can't fail one, or duplicates would use up attempts.
// Q4. An answer after the ack deadline is not heard: by then the message is on its way again.

/** What a queue is made with. */
export interface QueueOptions {
  readonly config: SubscriptionConfig;
  readonly clock: WorldClock;
  readonly chance: Chance;
  readonly deliver: Deliver;
  readonly disorder: () => Disorder;
  readonly deadLetter: (message: Message, deliveryCount: number) => void;
}

interface Held {
  readonly message: Message;
  failures: number;
}

interface Due {
  readonly held: Held;
  readonly kind: 'attempt' | 'echo';
  /** Fixed when it is scheduled: an echo that comes late still repeats its own attempt. */
  readonly attempt: number;
}

interface Lease extends Due {
  readonly cancelDeadline: () => void;
}

/** How much longer than the policy's a backoff may be, so that failures of one moment don't return in one moment. */
const BACKOFF_JITTER = 0.1;

/** The queue of one subscription. Callbacks of the clock move it; it never calls a receiver from within `accept`. */
export class SubscriptionQueue {
  readonly config: SubscriptionConfig;
  readonly #options: QueueOptions;
  readonly #held = new Map<string, Held>();
  readonly #due: Due[] = [];
  readonly #leases = new Map<string, Lease>();
  readonly #pushes = new Set<AbortController>();
  readonly #timers = new Set<() => void>();
  readonly #counts = { accepted: 0, acknowledged: 0, deadLettered: 0, expired: 0, deliveries: 0, echoes: 0 };
  #leaseNumber = 0;
  #stopped = false;

  constructor(options: QueueOptions) {
    this.config = options.config;
    this.#options = options;
  }

  /** Takes responsibility for a message. */
  accept(message: Message): void {
    const held = { message, failures: 0 };
    this.#held.set(message.id, held);
    this.#counts.accepted += 1;
    this.#schedule(held, this.#delay());
  }

  /** Leases up to `max` messages that are due, for the ack deadline. Push subscriptions are refused by the caller. */
  pull(max: number): readonly PulledMessage[] {
    this.#expire();
    return this.#take(max).map((due) => {
      this.#leaseNumber += 1;
      const ackId = `${this.config.name}:${due.held.message.id}:${this.#leaseNumber}`;
      this.#lease(ackId, due, this.config.ackDeadline);
      this.#count(due);
      return { ackId, message: due.held.message, attempt: this.config.deadLetter && due.attempt };
    });
  }

  /** Acknowledges leases. Unknown and lapsed ones are passed over in silence, as Pub/Sub does. */
  acknowledge(ackIds: readonly string[]): void {
    for (const ackId of ackIds) {
      const lease = this.#endLease(ackId);
      if (lease) this.#settle(lease, 'ack');
    }
  }

  /** Gives leases a new deadline from now on; zero gives the messages back at once (a nack). */
  modifyAckDeadline(ackIds: readonly string[], deadline: Millis): void {
    for (const ackId of ackIds) {
      const lease = this.#endLease(ackId);
      if (lease && deadline === 0) this.#settle(lease, 'nack');
      else if (lease) this.#lease(ackId, lease, deadline);
    }
  }

  ledger(): Ledger {
    this.#expire();
    return { subscription: this.config.name, ...this.#counts, waiting: this.#held.size };
  }

  /** Nothing is delivered any more; what waits stays waiting. Outstanding pushes are aborted. */
  stop(): void {
    this.#stopped = true;
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
    for (const push of this.#pushes) push.abort();
  }

  #delay(): Millis {
    const { delayMax } = this.#options.disorder();
    return millis(delayMax === 0 ? 0 : this.#options.chance.between(0, delayMax));
  }

  #schedule(held: Held, delay: Millis): void {
    const { disorder, chance } = this.#options;
    const attempt = held.failures + 1;
    this.#at(delay, () => this.#becomeDue({ held, kind: 'attempt', attempt }));
    if (chance.next() < disorder().duplicates) {
      this.#at(millis(delay + this.#delay()), () => this.#becomeDue({ held, kind: 'echo', attempt }));
    }
  }

  #at(delay: Millis, what: () => void): () => void {
    const { clock } = this.#options;
    const cancel = clock.schedule(after(clock.now(), delay), () => {
      this.#timers.delete(cancel);
      what();
    });
    this.#timers.add(cancel);
    return () => {
      this.#timers.delete(cancel);
      cancel();
    };
  }

  #becomeDue(due: Due): void {
    this.#due.push(due);
    this.#pump();
  }

  #take(max: number): readonly Due[] {
    const taken: Due[] = [];
    while (taken.length < max) {
      const next = this.#due.shift();
      if (next === undefined) break;
      if (next.kind === 'echo' || this.#isHeld(next.held)) taken.push(next);
    }
    return taken;
  }

  #pump(): void {
    const { delivery } = this.config;
    if (this.#stopped || delivery.kind === 'pull') return;
    this.#expire();
    for (const due of this.#take(delivery.outstandingMax - this.#pushes.size)) this.#push(due);
  }

  #push(due: Due): void {
    const push = new AbortController();
    this.#pushes.add(push);
    this.#count(due);
    const end = (answer: DeliveryAnswer): void => {
      if (!this.#pushes.delete(push)) return; // Q4
      cancelDeadline();
      if (this.#stopped) return;
      this.#settle(due, answer);
      this.#pump();
    };
    const cancelDeadline = this.#at(this.config.ackDeadline, () => {
      push.abort();
      end('timeout');
    });
    this.#options
      .deliver({ subscription: this.config, message: due.held.message, attempt: due.attempt, signal: push.signal })
      .then(end, () => end('nack'));
  }

  #lease(ackId: string, due: Due, deadline: Millis): void {
    const cancelDeadline = this.#at(deadline, () => {
      this.#leases.delete(ackId);
      this.#settle(due, 'timeout');
    });
    this.#leases.set(ackId, { ...due, cancelDeadline });
  }

  #endLease(ackId: string): Lease | undefined {
    const lease = this.#leases.get(ackId);
    this.#leases.delete(ackId);
    lease?.cancelDeadline();
    return lease;
  }

  #count(due: Due): void {
    this.#counts.deliveries += 1;
    if (due.kind === 'echo') this.#counts.echoes += 1;
  }

  #settle({ held, kind }: Due, answer: DeliveryAnswer): void {
    if (!this.#isHeld(held)) return;
    switch (answer) {
      case 'ack':
        this.#held.delete(held.message.id);
        this.#counts.acknowledged += 1;
        return;
      case 'nack':
      case 'timeout':
        if (kind === 'attempt') this.#fail(held); // Q3
        return;
      default:
        unreachable(answer);
    }
  }

  #fail(held: Held): void {
    held.failures += 1;
    const { deadLetter } = this.config;
    if (deadLetter === undefined || held.failures < deadLetter.attemptsMax) {
      this.#schedule(held, this.#backoff(held.failures));
      return;
    }
    this.#held.delete(held.message.id);
    this.#counts.deadLettered += 1;
    this.#options.deadLetter(held.message, held.failures);
  }

  #backoff(failures: number): Millis {
    const { minimumBackoff, maximumBackoff } = this.config.retry;
    const base = Math.min(maximumBackoff, minimumBackoff * 2 ** (failures - 1));
    return millis(Math.min(maximumBackoff, Math.round(base * (1 + BACKOFF_JITTER * this.#options.chance.next()))));
  }

  #isHeld(held: Held): boolean {
    return this.#held.get(held.message.id) === held;
  }

  /** Messages are held in the order of publication, so the too old ones come first. */
  #expire(): void {
    const oldest: Instant = after(this.#options.clock.now(), -this.config.retention);
    for (const [id, { message }] of this.#held) {
      if (message.publishedAt > oldest) return;
      this.#held.delete(id);
      this.#counts.expired += 1;
    }
  }
}
