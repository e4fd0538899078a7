import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../sandbox/host/free-port.ts';
import { findFirestoreEmulator, startFirestoreEmulator } from '../sandbox/host/google-emulators.ts';
import { startPostgres } from './local-postgres.ts';
import { endProcess, startProgram, untilServing } from './started-process.ts';

// The engines of durable steps that are measured beside each other, and what each promises when it says that a step is done.

/** An engine whose surroundings run. */
export interface StepEngine {
  readonly name: string;
  /** What a finished step survives, in a few words. */
  readonly durability: string;
  /** The script that performs the runs, and what it is told by its environment. */
  readonly player: URL;
  readonly env: Readonly<Record<string, string>>;
  /** Kills what belongs to the engine beside its player, and starts it again. */
  restart?(): Promise<void>;
  end(): Promise<void>;
}

/** An engine, or why it can't be had here. */
export type FoundEngine =
  | { readonly kind: 'found'; readonly engine: StepEngine }
  | { readonly kind: 'missing'; readonly name: string; readonly because: string };

const PEERS = fileURLToPath(new URL('./peers/', import.meta.url));
const OURS = new URL('./durable-run.ts', import.meta.url);
const nothing = async (): Promise<void> => undefined;

/** All engines, each with its state in `folder`. */
export async function findEngines(folder: string): Promise<readonly FoundEngine[]> {
  const refused = installPeers();
  return [ours(folder), await oursOnFirestore(), await dbos(folder, refused), await restate(folder, refused)];
}

/** Installs the peers from their own lock file; says why it can't be done. */
function installPeers(): string | undefined {
  if (existsSync(join(PEERS, 'node_modules/.package-lock.json'))) return undefined;
  console.error('installing the peers (npm ci in bench/peers) …');
  const done = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: PEERS, encoding: 'utf8' });
  return done.status === 0 ? undefined : `npm ci in bench/peers failed: ${done.stderr.trim().split('\n')[0] ?? ''}`;
}

function ours(folder: string): FoundEngine {
  return {
    kind: 'found',
    engine: {
      name: 'dr-autopilot, node:sqlite',
      durability: 'on the disk, intent and outcome (WAL, synchronous=FULL)',
      player: OURS,
      env: { SQLITE: join(folder, 'ours.db') },
      end: nothing,
    },
  };
}

async function oursOnFirestore(): Promise<FoundEngine> {
  const name = "dr-autopilot, Google's Firestore emulator";
  const emulator = findFirestoreEmulator();
  if (emulator.kind === 'missing') return { kind: 'missing', name, because: emulator.because };
  const running = await startFirestoreEmulator(emulator.classPath);
  const durability = "the emulator's memory, intent and outcome";
  const env = { FIRESTORE: running.host };
  return { kind: 'found', engine: { name, durability, player: OURS, env, end: () => running.stop() } };
}

async function dbos(folder: string, refused: string | undefined): Promise<FoundEngine> {
  const name = 'DBOS 5.3.0, PostgreSQL';
  if (refused !== undefined) return { kind: 'missing', name, because: refused };
  const postgres = await startPostgres(join(folder, 'postgres'));
  if (postgres.kind === 'missing') return { kind: 'missing', name, because: postgres.because };
  return {
    kind: 'found',
    engine: {
      name: `DBOS 5.3.0, PostgreSQL ${postgres.version}`,
      durability: 'on the disk, outcome alone (fsync and synchronous_commit on)',
      player: new URL('./peers/dbos.ts', import.meta.url),
      env: { DATABASE: postgres.url },
      end: () => postgres.end(),
    },
  };
}

async function restate(folder: string, refused: string | undefined): Promise<FoundEngine> {
  const name = 'Restate 1.7.12';
  if (refused !== undefined) return { kind: 'missing', name, because: refused };
  const program = join(
    PEERS,
    `node_modules/@restatedev/restate-server-${process.platform}-${process.arch}/bin/restate-server`,
  );
  if (!existsSync(program)) return { kind: 'missing', name, because: 'it has no server for this platform' };
  const [node, admin, ingress, service] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  const start = async () => {
    const child = startProgram(program, ['--no-logo'], {
      cwd: folder,
      env: {
        RESTATE_BASE_DIR: join(folder, 'restate'),
        RESTATE_NODE_NAME: 'bench',
        RESTATE_LISTEN_MODE: 'tcp',
        RESTATE_BIND_ADDRESS: `127.0.0.1:${node}`,
        RESTATE_ADVERTISED_ADDRESS: `http://127.0.0.1:${node}`,
        RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
        RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
        DO_NOT_TRACK: '1',
        RESTATE_DISABLE_TELEMETRY: 'true',
      },
    });
    await untilServing(child, `http://127.0.0.1:${admin}/health`);
    await untilServing(child, `http://127.0.0.1:${ingress}/restate/health`);
    return child;
  };
  let server = await start();
  return {
    kind: 'found',
    engine: {
      name,
      durability: 'on the disk, outcome alone (its default: RocksDB with fsync of its log)',
      player: new URL('./peers/restate.ts', import.meta.url),
      env: {
        PORT: String(service),
        RESTATE_LOGGING: 'ERROR',
        ADMIN: `http://127.0.0.1:${admin}`,
        INGRESS: `http://127.0.0.1:${ingress}`,
      },
      restart: async () => {
        await endProcess(server);
        server = await start();
      },
      end: () => endProcess(server),
    },
  };
}
