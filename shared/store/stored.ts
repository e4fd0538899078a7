import { z } from 'zod';
import { assert } from '../core/assert.ts';
import type { Digest } from '../core/digest.ts';
import { canonicalJson, isJson, isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import { instant } from '../core/time.ts';
import { parseEventRecord } from '../ports/event-record.ts';
import { PortError } from '../ports/port-error.ts';
import type { EventRecord, Head, InboxEntry, Lease } from '../ports/store.ts';
import { incidentId, type IncidentId, targetId } from '../system/names.ts';

// What every adapter holds its input to, and parses its storage with, so that a thing that one store takes all stores take.
// The bounds are those of the narrowest: Firestore allows 1 MiB for a document, 500 writes for a commit, 10 MiB for a
// request (vendor's quota page); its emulator refuses a string above 1,048,487 bytes and a request above 4 MiB.

/** Bytes of one event, head, signal or document as canonical JSON: a quarter of a Firestore document. */
export const VALUE_BYTES_MAX = 262_144;

/** Bytes of one piece of evidence. Larger output is cut by whoever captures it, who knows which end matters. */
export const EVIDENCE_BYTES_MAX = 1_000_000;

/** Events, absorbed entries and the head, written in one append. */
export const APPEND_WRITES_MAX = 450;

/** Bytes of all events of one append. With a head and 450 names of the longest kind a request of 3.9 MB. */
export const APPEND_BYTES_MAX = 3_000_000;

/** Targets of one incident: a Firestore document takes 40,000 entries of indexes, and a system has fewer targets than this. */
const TARGETS_MAX = 10_000;

/** Characters that a key may have: no controls and no lone surrogates, which databases fold together; not the last one, which bounds a prefix. */
const KEY = /^[^\p{Cc}\p{Cs}\u{10ffff}]{1,512}$/u;

/**
 * Bytes that a key may take in UTF-8. Firestore's name of a document has 1,500, of which `/` and `.` take two each
 * (firestore-layout.ts): 900 and 512 more are still below.
 */
const KEY_BYTES_MAX = 900;

const isKey = (text: string): boolean => KEY.test(text) && Buffer.byteLength(text) <= KEY_BYTES_MAX;
const keyWire = z.string().refine(isKey, 'not a key');

const digestOrNone = z
  .string()
  .regex(/^([0-9a-f]{64})?$/)
  .transform((text) => text as Digest | ''); // the pattern is what the brand promises

const headWire = z.strictObject({
  incident: keyWire.transform(incidentId),
  sequence: z.int().min(0),
  hash: digestOrNone,
  dueAt: z.number().nullable(),
  targets: z.array(keyWire.transform(targetId)).max(TARGETS_MAX),
  summary: z.custom<JsonObject>(isJsonObject, 'not a JSON object'),
});

const entryWire = z.strictObject({
  key: keyWire,
  incident: keyWire.transform(incidentOrUnassigned),
  receivedAt: z.number().transform(instant),
  signal: z.custom<JsonObject>(isJsonObject, 'not a JSON object'),
});

const leaseWire = z.strictObject({
  key: keyWire,
  holder: keyWire,
  token: z.int().min(1),
  expiresAt: z.number().transform(instant),
});

function incidentOrUnassigned(text: string): IncidentId | 'unassigned' {
  return text === 'unassigned' ? text : incidentId(text);
}

/** Reads a head, whose missing due time is `null`. Throws `z.ZodError`. */
export function parseHead(value: unknown): Head {
  const { dueAt, ...rest } = headWire.parse(value);
  return { ...rest, dueAt: dueAt === null ? undefined : instant(dueAt) };
}

/** Reads an entry of the inbox. Throws `z.ZodError`. */
export function parseEntry(value: unknown): InboxEntry {
  return entryWire.parse(value);
}

/** Reads a lease. Throws `z.ZodError`. */
export function parseLease(value: unknown): Lease {
  return leaseWire.parse(value);
}

/** What is stored and can't be parsed was changed by somebody else: no retry helps. */
export function parsed<T>(doing: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new PortError('permanent', 'corrupt', doing, error);
  }
}

/** The head of a log that does not exist yet. */
export const noHead = (incident: IncidentId): Head => ({
  incident,
  sequence: 0,
  hash: '',
  dueAt: undefined,
  targets: [],
  summary: {},
});

/** A key that every adapter can store and tell from every other. */
export function checkKey(key: string): void {
  assert(isKey(key), `a key has 1 to 512 printable characters in at most 900 bytes, unlike ${JSON.stringify(key)}`);
}

/** How many to read: at least one. */
export function checkLimit(limit: number): void {
  assert(Number.isSafeInteger(limit) && limit > 0, `a limit is a positive whole number, unlike ${limit}`);
}

/** The text under which a value is stored. Rejects as `permanent` (`too large`). */
export function storedText(value: Json, doing: string): string {
  assert(isJson(value), `${doing}: only JSON is stored`);
  const text = canonicalJson(value);
  checkSize(text, VALUE_BYTES_MAX, doing);
  return text;
}

/** Rejects as `permanent` (`too large`) what has more UTF-8 bytes than `limit`. */
export function checkSize(text: string, limit: number, doing: string): void {
  if (Buffer.byteLength(text) > limit) throw new PortError('permanent', 'too large', doing);
}

/** A copy that has passed the parser and shares nothing with the original. */
export function copyOf<T>(value: Json, parse: (value: unknown) => T, doing: string): T {
  return parse(JSON.parse(storedText(value, doing)));
}

/** An entry as it will be stored. */
export function checkedEntry(entry: InboxEntry): InboxEntry {
  return copyOf({ ...entry }, parseEntry, `receiving signal ${entry.key}`);
}

/** One append, copied and checked on its own; `followsHead` checks it against what is stored. */
export interface CheckedAppend {
  readonly incident: IncidentId;
  readonly expected: number;
  readonly events: readonly EventRecord[];
  readonly head: Head;
  readonly absorbed: readonly string[];
}

/** Checks that the events are next to each other after `expected` and that the head is theirs; anything else is our bug. */
export function checkedAppend(append: CheckedAppend): CheckedAppend {
  const { incident, expected, absorbed } = append;
  const doing = appending(append);
  const writes = append.events.length + absorbed.length + 1;
  if (writes > APPEND_WRITES_MAX) throw new PortError('permanent', 'too large', doing);
  const texts = append.events.map((event) => storedText({ ...event }, doing));
  // As one array: the texts, and a separator or bracket after each and before the first.
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 1);
  if (bytes > APPEND_BYTES_MAX) throw new PortError('permanent', 'too large', doing);

  const events = texts.map((text) => parseEventRecord(JSON.parse(text)));
  const head = copyOf({ ...append.head, dueAt: append.head.dueAt ?? null }, parseHead, doing);
  const foreign = [head, ...events].find((written) => written.incident !== incident);
  assert(foreign === undefined, `${doing}: nothing of ${foreign?.incident} belongs there`);
  events.forEach((event, index) => assert(event.sequence === expected + 1 + index, `${doing}: events have no gaps`));
  events
    .slice(1)
    .forEach((event, index) => assert(event.prevHash === events[index]?.hash, `${doing}: events are chained`));
  assert(head.sequence === expected + events.length, `${doing}: the head is the last event's`);
  assert(events.length === 0 || head.hash === events.at(-1)?.hash, `${doing}: the head has the last event's hash`);
  assert(new Set(absorbed).size === absorbed.length, `${doing}: each entry is absorbed once`);
  absorbed.forEach(checkKey);
  return { incident, expected, events, head, absorbed: [...absorbed] };
}

/** What an append is called in messages. */
export const appending = ({ incident, expected }: Pick<CheckedAppend, 'incident' | 'expected'>): string =>
  `appending to ${incident} after event ${expected}`;

/**
 * Checks that the append continues the stored log, whose sequence is the expected one. A different hash at the same
 * sequence means that somebody rewrote the log: `permanent` (`broken chain`), and for people.
 */
export function checkContinues(stored: Head, append: CheckedAppend): void {
  const continued = append.events[0]?.prevHash ?? append.head.hash;
  if (continued !== stored.hash) throw new PortError('permanent', 'broken chain', appending(append));
}

/** An entry that the append names is not waiting: somebody else absorbed it, so what was decided on it is stale. */
export const notWaiting = (append: CheckedAppend): PortError =>
  new PortError('conflict', 'not waiting', `${appending(append)}, absorbing what is no longer there`);
