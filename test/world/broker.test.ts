import { describe, expect, it } from '@jest/globals';
import { Broker } from '../../sandbox/world/broker.ts';
import { dataOf, type Draft, PUBLISH_LIMITS, type SubscriptionConfig } from '../../sandbox/world/broker-message.ts';
import type { Deliver, DeliveryAnswer } from '../../sandbox/world/broker-delivery.ts';
import { createChance } from '../../sandbox/world/chance.ts';
import { createVirtualClock, type VirtualClock } from '../../sandbox/world/clock.ts';
import { instant, minutes, seconds } from '../../shared/core/time.ts';
import {
  DEAD,
  nack,
  numbered,
  PUSHED,
  type Pushed,
  rowOf,
  settle,
  started,
  START,
  text,
  waitsBetween,
} from './broker-setting.ts';

describe('the broker', () => {
  it('brings a message to every subscription of its topic', async () => {
    const second = { ...PUSHED, name: 'audit-dr-alerts' };
    const { broker, clock, pushes } = started({ subscriptions: [DEAD, PUSHED, second] });

    broker.publish('dr-alerts', [text('primary down')]);
    await settle(clock);

    expect(pushes.map(({ subscription }) => subscription).sort()).toEqual(['audit-dr-alerts', 'classify-dr-alerts']);
    expect(rowOf(broker, 'audit-dr-alerts')).toMatchObject({ accepted: 1, acknowledged: 1, waiting: 0 });
  });

  it('tries again after a backoff that doubles up to its maximum', async () => {
    const { broker, clock, pushes } = started({ answer: nack });

    broker.publish('dr-alerts', [text('x')]);
    await settle(clock);

    expect(pushes.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5]);
    const [first = 0, next = 0, third = 0, last = 0] = waitsBetween(pushes);
    expect(first).toBeGreaterThanOrEqual(10);
    expect(first).toBeLessThanOrEqual(11);
    expect(next).toBeGreaterThanOrEqual(20);
    expect(third).toBeGreaterThanOrEqual(40);
    expect(last).toBe(60);
  });

  it('gives up after the last attempt and says in the dead letter where it comes from', async () => {
    const { broker, clock } = started({ answer: nack });

    broker.publish('dr-alerts', [{ data: dataOf('x'), attributes: { kind: 'alert' } }]);
    await settle(clock);

    expect(rowOf(broker, 'classify-dr-alerts')).toMatchObject({ accepted: 1, deadLettered: 1, waiting: 0 });
    const [dead] = broker.pull('dr-alerts-dead', 10);
    expect(dead?.message.attributes).toEqual({
      kind: 'alert',
      CloudPubSubDeadLetterSourceDeliveryCount: '5',
      CloudPubSubDeadLetterSourceSubscription: 'classify-dr-alerts',
      CloudPubSubDeadLetterSourceSubscriptionProject: 'p',
      CloudPubSubDeadLetterSourceTopicPublishTime: '2026-01-05T10:00:00.000Z',
    });
  });

  it('delivers anew while the first receiver still works when the ack deadline passes', async () => {
    const slow = ({ attempt }: Pushed, clock: VirtualClock) =>
      new Promise<DeliveryAnswer>((answer) => {
        clock.schedule(instant(clock.now() + (attempt === 1 ? 90_000 : 0)), () => answer('ack'));
      });
    const { broker, clock, pushes } = started({ answer: slow });

    broker.publish('dr-alerts', [text('x')]);
    await settle(clock);

    expect(waitsBetween(pushes)[0]).toBeGreaterThanOrEqual(70);
    expect(rowOf(broker, 'classify-dr-alerts')).toMatchObject({ accepted: 1, acknowledged: 1, deliveries: 2 });
  });

  it('does not hear an answer that comes after the ack deadline', async () => {
    const late = ({ attempt }: Pushed, clock: VirtualClock) =>
      new Promise<DeliveryAnswer>((answer) => {
        clock.schedule(instant(clock.now() + (attempt === 1 ? 65_000 : 0)), () => answer('ack'));
      });
    const { broker, clock, pushes } = started({ answer: late });

    broker.publish('dr-alerts', [text('x')]);
    await settle(clock);

    expect(pushes.map(({ attempt }) => attempt)).toEqual([1, 2]);
  });

  it('takes a receiver that throws for a nack, without waiting for the deadline', async () => {
    const { broker, clock, pushes } = started({ answer: () => Promise.reject(new Error('the function threw')) });

    broker.publish('dr-alerts', [text('x')]);
    await settle(clock);

    expect(waitsBetween(pushes)[0]).toBeLessThan(12);
  });

  it('tells the receiver when nobody listens to its answer any more', async () => {
    const clock = createVirtualClock(START);
    let heard = true;
    const deliver: Deliver = ({ signal }) => {
      signal.addEventListener('abort', () => (heard = false));
      return new Promise(() => undefined);
    };
    const broker = new Broker({ project: 'p', clock, chance: createChance(1), deliver });
    for (const topic of ['dr-alerts', 'dr-alerts-dead']) broker.createTopic(topic);
    for (const subscription of [DEAD, PUSHED]) broker.createSubscription(subscription);

    broker.publish('dr-alerts', [text('x')]);
    clock.advanceBy(seconds(59));
    expect(heard).toBe(true);
    clock.advanceBy(seconds(1));
    expect(heard).toBe(false);
  });

  it('pushes no more at once than the subscription allows', async () => {
    let [open, most] = [0, 0];
    const answer = (_: Pushed, clock: VirtualClock) =>
      new Promise<DeliveryAnswer>((resolve) => {
        open += 1;
        most = Math.max(most, open);
        clock.schedule(instant(clock.now() + 5_000), () => {
          open -= 1;
          resolve('ack');
        });
      });
    const { broker, clock } = started({ answer });

    broker.publish('dr-alerts', numbered(200));
    await settle(clock);

    expect(most).toBe(10);
    expect(rowOf(broker, 'classify-dr-alerts')).toMatchObject({ accepted: 200, acknowledged: 200 });
  });

  it('duplicates and reorders as it is told to, the same way for the same seed', async () => {
    const disorder = { duplicates: 0.2, delayMax: seconds(10) };
    const story = async (seed: number) => {
      const { broker, clock, pushes } = started({ disorder, seed });
      broker.publish('dr-alerts', numbered(500));
      await settle(clock);
      return { row: rowOf(broker, 'classify-dr-alerts'), order: pushes.map((pushed) => pushed.text) };
    };

    const [first, again, other] = [await story(7), await story(7), await story(8)];

    expect(first.row).toMatchObject({ accepted: 500, acknowledged: 500 });
    expect(first.row?.echoes).toBeGreaterThan(50);
    expect(first.row?.echoes).toBeLessThan(150);
    expect(first.order).not.toEqual(numbered(500).map((_, index) => String(index)));
    expect(again).toEqual(first);
    expect(other.order).not.toEqual(first.order);
  });

  it('does not let duplicates use up attempts', async () => {
    const { broker, clock, pushes } = started({ answer: nack, disorder: { duplicates: 1, delayMax: seconds(10) } });

    broker.publish('dr-alerts', [text('x')]);
    await settle(clock);

    expect(rowOf(broker, 'classify-dr-alerts')).toMatchObject({ deliveries: 10, echoes: 5, deadLettered: 1 });
    expect(pushes.filter(({ attempt }) => attempt === 1).length).toBeGreaterThanOrEqual(1);
    expect(Math.max(...pushes.map(({ attempt }) => attempt))).toBe(5);
  });

  it('counts what a topic without subscriptions forgets', () => {
    const { broker } = started({ subscriptions: [] });

    broker.publish('dr-alerts', [text('x')]);

    expect(broker.topicLedger()[0]).toEqual({ topic: 'dr-alerts', published: 1, unrouted: 1 });
  });

  it('drops what is older than the retention, and says so', () => {
    const { broker, clock } = started({ subscriptions: [{ ...DEAD, retention: minutes(10) }] });

    broker.publish('dr-alerts-dead', [text('x')]);
    clock.advanceBy(minutes(9));
    expect(rowOf(broker, 'dr-alerts-dead')).toMatchObject({ expired: 0, waiting: 1 });
    clock.advanceBy(minutes(1));

    expect(broker.pull('dr-alerts-dead', 1)).toEqual([]);
    expect(rowOf(broker, 'dr-alerts-dead')).toMatchObject({ accepted: 1, expired: 1, waiting: 0 });
  });

  it('keeps what waits when it is stopped', async () => {
    const { broker, clock, pushes } = started({ answer: nack });

    broker.publish('dr-alerts', [text('x')]);
    clock.runNext();
    broker.stop();
    await settle(clock);

    expect(pushes).toHaveLength(1);
    expect(rowOf(broker, 'classify-dr-alerts')).toMatchObject({ accepted: 1, waiting: 1 });
  });
});

describe('pulling', () => {
  async function withDeadLetter() {
    const world = started({ answer: nack });
    world.broker.publish('dr-alerts', [text('x')]);
    await settle(world.clock);
    return world;
  }

  it('leases a message and gives it back when it is not acknowledged in time', async () => {
    const { broker, clock } = await withDeadLetter();

    expect(broker.pull('dr-alerts-dead', 5)).toHaveLength(1);
    expect(broker.pull('dr-alerts-dead', 5)).toHaveLength(0);
    clock.advanceBy(seconds(80));

    expect(broker.pull('dr-alerts-dead', 5)).toHaveLength(1);
  });

  it('gives a message back at once when its deadline is set to zero', async () => {
    const { broker, clock } = await withDeadLetter();

    const [leased] = broker.pull('dr-alerts-dead', 1);
    broker.modifyAckDeadline('dr-alerts-dead', [leased?.ackId ?? ''], 0);
    clock.advanceBy(seconds(11));

    expect(broker.pull('dr-alerts-dead', 1)[0]?.message).toEqual(leased?.message);
  });

  it('lets dead letters be published again, so that both books balance', async () => {
    const { broker, clock } = await withDeadLetter();

    const [leased] = broker.pull('dr-alerts-dead', 1);
    broker.publish('dr-alerts', [{ data: leased?.message.data ?? '', attributes: {} }]);
    broker.acknowledge('dr-alerts-dead', [leased?.ackId ?? '']);
    await settle(clock);

    expect(rowOf(broker, 'dr-alerts-dead')).toMatchObject({ accepted: 2, acknowledged: 1, waiting: 1 });
    expect(rowOf(broker, 'classify-dr-alerts')).toMatchObject({ accepted: 2, deadLettered: 2, waiting: 0 });
  });

  it('refuses to pull what is pushed', () => {
    const { broker } = started();

    expect(() => broker.pull('classify-dr-alerts', 1)).toThrow('Method not supported by subscription type.');
  });
});

describe('what the broker refuses', () => {
  it.each<[string, readonly Draft[], string]>([
    ['nothing', [], 'minimum value is 1'],
    ['an empty message', [{ data: '', attributes: {} }], 'must contain either non-empty data'],
    ['more than 10 MB', [{ data: dataOf('x'.repeat(PUBLISH_LIMITS.messageBytes + 1)), attributes: {} }], 'too large'],
    ['more than 1000 messages', numbered(1_001), 'too large'],
    ['a long attribute', [{ data: '', attributes: { a: 'x'.repeat(1_025) } }], 'attribute value is too large'],
    ['one bad message among good ones', [text('good'), { data: '', attributes: {} }], 'non-empty data'],
  ])('to publish %s', (_, drafts, message) => {
    const { broker } = started();

    expect(() => broker.publish('dr-alerts', drafts)).toThrow(message);
    expect(broker.topicLedger()[0]?.published).toBe(0);
  });

  it.each<[string, Partial<SubscriptionConfig>, string]>([
    ['fewer than 5 attempts', { deadLetter: { topic: 'dr-alerts-dead', attemptsMax: 4 } }, 'max delivery attempts'],
    ['an ack deadline over 600 s', { ackDeadline: seconds(601) }, 'ack deadline'],
    [
      'a backoff over 600 s',
      { retry: { minimumBackoff: seconds(1), maximumBackoff: seconds(601) } },
      'maximum backoff',
    ],
    ['a dead-letter topic that nobody has made', { deadLetter: { topic: 'nowhere', attemptsMax: 5 } }, 'not found'],
    ['a dead-letter topic that forgets', { deadLetter: { topic: 'dr-alerts', attemptsMax: 5 } }, 'no subscription'],
    ['a name of Google', { name: 'google-sub' }, 'Invalid resource name'],
  ])('to subscribe with %s', (_, change, message) => {
    const { broker } = started({ subscriptions: [DEAD] });

    expect(() => broker.createSubscription({ ...PUSHED, ...change })).toThrow(message);
  });

  it('to publish to a topic that does not exist', () => {
    expect(() => started().broker.publish('dr-nothing', [text('x')])).toThrow('Resource not found');
  });
});
