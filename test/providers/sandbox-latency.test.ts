import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { SERVICES } from '../../sandbox/world/reference-world.ts';
import { millis, minutes } from '../../shared/core/time.ts';
import { latencyVerdict, readServiceLoad } from '../../shared/ports/service-load.ts';
import type { GoogleAccess } from '../../shared/providers/google-call.ts';
import { createMonitoringMetrics } from '../../shared/providers/monitoring-metrics.ts';
import { startSandbox } from './sandbox-world.ts';

// Distributions of Monitoring and their percentiles: the real client against the sandbox.

let sandbox: Awaited<ReturnType<typeof startSandbox>>;
let heal: GoogleAccess;
beforeAll(async () => {
  sandbox = await startSandbox();
  heal = await sandbox.as('heal');
});
afterAll(() => sandbox.close());

describe('Monitoring', () => {
  it('tells how slow a Cloud Run service is, and whether its instances work or wait', async () => {
    const service = { service: REFERENCE.api, region: REFERENCE.region, slowAfter: millis(1_500) };
    const say = async () => {
      const at = sandbox.clock.now();
      return latencyVerdict(
        await readServiceLoad(createMonitoringMetrics(heal), REFERENCE.project.id, service, at),
        at,
      );
    };
    const users = (): void => {
      for (let count = 0; count < 20; count++)
        sandbox.world.front.request('internet', SERVICES.apiRun, { kind: 'health' });
    };
    const minutesOfUse = (count: number): void => {
      for (let minute = 0; minute < count; minute++) {
        users();
        sandbox.clock.advanceBy(minutes(1));
      }
    };
    minutesOfUse(5);
    expect(await say()).toMatchObject({ says: 'fine' });
    sandbox.world.disasters.break('cloud-run-pressure', undefined, 'waiting');
    minutesOfUse(6);
    expect(await say()).toMatchObject({ says: 'waiting', text: expect.stringContaining('2.2 s or longer') });
    sandbox.world.disasters.mend('cloud-run-pressure');
    sandbox.world.disasters.break('cloud-run-pressure', undefined, 'slow');
    minutesOfUse(6);
    expect(await say()).toMatchObject({ says: 'working' });
    sandbox.world.disasters.mend('cloud-run-pressure');
  });
});
