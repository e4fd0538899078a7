import { afterAll, beforeAll, describe } from '@jest/globals';
import { Firestore } from '@google-cloud/firestore';
import { OAuth2Client } from 'google-auth-library';
import {
  findFirestoreEmulator,
  type RunningEmulator,
  startFirestoreEmulator,
} from '../../sandbox/host/google-emulators.ts';
import type { FirestoreAccess } from '../../shared/providers/firestore-client.ts';
import { openFirestoreStore, type FirestoreStore } from '../../shared/store/firestore-store.ts';

/** Java starts in two to five seconds, and a busy machine takes a multiple of that. */
const START_MS_MAX = 60_000;

const emulator = findFirestoreEmulator();

/** Tests on Google's emulator, which is started for them and ended afterwards. `host` is known while they run. */
export function onEmulator(title: string, tests: (host: () => string) => void): void {
  if (emulator.kind === 'missing')
    process.stderr.write(`\nSKIPPED: ${emulator.because}, so nothing is known of ${title} on Firestore.\n\n`);
  (emulator.kind === 'found' ? describe : describe.skip)(title, () => {
    let running: RunningEmulator | undefined;
    beforeAll(async () => {
      if (emulator.kind === 'found') running = await startFirestoreEmulator(emulator.classPath);
    }, START_MS_MAX);
    afterAll(() => running?.stop());
    tests(() => {
      if (running === undefined) throw new Error('the emulator does not run');
      return running.host;
    });
  });
}

let databases = 0;

/** A database that nobody has used: named databases of the emulator share nothing. */
export function freshDatabase(host: string): FirestoreAccess {
  databases += 1;
  const server = { kind: 'emulator', host } as const;
  return { project: 'dr-test', database: `test-${databases}`, server, timeOf: (google) => google };
}

/** Opens a store for each access, and closes them whatever happens in between. */
export async function withStores<const A extends readonly FirestoreAccess[]>(
  accesses: A,
  test: (...stores: { readonly [N in keyof A]: FirestoreStore }) => Promise<void>,
): Promise<void> {
  const stores = accesses.map(openFirestoreStore);
  try {
    await test(...(stores as { readonly [N in keyof A]: FirestoreStore })); // one for each access
  } finally {
    for (const store of stores) await store.close();
  }
}

/** The database as somebody sees it who does not come through the store. */
export async function withDatabase<T>(access: FirestoreAccess, use: (database: Firestore) => Promise<T>): Promise<T> {
  if (access.server.kind !== 'emulator') throw new Error('only on the emulator');
  const { project: projectId, database: databaseId, server } = access;
  // Without an identity of its own the client would search the network for one.
  const whoever = { authClient: new OAuth2Client() };
  const database = new Firestore({ projectId, databaseId, ...whoever, host: server.host, ssl: false });
  try {
    return await use(database);
  } finally {
    await database.terminate();
  }
}
