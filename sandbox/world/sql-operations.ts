import { after, type Instant, seconds } from '../../shared/core/time.ts';
import type { Chance, WorldClock } from './kernel.ts';
import { ApiError, type Principal } from './kernel.ts';

// Long-running operations of the fleet.
//
// O1. An instance has at most one operation that isn't done; a second one is refused with 409.
// O2. An operation that is accepted ends, unless a fault holds it. DONE with an error is a failure (facts.md 3.3).

/** Google's names for what an operation does. */
export type OperationType =
  | 'CREATE'
  | 'CREATE_REPLICA'
  | 'UPDATE'
  | 'DELETE'
  | 'RESTART'
  | 'PROMOTE_REPLICA'
  | 'SWITCHOVER'
  | 'FAILOVER'
  | 'CLONE'
  | 'BACKUP_VOLUME'
  | 'RESTORE_VOLUME'
  | 'CREATE_DATABASE'
  | 'UPDATE_USER'
  | 'EXPORT'
  | 'IMPORT'
  | 'MAINTENANCE';

/** Why an operation that is DONE failed. */
export interface OperationError {
  readonly code: string;
  readonly message: string;
}

/** An operation as it is now. */
export interface SqlOperation {
  readonly name: string;
  readonly type: OperationType;
  readonly target: string;
  /** Who asked for it; `undefined` for one that Google started. */
  readonly user: Principal | undefined;
  readonly status: 'PENDING' | 'RUNNING' | 'DONE';
  readonly insertedAt: Instant;
  readonly startedAt: Instant | undefined;
  readonly endedAt: Instant | undefined;
  readonly error: OperationError | undefined;
}

/** What an operation does as it goes. Each is called at most once, in this order. */
export interface OperationSteps {
  /** When it begins to run; an error fails the operation, and nothing else of it happens. */
  readonly start?: () => OperationError | undefined;
  /** Half way. */
  readonly middle?: () => void;
  /** At the end; an error fails the operation. */
  readonly end?: () => OperationError | undefined;
  /** Instead of `end`, for an end that takes its own time: the operation is over when `done` is called. */
  readonly settle?: (done: (error: OperationError | undefined) => void) => void;
}

/** A new operation. */
export interface OperationDraft {
  readonly type: OperationType;
  readonly target: string;
  /** Instances besides the target that it keeps busy. */
  readonly also?: readonly string[];
  /** What it keeps busy instead of its target: O1 holds for each of these names. */
  readonly busy?: readonly string[];
  /** Least and most seconds that it runs, where they are not those of its type. */
  readonly lasts?: readonly [number, number] | undefined;
  readonly user: Principal | undefined;
  readonly steps: OperationSteps;
  /** A fault: it starts and never ends, until `release`. */
  readonly held?: boolean;
}

/** Least and most seconds that an operation runs [K, facts.md 3.4: to be measured on a real project]. */
const DURATION_SECONDS: Readonly<Record<OperationType, readonly [number, number]>> = {
  CREATE: [300, 600],
  CREATE_REPLICA: [480, 900],
  UPDATE: [40, 80],
  DELETE: [30, 60],
  RESTART: [60, 120],
  PROMOTE_REPLICA: [120, 300],
  SWITCHOVER: [90, 180],
  FAILOVER: [45, 75],
  CLONE: [300, 900],
  BACKUP_VOLUME: [60, 180],
  RESTORE_VOLUME: [300, 900],
  CREATE_DATABASE: [3, 8],
  UPDATE_USER: [2, 8],
  EXPORT: [60, 180],
  IMPORT: [90, 240],
  MAINTENANCE: [120, 120],
};

/** Seconds from acceptance to the start. */
const PENDING_SECONDS = [1, 4] as const;

/** Operations that the list remembers. */
const REMEMBERED = 1_000;

interface Entry {
  operation: SqlOperation;
  readonly busy: readonly string[];
  readonly finish: () => void;
}

/** The operations of a project. */
export class SqlOperations {
  readonly #clock: WorldClock;
  readonly #chance: Chance;
  #entries: Entry[] = [];
  readonly #failures: { type: OperationType; target: string | undefined; error: OperationError }[] = [];

  constructor(clock: WorldClock, chance: Chance) {
    this.#clock = clock;
    this.#chance = chance;
  }

  /** Newest first. */
  list(instance?: string): readonly SqlOperation[] {
    const all = this.#entries.map(({ operation }) => operation);
    return (instance === undefined ? all : all.filter(({ target }) => target === instance)).toReversed();
  }

  get(name: string): SqlOperation | undefined {
    return this.#entries.find(({ operation }) => operation.name === name)?.operation;
  }

  /** The operation that keeps an instance busy. */
  busyWith(instance: string): SqlOperation | undefined {
    return this.#entries.find(({ operation, busy }) => operation.status !== 'DONE' && busy.includes(instance))
      ?.operation;
  }

  /** Throws the 409 of a busy instance. */
  checkIdle(...instances: readonly string[]): void {
    for (const instance of instances) {
      const busy = this.busyWith(instance);
      if (busy === undefined) continue;
      const why = `Operation failed because another operation was already in progress. Try your request after the current operation (${busy.type}) is complete.`;
      throw new ApiError(409, 'operationInProgress', why);
    }
  }

  /** Accepts an operation. Throws 409 when one of its instances is busy. */
  submit(draft: OperationDraft): SqlOperation {
    const busy = draft.busy ?? [draft.target, ...(draft.also ?? [])];
    this.checkIdle(...busy);
    const now = this.#clock.now();
    const operation: SqlOperation = {
      name: this.#newName(),
      type: draft.type,
      target: draft.target,
      user: draft.user,
      status: 'PENDING',
      insertedAt: now,
      startedAt: undefined,
      endedAt: undefined,
      error: undefined,
    };
    const entry: Entry = { operation, busy, finish: () => this.#finish(entry, draft.steps) };
    this.#entries.push(entry);
    if (this.#entries.length > REMEMBERED) this.#entries = this.#entries.slice(-REMEMBERED);
    this.#run(entry, draft, after(now, seconds(this.#chance.between(...PENDING_SECONDS))));
    return operation;
  }

  /** A fault: the next operation of that type (on that instance) ends DONE with an error and without its effect. */
  failNext(type: OperationType, error: OperationError, target?: string): void {
    this.#failures.push({ type, target, error });
  }

  /** Lets a held operation come to its end now. */
  release(name: string): void {
    const entry = this.#entries.find(({ operation }) => operation.name === name);
    if (entry !== undefined && entry.operation.status !== 'DONE') entry.finish();
  }

  #run(entry: Entry, draft: OperationDraft, startAt: Instant): void {
    const [least, most] = draft.lasts ?? DURATION_SECONDS[draft.type];
    const length = seconds(this.#chance.between(least, most));
    const doomed = this.#takeFailure(draft);
    this.#clock.schedule(startAt, () => {
      if (entry.operation.status === 'DONE') return; // released before it began
      entry.operation = { ...entry.operation, status: 'RUNNING', startedAt: this.#clock.now() };
      if (draft.held === true) return;
      const error = doomed ?? draft.steps.start?.();
      if (error !== undefined) {
        this.#clock.schedule(after(startAt, length), () => this.#end(entry, error));
        return;
      }
      this.#clock.schedule(after(startAt, length / 2), () => draft.steps.middle?.());
      this.#clock.schedule(after(startAt, length), () => this.#conclude(entry, draft.steps));
    });
  }

  /** All of a held operation's steps at once. */
  #finish(entry: Entry, steps: OperationSteps): void {
    const error = steps.start?.();
    if (error === undefined) steps.middle?.();
    if (error === undefined) this.#conclude(entry, steps);
    else this.#end(entry, error);
  }

  #conclude(entry: Entry, { end, settle }: OperationSteps): void {
    if (settle === undefined) this.#end(entry, end?.());
    else settle((error) => this.#end(entry, error));
  }

  #end(entry: Entry, error: OperationError | undefined): void {
    entry.operation = { ...entry.operation, status: 'DONE', endedAt: this.#clock.now(), error };
  }

  #takeFailure(draft: OperationDraft): OperationError | undefined {
    const index = this.#failures.findIndex(
      ({ type, target }) => type === draft.type && (target === undefined || target === draft.target),
    );
    return index < 0 ? undefined : this.#failures.splice(index, 1)[0]?.error;
  }

  /** A UUID of chance, as Google names operations. */
  #newName(): string {
    const digits = Array.from({ length: 32 }, () => this.#chance.between(0, 15).toString(16)).join('');
    return [0, 8, 12, 16, 20].map((from, index) => digits.slice(from, [8, 12, 16, 20, 32][index])).join('-');
  }
}
