import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import pubsub from '@google-cloud/pubsub';
import { OAuth2Client } from 'google-auth-library';
import { dataOf } from '../../sandbox/world/broker-message.ts';
import { classify, monitoring, operator, type PubsubSandbox, pullOf, startPubsub } from './pubsub-sandbox.ts';

const run = promisify(execFile);
const PROJECT = 'projects/coditect-prod';
const topic = (name: string): string => `${PROJECT}/topics/${name}`;
const subscription = (name: string): string => `${PROJECT}/subscriptions/${name}`;

let sandbox: PubsubSandbox;
beforeEach(async () => {
  sandbox = await startPubsub();
});
afterEach(() => sandbox.close());

function clientOptions(principal: string) {
  const authClient = new OAuth2Client();
  authClient.setCredentials({ access_token: sandbox.token(principal), expiry_date: Date.now() + 3_600_000 });
  const { port } = sandbox;
  return { fallback: true, apiEndpoint: '127.0.0.1', port, protocol: 'http', projectId: 'coditect-prod', authClient };
}

const publisher = (principal: string) => new pubsub.v1.PublisherClient(clientOptions(principal));
const subscriber = (principal: string) => new pubsub.v1.SubscriberClient(clientOptions(principal));

async function post(path: string, body: unknown, principal = operator): Promise<{ status: number; body: unknown }> {
  const reply = await fetch(`http://127.0.0.1:${sandbox.port}/v1/${path}`, {
    method: path.includes(':') ? 'POST' : 'PUT',
    headers: { authorization: `Bearer ${sandbox.token(principal)}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: reply.status, body: await reply.json() };
}

const publishedTo = (name: string) => sandbox.broker.topicLedger().find((row) => row.topic === name)?.published;

describe('the real publisher client in REST mode', () => {
  it('publishes and gets an id for each message, in order', async () => {
    const messages = [{ data: Buffer.from('one') }, { attributes: { kind: 'two' } }];

    const [{ messageIds }] = await publisher(classify).publish({ topic: topic('dr-heal'), messages });

    expect(messageIds).toHaveLength(2);
    expect(new Set(messageIds).size).toBe(2);
    expect(publishedTo('dr-heal')).toBe(2);
  });

  it('is refused on a topic whose publishers it is not among', async () => {
    const publish = publisher(classify).publish({ topic: topic('dr-alerts'), messages: [{ data: Buffer.from('x') }] });

    await expect(publish).rejects.toMatchObject({ message: expect.stringContaining('not authorized') });
    await publisher(monitoring).publish({ topic: topic('dr-alerts'), messages: [{ data: Buffer.from('x') }] });
    expect(publishedTo('dr-alerts')).toBe(1);
  });

  it('learns that a topic does not exist', async () => {
    const publish = publisher(classify).publish({ topic: topic('dr-nothing'), messages: [{ data: Buffer.from('x') }] });

    await expect(publish).rejects.toMatchObject({ message: expect.stringContaining('Resource not found') });
  });

  it('makes, finds and lists topics', async () => {
    const client = publisher(operator);

    await client.createTopic({ name: topic('dr-made') });

    expect((await client.getTopic({ topic: topic('dr-made') }))[0].name).toBe(topic('dr-made'));
    expect((await client.listTopics({ project: PROJECT }))[0].map(({ name }) => name)).toEqual(
      ['dr-alerts', 'dr-heal', 'dr-heal-dead', 'dr-made'].map(topic),
    );
    await expect(client.createTopic({ name: topic('dr-made') })).rejects.toThrow('already exists');
  });

  it('reads dead letters and publishes them again, so that both books balance', async () => {
    const reader = subscriber(operator);
    await reader.createSubscription({ name: subscription('dr-heal-dead'), topic: topic('dr-heal-dead') });
    sandbox.broker.publish('dr-heal-dead', [{ data: dataOf('lost'), attributes: { why: 'a bug' } }]);
    sandbox.clock.advanceBy(0);

    const [{ receivedMessages }] = await reader.pull({ subscription: subscription('dr-heal-dead'), maxMessages: 10 });
    const [letter] = receivedMessages ?? [];
    await publisher(operator).publish({ topic: topic('dr-heal'), messages: [{ data: letter?.message?.data ?? '' }] });
    await reader.acknowledge({ subscription: subscription('dr-heal-dead'), ackIds: [letter?.ackId ?? ''] });

    expect(letter?.message?.attributes).toEqual({ why: 'a bug' });
    expect(sandbox.broker.ledger()[0]).toMatchObject({ accepted: 1, acknowledged: 1, waiting: 0 });
    expect(publishedTo('dr-heal')).toBe(1);
  });

  it('makes push subscriptions and reads them back', async () => {
    const client = subscriber(operator);
    await client.createSubscription({ name: subscription('dr-heal-dead'), topic: topic('dr-heal-dead') });
    await client.createSubscription({
      name: subscription('heal-dr-heal'),
      topic: topic('dr-heal'),
      pushConfig: { pushEndpoint: 'http://127.0.0.1:1', oidcToken: { serviceAccountEmail: 'push@example.com' } },
      ackDeadlineSeconds: 600,
      retryPolicy: { minimumBackoff: { seconds: 10 }, maximumBackoff: { seconds: 600 } },
      deadLetterPolicy: { deadLetterTopic: topic('dr-heal-dead'), maxDeliveryAttempts: 20 },
    });

    const [[, made]] = await client.listSubscriptions({ project: PROJECT });

    expect(made).toMatchObject({
      name: subscription('heal-dr-heal'),
      ackDeadlineSeconds: 600,
      pushConfig: { oidcToken: { serviceAccountEmail: 'push@example.com', audience: 'http://127.0.0.1:1' } },
      deadLetterPolicy: { deadLetterTopic: topic('dr-heal-dead'), maxDeliveryAttempts: 20 },
      retryPolicy: { maximumBackoff: { seconds: '600' } },
      state: 'ACTIVE',
    });
  });
});

describe('Pub/Sub over REST', () => {
  it.each<[string, unknown, string]>([
    ['no message', { messages: [] }, 'minimum value is 1'],
    ['an empty message', { messages: [{ attributes: {} }] }, 'must contain either non-empty data'],
    ['data that is no base64', { messages: [{ data: 'not base64!' }] }, 'Base64 decoding failed'],
    ['data of an impossible length', { messages: [{ data: 'AAAAA' }] }, 'Base64 decoding failed'],
    ['an unknown field', { messages: [{ data: 'eA==', priority: 1 }] }, 'Unknown name "priority"'],
    ['an attribute that is no text', { messages: [{ attributes: { n: 1 } }] }, 'messages.0.attributes.n'],
  ])('refuses to publish %s', async (_, body, message) => {
    const reply = await post(`${topic('dr-heal')}:publish`, body);

    expect(reply).toMatchObject({ status: 400, body: { error: { status: 'INVALID_ARGUMENT' } } });
    expect(JSON.stringify(reply.body)).toContain(JSON.stringify(message).slice(1, -1));
    expect(publishedTo('dr-heal')).toBe(0);
  });

  it('takes base64 of either alphabet and passes the standard one on', async () => {
    sandbox.broker.createSubscription(pullOf('heal-pull', 'dr-heal'));

    await post(`${topic('dr-heal')}:publish`, { messages: [{ data: '-_8' }] });
    sandbox.clock.advanceBy(0);

    expect(sandbox.broker.pull('heal-pull', 1)[0]?.message.data).toBe('+/8=');
  });

  it('tells the codes of its refusals apart', async () => {
    const message = { messages: [{ data: 'eA==' }] };

    const statuses = [
      await post(`${topic('dr-nothing')}:publish`, message),
      await post(`${topic('dr-alerts')}:publish`, message),
      await post(`projects/another/topics/dr-heal:publish`, message),
      await post(topic('dr-heal'), {}),
      await post(topic('x'), {}),
    ].map(({ status, body }) => `${status} ${JSON.stringify(body).match(/"status":"(\w+)"/)?.[1]}`);

    expect(statuses).toEqual([
      '404 NOT_FOUND',
      '403 PERMISSION_DENIED',
      '403 PERMISSION_DENIED',
      '409 ALREADY_EXISTS',
      '400 INVALID_ARGUMENT',
    ]);
  });

  it.each<[string, object, string]>([
    ['a push to another machine', { pushConfig: { pushEndpoint: 'https://example.com/' } }, '127.0.0.1'],
    ['exactly-once delivery', { enableExactlyOnceDelivery: true }, 'exactly-once'],
    ['a filter', { filter: 'attributes.a = "b"' }, 'filters'],
    ['an ack deadline over 600 s', { ackDeadlineSeconds: 601 }, 'ack deadline'],
    ['an unknown field', { speed: 1 }, 'Unknown name'],
  ])('refuses a subscription with %s', async (_, change, message) => {
    const reply = await post(subscription('heal-dr-heal'), { topic: topic('dr-heal'), ...change });

    expect(reply.status).toBe(400);
    expect(JSON.stringify(reply.body)).toContain(message);
  });
});

const gcloud = await run('gcloud', ['--version']).then(
  () => true,
  () => false,
);
if (!gcloud) console.warn('SKIPPED: gcloud is not installed, so its publish was not tried');

(gcloud ? describe : describe.skip)('gcloud', () => {
  async function gcloudPubsub(config: string, command: string): Promise<string> {
    const base = `http://127.0.0.1:${sandbox.port}/`;
    const env = {
      PATH: process.env['PATH'],
      CLOUDSDK_CONFIG: config,
      CLOUDSDK_CORE_PROJECT: 'coditect-prod',
      CLOUDSDK_CORE_DISABLE_PROMPTS: '1',
      CLOUDSDK_AUTH_ACCESS_TOKEN: sandbox.token(operator),
      CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB: base,
    };
    const { stdout } = await run('gcloud', ['pubsub', ...command.split(' '), '--format=json'], { env });
    return stdout;
  }

  it('publishes, and pulls with acknowledgement', async () => {
    const config = await mkdtemp(join(tmpdir(), 'gcloud-'));
    sandbox.broker.createSubscription(pullOf('heal-pull', 'dr-heal'));

    const published: unknown = JSON.parse(
      await gcloudPubsub(config, 'topics publish dr-heal --message={"x":1} --attribute=kind=test'),
    );
    sandbox.clock.advanceBy(0);
    const pulled = await gcloudPubsub(config, 'subscriptions pull heal-pull --auto-ack --limit=5');
    await rm(config, { recursive: true });

    expect(published).toEqual({ messageIds: [expect.stringMatching(/^\d+$/)] });
    expect(pulled).toContain('"kind": "test"');
    expect(sandbox.broker.ledger()[0]).toMatchObject({ accepted: 1, acknowledged: 1 });
  }, 60_000);
});
