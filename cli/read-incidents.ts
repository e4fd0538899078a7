import { setTimeout as wait } from 'node:timers/promises';
import { type Instant, instant, type Millis, seconds } from '../shared/core/time.ts';
import type { IncidentEvent } from '../shared/incident/events.ts';
import { replay } from '../shared/incident/evolve.ts';
import type { IncidentState } from '../shared/incident/state.ts';
import { understoodPart, type UnderstoodPart } from '../shared/log/unreadable.ts';
import type { EventRecord, Head, Store } from '../shared/ports/store.ts';
import { createGoogleIdentity } from '../shared/providers/google-auth.ts';
import { openFirestoreStore } from '../shared/store/firestore-store.ts';
import { openSqliteStore } from '../shared/store/sqlite-store.ts';
import { type IncidentId, incidentId } from '../shared/system/names.ts';
import { Refusal } from './sandbox-facts.ts';

/** A log with what it folds to. */
export interface ReadIncident {
  readonly head: Head;
  readonly records: readonly EventRecord[];
  readonly events: readonly IncidentEvent[];
  /** What this version understands of it: up to `stoppedAt`, where that is set. */
  readonly state: IncidentState;
  readonly stoppedAt: UnderstoodPart['stoppedAt'];
}

/** Records read at once; far above any incident seen. */
const RECORDS_MAX = 20_000;

/** A store that is given back when it has been read. */
export type OpenedStore = Store & { close(): void | Promise<void> };

/** `firestore:PROJECT/DATABASE`, and behind an `@` the `HOST:PORT` of Google's emulator, as a sandbox on Google's engines has it. */
const IN_FIRESTORE = /^firestore:([^/]+)\/([^@/]+)(?:@(.+:\d+))?$/;

/**
 * Wall time that closing may take: the client repeats for minutes what a server has never answered, and no reader waits for it. With one that
 * answers it takes some milliseconds.
 */
const CLOSING_MAX = seconds(2);

/**
 * Opens a store for reading, by the path of its file or by its name in Firestore, there by Application Default Credentials. `patience` is
 * the wall time that a call to Firestore may take, where it is not what a function has. Throws `PortError` when there is none, and refuses with 2
 * what is no name.
 */
export function openNamedStore(name: string, patience?: Millis): OpenedStore {
  // Only leases need the time, and reading takes none.
  const [, project, database, host] = IN_FIRESTORE.exec(name) ?? [];
  if (project === undefined && name.startsWith('firestore:'))
    throw new Refusal(2, `${name} is no name of a store: firestore:PROJECT/DATABASE`);
  if (project !== undefined && database !== undefined) {
    const opened = openFirestoreStore({
      project,
      database,
      server:
        host === undefined ? { kind: 'google', identity: createGoogleIdentity(project) } : { kind: 'emulator', host },
      timeOf: () => instant(0),
      ...(patience === undefined ? {} : { limits: { reads: patience, writes: patience } }),
    });
    return { ...opened, close: () => Promise.race([opened.close(), wait(CLOSING_MAX, undefined, { ref: false })]) };
  }
  return openSqliteStore({ path: name, clock: { now: () => instant(0) }, readOnly: true });
}

/** `openNamedStore` for a verb that can't go on without it: refuses with 4. */
export function openForReading(name: string, patience?: Millis): OpenedStore {
  try {
    return openNamedStore(name, patience);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal(4, `the store ${name} can't be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The records of an incident, whoever wrote them. Refuses with 2 when there is none of that id. */
export async function readRecords(id: string, store: Store): Promise<Pick<ReadIncident, 'head' | 'records'>> {
  const head = await store.log.head(incidentId(id));
  if (head === undefined) throw new Refusal(2, `there is no incident ${id}: ./dr incidents lists them`);
  const records = await store.log.read(head.incident, 0, RECORDS_MAX);
  if (records.length === 0) throw new Refusal(2, `the log of ${id} is empty`);
  return { head, records };
}

/** One incident, as far as it is understood. Refuses with 2 when there is none of that id, with 1 when nothing of it is understood. */
export async function readIncident(id: string, store: Store): Promise<ReadIncident> {
  const found = await understood(id, store);
  if (found === undefined)
    throw new Refusal(
      1,
      `${id} was written by another version of dr-autopilot: ./dr show ${id} --json prints its records`,
    );
  return found;
}

async function understood(id: string, store: Store): Promise<ReadIncident | undefined> {
  const { head, records } = await readRecords(id, store);
  const { events, stoppedAt } = understoodPart(records);
  const state = replay(head.incident, events);
  return state === undefined ? undefined : { head, records, events, state, stoppedAt };
}

/** Logs that are read side by side: a far store answers them together, and hundreds at once would run out of time. */
const AT_ONCE = 8;

/** Every incident of which something is understood, newest first. */
export async function readIncidents(store: Store, limit = 200): Promise<readonly ReadIncident[]> {
  const heads = await store.log.heads('all', limit);
  const found: ReadIncident[] = [];
  for (let at = 0; at < heads.length; at += AT_ONCE) {
    const some = heads.slice(at, at + AT_ONCE).map((head) => understood(head.incident, store));
    found.push(...(await Promise.all(some)).filter((incident) => incident !== undefined));
  }
  return found;
}

/** Follows the logs of a store: hands on what is new since the last call. */
export class Follower {
  readonly #store: Store;
  readonly #seen = new Map<IncidentId, number>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** What has been appended since the last call, with the states that it led to. */
  async next(): Promise<readonly { readonly incident: ReadIncident; readonly fresh: readonly IncidentEvent[] }[]> {
    const found = [];
    for (const head of await this.#store.log.heads('all', 50)) {
      const seen = this.#seen.get(head.incident) ?? 0;
      if (head.sequence <= seen) continue;
      const incident = await understood(head.incident, this.#store);
      if (incident === undefined) continue;
      this.#seen.set(head.incident, incident.state.sequence);
      found.push({ incident, fresh: incident.events.filter((event) => event.sequence > seen) });
    }
    return found;
  }
}

/** Seconds of clock time since a moment, as timelines show them. */
export const sinceText = (from: Instant, at: number): string =>
  `+${String(Math.round((at - from) / 1_000)).padStart(4)}s`;
