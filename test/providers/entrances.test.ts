import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { minutes } from '../../shared/core/time.ts';
import { readRequestsThrough, readUptime } from '../../shared/ports/entrance-readings.ts';
import type { Traffic } from '../../shared/ports/traffic.ts';
import type { GoogleAccess } from '../../shared/providers/google-call.ts';
import { createGoogleTraffic } from '../../shared/providers/google-traffic.ts';
import { createMonitoringMetrics } from '../../shared/providers/monitoring-metrics.ts';
import type { Entrance } from '../../shared/system/system.ts';
import { startSandbox } from './sandbox-world.ts';

// The contract between the adapters of entrances and the sandbox: Compute by REST, Cloud DNS by its client, real credentials.

const common = { host: 'dms-api.coditect.ai', probe: 'https://entrance.example/dr/health' };
const BALANCER: Entrance = {
  ...common,
  id: 'by-balancer',
  via: 'loadBalancer',
  urlMap: 'coditect-dms-ingress',
  backends: [
    { application: 'api-gke', backendService: 'coditect-dms-gke' },
    { application: 'api-run', backendService: 'coditect-dms-run' },
  ],
};
const RECORD: Entrance = {
  ...common,
  id: 'by-record',
  via: 'dns',
  zone: 'coditect-zone',
  ttl: minutes(1),
  backends: [
    { application: 'api-gke', address: '203.0.113.10', urlMap: 'coditect-dms-ingress' },
    { application: 'api-run', address: '203.0.113.11', urlMap: 'coditect-dms-standby' },
  ],
};
/** Leads by the map whose rules name its host. */
const RULED: Entrance = { ...BALANCER, id: 'ruled', host: 'dms-api-gke.coditect.ai' };

let sandbox: Awaited<ReturnType<typeof startSandbox>>;
let recover: GoogleAccess;
let heal: GoogleAccess;
let traffic: Traffic;

beforeAll(async () => {
  sandbox = await startSandbox();
  recover = await sandbox.as('recover');
  heal = await sandbox.as('heal');
  traffic = createGoogleTraffic(recover, [BALANCER, RECORD, RULED]);
});
afterAll(() => sandbox.close());
beforeEach(() => sandbox.world.kernel.faults.clear());

/** Moves the entrance, lets the operation end, and lets requests follow. */
async function moved(entrance: string, application: string): Promise<void> {
  const { version } = await traffic.inspect(entrance);
  const name = await traffic.move(entrance, application, version);
  expect((await traffic.operation(entrance, name)).done).toBe(false);
  sandbox.clock.advanceBy(minutes(3));
  expect(await traffic.operation(entrance, name)).toEqual({ done: true, error: undefined });
}

describe.each(['by-balancer', 'by-record'])('an entrance %s', (id) => {
  it('leads its users to the other application and back', async () => {
    expect(await traffic.inspect(id)).toMatchObject({ leadsTo: 'api-gke' });
    expect(await traffic.ask(id)).toEqual({ kind: 'serving', detail: 'http 200', application: 'api-gke' });

    await moved(id, 'api-run');

    expect(await traffic.inspect(id)).toMatchObject({ leadsTo: 'api-run' });
    expect(await traffic.ask(id)).toMatchObject({ kind: 'serving', application: 'api-run' });
    await moved(id, 'api-gke');
    expect(await traffic.ask(id)).toMatchObject({ application: 'api-gke' });
  });

  it('is not moved on what was read before somebody else moved it', async () => {
    const { version } = await traffic.inspect(id);
    await moved(id, 'api-run');

    await expect(traffic.move(id, 'api-run', version)).rejects.toMatchObject({ kind: 'conflict', code: 'http 412' });

    await moved(id, 'api-gke');
  });

  it('is moved by nobody who may only heal', async () => {
    const asHeal = createGoogleTraffic(heal, [BALANCER, RECORD]);
    const { version } = await traffic.inspect(id);

    await expect(asHeal.move(id, 'api-run', version)).rejects.toMatchObject({ kind: 'permanent', code: 'forbidden' });
    expect(await traffic.inspect(id)).toMatchObject({ leadsTo: 'api-gke' });
  });

  it('may have moved when the reply of the move was lost', async () => {
    const { version } = await traffic.inspect(id);
    sandbox.world.kernel.faults.inject({ what: { kind: 'serverErrorAfter' }, on: { writes: true }, count: 1 });

    await expect(traffic.move(id, 'api-run', version)).rejects.toMatchObject({ kind: 'ambiguous' });

    sandbox.clock.advanceBy(minutes(3));
    expect(await traffic.inspect(id)).toMatchObject({ leadsTo: 'api-run' });
    await moved(id, 'api-gke');
  });
});

it('nothing is read of an entrance whose host has a rule of its own: its default decides nothing', async () => {
  await expect(traffic.inspect('ruled')).rejects.toMatchObject({ kind: 'permanent', code: 'hostRule' });
});

it('no record is moved beside one that clients would follow instead', async () => {
  const { dns } = sandbox.world;
  const record = { name: 'dms-api.coditect.ai.', type: 'AAAA', ttl: 60, rrdatas: ['2001:db8::1'] };
  dns.create('coditect-zone', record);

  await expect(traffic.inspect('by-record')).rejects.toMatchObject({ kind: 'permanent', code: 'aaaaRecord' });

  dns.change('coditect-zone', { additions: [], deletions: [record] });
});

describe('what Monitoring says of an entrance', () => {
  it('are its uptime checks, place by place', async () => {
    sandbox.clock.advanceBy(minutes(3));
    const read = () => readUptime(createMonitoringMetrics(recover), recover.project, BALANCER, sandbox.clock.now());
    const passed = await read();
    expect(passed.length).toBeGreaterThan(2);
    expect(passed.every((point) => point.passed)).toBe(true);

    sandbox.world.disasters.break('cluster');
    sandbox.clock.advanceBy(minutes(3));

    expect((await read()).every((point) => !point.passed)).toBe(true);
    expect(await traffic.ask('by-balancer')).toEqual({ kind: 'silent', detail: 'http 502', application: undefined });
    sandbox.world.disasters.mend('cluster');
  });

  it.each([BALANCER, RECORD])('are the requests that it sent to each application ($via)', async (entrance) => {
    const counted = async (application: string): Promise<number> => {
      const metrics = createMonitoringMetrics(recover);
      const now = sandbox.clock.now();
      const points = await readRequestsThrough(metrics, recover.project, entrance, application, now);
      return points?.[0]?.value ?? Number.NaN;
    };
    sandbox.clock.advanceBy(minutes(5));
    expect(await counted('api-gke')).toBeGreaterThan(0);
    expect(await counted('api-run')).toBe(0);

    await moved(entrance.id, 'api-run');
    sandbox.clock.advanceBy(minutes(5));

    expect(await counted('api-run')).toBeGreaterThan(0);
    expect(await counted('api-gke')).toBe(0);
    await moved(entrance.id, 'api-gke');
    sandbox.clock.advanceBy(minutes(5));
  });
});
