import { instant, toIso } from '../shared/core/time.ts';
import { overview } from '../shared/flows/status.ts';
import { createFixedIdentity } from '../shared/providers/fixed-identity.ts';
import { createSystemClock } from '../shared/providers/system-clock.ts';
import { isPortError } from '../shared/ports/port-error.ts';
import { loadSystem } from '../shared/wiring/environment.ts';
import { worldOfSystem } from '../shared/wiring/homes.ts';
import type { Ending } from './config.ts';
import { table } from './paint.ts';
import { openForReading } from './read-incidents.ts';
import type { Facts } from './sandbox-facts.ts';

/** `./dr status`: everything at a glance, as appendix A of the runbook asks for, plus our own state. Reads only. */
export async function statusCommand(facts: Facts, { json }: { readonly json: boolean }): Promise<Ending> {
  const system = loadSystem(facts.config);
  const clock = createSystemClock({
    rate: facts.rate,
    startWall: instant(facts.startWall),
    startClock: instant(facts.startClock),
  });
  const world = worldOfSystem(
    system,
    { project: system.project, endpoints: system.endpoints, identity: createFixedIdentity(facts.operatorToken) },
    clock,
  );
  const store = openForReading(facts.store);
  try {
    const gke = system.applications.filter((application) => application.kind === 'gke');
    const run = system.applications.filter((application) => application.kind === 'cloudRun');
    const [fleet, pods, services, health, ours] = await Promise.all([
      settled(world.databases.fleet()),
      Promise.all(gke.map(async ({ id }) => ({ id, pods: await settled(world.workloads.pods(id)) }))),
      Promise.all(run.map(async ({ id }) => ({ id, service: await settled(world.services.inspect(id)) }))),
      Promise.all(system.applications.map(async ({ id }) => ({ id, health: await world.applications.deepHealth(id) }))),
      overview(store),
    ]);
    if (json)
      return {
        exitCode: 0,
        stdout: `${JSON.stringify({ at: toIso(clock.now()), fleet, pods, services, health, ...ours })}\n`,
        stderr: '',
      };
    const text = [
      `${system.name} at ${toIso(clock.now())} (clock time)`,
      '',
      'Cloud SQL',
      'unreadable' in fleet
        ? `  can't be read: ${fleet.unreadable}`
        : table(
            fleet.map((instance) => [
              `  ${instance.instance}`,
              instance.role,
              instance.state,
              instance.activation === 'never' ? 'stopped' : 'on',
              instance.availability,
              instance.region,
              instance.upstream ?? '',
            ]),
          ),
      '',
      'Pods',
      ...pods.map(({ id, pods: list }) =>
        'unreadable' in list
          ? `  ${id}: can't be read: ${list.unreadable}`
          : table(
              list.map((pod) => [
                `  ${id}`,
                pod.name,
                pod.ready ? 'ready' : 'not ready',
                `${pod.restarts} restarts`,
                pod.container.kind,
              ]),
            ),
      ),
      '',
      'Cloud Run',
      ...services.map(({ id, service }) =>
        'unreadable' in service
          ? `  ${id}: can't be read: ${service.unreadable}`
          : `  ${id}  ${service.ready ? 'ready' : 'not ready'}  ${JSON.stringify(service.scaling)}`,
      ),
      '',
      'Deep health',
      ...health.map(
        ({ id, health: answer }) =>
          `  ${id}  ${answer.kind}  ${answer.database === undefined ? answer.detail : `on ${answer.database.address}, epoch ${answer.database.epoch ?? 'none'}`}`,
      ),
      '',
      'dr-autopilot',
      `  kill switch: ${JSON.stringify(ours.killSwitch)}`,
      `  open incidents: ${
        ours.incidents
          .filter(({ dueAt }) => dueAt !== null)
          .map(({ id }) => id)
          .join(', ') || 'none'
      }`,
      `  messages that could not be read: ${ours.refused.length}`,
    ];
    return { exitCode: 0, stdout: `${text.join('\n')}\n`, stderr: '' };
  } finally {
    await store.close();
  }
}

/** What was read, or why it could not be: one thing that is down must not hide the others. */
async function settled<T>(reading: Promise<T>): Promise<T | { readonly unreadable: string }> {
  try {
    return await reading;
  } catch (error) {
    if (isPortError(error)) return { unreadable: error.code };
    throw error;
  }
}
