import { after, minutes } from '../shared/core/time.ts';
import type { FlowHome, WorldHome } from '../shared/flows/flow-home.ts';
import type { World } from '../shared/ports/ports.ts';
import type { FunctionName } from '../shared/system/names.ts';
import { loadPublisher } from '../shared/wiring/homes.ts';

// What a function loads before its first message (`DR_WARM=1`): clients and credentials, by reading once what it will read anyway,
// and the client by which it wakes others: a person's first click must not wait for that. What fails here changes nothing; the
// first message will say so in its own words.

/** Loads what wakes the other functions. */
export const warmPublisher = (name: FunctionName): Promise<void> => settle([loadPublisher(name)]);

/** Reads the store's time, for functions that touch nothing else. */
export async function warmStore(home: Pick<FlowHome, 'store'> | Promise<Pick<FlowHome, 'store'>>): Promise<void> {
  await settle([Promise.resolve(home).then(({ store }) => store.now())]);
}

/** Reads one of each kind that a look reads. */
export async function warmWorld({ system, world, clock, store }: WorldHome): Promise<void> {
  const now = clock.now();
  await settle([
    store.now(),
    world.databases.fleet(),
    world.metrics.series(
      'metric.type = "cloudsql.googleapis.com/database/up" AND resource.type = "cloudsql_database"',
      after(now, -minutes(5)),
      now,
    ),
    ...system.applications
      .filter(({ kind }) => kind === 'cloudRun')
      .slice(0, 1)
      .map(({ id }) => world.services.inspect(id)),
    ...workloads(system, world),
  ]);
}

/** Reads the store and one workload, which is what the safe steps begin with. */
export async function warmWorkloads({ system, world, store }: WorldHome): Promise<void> {
  await settle([store.now(), ...workloads(system, world)]);
}

const workloads = (system: WorldHome['system'], world: World): readonly Promise<unknown>[] =>
  system.applications
    .filter(({ kind }) => kind === 'gke')
    .slice(0, 1)
    .map(({ id }) => world.workloads.inspect(id));

async function settle(reads: readonly Promise<unknown>[]): Promise<void> {
  await Promise.allSettled(reads);
}
