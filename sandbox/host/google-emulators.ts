import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { freePort } from './free-port.ts';
import { startWatched } from './watched-process.ts';

// Google's own emulators as processes of ours, on loopback. They are Java programs of the Cloud SDK: found where `gcloud` lies.
//
// How they begin and end: watched-process.ts.
//
// The emulator takes no port 0, so a free one is chosen for it; whoever takes that in between costs a new try.

/** Whether an emulator can be started here, and if not, what is missing. */
export type Emulator =
  | { readonly kind: 'found'; readonly classPath: string }
  | { readonly kind: 'missing'; readonly because: string };

/** An emulator that serves. */
export interface RunningEmulator {
  /** Host and port, as `FIRESTORE_EMULATOR_HOST` and `PUBSUB_EMULATOR_HOST` have them. */
  readonly host: string;
  /** Leads the process group of the emulator. */
  readonly pid: number;
  /** Ends it; resolves when it is gone. All that it held is lost. */
  stop(): Promise<void>;
}

/** One of the emulators: where the Cloud SDK keeps it, how it is run, and by what it says that it serves. */
interface Program {
  readonly name: string;
  readonly component: string;
  /** Its jar, below the folder `platform` of the Cloud SDK. */
  readonly jar: RegExp;
  arguments(classPath: string): readonly string[];
  readonly ready: string;
}

const FIRESTORE: Program = {
  name: 'Firestore',
  component: 'cloud-firestore-emulator',
  jar: /^cloud-firestore-emulator\.jar$/,
  // Its jar has no main manifest.
  arguments: (classPath) => ['-cp', classPath, 'com.google.cloud.datastore.emulator.firestore.CloudFirestore', 'start'],
  /** The last line of its start, in version 1.19. */
  ready: 'Dev App Server is now running',
};

const PUBSUB: Program = {
  name: 'Pub/Sub',
  component: 'pubsub-emulator',
  jar: /^cloud-pubsub-emulator-[\d.]+-all\.jar$/,
  arguments: (classPath) => ['-jar', classPath],
  ready: 'Server started, listening on',
};

/** It lives for minutes: compiling less and collecting with one thread starts it in two thirds of the time. */
const JAVA_OPTIONS = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Duser.language=en'];

/** Ports that may be taken by somebody else between our look and the emulator's. */
const STARTS_MAX = 3;

/** Looks for Java and for the Firestore emulator of the Cloud SDK. */
export const findFirestoreEmulator = (): Emulator => find(FIRESTORE);

/** Looks for Java and for the Pub/Sub emulator of the Cloud SDK. */
export const findPubsubEmulator = (): Emulator => find(PUBSUB);

/** Starts the Firestore emulator, empty, on a free port of loopback. Rejects when it does not come up, with its last words. */
export const startFirestoreEmulator = (classPath: string): Promise<RunningEmulator> => start(FIRESTORE, classPath);

/** Starts the Pub/Sub emulator, empty, on a free port of loopback. Rejects when it does not come up, with its last words. */
export const startPubsubEmulator = (classPath: string): Promise<RunningEmulator> => start(PUBSUB, classPath);

function find({ component, jar }: Program): Emulator {
  if (spawnSync('java', ['-version']).status !== 0) return { kind: 'missing', because: 'there is no Java' };
  for (const root of [besideGcloud(), saidByGcloud()]) {
    const folder = root === undefined ? undefined : join(root, 'platform', component);
    if (folder === undefined || !existsSync(folder)) continue;
    const found = [folder, join(folder, 'lib')].flatMap((place) =>
      existsSync(place)
        ? readdirSync(place)
            .filter((name) => jar.test(name))
            .map((name) => join(place, name))
        : [],
    );
    if (found[0] !== undefined) return { kind: 'found', classPath: found[0] };
  }
  return { kind: 'missing', because: `the Cloud SDK has no component ${component} here` };
}

async function start(program: Program, classPath: string): Promise<RunningEmulator> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const java = [...JAVA_OPTIONS, ...program.arguments(classPath), '--host=127.0.0.1', `--port=${port}`];
    const outcome = await startWatched(['java', ...java], program.ready);
    if (outcome.kind === 'serves') return { host: `127.0.0.1:${port}`, pid: outcome.pid, stop: outcome.stop };
    if (attempt === STARTS_MAX || !outcome.said.some((line) => line.includes('Address already in use')))
      throw new Error(`the ${program.name} emulator did not start:\n${outcome.said.slice(-10).join('\n')}`);
  }
}

function besideGcloud(): string | undefined {
  const found = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'gcloud'))
    .find((path) => existsSync(path));
  return found === undefined ? undefined : dirname(dirname(realpathSync(found)));
}

function saidByGcloud(): string | undefined {
  const asked = spawnSync('gcloud', ['info', '--format=value(installation.sdk_root)'], { encoding: 'utf8' });
  return asked.status === 0 ? asked.stdout.trim() : undefined;
}
