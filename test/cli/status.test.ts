import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { operatorOf } from '../../cli/operator.ts';
import { statusCommand, type StatusView } from '../../cli/status.ts';
import { seconds } from '../../shared/core/time.ts';
import { instanceName } from '../../shared/system/names.ts';
import { loadSystem } from '../../shared/wiring/environment.ts';
import { startOperatorStage } from './operator-stage.ts';

let stage: Awaited<ReturnType<typeof startOperatorStage>>;
beforeAll(async () => {
  stage = await startOperatorStage();
  const { world, clock } = operatorOf(stage.facts, loadSystem(stage.facts.config));
  await world.dataPlane.heartbeat(instanceName('coditect-dms-db'), 1, clock.now());
  stage.sandbox.clock.advanceBy(seconds(10));
  // Loads every client: on a busy machine that alone may take longer than an answer is waited for.
  await statusCommand(stage.facts, { json: true });
});
afterAll(() => stage.close());
afterEach(() => stage.sandbox.world.kernel.faults.clear());

const shown = async (): Promise<string> => (await statusCommand(stage.facts, { json: false })).stdout;

async function read(): Promise<{ readonly exitCode: number; readonly view: StatusView }> {
  const { exitCode, stdout } = await statusCommand(stage.facts, { json: true });
  return { exitCode, view: JSON.parse(stdout) as StatusView };
}

describe('everything at a glance', () => {
  it('shows every database with its role, its heartbeat and what is being done to it', async () => {
    const text = await shown();
    expect(text).toMatch(/coditect-dms-db +primary +runnable .*heartbeat \w+ old +no operation/);
    expect(text).toMatch(/coditect-dms-db-east +replica +of coditect-dms-db +runnable +zonal +us-east1/);
  });

  it('shows an application with its replicas, autoscaler, budget and pods, and Cloud Run with its scaling', async () => {
    const text = await shown();
    expect(text).toMatch(/api-gke: serving, on 10\.20\.0\.3:5432/);
    expect(text).toMatch(/Deployment: 3 of 3 replicas ready, autoscaler \d+ to \d+/);
    expect(text).toMatch(/disruption budget coditect-dms-api: \d may be evicted \(3 healthy/);
    expect(text).toMatch(/coditect-dms-api-\w+-\w+ +ready +0 restarts +running/);
    expect(text).toMatch(/Cloud Run: ready, 1 to 4 instances/);
  });

  it('shows Redis, the kill switch and the mode in force of every runbook', async () => {
    await stage.store.documents.put('control/stop', { on: true, by: 'ann', reason: 'storm', atMs: 1 }, 0);
    await stage.store.documents.put('control/mode/pod-heal', { mode: 'observe', by: 'ann', reason: '', atMs: 1 }, 0);
    const text = await shown();
    expect(text).toMatch(/coditect-dms-redis +READY +STANDARD_HA +us-central1 +10\.30\.0\.3:6378 +AUTH, no TLS/);
    expect(text).toContain('kill switch: ON, ann: storm');
    expect(text).toMatch(/modes: .*database-failover approve.*pod-heal observe/);
    await stage.store.documents.put('control/stop', { on: false, by: 'ann', reason: '', atMs: 2 }, 1);
  });

  it('shows who is changing what', async () => {
    stage.sandbox.world.disasters.break('maintenance', 'coditect-dms-db-east');
    expect(await shown()).toMatch(/coditect-dms-db-east .* MAINTENANCE (pending|running)/);
    stage.sandbox.world.disasters.mend('maintenance');
  });

  it('ends with 0 when everything could be read', async () => {
    const { exitCode, view } = await read();
    expect(view).toMatchObject({ databases: expect.any(Array), caches: [{ instance: 'coditect-dms-redis' }] });
    expect(exitCode).toBe(0);
  });

  it.each(['sqladmin', 'kubernetes', 'run', 'redis'] as const)(
    'says that what %s would have told is unknown, and shows the rest',
    async (api) => {
      stage.sandbox.world.kernel.faults.draw({ on: { api }, rates: [[{ kind: 'serverError' }, 1]] });
      const { exitCode, view } = await read();
      expect(exitCode).toBe(4);
      const unknown = { unknown: 'http 503' };
      const told = {
        sqladmin: view.databases,
        kubernetes: view.applications[0]?.kind === 'gke' ? view.applications[0].pods : undefined,
        run: view.applications[1]?.kind === 'cloudRun' ? view.applications[1].service : undefined,
        redis: view.caches,
      };
      for (const [name, reading] of Object.entries(told))
        if (name === api) expect(reading).toEqual(unknown);
        else expect(reading).not.toEqual(unknown);
      expect(await shown()).toContain('unknown (http 503)');
    },
  );

  it('says of a replica that gives no word that its heartbeat is unknown', async () => {
    stage.sandbox.world.kernel.network.cut('functions', 'sql/coditect-dms-db-replica');
    await stage.sandbox.settlePorts();
    const text = await stage.sandbox.whileTimePasses(shown());
    expect(text).toMatch(/coditect-dms-db-replica .* heartbeat unknown/);
    expect(text).toMatch(/coditect-dms-db-east .* heartbeat \w+ old/);
    stage.sandbox.world.kernel.network.mend('functions', 'sql/coditect-dms-db-replica');
    await stage.sandbox.settlePorts();
  });

  it('changes nothing', async () => {
    const before = stage.sandbox.world.kernel.audit.entries().filter(({ call }) => call.writes).length;
    await shown();
    expect(stage.sandbox.world.kernel.audit.entries().filter(({ call }) => call.writes)).toHaveLength(before);
  });
});
