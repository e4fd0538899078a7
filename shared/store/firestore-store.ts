import { seconds } from '../core/time.ts';
import type { Store } from '../ports/store.ts';
import type { FirestoreAccess } from '../providers/firestore-client.ts';
import { connectFirestore } from '../providers/firestore-connection.ts';
import { firestoreDocuments, firestoreEvidence } from './firestore-documents.ts';
import { NOW } from './firestore-layout.ts';
import { firestoreLeases } from './firestore-leases.ts';
import { firestoreLog } from './firestore-log.ts';

// The store of the cloud: all functions, in two regions, on one multi-region database. Where things lie says
// firestore-layout.ts; how they change together, providers/firestore-connection.ts.
//
// Time. The store's time is Google's: the read time of the very look on which a lease is decided. No process is asked
// for its own clock, so their skew can't end a lease early or make one longer, and neither can a process that was
// frozen before it looked. What follows the look only makes a lease shorter for its holder. `timeOf` makes clock time
// of Google's: nothing to do in the cloud; a sandbox scales it; a test holds it in its hand, on the same path through
// the adapter.
//
// Sizes and rates (Firestore's quotas, read 2026-11-22), which a storm of alerts must stay below:
// - A document has 1 MiB. Events, heads, signals and values have at most 262,144 bytes, evidence 1,000,000; what is
//   larger is refused as `permanent` (`too large`), here as by every adapter, so nothing is ever cut into pieces.
// - A commit has 500 writes and 10 MiB. An append has at most 450 writes, counting head, events and absorbed signals,
//   and 3,000,000 bytes of events: with the head and the longest names a request of 3.9 MB. The emulator takes 4 MiB.
// - One document takes about one write a second for long. Signals, events and evidence are created once and never
//   again. A head is written once a second under a storm (flows/absorb.ts, PACE) and once more every five seconds by a
//   look, a lease every third of its length, the absorber's own lease twice a second at worst (`pace`). Short bursts are
//   answered slowly or with ABORTED, which begins a new round.
// - A collection whose index grows at one end takes about 500 writes a second: `turn`, so 500 signals a second. The
//   largest storm of our own stories has 167; one absorber takes 200 a second, so what comes faster waits.
//
// Not protected: a database in a protected region; its location is chosen once, when it is created
// (docs/deployment.md). What flows judge by their own clock, such as holds and expiries, differs from Google's by what
// `guards.clockSkew` allows.

/** A store in Firestore. */
export interface FirestoreStore extends Store {
  /** Gives the connection back; later calls reject. */
  close(): Promise<void>;
}

/** Opens a store that any number of processes may use at once. Nothing is loaded or connected before the first call. */
export function openFirestoreStore(access: FirestoreAccess): FirestoreStore {
  const connection = connectFirestore(access);
  return {
    log: firestoreLog(connection),
    leases: firestoreLeases(connection),
    documents: firestoreDocuments(connection),
    evidence: firestoreEvidence(connection),
    pace: seconds(1),
    now: async () => (await connection.look('asking the time', [NOW])).at,
    close: () => connection.close(),
  };
}
