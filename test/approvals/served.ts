import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import { openSqliteStore, type SqliteStore } from '../../shared/store/sqlite-store.ts';
import { type AskedStage, askedStage, FORM_KEY } from './asked.ts';

/** The real approve function, served by the framework over a store on disk that the stage shares with it. */
export interface ServedApproval {
  readonly base: string;
  readonly stage: AskedStage;
  readonly server: Server;
  close(): Promise<void>;
}

/** Starts it on a free port. Once for each test file: the function reads its environment once. */
export async function serveApproval(environment: Readonly<Record<string, string>> = {}): Promise<ServedApproval> {
  const folder = mkdtempSync(join(tmpdir(), 'dr-page-'));
  const base = `http://127.0.0.1:${await freePort()}`;
  const stores: SqliteStore[] = [];
  const stage = await askedStage(
    (clock) => {
      const store = openSqliteStore({ path: join(folder, 'store.sqlite'), clock });
      stores.push(store);
      return store;
    },
    [base],
  );
  const write = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const config = parseDocument(readFileSync('dr.yaml', 'utf8'));
  config.setIn(['endpoints'], config.createNode({ approve: [base] }));
  Object.assign(process.env, {
    DR_CONFIG: write('dr.yaml', config.toString()),
    DR_STORE: join(folder, 'store.sqlite'),
    DR_CLOCK_START: `${Date.now()}:${stage.clock.now()}`,
    DR_PUBLIC_KEYS_FILE: write('keys.json', JSON.stringify({ 'test-key': stage.publicKey })),
    DR_FORM_KEY_FILE: write('form.txt', FORM_KEY),
    FUNCTION_TARGET: 'approve',
    // There is no metadata server; a wake-up that can't be published is left to tick.
    METADATA_SERVER_DETECTION: 'none',
    ...environment,
  });
  await import('../../functions/index.ts');
  const { getTestServer } = await import('@google-cloud/functions-framework/testing');
  const server = getTestServer('approve');
  await new Promise<void>((ready) => server.listen(Number(new URL(base).port), '127.0.0.1', ready));
  return {
    base,
    stage,
    server,
    close: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
      for (const store of stores) store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((ready) => probe.listen(0, '127.0.0.1', ready));
  const address = probe.address();
  await new Promise((closed) => probe.close(closed));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
