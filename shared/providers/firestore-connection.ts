import { setTimeout as pause } from 'node:timers/promises';
import type { Firestore } from '@google-cloud/firestore';
import type { Millis } from '../core/time.ts';
import { isPortError, PortError } from '../ports/port-error.ts';
import { callWithin, READ_LIMIT, WRITE_LIMIT } from './deadline.ts';
import type { Call } from './deadline.ts';
import { committed, listed, looked, openClient } from './firestore-client.ts';
import type { FirestoreAccess, Found, Listing, Look, Seen, Write } from './firestore-client.ts';

// What a store decides it decides on documents that were looked at, and its commit says so: it holds only while they
// are as they were.
//
//   look (strong read, Google's time) ──▶ decide (pure, the store's) ──▶ commit, if all is as it was ──▶ done
//     ▲                                                                    │
//     └──────── again, at most ROUNDS_MAX times ◀──── refused: changed, or aborted for contention
//
// F1. A commit happens whole or not at all, and whoever comes second is refused (firestore-client.ts, R1).
// F2. Nothing is locked between look and commit. The client's own transactions lock what they read: on Google's
//     emulator one that had read and stood still kept another writer waiting for 74 s, and six contenders needed 3.5 s;
//     this way 0.15 s.
// F3. `decide` may be called in every round, so it changes nothing; what it throws passes as it is, and nothing was
//     written.
// F4. A commit whose reply was lost is `ambiguous` and not repeated. Contention that does not end is `retryable`.
// F5. Each request has our deadline, and a new round begins only in the first half of a write's.
// F6. After a request that got no answer in time the next one connects anew: a connection whose other end is gone looks
//     slow for as long as TCP tries, a quarter of an hour.
// F7. A client is closed after its last request, even one that was given up: closed under a read that it is about to
//     repeat, it rejects where nobody listens, which ends a process (@google-cloud/firestore 9.4.1, `requestStream`).
//
// Not protected: a condition guards only documents that are written. All that our decisions rest on is written by them.

/** What a decision comes to. Without writes nothing is committed. */
export interface Decision<T> {
  readonly result: T;
  readonly writes: readonly Write[];
}

/** One database. Every method rejects with `PortError` only, or with what `decide` throws. */
export interface FirestoreConnection {
  /** Reads documents, or only some of their fields. */
  look(doing: string, paths: readonly string[], only?: readonly string[]): Promise<Seen>;
  list(doing: string, listing: Listing): Promise<readonly Found[]>;
  /** Creates a document that nobody has looked at. */
  create(doing: string, write: Write): Promise<'created' | 'exists'>;
  /** Looks, decides and commits, again when it was refused. */
  change<T>(
    doing: string,
    paths: readonly string[],
    decide: (seen: Seen) => Decision<T>,
    only?: readonly string[],
  ): Promise<T>;
  /** Gives the connection back when the last request is over; later calls reject. */
  close(): Promise<void>;
}

/** Looks of one change: every round that is refused had a winner, and our decisions end at the first look after it. */
const ROUNDS_MAX = 5;

/**
 * Longest wait before the second round, and so on in proportion; contention on one document passes within a commit, 50
 * ms.
 */
const PAUSE_MS = 50;

/** A client with the requests that are not over, given up or not. */
interface Client {
  readonly firestore: Promise<Firestore>;
  readonly underway: Set<Promise<unknown>>;
}

/** Opens nothing yet: the client is loaded and connected at the first call. */
export function connectFirestore(access: FirestoreAccess): FirestoreConnection {
  const { server, timeOf, limits = { reads: READ_LIMIT, writes: WRITE_LIMIT } } = access;
  let current: Client | undefined;
  /** Clients that were replaced and still have a request. */
  const former = new Set<Promise<void>>();
  let closed = false;

  const connected = async (): Promise<Client> => {
    if (closed) throw new PortError('permanent', 'closed', 'using a store that was closed');
    const identity = server.kind === 'google' ? await server.identity.client() : undefined;
    current ??= { firestore: openClient(access, identity, limits), underway: new Set() };
    return current;
  };
  const call = async <T>(what: Call, send: (firestore: Firestore) => Promise<T>): Promise<T> => {
    let used: Client | undefined;
    try {
      return await callWithin(
        what,
        async () => {
          used = await connected();
          return { client: used, firestore: await used.firestore };
        },
        ({ client, firestore }) => watched(client, send(firestore)),
      );
    } catch (error) {
      const code = isPortError(error) ? error.code : undefined;
      if (server.kind === 'google' && code === 'unauthenticated') server.identity.forget();
      if (used !== undefined && used === current && code === 'timeout') {
        current = undefined; // F6
        const retirement = retired(used).finally(() => former.delete(retirement));
        former.add(retirement);
      }
      throw error;
    }
  };
  const read = <T>(doing: string, send: (firestore: Firestore) => Promise<T>): Promise<T> =>
    call({ doing, effect: 'reads', limit: limits.reads }, send);
  const commit = (doing: string, writes: readonly Write[], versions: Look['versions']): Promise<'done' | Refusal> =>
    call({ doing, effect: 'writesIfUnchanged', limit: limits.writes }, (firestore) =>
      committed(firestore, writes, versions),
    ).then(
      () => 'done' as const,
      (error: unknown) => refusalOf(error, versions),
    );

  return {
    look: async (doing, paths, only) => (await read(doing, (firestore) => looked(firestore, timeOf, paths, only))).seen,

    list: (doing, listing) => read(doing, (firestore) => listed(firestore, listing)),

    create: (doing, write) =>
      inRounds(doing, limits.writes, async () => {
        const outcome = await commit(doing, [write], new Map());
        if (outcome === 'done') return 'created';
        return outcome === 'exists' ? outcome : undefined;
      }),

    change: async (doing, paths, decide, only) => {
      let refused: Look | undefined;
      const { result } = await inRounds(doing, limits.writes, async () => {
        const look = await read(doing, (firestore) => looked(firestore, timeOf, paths, only));
        // What is in the way is none of what was looked at: no round will change that.
        if (refused !== undefined && isSame(refused, look)) throw new PortError('permanent', 'constraint', doing);
        const decision = decide(look.seen);
        if (decision.writes.length === 0) return decision;
        const outcome = await commit(doing, decision.writes, look.versions);
        refused = outcome === 'exists' ? look : undefined;
        return outcome === 'done' ? decision : undefined;
      });
      return result;
    },

    close: async () => {
      closed = true;
      await Promise.all([...former, ...(current === undefined ? [] : [retired(current)])]);
    },
  };
}

async function watched<T>({ underway }: Client, request: Promise<T>): Promise<T> {
  underway.add(request);
  try {
    return await request;
  } finally {
    underway.delete(request);
  }
}

/** Closes a client that gets no more requests, once it has none left (F7). */
async function retired({ firestore, underway }: Client): Promise<void> {
  while (underway.size > 0) await Promise.allSettled(underway);
  await (await firestore).terminate();
}

/**
 * Repeats a round that was refused, which answers `undefined`. Rejects as `retryable` (`contention`) when that does not
 * end.
 */
async function inRounds<T>(doing: string, limit: Millis, round: () => Promise<T | undefined>): Promise<T> {
  const begun = performance.now();
  for (let n = 1; ; n += 1) {
    const answer = await round();
    if (answer !== undefined) return answer;
    if (n === ROUNDS_MAX || performance.now() - begun > limit / 2)
      throw new PortError('retryable', 'contention', doing);
    await pause(Math.random() * PAUSE_MS * n);
  }
}

/**
 * Why nothing was written: a document is there already, one is no longer what it was, or too many wanted it at once.
 */
type Refusal = 'exists' | 'changed' | 'aborted';

function refusalOf(error: unknown, versions: Look['versions']): Refusal {
  if (!isPortError(error)) throw error;
  switch (error.code) {
    case 'alreadyExists':
      return 'exists';
    case 'aborted':
      return 'aborted';
    case 'failedPrecondition':
    case 'notFound':
      // What was looked at has changed or is gone; without a look it is the database itself that is not as it should
      // be.
      if (versions.size > 0) return 'changed';
      throw error;
    default:
      throw error;
  }
}

const isSame = (one: Look, other: Look): boolean =>
  one.versions.size === other.versions.size &&
  [...one.versions].every(([path, version]) => other.versions.get(path)?.isEqual(version) === true);
