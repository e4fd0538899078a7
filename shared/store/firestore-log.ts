import { after, type Instant, millis } from '../core/time.ts';
import { parseEventRecord } from '../ports/event-record.ts';
import type { EventRecord, Head, InboxEntry, LogStore } from '../ports/store.ts';
import type { Decision, FirestoreConnection } from '../providers/firestore-connection.ts';
import type { Fields, Found, Seen, Write } from '../providers/firestore-client.ts';
import type { IncidentId } from '../system/names.ts';
import { eventName, eventsOf, HEADS, INBOX, placeOf, turnOf, turnsOf } from './firestore-layout.ts';
import {
  appending,
  checkContinues,
  checkedAppend,
  checkedEntry,
  checkLimit,
  noHead,
  notWaiting,
  parsed,
  parseEntry,
  parseHead,
  storedText,
  type CheckedAppend,
} from './stored.ts';

/**
 * How long an absorbed signal is still known as a duplicate: longer than Pub/Sub can keep a message (31 days). One that
 * comes even later opens an incident, whose look finds nothing.
 */
export const ABSORBED_KEPT = millis(35 * 86_400_000);

/** What an append asks of the documents that it rests on; the signals themselves may be large. */
const APPEND_FIELDS = ['incident', 'sequence', 'hash', 'dueAt', 'targets', 'summary', 'openedAt', 'absorbedBy'];

/** Targets that one query finds incidents by: Firestore's own bound for `array-contains-any`. */
const QUERY_TARGETS_MAX = 30;

/** Logs and inbox: head, events and absorbed signals of one append are one commit. */
export function firestoreLog(connection: FirestoreConnection): LogStore {
  return {
    async receive(entry) {
      const { key, incident, receivedAt, signal } = checkedEntry(entry);
      const doing = `receiving signal ${key}`;
      const turn = turnOf(incident, receivedAt);
      const fields = { key, incident, receivedAt, turn, signal: storedText(signal, doing) };
      const outcome = await connection.create(doing, { path: placeOf(INBOX, key), fields });
      return outcome === 'created' ? 'received' : 'duplicate';
    },

    async waiting(incident, limit) {
      checkLimit(limit);
      const doing = `reading what waits for ${incident}`;
      const listing = { collection: INBOX, by: { field: 'turn' }, order: 'ascending', limit } as const;
      const found = await connection.list(doing, { ...listing, ...turnsOf(incident) });
      return found.map((entry) => parsed(doing, () => entryOf(entry)));
    },

    async append(incident, expected, events, head, absorbed) {
      const append = checkedAppend({ incident, expected, events, head, absorbed });
      const paths = [placeOf(HEADS, incident), ...append.absorbed.map((key) => placeOf(INBOX, key))];
      return connection.change(appending(append), paths, (seen) => decided(append, seen), APPEND_FIELDS);
    },

    async read(incident, afterSequence, limit) {
      checkLimit(limit);
      const doing = `reading the log of ${incident}`;
      const from = eventName(afterSequence + 1);
      const listing = { collection: eventsOf(incident), by: 'id', order: 'ascending', from, limit } as const;
      const found = await connection.list(doing, listing);
      return found.map((event) => parsed(doing, () => eventOf(incident, event)));
    },

    async head(incident) {
      const doing = `reading the head of ${incident}`;
      const [found] = (await connection.look(doing, [placeOf(HEADS, incident)])).documents;
      return found === undefined ? undefined : headOf(found, doing);
    },

    async due(at, limit) {
      checkLimit(limit);
      const doing = 'reading what is due';
      const by = { field: 'dueAt' };
      const found = await connection.list(doing, { collection: HEADS, by, order: 'ascending', upTo: at, limit });
      return found.map((head) => headOf(head, doing));
    },

    async openAbout(targets, limit) {
      checkLimit(limit);
      const doing = 'finding open incidents by their targets';
      const asked = Array.from({ length: Math.ceil(targets.length / QUERY_TARGETS_MAX) }, (_, index) =>
        targets.slice(index * QUERY_TARGETS_MAX, (index + 1) * QUERY_TARGETS_MAX),
      );
      const found = await Promise.all(
        asked.map((anyOf) =>
          connection.list(doing, {
            collection: HEADS,
            having: { field: 'openAbout', anyOf },
            limit: limit * anyOf.length,
          }),
        ),
      );
      const byId = new Map(found.flat().map((head) => [head.id, head]));
      return [...byId.values()]
        .toSorted((a, b) => Number(b.fields['openedAt']) - Number(a.fields['openedAt']))
        .map((head) => headOf(head, doing));
    },

    async heads(filter, limit) {
      checkLimit(limit);
      const doing = 'listing incidents';
      const by = { field: filter === 'open' ? 'openSince' : 'openedAt' };
      const found = await connection.list(doing, { collection: HEADS, by, order: 'descending', limit });
      return found.map((head) => headOf(head, doing));
    },
  };
}

type Outcome = Awaited<ReturnType<LogStore['append']>>;

/** What an append comes to on the head and the signals that were seen: nothing, or everything in one commit. */
function decided(append: CheckedAppend, { at, documents }: Seen): Decision<Outcome> {
  const { incident, events, head, absorbed } = append;
  const doing = appending(append);
  const [found, ...entries] = documents;
  const stored = found === undefined ? noHead(incident) : headOf(found, doing);
  if (stored.sequence !== append.expected) return { result: { kind: 'lost', head: stored }, writes: [] };
  checkContinues(stored, append);
  if (entries.some((entry) => entry === undefined || entry.fields['absorbedBy'] !== undefined))
    throw notWaiting(append);
  const openedAt = found?.fields['openedAt'];
  return {
    result: { kind: 'appended' },
    writes: [
      { path: placeOf(HEADS, incident), fields: headFields(head, typeof openedAt === 'number' ? openedAt : at, doing) },
      ...events.map((event) => ({
        path: `${eventsOf(incident)}/${eventName(event.sequence)}`,
        fields: eventFields(event, doing),
      })),
      ...absorbed.map((key) => absorption(key, incident, at)),
    ],
  };
}

/** The entry stays, so that its duplicate is still one; its signal is in the log then, and not kept twice. */
const absorption = (key: string, incident: IncidentId, at: Instant): Write => ({
  path: placeOf(INBOX, key),
  fields: {
    turn: undefined,
    signal: undefined,
    absorbedBy: incident,
    expireAt: new Date(after(at, ABSORBED_KEPT)),
  },
});

function headFields(
  { incident, sequence, hash, dueAt, targets, summary }: Head,
  openedAt: number,
  doing: string,
): Fields {
  const open = dueAt === undefined ? {} : { openSince: openedAt, openAbout: [...targets] };
  const text = { targets: storedText([...targets], doing), summary: storedText(summary, doing) };
  return { incident, sequence, hash, dueAt, openedAt, openSince: undefined, openAbout: undefined, ...open, ...text };
}

/** Without its incident, which is in the path. */
function eventFields({ version, sequence, id, at, kind, data, prevHash, hash }: EventRecord, doing: string): Fields {
  return { version, sequence, id, at, kind, data: storedText(data, doing), prevHash, hash };
}

function headOf({ fields }: Found, doing: string): Head {
  const { incident, sequence, hash, dueAt = null, targets = '[]', summary } = fields;
  return parsed(doing, () => {
    const texts = { targets: JSON.parse(String(targets)) as unknown, summary: JSON.parse(String(summary)) as unknown };
    return parseHead({ incident, sequence, hash, dueAt, ...texts });
  });
}

function entryOf({ fields }: Found): InboxEntry {
  const { key, incident, receivedAt, signal } = fields;
  return parseEntry({ key, incident, receivedAt, signal: JSON.parse(String(signal)) });
}

function eventOf(incident: IncidentId, { fields: { data, ...rest } }: Found): EventRecord {
  return parseEventRecord({ ...rest, incident, data: JSON.parse(String(data)) });
}
