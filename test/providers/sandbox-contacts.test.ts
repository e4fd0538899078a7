import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { minutes, seconds } from '../../shared/core/time.ts';
import type { Applications } from '../../shared/ports/applications.ts';
import type { GoogleAccess } from '../../shared/providers/google-call.ts';
import { createHttpApplications } from '../../shared/providers/http-applications.ts';
import { createHttpDataPlane } from '../../shared/providers/http-data-plane.ts';
import { createSystemClock } from '../../shared/providers/system-clock.ts';
import { instanceName } from '../../shared/system/names.ts';
import { startSandbox } from './sandbox-world.ts';

// The contract between adapters and sandbox where evidence comes from: database servers and applications themselves.

let sandbox: Awaited<ReturnType<typeof startSandbox>>;
let heal: GoogleAccess;
let notify: GoogleAccess;

beforeAll(async () => {
  sandbox = await startSandbox();
  heal = await sandbox.as('heal');
  notify = await sandbox.as('notify');
});
afterAll(() => sandbox.close());

const onGke = {
  kind: 'gke',
  id: 'api-gke',
  cluster: REFERENCE.cluster,
  location: REFERENCE.zone,
  namespace: REFERENCE.namespace,
  deployment: REFERENCE.api,
  container: 'api',
  urlMap: undefined,
  maxReplicas: 10,
  databaseSecret: REFERENCE.databaseSecret,
  dependsOn: [],
  probes: {
    deepHealth: 'https://api.example/dr/health',
    canary: 'https://api.example/dr/canary',
    vantage: 'https://prober.example/dr/probe',
  },
} as const;

describe('the data plane', () => {
  const [primary, replica] = [instanceName('coditect-dms-db'), instanceName('coditect-dms-db-east')];
  const limit = seconds(1);
  const dataPlane = (as: GoogleAccess = heal) => createHttpDataPlane({ ...as, limit });

  it('takes heartbeats on the primary, which arrive on a replica', async () => {
    const at = sandbox.clock.now();
    expect(await dataPlane().heartbeat(primary, 41, at)).toEqual({ kind: 'written' });
    expect(await dataPlane().replication(primary)).toMatchObject({ role: 'primary', heartbeat: { sequence: 41, at } });
    sandbox.clock.advanceBy(seconds(10));
    const there = await dataPlane().replication(replica);
    expect(there).toMatchObject({ role: 'replica', receiving: true, heartbeat: { sequence: 41, at } });
    expect(there?.position).toBeGreaterThan(0);
  });

  it('takes canaries and epochs on the primary only, and names who holds sessions', async () => {
    expect(await dataPlane().canary(primary, 'canary-1')).toEqual({ kind: 'written' });
    expect(await dataPlane().canary(replica, 'canary-1')).toMatchObject({
      kind: 'refusedByServer',
      detail: expect.stringContaining('read-only'),
    });
    sandbox.clock.advanceBy(seconds(10));
    expect(await dataPlane().hasCanary(replica, 'canary-1')).toBe(true);
    expect(await dataPlane().hasCanary(replica, 'canary-2')).toBe(false);
    expect(await dataPlane().writeEpoch(primary, 'epoch-1')).toBe('epoch-1');
    expect(await dataPlane().writeEpoch(replica, 'epoch-2')).toBeUndefined();
    expect(await dataPlane().sessions(primary)).toContainEqual({ client: 'pods', count: expect.any(Number) });
  });

  it('tells a refused connection from silence, and is heard again afterwards', async () => {
    const { disasters } = sandbox.world.sql;
    disasters.breakZone(primary, 'refuses');
    await sandbox.settlePorts();
    expect(await dataPlane().canary(primary, 'x')).toEqual({ kind: 'connectionRefused' });
    expect(await dataPlane().replication(primary)).toBeUndefined();
    disasters.mendZone(primary);
    sandbox.clock.advanceBy(minutes(2));
    await sandbox.settlePorts();
    expect(await dataPlane().canary(primary, 'x')).toEqual({ kind: 'written' });

    sandbox.world.kernel.network.cut('functions', `sql/${primary}`);
    expect(await dataPlane().canary(primary, 'x')).toEqual({ kind: 'unknown', detail: 'timeout' });
    sandbox.world.kernel.network.mend('functions', `sql/${primary}`);
  });

  it('says nothing to who has no login', async () => {
    expect(await dataPlane(notify).canary(primary, 'x')).toEqual({ kind: 'unknown', detail: 'http 403' });
  });
});

describe('the applications', () => {
  const database = '10.20.0.3:5432';
  const clock = { ...createSystemClock(), now: () => sandbox.clock.now() };
  const ask = <T>(question: (applications: Applications) => Promise<T>): Promise<T> =>
    sandbox.whileTimePasses(
      question(createHttpApplications({ applications: [onGke], endpoints: heal.endpoints, clock, limit: seconds(1) })),
    );

  it('say how they are and on which database, and carry a canary', async () => {
    const health = await ask((applications) => applications.deepHealth('api-gke'));
    expect(health).toMatchObject({
      kind: 'serving',
      instance: expect.stringContaining('coditect-dms-api'),
      database: { address: database, inRecovery: false, writable: true },
    });
    expect(await ask((applications) => applications.writeAndRead('api-gke', 'canary-2'))).toMatchObject({
      written: true,
      read: true,
    });
  });

  it('have a prober in their place that tries a database itself', async () => {
    const contact = (address: string) =>
      ask((applications) => applications.contactFrom('api-gke', address, 'canary-3'));
    expect(await contact(database)).toMatchObject({ vantage: 'api-gke', outcome: { kind: 'written' }, control: 'ok' });
    expect(await contact('10.20.0.5:5432')).toMatchObject({ outcome: { kind: 'refusedByServer' }, control: 'ok' });
    expect(await contact('10.99.0.1:5432')).toMatchObject({ outcome: { kind: 'unknown' } });
    sandbox.world.kernel.network.cut('functions', 'pods');
    expect(await contact(database)).toMatchObject({ outcome: { kind: 'unknown' }, control: 'none' });
    sandbox.world.kernel.network.mend('functions', 'pods');
  });

  it('are failing, not silent, when their database is gone', async () => {
    const { disasters } = sandbox.world.sql;
    disasters.breakZone('coditect-dms-db', 'refuses');
    expect(await ask((applications) => applications.deepHealth('api-gke'))).toMatchObject({
      kind: 'failing',
      database: { address: database, writable: false },
    });
    expect(await ask((applications) => applications.writeAndRead('api-gke', 'canary-4'))).toMatchObject({
      written: false,
      read: false,
    });
    expect(await ask((applications) => applications.contactFrom('api-gke', database, 'canary-5'))).toMatchObject({
      outcome: { kind: 'connectionRefused' },
      control: 'ok',
    });
    disasters.mendZone('coditect-dms-db');
    sandbox.clock.advanceBy(minutes(3));
  });
});
