import type { Instant } from '../core/time.ts';
import type { IncidentId } from '../system/names.ts';

// Where everything lies in Firestore, and under which names.
//
//   dr-heads/INCIDENT                     sequence, hash, targets, summary, openedAt; dueAt, openSince, openAbout while open
//   dr-heads/INCIDENT/dr-events/SEQUENCE  one event
//   dr-inbox/KEY                          one signal; `turn` while it waits, `absorbedBy` and `expireAt` afterwards
//   dr-leases/KEY                         the last lease, for ever: its token must go on growing
//   dr-documents/KEY, dr-evidence/DIGEST  a value with its version; a text
//
// N1. A document's name is its key, so that creating it twice is refused by Firestore itself, and a lookup needs no
//     index.
// N2. Names sort as keys do (UTF-8), whatever they contain.
// N3. Each listing is by name or by one field that only what is listed has. No composite index exists or is needed; the
//     emulator would not notice a missing one. docs/firestore.indexes.json takes the large texts out of Firestore's own
//     indexes and lets absorbed signals expire.
// N4. What a storm brings is created once, each in a document of its own: signals, events, evidence.

/** Collections begin with `dr-`: the database may hold other things. */
export const HEADS = 'dr-heads';
export const INBOX = 'dr-inbox';
export const LEASES = 'dr-leases';
export const DOCUMENTS = 'dr-documents';
export const EVIDENCE = 'dr-evidence';

/** A document that is never there, for asking what time it is. */
export const NOW = 'dr-time/now';

/**
 * The name of a document for a key. Firestore allows neither `/` nor the names `.`, `..` and `__…__`. `.` and `/` are
 * next to each other in UTF-8, so `.0` and `.1` in their places keep the order (N2), and the prefix makes every name
 * allowed.
 */
export const nameOf = (key: string): string => `=${key.replaceAll(/[./]/g, (found) => (found === '.' ? '.0' : '.1'))}`;

/** The name that is above all names whose key has that prefix; no key contains the last character of all. */
export const nameAfter = (prefix: string): string => `${nameOf(prefix)}\u{10ffff}`;

/** Where a document lies. */
export const placeOf = (collection: string, key: string): string => `${collection}/${nameOf(key)}`;

/** The events of an incident. */
export const eventsOf = (incident: IncidentId): string => `${placeOf(HEADS, incident)}/dr-events`;

/** Ten digits: names sort as numbers do, and nobody appends ten thousand million events. */
export const eventName = (sequence: number): string => String(sequence).padStart(10, '0');

/**
 * Where a waiting signal stands: one text for incident and time, so that one index finds an incident's signals in the
 * order of their arrival. Keys have no control characters; the tab ends the incident.
 */
export const turnOf = (incident: IncidentId | 'unassigned', receivedAt: Instant): string =>
  `${incident}\t${sortable(receivedAt)}`;

/** From the first turn of an incident's signals to just above the last. */
export const turnsOf = (incident: IncidentId | 'unassigned'): { readonly from: string; readonly below: string } => ({
  from: `${incident}\t`,
  below: `${incident}\n`, // the character after the tab
});

/**
 * A number in 16 digits that sort as numbers do: the bits of a double, with the order of the negative ones turned
 * round.
 */
function sortable(value: number): string {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value);
  const raw = bits.getBigUint64(0);
  const sign = 1n << 63n;
  const ordered = (raw & sign) === 0n ? raw | sign : BigInt.asUintN(64, ~raw);
  return ordered.toString(16).padStart(16, '0');
}
