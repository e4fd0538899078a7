import { z } from 'zod';
import { type Millis, millis, seconds, toIso } from '../../shared/core/time.ts';
import {
  type DeliveryConfig,
  type Draft,
  type Message,
  RETENTION_MAX,
  RETRY_DEFAULT,
  type SubscriptionConfig,
} from '../world/broker-message.ts';
import { invalidArgument } from './google-error.ts';

// Pub/Sub's JSON (google/pubsub/v1/pubsub.proto) to the broker's words and back.

/** `projects/P/topics/T` and its like. */
export function resource(project: string, kind: 'topics' | 'subscriptions', name: string): string {
  return `projects/${project}/${kind}/${name}`;
}

/** A message as pull and push carry it, without the duplicates in snake case that a push adds. Empty fields are left out, as proto JSON does. */
export function messageJson(message: Message): {
  readonly messageId: string;
  readonly publishTime: string;
  readonly data?: string;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly orderingKey?: string;
} {
  const { data, attributes, orderingKey, id, publishedAt } = message;
  return {
    ...(Object.keys(attributes).length === 0 ? {} : { attributes }),
    ...(data === '' ? {} : { data }),
    messageId: id,
    ...(orderingKey === undefined ? {} : { orderingKey }),
    publishTime: toIso(publishedAt),
  };
}

/** Base64 as proto JSON takes it: either alphabet, with or without padding; no length leaves a remainder of one. */
const base64 = z
  .string()
  .regex(/^(?:[\w+/-]{4})*(?:[\w+/-]{2,3}={0,2})?$/, 'Base64 decoding failed')
  .transform((text) => Buffer.from(text, 'base64').toString('base64'));

const attributes = z.record(z.string(), z.string());

/** Fields that only the server sets are accepted from a publisher and ignored, as the reference says. */
export const publishWire = z
  .strictObject({
    messages: z
      .array(
        z.strictObject({
          data: base64.default(''),
          attributes: attributes.default({}),
          orderingKey: z.string().default(''),
          messageId: z.string().optional(),
          publishTime: z.string().optional(),
        }),
      )
      .default([]),
  })
  .transform(({ messages }) =>
    messages.map(
      ({ data, attributes: given, orderingKey }): Draft =>
        orderingKey === '' ? { data, attributes: given } : { data, attributes: given, orderingKey },
    ),
  );

export const topicWire = z.strictObject({
  name: z.string().optional(),
  labels: attributes.optional(),
  tags: attributes.optional(),
});

export const pullWire = z.strictObject({
  maxMessages: z.number().int().min(1, 'must be positive'),
  returnImmediately: z.boolean().optional(),
});

const ackIds = z.array(z.string().min(1)).min(1, 'no ack ids were given');

export const acknowledgeWire = z.strictObject({ ackIds });

export const modifyAckDeadlineWire = z.strictObject({ ackIds, ackDeadlineSeconds: z.number().int().default(0) });

/** A duration as proto JSON writes it: `10s`, `1.500s`. */
const duration = z
  .string()
  .regex(/^\d{1,10}(\.\d{1,9})?s$/, 'Illegal duration format')
  .transform((text) => millis(Math.round(Number(text.slice(0, -1)) * 1_000)));

/** What the model has no queue for. `false` and empty are what clients send for a field that isn't set. */
const notModelled = {
  enableMessageOrdering: z.literal(false, 'the sandbox has no ordered delivery').optional(),
  enableExactlyOnceDelivery: z.literal(false, 'the sandbox has no exactly-once delivery').optional(),
  filter: z.literal('', 'the sandbox has no filters').optional(),
  retainAckedMessages: z.literal(false, 'the sandbox keeps no acknowledged messages').optional(),
  detached: z.literal(false).optional(),
};

const LOOPBACK = /^http:\/\/(127\.0\.0\.1|localhost):\d{1,5}(\/[^?#]*)?$/;

const pushWire = z.strictObject({
  attributes: attributes.optional(),
  pushEndpoint: z
    .string()
    .refine((text) => text === '' || LOOPBACK.test(text), 'the sandbox pushes to http://127.0.0.1:PORT only')
    .default(''),
  oidcToken: z.strictObject({ serviceAccountEmail: z.string().min(1), audience: z.string().default('') }).optional(),
});

export const subscriptionWire = z.strictObject({
  name: z.string().optional(),
  topic: z.string(),
  labels: attributes.optional(),
  tags: attributes.optional(),
  pushConfig: pushWire.optional(),
  ackDeadlineSeconds: z.number().int().default(0),
  messageRetentionDuration: duration.default(RETENTION_MAX),
  retryPolicy: z
    .strictObject({
      minimumBackoff: duration.default(RETRY_DEFAULT.minimumBackoff),
      maximumBackoff: duration.default(RETRY_DEFAULT.maximumBackoff),
    })
    .optional(),
  deadLetterPolicy: z
    .strictObject({ deadLetterTopic: z.string(), maxDeliveryAttempts: z.number().int().default(0) })
    .optional(),
  ...notModelled,
});

/** Pushes in flight at once for a subscription made over REST. Pub/Sub starts low and grows with success. */
const OUTSTANDING_MAX = 100;

/** Without a retry policy a push subscription still backs off, from 100 ms to 60 s ("Push backoff"), and a pull subscription doesn't. */
const PUSH_BACKOFF = { minimumBackoff: millis(100), maximumBackoff: seconds(60) };
const NO_BACKOFF = { minimumBackoff: millis(0), maximumBackoff: millis(0) };

/** A subscription as its creator asks for it. Throws 400 for names of another form or project. */
export function subscriptionOf(
  project: string,
  name: string,
  wire: z.output<typeof subscriptionWire>,
): SubscriptionConfig {
  const delivery = deliveryOf(wire.pushConfig);
  const { deadLetterPolicy: dead } = wire;
  return {
    name,
    topic: topicNameOf(project, wire.topic),
    delivery,
    ackDeadline: wire.ackDeadlineSeconds === 0 ? seconds(10) : seconds(wire.ackDeadlineSeconds),
    retry: wire.retryPolicy ?? (delivery.kind === 'push' ? PUSH_BACKOFF : NO_BACKOFF),
    deadLetter: dead && {
      topic: topicNameOf(project, dead.deadLetterTopic),
      attemptsMax: dead.maxDeliveryAttempts === 0 ? 5 : dead.maxDeliveryAttempts,
    },
    retention: wire.messageRetentionDuration,
  };
}

function deliveryOf(wire: z.output<typeof pushWire> | undefined): DeliveryConfig {
  if (wire === undefined || wire.pushEndpoint === '') return { kind: 'pull' };
  const { pushEndpoint: endpoint, oidcToken: token } = wire;
  const oidc = token && { email: token.serviceAccountEmail, audience: token.audience || endpoint };
  return { kind: 'push', endpoint, oidc, outstandingMax: OUTSTANDING_MAX };
}

function topicNameOf(project: string, path: string): string {
  const name = /^projects\/([^/]+)\/topics\/([^/]+)$/.exec(path);
  if (name?.[1] !== project || name[2] === undefined)
    throw invalidArgument(`Invalid resource name given (name=${path}).`);
  return name[2];
}

/** A subscription as `get` and `list` show it. */
export function subscriptionJson(project: string, config: SubscriptionConfig): unknown {
  const { delivery, deadLetter, retry } = config;
  const oidcToken =
    delivery.kind === 'push' && delivery.oidc !== undefined
      ? { serviceAccountEmail: delivery.oidc.email, audience: delivery.oidc.audience }
      : undefined;
  return {
    name: resource(project, 'subscriptions', config.name),
    topic: resource(project, 'topics', config.topic),
    pushConfig: delivery.kind === 'push' ? { pushEndpoint: delivery.endpoint, oidcToken } : {},
    ackDeadlineSeconds: config.ackDeadline / 1_000,
    messageRetentionDuration: durationText(config.retention),
    retryPolicy: {
      minimumBackoff: durationText(retry.minimumBackoff),
      maximumBackoff: durationText(retry.maximumBackoff),
    },
    deadLetterPolicy: deadLetter && {
      deadLetterTopic: resource(project, 'topics', deadLetter.topic),
      maxDeliveryAttempts: deadLetter.attemptsMax,
    },
    state: 'ACTIVE',
  };
}

const durationText = (length: Millis): string => `${length / 1_000}s`;
