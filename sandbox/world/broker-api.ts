import type { Broker } from './broker.ts';
import type { Draft, SubscriptionConfig } from './broker-message.ts';
import type { PulledMessage } from './broker-delivery.ts';
import type { Caller } from './caller.ts';
import { type ApiDoor, ApiError, type ApiOutcome, type Principal } from './kernel.ts';

/** Who may publish to each topic, by its short name. A topic that isn't listed takes messages from nobody but the broker itself. */
export type Publishers = Readonly<Record<string, readonly Principal[]>>;

/**
 * Pub/Sub as its callers see it: the broker behind the one door, so that permissions, faults and the audit apply. Publishing
 * needs `pubsub.topics.publish` and a place among the topic's publishers: a grant with a condition on the topic's name.
 */
export class PubsubApi {
  readonly #door: ApiDoor;
  readonly #broker: Broker;
  readonly #publishers: Publishers;

  constructor(parts: { readonly door: ApiDoor; readonly broker: Broker; readonly publishers: Publishers }) {
    this.#door = parts.door;
    this.#broker = parts.broker;
    this.#publishers = parts.publishers;
  }

  /** Message ids in the order of the messages. Accepted means held by every subscription of the topic. */
  publish(caller: Caller, topic: string, drafts: readonly Draft[]): ApiOutcome<readonly string[]> {
    return this.#call(caller, 'pubsub.topics.publish', `topics/${topic}:publish`, () => {
      if (this.#broker.hasTopic(topic) && !this.#publishers[topic]?.includes(caller.principal)) throw unauthorized();
      return this.#broker.publish(topic, drafts);
    });
  }

  topics(caller: Caller): ApiOutcome<readonly string[]> {
    return this.#call(caller, 'pubsub.topics.list', 'topics', () => this.#broker.topics());
  }

  topic(caller: Caller, name: string): ApiOutcome<string> {
    return this.#call(caller, 'pubsub.topics.get', `topics/${name}`, () => {
      if (!this.#broker.hasTopic(name)) throw noTopic(name);
      return name;
    });
  }

  /** Who may publish on a topic. */
  publishers(caller: Caller, name: string): ApiOutcome<readonly Principal[]> {
    return this.#call(caller, 'pubsub.topics.getIamPolicy', `topics/${name}`, () => {
      if (!this.#broker.hasTopic(name)) throw noTopic(name);
      return this.#publishers[name] ?? [];
    });
  }

  createTopic(caller: Caller, name: string): ApiOutcome<string> {
    return this.#call(caller, 'pubsub.topics.create', `topics/${name}`, () => {
      this.#broker.createTopic(name);
      return name;
    });
  }

  subscriptions(caller: Caller): ApiOutcome<readonly SubscriptionConfig[]> {
    return this.#call(caller, 'pubsub.subscriptions.list', 'subscriptions', () => this.#broker.subscriptions());
  }

  subscription(caller: Caller, name: string): ApiOutcome<SubscriptionConfig> {
    return this.#call(caller, 'pubsub.subscriptions.get', `subscriptions/${name}`, () =>
      this.#broker.subscription(name),
    );
  }

  createSubscription(caller: Caller, config: SubscriptionConfig): ApiOutcome<SubscriptionConfig> {
    return this.#call(caller, 'pubsub.subscriptions.create', `subscriptions/${config.name}`, () => {
      this.#broker.createSubscription(config);
      return config;
    });
  }

  deleteSubscription(caller: Caller, name: string): ApiOutcome<void> {
    return this.#call(caller, 'pubsub.subscriptions.delete', `subscriptions/${name}`, () =>
      this.#broker.deleteSubscription(name),
    );
  }

  pull(caller: Caller, name: string, max: number): ApiOutcome<readonly PulledMessage[]> {
    return this.#consume(caller, `subscriptions/${name}:pull`, () => this.#broker.pull(name, max));
  }

  acknowledge(caller: Caller, name: string, ackIds: readonly string[]): ApiOutcome<void> {
    return this.#consume(caller, `subscriptions/${name}:acknowledge`, () => this.#broker.acknowledge(name, ackIds));
  }

  modifyAckDeadline(
    caller: Caller,
    name: string,
    ackIds: readonly string[],
    deadlineSeconds: number,
  ): ApiOutcome<void> {
    return this.#consume(caller, `subscriptions/${name}:modifyAckDeadline`, () =>
      this.#broker.modifyAckDeadline(name, ackIds, deadlineSeconds),
    );
  }

  #consume<T>(caller: Caller, resource: string, effect: () => T): ApiOutcome<T> {
    return this.#call(caller, 'pubsub.subscriptions.consume', resource, effect);
  }

  #call<T>({ principal, from }: Caller, permission: string, resource: string, effect: () => T): ApiOutcome<T> {
    const writes = !/\.(list|get|getIamPolicy)$/.test(permission);
    return this.#door.call({ api: 'pubsub', permission, resource, writes, principal, from }, effect);
  }
}

const noTopic = (name: string): ApiError => new ApiError(404, 'notFound', `Resource not found (resource=${name}).`);

const unauthorized = (): ApiError => new ApiError(403, 'forbidden', 'User not authorized to perform this action.');
