import type { Digest } from '../core/digest.ts';
import type { JsonObject } from '../core/json.ts';
import { type Instant, millis } from '../core/time.ts';
import { type IncidentEvent, type NewEvent, parseEvent } from '../incident/events.ts';
import { begin, evolve } from '../incident/evolve.ts';
import type { IncidentState } from '../incident/state.ts';
import type { Chance, Clock } from '../ports/clock.ts';
import { isPortError, PortError } from '../ports/port-error.ts';
import type { EventRecord, Head, Store } from '../ports/store.ts';
import type { IncidentId } from '../system/names.ts';
import { sealEvents } from './chain.ts';
import { understoodEvent } from './unreadable.ts';

// The one way in and out of an incident's log: reads it, folds it, and appends what a pure decision says.
//
// J1. An append names the sequence it expects. When it loses, the decision is made again on what the winner wrote.
// J2. Event ids are chosen before the first try, so an append whose reply was lost is recognised as our own.
// J3. Appends of one journal follow one another; several steps of a worker may share it.
// J4. A log that another version wrote is refused (`permanent`, unreadable.ts): what is understood of it is no state to decide on.
//
// It does not protect against two workers that both believe they hold the lease; their effects are guarded by repeat classes.

/** Tries of one append before it counts as the store's failure: ten lost races in a row are no longer chance. */
const ATTEMPTS_MAX = 10;

/** Records read in one page. */
const PAGE = 500;

/** An open log with the state that it folds to. */
export interface Journal {
  readonly id: IncidentId;
  /** The state as last read or written by us. Throws for a log that has not been opened yet. */
  state(): IncidentState;
  /** Reads what others have appended. */
  refresh(): Promise<IncidentState>;
  /**
   * Appends what `decide` says of the newest state, again on each lost race. No events, no write. `absorbed` names inbox
   * entries that commit with it. Rejects with `PortError` when the store stays unreachable.
   */
  append(
    decide: (state: IncidentState, now: Instant) => readonly NewEvent[],
    absorbed?: readonly string[],
  ): Promise<IncidentState>;
}

/** What a journal needs of its surroundings. */
export interface JournalHome {
  readonly store: Store;
  readonly clock: Clock;
  readonly chance: Chance;
  /** When somebody must look again, and what listings show, for the head. */
  summarise(state: IncidentState, now: Instant): Pick<Head, 'dueAt' | 'targets' | 'summary'>;
}

/** Opens an existing log; `undefined` when there is none. */
export async function openJournal(id: IncidentId, home: JournalHome): Promise<Journal | undefined> {
  const journal = new LogJournal(id, home);
  await journal.catchUp();
  return journal.exists() ? journal : undefined;
}

/** Opens a log with its first events, which begin with `opened`; when it exists already, that one is returned unchanged. */
export async function beginJournal(
  id: IncidentId,
  first: readonly NewEvent[],
  home: JournalHome,
  absorbed: readonly string[] = [],
): Promise<Journal> {
  const journal = new LogJournal(id, home);
  await journal.catchUp();
  if (!journal.exists()) await journal.open(first, absorbed);
  return journal;
}

class LogJournal implements Journal {
  readonly id: IncidentId;
  readonly #home: JournalHome;
  #state: IncidentState | undefined;
  #hash: Digest | '' = '';
  #turn: Promise<unknown> = Promise.resolve();

  constructor(id: IncidentId, home: JournalHome) {
    this.id = id;
    this.#home = home;
  }

  exists(): boolean {
    return this.#state !== undefined;
  }

  state(): IncidentState {
    if (this.#state === undefined) throw new Error(`the log of ${this.id} has not been opened`);
    return this.#state;
  }

  refresh(): Promise<IncidentState> {
    return this.#inTurn(async () => {
      await this.catchUp();
      return this.state();
    });
  }

  append(
    decide: (state: IncidentState, now: Instant) => readonly NewEvent[],
    absorbed: readonly string[] = [],
  ): Promise<IncidentState> {
    return this.#inTurn(() =>
      this.#appendNow((state, now) => (state === undefined ? [] : decide(state, now)), absorbed),
    );
  }

  open(first: readonly NewEvent[], absorbed: readonly string[]): Promise<IncidentState> {
    return this.#inTurn(() => this.#appendNow((state) => (state === undefined ? first : []), absorbed));
  }

  async catchUp(): Promise<void> {
    for (;;) {
      const records = await this.#home.store.log.read(this.id, this.#state?.sequence ?? 0, PAGE);
      for (const record of records) this.#fold(record);
      if (records.length < PAGE) return;
    }
  }

  async #appendNow(
    decide: (state: IncidentState | undefined, now: Instant) => readonly NewEvent[],
    absorbed: readonly string[],
  ): Promise<IncidentState> {
    const { store, clock, chance } = this.#home;
    const known = new Set<string>();
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const now = clock.now();
      const events = decide(this.#state, now);
      if (events.length === 0) return this.state();
      const sequence = this.#state?.sequence ?? 0;
      const drafts = events.map((event) => ({
        id: chance.uuid(),
        at: now,
        kind: event.kind,
        data: event.data as JsonObject,
      })); // event data is JSON by its schema
      const records = sealEvents({ incident: this.id, head: { sequence, hash: this.#hash }, events: drafts });
      for (const record of records) known.add(record.id);
      const next = records
        .map(parseEvent)
        .reduce<IncidentState | undefined>((state, event) => fold(this.id, state, event), this.#state);
      const last = records.at(-1);
      if (next === undefined || last === undefined) return this.state();
      const head: Head = {
        incident: this.id,
        sequence: last.sequence,
        hash: last.hash,
        ...this.#home.summarise(next, now),
      };
      try {
        const outcome = await store.log.append(this.id, sequence, records, head, absorbed);
        if (outcome.kind === 'appended') {
          this.#state = next;
          this.#hash = last.hash;
          return next;
        }
      } catch (error) {
        if (!isPortError(error) || error.kind === 'permanent') throw error;
        await clock.sleep(millis(50 * (attempt + 1)));
      }
      await this.catchUp();
      if (await this.#isOurs(known, sequence)) return this.state();
    }
    throw new PortError('retryable', 'contention', `appending to the log of ${this.id}`);
  }

  /** Whether an earlier try of ours did land (J2). */
  async #isOurs(ids: ReadonlySet<string>, afterSequence: number): Promise<boolean> {
    const [first] = await this.#home.store.log.read(this.id, afterSequence, 1);
    return first !== undefined && ids.has(first.id);
  }

  #fold(record: EventRecord): void {
    this.#state = fold(this.id, this.#state, understoodEvent(record));
    this.#hash = record.hash;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work, work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}

const fold = (id: IncidentId, state: IncidentState | undefined, event: IncidentEvent): IncidentState =>
  state === undefined ? begin(id, event) : evolve(state, event);
