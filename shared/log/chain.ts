import { digestOf, type Digest } from '../core/digest.ts';
import { canonicalJson, type JsonObject } from '../core/json.ts';
import { toIso, type Instant } from '../core/time.ts';
import type { EventRecord, Head } from '../ports/store.ts';
import type { IncidentId } from '../system/names.ts';

// Each event carries the hash of the one before it, so that no event can be edited, removed, moved or put in without
// every later hash being wrong (design.md section 4).
//
//   ''  ◀── 1 ◀── 2 ◀── 3 ◀── head
//
// It finds accidents and partial edits. Somebody who can write the database can compute a new chain: against them it is
// evidence only up to the last anchor, which another identity wrote (`verify.ts`).

/** An event before it has its place in the log. `id` is chosen before the first try and kept over all tries. */
export interface UnsealedEvent {
  readonly id: string;
  readonly at: Instant;
  readonly kind: string;
  readonly data: JsonObject;
}

/** Where a log ends: what the next event is chained to. */
export type ChainEnd = Pick<Head, 'sequence' | 'hash'>;

/** The end of a log that has no events. */
export const EMPTY_CHAIN: ChainEnd = { sequence: 0, hash: '' };

/** SHA-256 of the canonical JSON of all but `hash` (decisions.md 4). */
export function hashOf(content: Omit<EventRecord, 'hash'>): Digest {
  const { at, data, id, incident, kind, prevHash, sequence, version } = content;
  return digestOf({ at, data, id, incident, kind, prevHash, sequence, version });
}

/** Gives the events their places after `head`. The records share nothing with what was passed in. */
export function sealEvents(after: {
  readonly incident: IncidentId;
  readonly head: ChainEnd;
  readonly events: readonly UnsealedEvent[];
}): readonly EventRecord[] {
  const records: EventRecord[] = [];
  let end = after.head;
  for (const { id, at, kind, data } of after.events) {
    // Members in canonical order, in which they are written several times.
    const content = {
      at: toIso(at),
      // What is hashed is what will be read back: without aliases, and without members that are `undefined`.
      data: JSON.parse(canonicalJson(data)) as JsonObject,
      hash: '' as Digest | '',
      id,
      incident: after.incident,
      kind,
      prevHash: end.hash,
      sequence: end.sequence + 1,
      version: 1,
    } as const;
    const record = { ...content, hash: hashOf(content) };
    records.push(record);
    end = record;
  }
  return records;
}
