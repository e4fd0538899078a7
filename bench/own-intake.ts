import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as wait } from 'node:timers/promises';
import { parseDocument } from 'yaml';
import { type Sandbox, startSandbox } from '../sandbox/host/sandbox.ts';
import { dataOf } from '../sandbox/world/broker-message.ts';
import { monitoringAgent } from '../sandbox/world/service-agents.ts';
import { millis } from '../shared/core/time.ts';
import { nameOf } from '../shared/store/firestore-layout.ts';
import { notificationOf, serveHealth, withTargets } from '../test/stories/mass-storm.ts';
import type { Intake } from './intake-side.ts';

// dr-autopilot in a sandbox whose clock is the wall's and whose messages come at once and in order: from the moment at which
// Monitoring has published to the moment at which the incident's log holds the alert, as another process reads it from the store.

/** Targets among which the alerts go round: one incident each, since an incident's head is written at most once a second. */
const TARGETS = 200;

/** Between two looks at SQLite's file, milliseconds: an error of half of it, against us. */
const LOOK_MS = 1;

/** Starts a sandbox for the bench. */
export async function startOwnIntake(engines: 'embedded' | 'google'): Promise<Intake> {
  const folder = mkdtempSync(join(tmpdir(), 'dr-intake-'));
  const health = await serveHealth();
  const document = parseDocument(readFileSync('dr.yaml', 'utf8'));
  withTargets(document, TARGETS, health.address);
  const config = join(folder, 'wanted.yaml');
  writeFileSync(config, document.toString());
  const sandbox = await startSandbox({
    directory: folder,
    config,
    rate: 1,
    seed: 1,
    engines,
    disorder: { duplicates: 0, delayMax: millis(0) },
  });
  const seen = await watchStore(sandbox);
  let published = 0;
  return {
    publish: async (id) => {
      const { messaging, world } = sandbox;
      const logged = seen.when(`alert/${id}/open`);
      const data = dataOf(notificationOf(sandbox, id, published++ % TARGETS));
      messaging.courier.publish({ principal: monitoringAgent(world.project), from: 'google' }, 'dr-alerts', [
        { data, attributes: {} },
      ]);
      await logged;
    },
    stop: async () => {
      await seen.stop();
      await sandbox.stop();
      health.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Tells when a signal has got into a log. */
interface Watch {
  when(key: string): Promise<void>;
  stop(): Promise<void>;
}

async function watchStore({ facts }: Sandbox): Promise<Watch> {
  const waiting = new Map<string, () => void>();
  const when = (key: string): Promise<void> => new Promise((done) => waiting.set(key, done));
  const heard = (key: string): void => {
    waiting.get(key)?.();
    waiting.delete(key);
  };
  const emulator = /^firestore:([^/]+)\/([^@]+)@(.+:\d+)$/.exec(facts.store);
  const stop = emulator === null ? watchFile(facts.store, waiting, heard) : await watchEmulator(emulator, heard);
  return { when, stop };
}

/** An absorbed signal commits together with the event that holds it. */
function watchFile(path: string, waiting: ReadonlyMap<string, unknown>, heard: (key: string) => void) {
  const database = new DatabaseSync(path, { readOnly: true });
  const version = database.prepare('PRAGMA data_version');
  const absorbed = database.prepare('SELECT 1 FROM inbox WHERE key = ? AND absorbed_by IS NOT NULL');
  let ended = false;
  const look = async (): Promise<void> => {
    let last: unknown;
    while (!ended) {
      const now = version.get()?.['data_version'];
      if (now !== last) for (const key of waiting.keys()) if (absorbed.get(key) !== undefined) heard(key);
      last = now;
      await wait(LOOK_MS);
    }
    database.close();
  };
  const looking = look();
  return async (): Promise<void> => {
    ended = true;
    await looking;
  };
}

/** Firestore tells its listeners; what is written is told when it is committed. */
async function watchEmulator([, projectId, databaseId, host]: RegExpExecArray, heard: (key: string) => void) {
  const { Firestore } = await import('@google-cloud/firestore');
  const { OAuth2Client } = await import('google-auth-library');
  const firestore = new Firestore({
    projectId: projectId ?? '',
    databaseId: databaseId ?? '',
    host: host ?? '',
    ssl: false,
    authClient: new OAuth2Client(),
  });
  const end = firestore.collection('dr-inbox').onSnapshot((snapshot) => {
    for (const { doc } of snapshot.docChanges()) {
      const { key, absorbedBy } = doc.data();
      if (typeof key === 'string' && absorbedBy !== undefined && doc.id === nameOf(key)) heard(key);
    }
  });
  return async (): Promise<void> => {
    end();
    await firestore.terminate();
  };
}
