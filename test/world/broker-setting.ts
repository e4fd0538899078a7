import { setImmediate } from 'node:timers/promises';
import { Broker } from '../../sandbox/world/broker.ts';
import {
  dataOf,
  type Draft,
  RETENTION_MAX,
  type SubscriptionConfig,
  textOf,
} from '../../sandbox/world/broker-message.ts';
import { type Deliver, type DeliveryAnswer, type Disorder, ORDERLY } from '../../sandbox/world/broker-delivery.ts';
import { createChance } from '../../sandbox/world/chance.ts';
import { createVirtualClock, type VirtualClock } from '../../sandbox/world/clock.ts';
import { type Instant, between, instant, seconds } from '../../shared/core/time.ts';

export const START = instant(Date.UTC(2026, 0, 5, 10));

export const PUSHED: SubscriptionConfig = {
  name: 'classify-dr-alerts',
  topic: 'dr-alerts',
  delivery: { kind: 'push', endpoint: 'http://127.0.0.1:8080', oidc: undefined, outstandingMax: 10 },
  ackDeadline: seconds(60),
  retry: { minimumBackoff: seconds(10), maximumBackoff: seconds(60) },
  deadLetter: { topic: 'dr-alerts-dead', attemptsMax: 5 },
  retention: RETENTION_MAX,
};

export const DEAD: SubscriptionConfig = {
  ...PUSHED,
  name: 'dr-alerts-dead',
  topic: 'dr-alerts-dead',
  delivery: { kind: 'pull' },
  deadLetter: undefined,
};

export interface Pushed {
  readonly at: Instant;
  readonly text: string;
  readonly attempt: number;
  readonly subscription: string;
}

interface Setting {
  readonly answer?: (pushed: Pushed, clock: VirtualClock) => Promise<DeliveryAnswer>;
  readonly disorder?: Disorder;
  readonly seed?: number;
  readonly subscriptions?: readonly SubscriptionConfig[];
}

const ack = async (): Promise<DeliveryAnswer> => 'ack';
export const nack = async (): Promise<DeliveryAnswer> => 'nack';

export function started({ answer = ack, disorder = ORDERLY, seed = 1, subscriptions = [DEAD, PUSHED] }: Setting = {}) {
  const clock = createVirtualClock(START);
  const pushes: Pushed[] = [];
  const deliver: Deliver = ({ subscription, message, attempt }) => {
    const pushed = { at: clock.now(), text: textOf(message), attempt, subscription: subscription.name };
    pushes.push(pushed);
    return answer(pushed, clock);
  };
  const broker = new Broker({ project: 'p', clock, chance: createChance(seed), deliver, disorder });
  for (const topic of ['dr-alerts', 'dr-alerts-dead']) broker.createTopic(topic);
  for (const subscription of subscriptions) broker.createSubscription(subscription);
  return { broker, clock, pushes };
}

/** Moves the clock from event to event, letting promises settle in between, until nothing is left to happen. */
export async function settle(clock: VirtualClock): Promise<void> {
  do await setImmediate();
  while (clock.runNext());
}

export const text = (content: string): Draft => ({ data: dataOf(content), attributes: {} });
export const numbered = (count: number): Draft[] => Array.from({ length: count }, (_, index) => text(String(index)));
export const rowOf = (broker: Broker, subscription: string) =>
  broker.ledger().find((row) => row.subscription === subscription);
export const waitsBetween = (pushes: readonly Pushed[]): number[] =>
  pushes.slice(1).map(({ at }, index) => between(pushes[index]?.at ?? START, at) / 1_000);
