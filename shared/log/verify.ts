import { z } from 'zod';
import type { Digest } from '../core/digest.ts';
import { parseEventRecord } from '../ports/event-record.ts';
import type { EventRecord } from '../ports/store.ts';
import { incidentId, type IncidentId } from '../system/names.ts';
import { EMPTY_CHAIN, hashOf, type ChainEnd } from './chain.ts';

// Offline verification of a log. It reads nothing and trusts nothing: what it is given is all that it judges.
//
// V1. A log is sound when its events are 1..n without gaps, each hashed right and naming the hash before it, of one
//     incident, no id twice, and when it agrees with the head and with every anchor that is known.
// V2. Without a head and anchors a log that was cut at its end looks like a shorter log. That is why the answer says how
//     far it reached, and never just "sound".

/** A create-only document that another identity wrote: at this event, the chain had this hash. */
export interface Anchor {
  readonly incident: IncidentId;
  readonly sequence: number;
  readonly hash: Digest;
}

/** What is wrong with a log, where it first shows. */
export type Breakage =
  | 'gap'
  | 'foreignIncident'
  | 'duplicateId'
  | 'wrongPrevHash'
  | 'wrongHash'
  | 'headMismatch'
  | 'anchorMismatch';

/** The answer of a verification. Events above `anchoredTo` rest on the chain alone; 0 means that no anchor is known. */
export type Verification =
  | { readonly kind: 'sound'; readonly upTo: number; readonly anchoredTo: number }
  | { readonly kind: 'broken'; readonly atSequence: number; readonly because: Breakage };

/** What else is known of a log besides its events. */
export interface Known {
  /** Without it, the first event says whose log it is. */
  readonly incident?: IncidentId;
  readonly head?: ChainEnd;
  readonly anchors?: readonly Anchor[];
}

const anchorWire = z.strictObject({
  incident: z.string().min(1).transform(incidentId),
  sequence: z.int().min(1),
  hash: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .transform((text) => text as Digest), // the pattern is what the brand promises
});

/** Reads an anchor. Throws `z.ZodError` on anything else. */
export function parseAnchor(value: unknown): Anchor {
  return anchorWire.parse(value);
}

/** Reads one event of a log. Throws `z.ZodError` on anything else. */
export const parseRecord: (value: unknown) => EventRecord = parseEventRecord;

/** What the keys of an incident's anchors begin with in the document store. */
export const anchorPrefix = (incident: IncidentId): string => `anchor/${incident}/`;

/** The key under which an anchor is created, and never written again. In key order, anchors are in log order. */
export const anchorKey = (anchor: Anchor): string =>
  `${anchorPrefix(anchor.incident)}${String(anchor.sequence).padStart(12, '0')}`;

/** Verifies the events of one log, which must be all of it from event 1, in order. */
export function verifyChain(records: readonly EventRecord[], known: Known = {}): Verification {
  const incident = known.incident ?? records[0]?.incident;
  const ids = new Set<string>();
  let end: ChainEnd = EMPTY_CHAIN;
  for (const record of records) {
    const because = breakageOf(record, { incident, end, ids });
    if (because !== undefined) return { kind: 'broken', atSequence: end.sequence + 1, because };
    ids.add(record.id);
    end = record;
  }
  const anchoredTo = anchored(records, incident, known.anchors ?? []);
  if (typeof anchoredTo !== 'number') return anchoredTo;
  const { head } = known;
  if (head !== undefined && (head.sequence !== end.sequence || head.hash !== end.hash)) {
    const inBoth = Math.min(head.sequence, end.sequence);
    const atSequence = head.sequence === end.sequence ? inBoth : inBoth + 1;
    return { kind: 'broken', atSequence, because: 'headMismatch' };
  }
  return { kind: 'sound', upTo: end.sequence, anchoredTo };
}

interface Before {
  readonly incident: IncidentId | undefined;
  readonly end: ChainEnd;
  readonly ids: ReadonlySet<string>;
}

function breakageOf(record: EventRecord, before: Before): Breakage | undefined {
  if (record.incident !== before.incident) return 'foreignIncident';
  if (record.sequence !== before.end.sequence + 1) return 'gap';
  if (record.prevHash !== before.end.hash) return 'wrongPrevHash';
  if (record.hash !== hashOf(record)) return 'wrongHash';
  return before.ids.has(record.id) ? 'duplicateId' : undefined;
}

function anchored(
  records: readonly EventRecord[],
  incident: IncidentId | undefined,
  anchors: readonly Anchor[],
): number | Verification {
  let highest = 0;
  for (const anchor of anchors.toSorted((a, b) => a.sequence - b.sequence)) {
    const record = records[anchor.sequence - 1];
    const holds = record !== undefined && record.hash === anchor.hash && anchor.incident === incident;
    if (!holds) return { kind: 'broken', atSequence: anchor.sequence, because: 'anchorMismatch' };
    highest = anchor.sequence;
  }
  return highest;
}

const SENTENCES: Readonly<Record<Breakage, string>> = {
  gap: 'an event is missing or out of place',
  foreignIncident: 'it belongs to another incident',
  duplicateId: 'its id was used by an earlier event',
  wrongPrevHash: 'it does not continue the event before it',
  wrongHash: 'its hash is not the hash of its content',
  headMismatch: 'the log does not end where its head says',
  anchorMismatch: 'it is not the event that was anchored',
};

/** The answer as a sentence without its full stop. */
export function describeVerification(verification: Verification): string {
  if (verification.kind === 'broken')
    return `broken at event ${verification.atSequence}: ${SENTENCES[verification.because]}`;
  return `verified to event ${verification.upTo}, anchored to event ${verification.anchoredTo}`;
}
