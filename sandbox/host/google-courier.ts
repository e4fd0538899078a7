import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { instant } from '../../shared/core/time.ts';
import { bodyOf, callerOf, checkProject } from '../http/google-request.ts';
import { answer } from '../http/google-error.ts';
import { publishersJson } from '../http/broker.ts';
import { publishWire, resource, subscriptionJson } from '../http/broker-json.ts';
import { json, type Route } from '../http/router.ts';
import type { Deliver, Disorder, Ledger } from '../world/broker-delivery.ts';
import type { Draft, Message, SubscriptionConfig } from '../world/broker-message.ts';
import type { Publishers } from '../world/broker-api.ts';
import type { Caller } from '../world/caller.ts';
import type { ScaledClock } from '../world/clock.ts';
import { type ApiDoor, ApiError, type ApiOutcome, type Chance } from '../world/kernel.ts';
import type { Project } from '../world/project.ts';
import type { Courier } from './courier.ts';
import type { RunningEmulator } from './google-emulators.ts';

// Messages by Google's own Pub/Sub emulator: it holds topics, subscriptions, retries and dead letters.
//
// G1. The emulator has no permissions: publishing passes the world's door first, as at the embedded broker.
// G2. It pushes two messages of a subscription at once, however many wait (seen with 0.8.20), and without an id token. So a relay
//     of ours pulls, and pushes as Pub/Sub does: many at once, with the token. An answer that is no acknowledgement gives the
//     message back, and the emulator's retry policy and dead letters do the rest.
// G3. It delivers at once and in order mostly: the relay is late and repeats itself, as Pub/Sub may.
// G4. It knows no scaled time: backoffs are given in wall time, and a push that takes longer than the deadline is given back.
// G5. What is asked about a subscription of ours is answered as it was made, for that is what the relay does with it; the emulator knows one
//     that is pulled, and another that counts beside it, which is nobody else's business.
// G6. What it accepted is counted by message ids, here: published or seen, acknowledged, dead.

/** What the courier is made with. */
export interface GoogleCourierOptions {
  readonly project: Project;
  readonly clock: ScaledClock;
  readonly chance: Chance;
  readonly door: ApiDoor;
  readonly publishers: Publishers;
  readonly deliver: Deliver;
  readonly disorder: Disorder;
  readonly emulator: RunningEmulator;
}

const messageWire = z.object({
  messageId: z.string(),
  data: z.string().default(''),
  attributes: z.record(z.string(), z.string()).default({}),
});
const countedWire = z.object({ message: messageWire });
const pulledWire = z.object({
  receivedMessages: z
    .array(z.object({ ackId: z.string(), message: messageWire, deliveryAttempt: z.number().default(1) }))
    .default([]),
});
type Pulled = z.infer<typeof pulledWire>['receivedMessages'][number];
const namedWire = z.looseObject({ name: z.string() });
const subscriptionsWire = z.looseObject({ subscriptions: z.array(namedWire) });
const publishedWire = z.object({ messageIds: z.array(z.string()) });

interface Row {
  readonly config: SubscriptionConfig;
  readonly accepted: Set<string>;
  readonly acknowledged: Set<string>;
  readonly dead: Set<string>;
  deliveries: number;
  echoes: number;
}

/** Google's words for what the other methods need. */
const VERBS = { DELETE: 'delete', GET: 'get', POST: 'consume', PUT: 'create' } as const;

/** Messages that are on their way to a subscriber or being pushed: what is late holds up nothing that could be pushed. */
const HELD_MAX = 1_000;

/** Pub/Sub's smallest unit of a wall time that makes sense here; a backoff of zero would spin. */
const BACKOFF_MIN_MS = 50;

/** Starts the relay and makes the topics. */
export async function startGoogleCourier(options: GoogleCourierOptions, topics: readonly string[]): Promise<Courier> {
  const courier = new GoogleCourier(options);
  await courier.start(topics);
  return courier;
}

class GoogleCourier implements Courier {
  readonly #options: GoogleCourierOptions;
  readonly #relay: Server;
  readonly #rows = new Map<string, Row>();
  readonly #counters = new Set<string>();
  readonly #ending = new AbortController();

  constructor(options: GoogleCourierOptions) {
    this.#options = options;
    this.#relay = createServer((request, response) => void this.#counted(request, response));
  }

  async start(topics: readonly string[]): Promise<void> {
    await new Promise<void>((ready) => this.#relay.listen(0, '127.0.0.1', ready));
    for (const topic of topics) await this.#ask('PUT', this.#name('topics', topic), {});
  }

  get routes(): readonly Route[] {
    const { project } = this.#options;
    const pattern = new RegExp(String.raw`/v1/projects/(?<project>[^/]+)/topics/(?<topic>[^/:]+):publish`);
    const others = new RegExp(String.raw`/v1/projects/(?<project>[^/]+)/(?<kind>topics|subscriptions)(/.*)?`);
    return [
      {
        method: 'POST',
        pattern,
        handle: async (request, params) => {
          checkProject(project, params['project']);
          const outcome = this.publish(callerOf(request), params['topic'] ?? '', bodyOf(publishWire, request));
          if (outcome.kind !== 'answer') return answer(outcome, () => ({}));
          const messageIds = await outcome.value;
          return answer({ ...outcome, value: messageIds }, () => ({ messageIds }));
        },
      },
      {
        // The emulator has no policies.
        method: 'GET',
        pattern: new RegExp(String.raw`/v1/projects/(?<project>[^/]+)/topics/(?<topic>[^/:]+):getIamPolicy`),
        handle: (request, params) => {
          checkProject(project, params['project']);
          const { topic = '' } = params;
          const resource = `topics/${topic}`;
          const publishers = () => this.#options.publishers[topic] ?? [];
          return answer(
            this.#call(callerOf(request), 'pubsub.topics.getIamPolicy', resource, publishers),
            publishersJson,
          );
        },
      },
      // What people do with topics and dead letters, by gcloud.
      ...(['DELETE', 'GET', 'POST', 'PUT'] as const).map(
        (method): Route => ({
          method,
          pattern: others,
          handle: async (request, params) => {
            checkProject(project, params['project']);
            const kind = params['kind'] === 'topics' ? 'topics' : 'subscriptions';
            const permission = `pubsub.${kind}.${VERBS[method]}`;
            const outcome = this.#call(callerOf(request), permission, request.path, () => undefined);
            if (outcome.kind !== 'answer') return answer(outcome, () => ({}));
            const said = await this.#fetch(method, `${request.path}?${request.query.toString()}`, request.body);
            return json(this.#asMade(await said.json()), said.status);
          },
        }),
      ),
    ];
  }

  /** An answer about subscriptions with those of ours as they were made (G5). */
  #asMade(said: unknown): unknown {
    const list = subscriptionsWire.safeParse(said);
    if (list.success)
      return {
        ...list.data,
        subscriptions: list.data.subscriptions
          .filter(({ name }) => !this.#counters.has(lastPart(name)))
          .map((one) => this.#asMade(one)),
      };
    const one = namedWire.safeParse(said);
    const row = one.success ? this.#rows.get(lastPart(one.data.name)) : undefined;
    const isOurs = one.success && row !== undefined && /^projects\/[^/]+\/subscriptions\//.test(one.data.name);
    return isOurs ? subscriptionJson(this.#options.project.id, row.config) : said;
  }

  publish(caller: Caller, topic: string, drafts: readonly Draft[]): ApiOutcome<Promise<readonly string[]>> {
    return this.#call(caller, 'pubsub.topics.publish', `topics/${topic}:publish`, () => {
      if (!this.#options.publishers[topic]?.includes(caller.principal))
        throw new ApiError(403, 'forbidden', 'User not authorized to perform this action.');
      const sent = this.#send(topic, drafts);
      sent.catch(() => undefined); // whoever waits for it hears of it; Monitoring and Scheduler do not
      return sent;
    });
  }

  async subscribe(config: SubscriptionConfig): Promise<void> {
    const { name, topic, retry, deadLetter, delivery } = config;
    this.#rows.set(name, {
      config,
      accepted: new Set(),
      acknowledged: new Set(),
      dead: new Set(),
      deliveries: 0,
      echoes: 0,
    });
    await this.#ask('PUT', this.#name('subscriptions', name), {
      topic: this.#name('topics', topic),
      ackDeadlineSeconds: 600,
      retryPolicy: {
        minimumBackoff: this.#wall(retry.minimumBackoff),
        maximumBackoff: this.#wall(retry.maximumBackoff),
      },
      ...(deadLetter === undefined
        ? {}
        : {
            deadLetterPolicy: {
              deadLetterTopic: this.#name('topics', deadLetter.topic),
              maxDeliveryAttempts: deadLetter.attemptsMax,
            },
          }),
    });
    if (delivery.kind === 'push') {
      void this.#relayAll(name, delivery.outstandingMax);
      return;
    }
    // A subscription that people pull from is counted by a second one beside it, which is ours.
    this.#counters.add(`${name}-counted`);
    await this.#ask('PUT', this.#name('subscriptions', `${name}-counted`), {
      topic: this.#name('topics', topic),
      pushConfig: { pushEndpoint: this.#relayAt(`counted/${name}`) },
    });
  }

  ledger(): readonly Ledger[] {
    return [...this.#rows.values()]
      .map(({ config, accepted, acknowledged, dead, deliveries, echoes }) => ({
        subscription: config.name,
        accepted: accepted.size,
        acknowledged: acknowledged.size,
        deadLettered: dead.size,
        expired: 0,
        waiting: accepted.size - acknowledged.size - dead.size,
        deliveries,
        echoes,
      }))
      .toSorted((a, b) => a.subscription.localeCompare(b.subscription));
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    this.#relay.closeAllConnections();
    await new Promise((closed) => this.#relay.close(closed));
    await this.#options.emulator.stop();
  }

  async #send(topic: string, drafts: readonly Draft[]): Promise<readonly string[]> {
    const { messageIds } = publishedWire.parse(
      await this.#ask('POST', `${this.#name('topics', topic)}:publish`, { messages: drafts }),
    );
    for (const row of this.#rows.values())
      if (row.config.topic === topic) for (const id of messageIds) row.accepted.add(id);
    return messageIds;
  }

  /** Pulls what comes and pushes it, at most so many at once, until the courier stops (G2). */
  async #relayAll(name: string, outstandingMax: number): Promise<void> {
    const [subscription, { signal }] = [this.#name('subscriptions', name), this.#ending];
    const pushes = new Slots(outstandingMax);
    const held = new Set<Promise<void>>();
    while (!signal.aborted) {
      if (held.size >= HELD_MAX) await Promise.race(held);
      // It answers when something waits, or empty after a while. An emulator that does not answer is asked again, until the courier stops.
      const pulled = await this.#ask('POST', `${subscription}:pull`, { maxMessages: HELD_MAX - held.size })
        .then((said) => pulledWire.parse(said).receivedMessages)
        .catch(() => undefined);
      if (pulled === undefined) await wait(BACKOFF_MIN_MS, undefined, { signal }).catch(() => undefined);
      for (const one of pulled ?? []) {
        const relayed = this.#relayed(name, subscription, one, pushes)
          .catch(() => undefined) // the emulator gives it again after its deadline
          .finally(() => held.delete(relayed));
        held.add(relayed);
      }
    }
  }

  /** Pushes one message, late and perhaps twice (G3), and tells the emulator what came of it. */
  async #relayed(
    name: string,
    subscription: string,
    { ackId, message, deliveryAttempt }: Pulled,
    pushes: Slots,
  ): Promise<void> {
    const row = this.#rows.get(name);
    if (row === undefined) return;
    row.accepted.add(message.messageId);
    const { chance, clock, disorder, deliver } = this.#options;
    const delivered: Message = {
      id: message.messageId,
      topic: row.config.topic,
      data: message.data,
      attributes: message.attributes,
      publishedAt: instant(clock.now()),
    };
    const ending = this.#ending.signal;
    const push = async (): Promise<'ack' | 'nack' | 'timeout'> => {
      await wait(clock.toWall(chance.next() * disorder.delayMax), undefined, { signal: ending });
      return await pushes.within(async () => {
        row.deliveries += 1;
        const deadline = AbortSignal.timeout(Math.ceil(clock.toWall(row.config.ackDeadline)));
        const signal = AbortSignal.any([deadline, ending]);
        return await deliver({ subscription: row.config, message: delivered, attempt: deliveryAttempt, signal });
      });
    };
    if (chance.next() < disorder.duplicates) {
      row.echoes += 1;
      push().catch(() => 'nack'); // nobody waits for an echo
    }
    const outcome = await push().catch(() => 'nack' as const);
    if (outcome !== 'ack') {
      await this.#ask('POST', `${subscription}:modifyAckDeadline`, { ackIds: [ackId], ackDeadlineSeconds: 0 });
      return;
    }
    await this.#ask('POST', `${subscription}:acknowledge`, { ackIds: [ackId] });
    row.acknowledged.add(message.messageId);
  }

  /** A push of the emulator to a subscription that only counts. */
  async #counted(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const row = this.#rows.get((request.url ?? '').split('/').at(-1) ?? '');
    if (row !== undefined) this.#countDead(row, countedWire.parse(JSON.parse(await textOf(request))).message);
    response.writeHead(row === undefined ? 404 : 204).end();
  }

  /** A dead letter, as its topic's own subscription accepted it, and as the subscription that gave it up accounts for it. */
  #countDead(row: Row, { messageId, attributes }: z.infer<typeof messageWire>): void {
    row.accepted.add(messageId);
    const source = attributes['CloudPubSubDeadLetterSourceSubscription'];
    const from = this.#rows.get(source?.split('/').at(-1) ?? '');
    if (from === undefined) return;
    // The dead letter has an id of its own; which of the waiting ones it was is not said, so it stands for one of them.
    const [given] = [...from.accepted].filter((id) => !from.acknowledged.has(id) && !from.dead.has(id));
    if (given !== undefined) from.dead.add(given);
  }

  #call<T>({ principal, from }: Caller, permission: string, path: string, effect: () => T): ApiOutcome<T> {
    const writes = !permission.endsWith('.get');
    return this.#options.door.call({ api: 'pubsub', permission, resource: path, writes, principal, from }, effect);
  }

  #name(kind: 'topics' | 'subscriptions', name: string): string {
    return resource(this.#options.project.id, kind, name);
  }

  #relayAt(path: string): string {
    const address = this.#relay.address();
    if (address === null || typeof address === 'string') throw new Error('the relay has been stopped');
    return `http://127.0.0.1:${address.port}/${path}`;
  }

  #wall(length: number): string {
    return `${(Math.max(this.#options.clock.toWall(length), BACKOFF_MIN_MS) / 1_000).toFixed(3)}s`;
  }

  async #ask(method: string, path: string, body: unknown): Promise<unknown> {
    const said = await this.#fetch(method, `/v1/${path}`, body);
    if (!said.ok)
      throw new Error(`Google’s Pub/Sub emulator answered ${said.status} to ${method} ${path}: ${await said.text()}`);
    return await said.json();
  }

  #fetch(method: string, path: string, body: unknown): Promise<Response> {
    return fetch(`http://${this.#options.emulator.host}${path}`, {
      method,
      signal: this.#ending.signal,
      headers: { 'content-type': 'application/json' },
      ...(method === 'GET' || method === 'DELETE' || body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }
}

/** So many at once; who comes later waits for the first to end. */
class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async within<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((next) => this.#waiting.push(next));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}

const lastPart = (name: string): string => name.slice(name.lastIndexOf('/') + 1);

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  request.setEncoding('utf8');
  for await (const part of request) text += String(part);
  return text;
}
