import type { Clock } from '../ports/clock.ts';
import type { Store } from '../ports/store.ts';
import type { FirestoreServer } from '../providers/firestore-client.ts';
import type { GoogleAccess } from '../providers/google-call.ts';
import { clockTimeAt } from '../providers/system-clock.ts';
import { openFirestoreStore } from '../store/firestore-store.ts';
import { openSqliteStore } from '../store/sqlite-store.ts';
import type { Environment } from './environment.ts';

/**
 * Opens the store that the environment names. Its time is this machine's for a file, which all share, and Google's for
 * Firestore, which belongs to no machine; both are scaled alike where the clock is.
 */
export function openStore({ store, clock: start }: Environment, clock: Clock, access: GoogleAccess): Store {
  if (store.kind === 'sqlite') return openSqliteStore({ path: store.path, clock });
  const { project, identity, limits } = access;
  const server: FirestoreServer =
    store.emulator === undefined ? { kind: 'google', identity } : { kind: 'emulator', host: store.emulator };
  return openFirestoreStore({
    project,
    database: store.database,
    server,
    timeOf: (google) => clockTimeAt(start, google),
    ...(limits === undefined ? {} : { limits }),
  });
}
