import { seconds, toIso } from '../../shared/core/time.ts';
import {
  type Attributes,
  checkDrafts,
  checkName,
  checkSubscription,
  type Draft,
  type Message,
  type SubscriptionConfig,
} from './broker-message.ts';
import { type Deliver, type Disorder, type Ledger, ORDERLY, type PulledMessage } from './broker-delivery.ts';
import { SubscriptionQueue } from './broker-subscription.ts';
import { ApiError, type Chance, type WorldClock } from './kernel.ts';

// Pub/Sub without HTTP: topics, subscriptions, and the promise that what was accepted is delivered at least once.
//
// B1. `publish` accepts all messages of a call or none, and answers only after every subscription holds them.
// B2. A dead letter is accepted by its topic in the same moment in which its subscription lets go of it.
// B3. A topic without subscriptions accepts and forgets, as Pub/Sub does; `TopicLedger.unrouted` says how many.
//
// Not modelled: filters, ordering, exactly-once, schemas, snapshots, several zones. Facts: Pub/Sub's reference and its
// emulator 0.8.20.

/** What a topic did with what was published to it, in messages. */
export interface TopicLedger {
  readonly topic: string;
  readonly published: number;
  /** Published while the topic had no subscription. */
  readonly unrouted: number;
}

/** What a broker is made with. */
export interface BrokerOptions {
  readonly project: string;
  readonly clock: WorldClock;
  readonly chance: Chance;
  /** Takes pushes to their receivers. */
  readonly deliver: Deliver;
  readonly disorder?: Disorder;
}

interface TopicState {
  readonly subscriptions: SubscriptionQueue[];
  published: number;
  unrouted: number;
}

/** First id of a message; Pub/Sub's have sixteen digits or so. */
const FIRST_MESSAGE_ID = 13_905_764_000_000_000n;

/** The queueing service of one project. Refuses with `ApiError` as Pub/Sub would; permissions are checked at its door. */
export class Broker {
  readonly project: string;
  readonly #options: BrokerOptions;
  readonly #topics = new Map<string, TopicState>();
  readonly #subscriptions = new Map<string, SubscriptionQueue>();
  #disorder: Disorder;
  #messages = 0n;

  constructor(options: BrokerOptions) {
    this.project = options.project;
    this.#options = options;
    this.#disorder = options.disorder ?? ORDERLY;
  }

  /** Changes how badly messages arrive from now on. */
  disturb(disorder: Disorder): void {
    this.#disorder = disorder;
  }

  createTopic(name: string): void {
    checkName(name);
    if (this.#topics.has(name)) throw exists(name);
    this.#topics.set(name, { subscriptions: [], published: 0, unrouted: 0 });
  }

  /** Topics in order of their names. */
  topics(): readonly string[] {
    return [...this.#topics.keys()].sort();
  }

  hasTopic(name: string): boolean {
    return this.#topics.has(name);
  }

  /** A dead-letter topic must exist beforehand and have a subscription, or its messages would be forgotten (B3). */
  createSubscription(config: SubscriptionConfig): void {
    checkSubscription(config);
    if (this.#subscriptions.has(config.name)) throw exists(config.name);
    const topic = this.#topic(config.topic);
    if (config.deadLetter && this.#topic(config.deadLetter.topic).subscriptions.length === 0) {
      throw new ApiError(
        400,
        'failedPrecondition',
        `Dead-letter topic ${config.deadLetter.topic} has no subscription.`,
      );
    }
    const queue = new SubscriptionQueue({
      config,
      clock: this.#options.clock,
      chance: this.#options.chance.fork(`subscription ${config.name}`),
      deliver: this.#options.deliver,
      disorder: () => this.#disorder,
      deadLetter: (message, count) => this.#deadLetter(config, message, count),
    });
    this.#subscriptions.set(config.name, queue);
    topic.subscriptions.push(queue);
  }

  /** Ends a subscription, and with it what it still held (docs: "Deleting a subscription"). */
  deleteSubscription(name: string): void {
    const queue = this.#queue(name);
    queue.stop();
    this.#subscriptions.delete(name);
    const { subscriptions } = this.#topic(queue.config.topic);
    subscriptions.splice(subscriptions.indexOf(queue), 1);
  }

  /** Subscriptions in order of their names. */
  subscriptions(): readonly SubscriptionConfig[] {
    return [...this.#subscriptions.values()].map((queue) => queue.config).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  subscription(name: string): SubscriptionConfig {
    return this.#queue(name).config;
  }

  /** Accepts messages for all subscriptions of a topic and answers their ids. */
  publish(topicName: string, drafts: readonly Draft[]): readonly string[] {
    const topic = this.#topic(topicName);
    checkDrafts(drafts);
    return drafts.map((draft) => this.#accept(topicName, topic, draft));
  }

  /** Leases up to `max` due messages of a pull subscription. */
  pull(name: string, max: number): readonly PulledMessage[] {
    return this.#pullQueue(name).pull(max);
  }

  acknowledge(name: string, ackIds: readonly string[]): void {
    this.#pullQueue(name).acknowledge(ackIds);
  }

  modifyAckDeadline(name: string, ackIds: readonly string[], deadlineSeconds: number): void {
    if (deadlineSeconds < 0 || deadlineSeconds > 600) {
      throw new ApiError(
        400,
        'badRequest',
        `Invalid ack deadline given: ${deadlineSeconds}. Must be between 0 and 600 seconds.`,
      );
    }
    this.#pullQueue(name).modifyAckDeadline(ackIds, seconds(deadlineSeconds));
  }

  /** One row for each subscription, in order of their names. */
  ledger(): readonly Ledger[] {
    return this.subscriptions().map(({ name }) => this.#queue(name).ledger());
  }

  /** One row for each topic, in order of their names. */
  topicLedger(): readonly TopicLedger[] {
    return this.topics().map((name) => {
      const { published, unrouted } = this.#topic(name);
      return { topic: name, published, unrouted };
    });
  }

  /** Ends all delivery; what waits stays in the ledger as waiting. */
  stop(): void {
    for (const queue of this.#subscriptions.values()) queue.stop();
  }

  #accept(name: string, topic: TopicState, draft: Draft): string {
    this.#messages += 1n;
    const message: Message = {
      ...draft,
      id: String(FIRST_MESSAGE_ID + this.#messages),
      topic: name,
      publishedAt: this.#options.clock.now(),
    };
    topic.published += 1;
    if (topic.subscriptions.length === 0) topic.unrouted += 1;
    for (const queue of topic.subscriptions) queue.accept(message);
    return message.id;
  }

  #deadLetter(config: SubscriptionConfig, message: Message, deliveryCount: number): void {
    if (config.deadLetter === undefined) return;
    const { topic } = config.deadLetter;
    const attributes = { ...message.attributes, ...this.#origin(config, message, deliveryCount) };
    this.#accept(topic, this.#topic(topic), { ...draftOf(message), attributes });
  }

  /** The attributes by which Pub/Sub says where a dead letter comes from (seen in its emulator). */
  #origin(config: SubscriptionConfig, message: Message, deliveryCount: number): Attributes {
    return {
      CloudPubSubDeadLetterSourceDeliveryCount: String(deliveryCount),
      CloudPubSubDeadLetterSourceSubscription: config.name,
      CloudPubSubDeadLetterSourceSubscriptionProject: this.project,
      CloudPubSubDeadLetterSourceTopicPublishTime: toIso(message.publishedAt),
    };
  }

  #topic(name: string): TopicState {
    const topic = this.#topics.get(name);
    if (topic === undefined) throw notFound(name);
    return topic;
  }

  #queue(name: string): SubscriptionQueue {
    const queue = this.#subscriptions.get(name);
    if (queue === undefined) throw notFound(name);
    return queue;
  }

  #pullQueue(name: string): SubscriptionQueue {
    const queue = this.#queue(name);
    if (queue.config.delivery.kind === 'push') {
      throw new ApiError(400, 'failedPrecondition', 'Method not supported by subscription type.');
    }
    return queue;
  }
}

const draftOf = ({ data, attributes, orderingKey }: Message): Draft =>
  orderingKey === undefined ? { data, attributes } : { data, attributes, orderingKey };

const notFound = (name: string): ApiError => new ApiError(404, 'notFound', `Resource not found (resource=${name}).`);

const exists = (name: string): ApiError =>
  new ApiError(409, 'alreadyExists', `Resource already exists in the project (resource=${name}).`);
