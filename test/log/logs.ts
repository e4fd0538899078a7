import fc from 'fast-check';
import type { Json, JsonObject } from '../../shared/core/json.ts';
import { canonicalJson } from '../../shared/core/json.ts';
import { instant } from '../../shared/core/time.ts';
import { EMPTY_CHAIN, sealEvents } from '../../shared/log/chain.ts';
import type { Anchor } from '../../shared/log/verify.ts';
import type { EventRecord } from '../../shared/ports/store.ts';
import { incidentId } from '../../shared/system/names.ts';
import { anyCharacter } from '../core/any-character.ts';

/** The incident of the logs in these tests. */
export const INCIDENT = incidentId('inc-aaaaaaaaaa');

/** A sealed log of `count` events that differ. */
export function logOf(count: number): readonly EventRecord[] {
  const events = Array.from({ length: count }, (_, index) => ({
    id: `event-${index + 1}`,
    at: instant(1_764_000_000_000 + index),
    kind: 'noted',
    data: { text: `number ${index + 1}` },
  }));
  return sealEvents({ incident: INCIDENT, head: EMPTY_CHAIN, events });
}

/** Event `n` of a log, which the test knows to exist. */
export function eventOf(records: readonly EventRecord[], n: number): EventRecord {
  const record = records[n - 1];
  if (record === undefined) throw new Error(`the log has no event ${n}`);
  return record;
}

/** The anchor that another identity would write at event `n`. */
export function anchorAt(records: readonly EventRecord[], n: number): Anchor {
  const { incident, sequence, hash } = eventOf(records, n);
  return { incident, sequence, hash };
}

/** What JSON can carry, with the texts and keys that break careless code. */
export const anyJsonObject: fc.Arbitrary<JsonObject> = fc
  .dictionary(fc.oneof(fc.string({ unit: anyCharacter }), fc.constant('__proto__')), fc.jsonValue(), { maxKeys: 4 })
  .map((value) => JSON.parse(canonicalJson(value)) as Json as JsonObject);

/** Sealed logs of 1 to 6 events with any content. */
export const anyLog: fc.Arbitrary<readonly EventRecord[]> = fc
  .array(
    fc.record({
      at: fc.integer({ min: 0, max: 4_000_000_000_000 }).map(instant),
      kind: fc.string({ minLength: 1, unit: anyCharacter }),
      data: anyJsonObject,
    }),
    { minLength: 1, maxLength: 6 },
  )
  .map((events) =>
    sealEvents({
      incident: INCIDENT,
      head: EMPTY_CHAIN,
      events: events.map((event, index) => ({ ...event, id: `id-${index}` })),
    }),
  );
