import { type Millis, millis } from '../../shared/core/time.ts';
import type { Message, SubscriptionConfig } from './broker-message.ts';

// How messages leave a subscription, and how it accounts for them.

/** What a receiver makes of a message; anything but `ack` is a failed attempt. */
export type DeliveryAnswer = 'ack' | 'nack' | 'timeout';

/** One push of one message. */
export interface Delivery {
  readonly subscription: SubscriptionConfig;
  readonly message: Message;
  /** From 1; one more than the failures so far, as `deliveryAttempt` says. */
  readonly attempt: number;
  /** Aborts at the ack deadline and when the broker stops: nobody listens to the answer any more. */
  readonly signal: AbortSignal;
}

/** Takes a push to its receiver. A rejection is a nack, as a function that throws is. */
export type Deliver = (delivery: Delivery) => Promise<DeliveryAnswer>;

/** How badly a broker behaves within its contract: at least once, in any order, some time. */
export interface Disorder {
  /** Probability of an echo, for each attempt. */
  readonly duplicates: number;
  /** Longest delay before a first delivery or an echo; drawn for each message, so messages overtake each other. */
  readonly delayMax: Millis;
}

/** Messages once, at once, in order. For tests that are about something else. */
export const ORDERLY: Disorder = { duplicates: 0, delayMax: millis(0) };

/** What a subscription did with what it accepted. Counts messages, not deliveries, except in `deliveries` and `echoes`. */
export interface Ledger {
  readonly subscription: string;
  readonly accepted: number;
  readonly acknowledged: number;
  readonly deadLettered: number;
  /** Dropped because they were older than the retention: the only loss that Pub/Sub has. */
  readonly expired: number;
  readonly waiting: number;
  /** Deliveries made, echoes included. */
  readonly deliveries: number;
  readonly echoes: number;
}

/** Whether every accepted message is accounted for. */
export function balances(ledger: Ledger): boolean {
  return ledger.accepted === ledger.acknowledged + ledger.deadLettered + ledger.expired + ledger.waiting;
}

/** A message leased to somebody who pulls. */
export interface PulledMessage {
  readonly ackId: string;
  readonly message: Message;
  /** Counted only with a dead-letter policy. */
  readonly attempt: number | undefined;
}
