import { describe, expect, it } from '@jest/globals';
import { Broker } from '../../sandbox/world/broker.ts';
import { PubsubApi } from '../../sandbox/world/broker-api.ts';
import { dataOf } from '../../sandbox/world/broker-message.ts';
import { createVirtualClock } from '../../sandbox/world/clock.ts';
import { createKernel } from '../../sandbox/world/create-kernel.ts';
import { startScheduler } from '../../sandbox/world/scheduler.ts';
import { instant, minutes, seconds } from '../../shared/core/time.ts';

const monitoring = 'service-123@gcp-sa-monitoring-notification.iam.gserviceaccount.com';
const scheduler = 'service-123@gcp-sa-cloudscheduler.iam.gserviceaccount.com';
const classify = 'dr-classify@coditect-prod.iam.gserviceaccount.com';
const stranger = 'stranger@example.com';
const messages = [{ data: dataOf('x'), attributes: {} }];

function started() {
  const clock = createVirtualClock(instant(Date.UTC(2026, 0, 5, 10, 0, 30)));
  const kernel = createKernel({ clock, seed: 1 });
  for (const principal of [monitoring, scheduler, classify]) kernel.iam.grant(principal, ['pubsub.topics.publish']);
  const broker = new Broker({ project: 'p', clock, chance: kernel.chance.fork('broker'), deliver: async () => 'ack' });
  for (const topic of ['dr-alerts', 'dr-heal', 'dr-ticks']) broker.createTopic(topic);
  const publishers = { 'dr-alerts': [monitoring], 'dr-heal': [classify, stranger], 'dr-ticks': [scheduler] };
  return { kernel, clock, broker, pubsub: new PubsubApi({ door: kernel.door, broker, publishers }) };
}

const from = (principal: string) => ({ principal, from: 'functions' });
const published = (broker: Broker, topic: string) => broker.topicLedger().find((row) => row.topic === topic)?.published;

describe('who may publish', () => {
  it('is decided for each topic: alerts come from Monitoring alone', () => {
    const { pubsub, broker } = started();

    expect(pubsub.publish(from(monitoring), 'dr-alerts', messages).kind).toBe('answer');
    expect(pubsub.publish(from(classify), 'dr-alerts', messages)).toMatchObject({ error: { status: 403 } });
    expect(pubsub.publish(from(classify), 'dr-heal', messages).kind).toBe('answer');
    expect(published(broker, 'dr-alerts')).toBe(1);
  });

  it('needs the permission too: a place among the publishers is not enough', () => {
    const { pubsub } = started();

    expect(pubsub.publish(from(stranger), 'dr-heal', messages)).toMatchObject({ error: { status: 403 } });
  });

  it('does not hide from the permitted that a topic does not exist', () => {
    expect(started().pubsub.publish(from(classify), 'dr-nothing', messages)).toMatchObject({ error: { status: 404 } });
  });
});

describe('publishing under faults', () => {
  it('takes the messages although the answer is lost', () => {
    const { kernel, pubsub, broker } = started();
    kernel.faults.inject({ what: { kind: 'loseReplyAfter' }, on: { api: 'pubsub' } });

    expect(pubsub.publish(from(classify), 'dr-heal', messages)).toEqual({ kind: 'silence' });
    expect(published(broker, 'dr-heal')).toBe(1);
    expect(kernel.audit.effects('pubsub.topics.publish')).toHaveLength(1);
  });
});

describe('the scheduler', () => {
  const job = (world: ReturnType<typeof started>, duplicates: number) =>
    startScheduler({
      clock: world.clock,
      chance: world.kernel.chance.fork('scheduler'),
      pubsub: world.pubsub,
      caller: { principal: scheduler, from: 'google' },
      topic: 'dr-ticks',
      text: 'tick',
      duplicates,
    });

  it('publishes at every full minute until it is ended', () => {
    const world = started();
    const end = job(world, 0);

    world.clock.advanceBy(seconds(29));
    expect(published(world.broker, 'dr-ticks')).toBe(0);
    world.clock.advanceBy(seconds(1));
    expect(published(world.broker, 'dr-ticks')).toBe(1);
    world.clock.advanceBy(minutes(10));
    expect(published(world.broker, 'dr-ticks')).toBe(11);
    end();
    world.clock.advanceBy(minutes(10));
    expect(published(world.broker, 'dr-ticks')).toBe(11);
  });

  it('publishes some minutes twice', () => {
    const world = started();
    job(world, 0.2);

    world.clock.advanceBy(minutes(1_000));

    expect(published(world.broker, 'dr-ticks')).toBeGreaterThan(1_100);
    expect(published(world.broker, 'dr-ticks')).toBeLessThan(1_300);
  });

  it('goes on after an outage, without making up for it', () => {
    const world = started();
    job(world, 0);
    const mend = world.kernel.faults.inject({ what: { kind: 'down' }, on: { api: 'pubsub' } });

    world.clock.advanceBy(minutes(5));
    mend();
    world.clock.advanceBy(minutes(5));

    expect(published(world.broker, 'dr-ticks')).toBe(5);
  });
});
