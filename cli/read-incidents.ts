import { type Instant, instant } from '../shared/core/time.ts';
import { type IncidentEvent, parseEvent } from '../shared/incident/events.ts';
import { replay } from '../shared/incident/evolve.ts';
import type { IncidentState } from '../shared/incident/state.ts';
import type { EventRecord, Head } from '../shared/ports/store.ts';
import { openSqliteStore, type SqliteStore } from '../shared/store/sqlite-store.ts';
import { type IncidentId, incidentId } from '../shared/system/names.ts';
import { Refusal } from './sandbox-facts.ts';

/** A log with what it folds to. */
export interface ReadIncident {
  readonly head: Head;
  readonly records: readonly EventRecord[];
  readonly events: readonly IncidentEvent[];
  readonly state: IncidentState;
}

/** Records read at once; far above any incident seen. */
const RECORDS_MAX = 20_000;

/** Opens a store for reading. Refuses with 4 when there is none. */
export function openForReading(path: string): SqliteStore {
  try {
    // Only leases need the time, and reading takes none.
    return openSqliteStore({ path, clock: { now: () => instant(0) }, readOnly: true });
  } catch (error) {
    throw new Refusal(4, `the store ${path} can't be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** One incident, whole. Refuses with 2 when there is none of that id. */
export async function readIncident(id: string, store: SqliteStore): Promise<ReadIncident> {
  const head = await store.log.head(incidentId(id));
  if (head === undefined) throw new Refusal(2, `there is no incident ${id}: ./dr incidents lists them`);
  const records = await store.log.read(head.incident, 0, RECORDS_MAX);
  const events = records.map(parseEvent);
  const state = replay(head.incident, events);
  if (state === undefined) throw new Refusal(2, `the log of ${id} is empty`);
  return { head, records, events, state };
}

/** Every incident, newest first. */
export async function readIncidents(store: SqliteStore, limit = 200): Promise<readonly ReadIncident[]> {
  const heads = await store.log.heads('all', limit);
  return await Promise.all(heads.map((head) => readIncident(head.incident, store)));
}

/** Follows the logs of a store: hands on what is new since the last call. */
export class Follower {
  readonly #store: SqliteStore;
  readonly #seen = new Map<IncidentId, number>();

  constructor(store: SqliteStore) {
    this.#store = store;
  }

  /** What has been appended since the last call, with the states that it led to. */
  async next(): Promise<readonly { readonly incident: ReadIncident; readonly fresh: readonly IncidentEvent[] }[]> {
    const found = [];
    for (const head of await this.#store.log.heads('all', 50)) {
      const seen = this.#seen.get(head.incident) ?? 0;
      if (head.sequence <= seen) continue;
      const incident = await readIncident(head.incident, this.#store);
      this.#seen.set(head.incident, incident.state.sequence);
      found.push({ incident, fresh: incident.events.filter((event) => event.sequence > seen) });
    }
    return found;
  }
}

/** Seconds of clock time since a moment, as timelines show them. */
export const sinceText = (from: Instant, at: number): string =>
  `+${String(Math.round((at - from) / 1_000)).padStart(4)}s`;
