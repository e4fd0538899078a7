import { join } from 'node:path';
import {
  findFirestoreEmulator,
  findPubsubEmulator,
  type RunningEmulator,
  startFirestoreEmulator,
  startPubsubEmulator,
} from './google-emulators.ts';

/** What holds a sandbox's state and carries its messages. */
export interface Engines {
  /** Tells the functions where their state is. */
  readonly environment: Readonly<Record<string, string>>;
  /** The same for whoever reads it: the path of a file, or `firestore:PROJECT/DATABASE@HOST:PORT`. */
  readonly store: string;
  /** Google's Pub/Sub emulator; without it the embedded broker carries messages. */
  readonly pubsub: RunningEmulator | undefined;
  /** Ends what holds the state. Whoever carries messages ends what carries them. */
  stop(): Promise<void>;
}

/** The Firestore database of a sandbox. */
const DATABASE = 'dr';

/** A file in the folder, and the broker in this process. */
export function embeddedEngines(directory: string): Engines {
  const file = join(directory, 'store.sqlite');
  return { environment: { DR_STORE: file }, store: file, pubsub: undefined, stop: async () => undefined };
}

/** Both of Google's emulators. Rejects with a sentence about what is missing. */
export async function startGoogleEngines(project: string): Promise<Engines> {
  const [firestore, pubsub] = [findFirestoreEmulator(), findPubsubEmulator()];
  if (firestore.kind === 'missing' || pubsub.kind === 'missing') {
    const missing = [firestore, pubsub].flatMap((found) => (found.kind === 'missing' ? [found.because] : []));
    throw new Error(
      `Google’s engines can't be started here: ${missing.join('; ')} (docs/sandbox.md says what they need)`,
    );
  }
  const store = await startFirestoreEmulator(firestore.classPath);
  try {
    return {
      environment: { DR_STORE: `firestore:${DATABASE}`, FIRESTORE_EMULATOR_HOST: store.host },
      store: `firestore:${project}/${DATABASE}@${store.host}`,
      pubsub: await startPubsubEmulator(pubsub.classPath),
      stop: () => store.stop(),
    };
  } catch (error) {
    await store.stop();
    throw error;
  }
}
