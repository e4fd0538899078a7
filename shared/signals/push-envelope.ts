import { z } from 'zod';
import { digestOf } from '../core/digest.ts';
import { isJson } from '../core/json.ts';
import { err, ok, type Result } from '../core/result.ts';
import { type Instant, parseInstant } from '../core/time.ts';
import { firstIssue, type Malformed, malformed } from './malformed.ts';

/** One delivery by Pub/Sub. Delivered at least once and in any order: what it says twice must count once. */
export interface PushMessage {
  /** The same on every redelivery. */
  readonly messageId: string;
  readonly publishTime: Instant | undefined;
  readonly attributes: Readonly<Record<string, string>>;
  /** What the publisher sent, JSON or not. Monitoring's messages have no attributes to depend on (facts.md 1.1). */
  readonly data:
    | { readonly kind: 'json'; readonly value: unknown }
    | { readonly kind: 'malformed'; readonly malformed: Malformed };
}

/** An id as Pub/Sub makes them. Anything else is no key of our store, and a message that could not be recorded would come for ever. */
const messageId = z
  .string()
  .regex(/^[\x21-\x7e]{1,200}$/)
  .nullish()
  .catch(undefined);

// Pub/Sub writes each of the two under both names (facts.md 2.2).
const message = z.object({
  data: z.string().nullish(),
  messageId,
  message_id: messageId,
  publishTime: z.string().nullish().catch(undefined),
  publish_time: z.string().nullish().catch(undefined),
  attributes: z.record(z.string(), z.string()).nullish().catch(undefined),
});

/** A CloudEvent with the push body as its `data`, that `data` itself, or the push body as Pub/Sub posts it. */
const wire = z.union([z.object({ message }), z.object({ data: z.object({ message }) }).transform(({ data }) => data)], {
  error: 'no Pub/Sub message',
});

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Takes a push apart. Refused is only what is no push at all; data that can't be read is said so in the message. Never throws. */
export function parsePush(body: unknown): Result<PushMessage, Malformed> {
  const read = wire.safeParse(body);
  if (!read.success) return err(malformed(firstIssue(read.error), body));
  const { data, attributes, ...rest } = read.data.message;
  const publishTime = rest.publishTime ?? rest.publish_time;
  return ok({
    messageId: rest.messageId ?? rest.message_id ?? `unnamed-${nameFor(body)}`,
    publishTime: publishTime === null || publishTime === undefined ? undefined : parseInstant(publishTime),
    attributes: attributes ?? {},
    data: decode(data ?? ''),
  });
}

/** A message without an id is at least recognised when exactly the same arrives again. */
const nameFor = (body: unknown): string => (isJson(body) ? digestOf(body).slice(0, 32) : 'deep');

function decode(data: string): PushMessage['data'] {
  if (data === '') return { kind: 'malformed', malformed: malformed('the message has no data', '') };
  if (!BASE64.test(data)) return { kind: 'malformed', malformed: malformed('data is no base64', data) };
  const bytes = Buffer.from(data, 'base64');
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return { kind: 'json', value: JSON.parse(text) as unknown };
  } catch (error) {
    const because = error instanceof SyntaxError ? 'data is no JSON' : 'data is no UTF-8';
    return { kind: 'malformed', malformed: malformed(because, bytes.toString('utf8')) };
  }
}
