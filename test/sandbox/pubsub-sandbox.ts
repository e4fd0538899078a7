import { createServer, type IncomingHttpHeaders } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import { pubsubRoutes } from '../../sandbox/http/broker.ts';
import { httpPusher } from '../../sandbox/http/broker-push.ts';
import { type OidcIssuer, startOidcIssuer } from '../../sandbox/http/oidc.ts';
import { startServer } from '../../sandbox/http/server.ts';
import { issueToken, principalOf } from '../../sandbox/http/tokens.ts';
import { Broker } from '../../sandbox/world/broker.ts';
import { PubsubApi } from '../../sandbox/world/broker-api.ts';
import { RETENTION_MAX, type SubscriptionConfig } from '../../sandbox/world/broker-message.ts';
import type { Deliver, DeliveryAnswer } from '../../sandbox/world/broker-delivery.ts';
import { createVirtualClock, type VirtualClock } from '../../sandbox/world/clock.ts';
import { createKernel, type WorldKernel } from '../../sandbox/world/create-kernel.ts';
import { REFERENCE_PROJECT } from '../../sandbox/world/project.ts';
import { after, instant, minutes, seconds } from '../../shared/core/time.ts';

export const operator = 'operator@coditect.ai';
export const classify = 'dr-classify@coditect-prod.iam.gserviceaccount.com';
export const monitoring = 'service-482913746501@gcp-sa-monitoring-notification.iam.gserviceaccount.com';
export const pusher = 'dr-pubsub-push@coditect-prod.iam.gserviceaccount.com';

/** A subscription to pull from. */
export const pullOf = (name: string, topic: string): SubscriptionConfig => ({
  name,
  topic,
  delivery: { kind: 'pull' },
  ackDeadline: seconds(10),
  retry: { minimumBackoff: seconds(10), maximumBackoff: seconds(60) },
  deadLetter: undefined,
  retention: RETENTION_MAX,
});

/** A subscription that is pushed to `endpoint` with an id token, its dead letters going to `<topic>-dead`. */
export const pushOf = (name: string, topic: string, endpoint: string): SubscriptionConfig => ({
  ...pullOf(name, topic),
  delivery: { kind: 'push', endpoint, oidc: { email: pusher, audience: endpoint }, outstandingMax: 10 },
  ackDeadline: seconds(60),
  deadLetter: { topic: `${topic}-dead`, attemptsMax: 5 },
});

/** What a receiver was sent. */
export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

/** Pub/Sub on loopback over a clock that the test moves. */
export interface PubsubSandbox {
  readonly port: number;
  readonly clock: VirtualClock;
  readonly kernel: WorldKernel;
  readonly broker: Broker;
  readonly issuer: OidcIssuer;
  /** An access token, good for an hour. */
  token(principal: string): string;
  /** What came of the next push that ends, once the broker has taken note of it. */
  nextAnswer(): Promise<DeliveryAnswer>;
  close(): Promise<void>;
}

const KEY = 'the key of a test';

export async function startPubsub(): Promise<PubsubSandbox> {
  const clock = createVirtualClock(instant(Date.UTC(2026, 0, 5, 10)));
  const kernel = createKernel({ clock, seed: 1 });
  kernel.iam.grant(operator, ['pubsub.*']);
  for (const principal of [classify, monitoring]) kernel.iam.grant(principal, ['pubsub.topics.publish']);
  const issuer = await startOidcIssuer(clock);
  const listeners: ((answer: DeliveryAnswer) => void)[] = [];
  const push = httpPusher({
    project: REFERENCE_PROJECT.id,
    network: kernel.network,
    idToken: issuer.idToken,
    now: () => clock.now(),
  });
  const deliver: Deliver = async (delivery) => {
    const answer = await push(delivery);
    // The broker hears of it in a microtask; whoever waits, after that.
    void setImmediate().then(() => listeners.shift()?.(answer));
    return answer;
  };
  const broker = new Broker({ project: REFERENCE_PROJECT.id, clock, chance: kernel.chance.fork('broker'), deliver });
  for (const topic of ['dr-alerts', 'dr-heal', 'dr-heal-dead']) broker.createTopic(topic);
  const publishers = { 'dr-alerts': [monitoring], 'dr-heal': [classify, operator], 'dr-made': [operator] };
  const api = new PubsubApi({ door: kernel.door, broker, publishers });
  const server = await startServer({
    routes: pubsubRoutes({ project: REFERENCE_PROJECT, api }),
    principals: (token) => principalOf(KEY, token, clock.now()),
    clock,
  });
  return {
    port: server.port,
    clock,
    kernel,
    broker,
    issuer,
    token: (principal) => issueToken(KEY, principal, after(clock.now(), minutes(60))),
    nextAnswer: () => new Promise((resolve) => listeners.push(resolve)),
    async close() {
      broker.stop();
      await Promise.all([server.close(), issuer.close()]);
    },
  };
}

/** A receiver of pushes on loopback. `status: undefined` never answers. */
export interface Receiver {
  readonly endpoint: string;
  readonly received: Received[];
  /** Resolves with what is sent next. */
  next(): Promise<Received>;
  close(): Promise<void>;
}

export async function startReceiver(status: () => number | undefined = () => 204, port = 0): Promise<Receiver> {
  const received: Received[] = [];
  const waiting: ((push: Received) => void)[] = [];
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const body: unknown = JSON.parse(Buffer.concat(chunks).toString());
      const push = { path: incoming.url ?? '', headers: incoming.headers, body };
      received.push(push);
      waiting.shift()?.(push);
      const code = status();
      if (code !== undefined) response.writeHead(code).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    received,
    next: () => new Promise((resolve) => waiting.push(resolve)),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
