import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Facts } from '../../cli/sandbox-facts.ts';
import { sandboxConfig } from '../../sandbox/host/sandbox-config.ts';
import { SECONDARY_SERVICES, SERVICES } from '../../sandbox/world/reference-world.ts';
import { openSqliteStore } from '../../shared/store/sqlite-store.ts';
import { startSandbox } from '../providers/sandbox-world.ts';

/** The reference system over HTTP, a store, and what `./dr` knows of them; its clock stands still unless it is moved. */
export async function startOperatorStage() {
  const sandbox = await startSandbox({ secondary: true });
  const folder = mkdtempSync(join(tmpdir(), 'dr-operator-'));
  const url = (service: string): string => sandbox.services[service] ?? '';
  const endpoints = {
    ...sandbox.endpoints,
    hosts: {
      'dms-api-gke.coditect.ai': url(SERVICES.apiGke),
      'coditect-dms-api-run.coditect.ai': url(SERVICES.apiRun),
      'coditect-dms-api-east.coditect.ai': url(SECONDARY_SERVICES.api),
      'prober-gke.dms.internal': url(SERVICES.proberGke),
      'prober-run.dms.internal': url(SERVICES.proberRun),
      'pager.dms.internal': url(SERVICES.apiGke),
    },
  };
  const config = join(folder, 'dr.yaml');
  writeFileSync(config, sandboxConfig(readFileSync('dr.yaml', 'utf8'), endpoints));
  const path = join(folder, 'store.sqlite');
  const store = openSqliteStore({ path, clock: sandbox.clock });
  const known: Pick<Facts, 'config' | 'operatorToken' | 'store' | 'rate' | 'startWall' | 'startClock'> = {
    config,
    operatorToken: sandbox.operatorToken,
    store: path,
    rate: 1,
    startWall: Date.now(),
    startClock: sandbox.clock.now(),
  };
  return {
    sandbox,
    store,
    facts: known as Facts, // all of them that looking needs
    close: async () => {
      store.close();
      await sandbox.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
