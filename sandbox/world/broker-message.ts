import { type Instant, type Millis, minutes, seconds } from '../../shared/core/time.ts';
import { ApiError } from './kernel.ts';

// What travels through Pub/Sub and how a subscription is set up, with the limits that Pub/Sub itself enforces.

/** Attributes of a message: texts that need no decoding. */
export type Attributes = Readonly<Record<string, string>>;

/** A message as a publisher hands it in. */
export interface Draft {
  /** Base64, standard alphabet with padding; empty when the message is only attributes. */
  readonly data: string;
  readonly attributes: Attributes;
  /** Carried along; without ordering enabled on a subscription, which the model doesn't offer, it orders nothing. */
  readonly orderingKey?: string;
}

/** A message that a topic has accepted. The same for every subscription and every attempt. */
export interface Message extends Draft {
  /** Digits, unique within the broker, as Pub/Sub makes them. */
  readonly id: string;
  readonly topic: string;
  readonly publishedAt: Instant;
}

/** The base64 that carries a text. */
export const dataOf = (text: string): string => Buffer.from(text, 'utf8').toString('base64');

/** The text that a message carries. */
export const textOf = (message: Draft): string => Buffer.from(message.data, 'base64').toString('utf8');

/** How long a subscription waits before it tries again: the minimum doubles with each failure up to the maximum. */
export interface RetryPolicy {
  readonly minimumBackoff: Millis;
  readonly maximumBackoff: Millis;
}

/** Pub/Sub's own defaults when a retry policy is given without values (and Eventarc's). */
export const RETRY_DEFAULT: RetryPolicy = { minimumBackoff: seconds(10), maximumBackoff: seconds(600) };

/** Where messages go that were not acknowledged in `attemptsMax` attempts. */
export interface DeadLetterPolicy {
  readonly topic: string;
  /** From 5 to 100, both included. */
  readonly attemptsMax: number;
}

/** Who fetches: the broker posts to an endpoint, or somebody pulls. */
export type DeliveryConfig =
  | { readonly kind: 'pull' }
  | {
      readonly kind: 'push';
      /** Base address of the receiver; the pusher adds the topic's path. */
      readonly endpoint: string;
      /** Identity of the id token in each push; its audience is `audience`, by default the endpoint. */
      readonly oidc: { readonly email: string; readonly audience: string } | undefined;
      /** Pushes without an answer at any one time, duplicates included. */
      readonly outstandingMax: number;
    };

/** A subscription of one topic. Times are clock time. */
export interface SubscriptionConfig {
  readonly name: string;
  readonly topic: string;
  readonly delivery: DeliveryConfig;
  /** From 10 s to 600 s; for a push this is how long its request may take. */
  readonly ackDeadline: Millis;
  readonly retry: RetryPolicy;
  readonly deadLetter: DeadLetterPolicy | undefined;
  /** From 10 min to 7 days; older messages are dropped, and the ledger says so. */
  readonly retention: Millis;
}

/** Pub/Sub's longest retention, and its default. */
export const RETENTION_MAX: Millis = minutes(7 * 24 * 60);

/** Publish limits of Pub/Sub (quotas page): bytes and counts. Its emulator enforces none of them. */
export const PUBLISH_LIMITS = {
  messageBytes: 10_000_000,
  messages: 1_000,
  attributes: 100,
  attributeKeyBytes: 256,
  attributeValueBytes: 1_024,
} as const;

const NAME = /^[A-Za-z][A-Za-z0-9\-_.~+%]{2,254}$/;

/** Refuses a topic's or subscription's short name as Pub/Sub does: three characters or more, not starting with `goog`. */
export function checkName(name: string): void {
  if (!NAME.test(name) || name.startsWith('goog')) invalid(`Invalid resource name given (name=${name}).`);
}

/** Refuses messages that Pub/Sub wouldn't take. Nothing of a request is accepted when one message is refused. */
export function checkDrafts(drafts: readonly Draft[]): void {
  if (drafts.length === 0)
    invalid('The value for message_count is too small. You passed 0 in the request, but the minimum value is 1.');
  if (drafts.length > PUBLISH_LIMITS.messages) {
    invalid(
      `The value for message_count is too large. You passed ${drafts.length} in the request, but the maximum value is ${PUBLISH_LIMITS.messages}.`,
    );
  }
  if (drafts.reduce((total, draft) => total + sizeOf(draft), 0) > PUBLISH_LIMITS.messageBytes) {
    invalid(`The request size is too large. The maximum is ${PUBLISH_LIMITS.messageBytes} bytes.`);
  }
  for (const draft of drafts) checkDraft(draft);
}

function checkDraft(draft: Draft): void {
  const attributes = Object.entries(draft.attributes);
  if (draft.data === '' && attributes.length === 0) {
    invalid(
      'One or more messages in the publish request is empty. Each message must contain either non-empty data, or at least one attribute.',
    );
  }
  if (attributes.length > PUBLISH_LIMITS.attributes)
    invalid('The request contains a message with too many attributes.');
  for (const [key, value] of attributes) {
    if (key === '' || Buffer.byteLength(key) > PUBLISH_LIMITS.attributeKeyBytes)
      invalid('A message attribute key has an invalid size.');
    if (Buffer.byteLength(value) > PUBLISH_LIMITS.attributeValueBytes)
      invalid('A message attribute value is too large.');
  }
}

function sizeOf(draft: Draft): number {
  const attributes = Object.entries(draft.attributes);
  return (
    Buffer.byteLength(draft.data, 'base64') +
    attributes.reduce((total, [key, value]) => total + Buffer.byteLength(key) + Buffer.byteLength(value), 0)
  );
}

/** Refuses a subscription that Pub/Sub would refuse. */
export function checkSubscription(config: SubscriptionConfig): void {
  checkName(config.name);
  inRange('ack deadline', config.ackDeadline, seconds(10), seconds(600));
  inRange('retention', config.retention, minutes(10), RETENTION_MAX);
  inRange('minimum backoff', config.retry.minimumBackoff, seconds(0), seconds(600));
  inRange('maximum backoff', config.retry.maximumBackoff, config.retry.minimumBackoff, seconds(600));
  if (config.deadLetter !== undefined) inRange('max delivery attempts', config.deadLetter.attemptsMax, 5, 100);
  if (config.delivery.kind === 'push')
    inRange('outstanding pushes', config.delivery.outstandingMax, 1, Number.MAX_SAFE_INTEGER);
}

function inRange(what: string, value: number, low: number, high: number): void {
  if (!(value >= low && value <= high)) invalid(`Invalid ${what}: ${value} is not within [${low}, ${high}].`);
}

function invalid(message: string): never {
  throw new ApiError(400, 'badRequest', message);
}
