import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { invokerCheck } from '../../sandbox/http/oidc.ts';
import { dataOf } from '../../sandbox/world/broker-message.ts';
import { minutes, seconds } from '../../shared/core/time.ts';
import {
  type PubsubSandbox,
  pullOf,
  pusher,
  pushOf,
  type Receiver,
  startPubsub,
  startReceiver,
} from './pubsub-sandbox.ts';

let sandbox: PubsubSandbox;
const receivers: Receiver[] = [];
beforeEach(async () => {
  sandbox = await startPubsub();
  sandbox.broker.createSubscription(pullOf('dr-heal-dead', 'dr-heal-dead'));
});
afterEach(async () => {
  await sandbox.close();
  await Promise.all(receivers.splice(0).map((receiver) => receiver.close()));
});

async function receiving(status?: () => number | undefined, port?: number): Promise<Receiver> {
  const receiver = await startReceiver(status, port);
  receivers.push(receiver);
  return receiver;
}

const subscribe = (endpoint: string): void =>
  sandbox.broker.createSubscription(pushOf('heal-dr-heal', 'dr-heal', endpoint));

const publish = (text: string, attributes = {}): void => {
  sandbox.broker.publish('dr-heal', [{ data: text === '' ? '' : dataOf(text), attributes }]);
};

const row = () => sandbox.broker.ledger().find(({ subscription }) => subscription === 'heal-dr-heal');

/** Lets the next thing happen (a push, or the deadline of one) and waits for what comes of it. */
async function answered(): Promise<string> {
  const answer = sandbox.nextAnswer();
  sandbox.clock.runNext();
  return answer;
}

describe('a push', () => {
  it('carries the message in both spellings, the subscription and the attempt', async () => {
    const receiver = await receiving();
    subscribe(receiver.endpoint);

    publish('{"incident":"inc-1"}', { kind: 'start' });
    expect(await answered()).toBe('ack');

    const [push] = receiver.received;
    expect(push?.path).toBe('/projects/coditect-prod/topics/dr-heal');
    expect(push?.body).toEqual({
      message: {
        attributes: { kind: 'start' },
        data: dataOf('{"incident":"inc-1"}'),
        messageId: expect.stringMatching(/^\d{17}$/),
        message_id: expect.stringMatching(/^\d{17}$/),
        publishTime: '2026-01-05T10:00:00.000Z',
        publish_time: '2026-01-05T10:00:00.000Z',
      },
      subscription: 'projects/coditect-prod/subscriptions/heal-dr-heal',
      deliveryAttempt: 1,
    });
    expect(row()).toMatchObject({ accepted: 1, acknowledged: 1 });
  });

  it('leaves out what is empty, and the attempt without a dead-letter policy', async () => {
    const receiver = await receiving();
    sandbox.broker.createSubscription({
      ...pushOf('heal-dr-heal', 'dr-heal', receiver.endpoint),
      deadLetter: undefined,
    });

    publish('', { only: 'attributes' });
    await answered();

    const [push] = receiver.received;
    expect(push?.body).not.toHaveProperty('deliveryAttempt');
    expect(push?.body).not.toHaveProperty('message.data');
  });

  it('is signed for its endpoint, in the name of the pusher, for an hour of clock time', async () => {
    const receiver = await receiving();
    subscribe(receiver.endpoint);
    publish('x');
    await answered();
    const authorization = receiver.received[0]?.headers.authorization;

    const check = (audience: string, invokers = [pusher]) =>
      invokerCheck({ issuer: sandbox.issuer.issuer, audience, invokers, now: () => sandbox.clock.now() })(
        authorization,
      );

    expect(await check(receiver.endpoint)).toEqual({ kind: 'admitted', email: pusher });
    expect(await check('http://127.0.0.1:1')).toMatchObject({ kind: 'invalid' });
    expect(await check(receiver.endpoint, ['somebody@else'])).toEqual({ kind: 'notInvoker', email: pusher });
    sandbox.clock.advanceBy(minutes(60));
    expect(await check(receiver.endpoint)).toMatchObject({ kind: 'invalid', because: expect.stringContaining('exp') });
  });
});

describe('what counts as an acknowledgement', () => {
  it.each([200, 201, 202, 204])('%i does', async (status) => {
    subscribe((await receiving(() => status)).endpoint);
    publish('x');
    expect(await answered()).toBe('ack');
  });

  it.each([203, 206, 302, 400, 401, 404, 409, 429, 500, 503])('%i does not', async (status) => {
    subscribe((await receiving(() => status)).endpoint);
    publish('x');
    expect(await answered()).toBe('nack');
    expect(row()).toMatchObject({ acknowledged: 0, waiting: 1 });
  });
});

describe('a receiver in trouble', () => {
  it('gets the message again when it is back', async () => {
    const first = await receiving();
    const port = Number(new URL(first.endpoint).port);
    await first.close();
    subscribe(first.endpoint);

    publish('x');
    expect(await answered()).toBe('nack');
    const second = await receiving(() => 204, port);
    expect(await answered()).toBe('ack');

    expect(second.received[0]?.body).toMatchObject({ deliveryAttempt: 2 });
    expect(row()).toMatchObject({ accepted: 1, acknowledged: 1, waiting: 0 });
  });

  it('loses the message to the dead letters after its last attempt', async () => {
    subscribe((await receiving(() => 500)).endpoint);

    publish('x', { kind: 'start' });
    const answers = [];
    for (let attempt = 1; attempt <= 5; attempt += 1) answers.push(await answered());

    expect(answers).toEqual(Array(5).fill('nack'));
    expect(row()).toMatchObject({ deadLettered: 1, waiting: 0 });
    sandbox.clock.advanceBy(0);
    expect(sandbox.broker.pull('dr-heal-dead', 1)[0]?.message.attributes).toMatchObject({
      kind: 'start',
      CloudPubSubDeadLetterSourceDeliveryCount: '5',
    });
  });

  it('is no longer waited for when the ack deadline passes', async () => {
    const receiver = await receiving(() => undefined);
    subscribe(receiver.endpoint);

    publish('x');
    const arrived = receiver.next();
    sandbox.clock.advanceBy(0);
    await arrived;
    const answer = sandbox.nextAnswer();
    sandbox.clock.advanceBy(seconds(60));

    expect(await answer).toBe('timeout');
    expect(row()).toMatchObject({ waiting: 1, deliveries: 1 });
  });

  it('gets nothing while the network is cut, and everything when it is mended', async () => {
    const receiver = await receiving();
    subscribe(receiver.endpoint);
    sandbox.kernel.network.cut('google', 'functions');

    publish('x');
    sandbox.clock.advanceBy(0);
    expect(await answered()).toBe('timeout');
    expect(receiver.received).toEqual([]);
    sandbox.kernel.network.mend('google', 'functions');
    expect(await answered()).toBe('ack');
  });
});
