import type { World } from '../shared/ports/ports.ts';
import { after, minutes } from '../shared/core/time.ts';
import {
  approveHome,
  healHome,
  loadPublisher,
  notifyHome,
  recoverHome,
  statusHome,
  worldHome,
} from '../shared/wiring/homes.ts';
import type { WorldHome } from '../shared/flows/flow-home.ts';
import type { FunctionName } from '../shared/system/names.ts';

// Loads what a function needs before its first message (`DR_WARM=1`): modules, clients and credentials, by reading once what it
// will read anyway, and the client by which it wakes others: a person's first click must not wait for that. What fails here
// changes nothing; the first message will say so in its own words.

/** Warms the function of that name; `approve` and `notify` need the store and the publisher, `status` the store alone. */
export async function warm(name: string): Promise<void> {
  switch (name) {
    case 'classify':
      await Promise.all([import('./classify.ts'), worldHome('classify').then(readOnce), publisher('classify')]);
      return;
    case 'tick':
      await Promise.all([import('./tick.ts'), worldHome('tick').then(readOnce), publisher('tick')]);
      return;
    case 'heal':
      await Promise.all([
        import('./heal.ts'),
        healHome().then(({ system, world, store }) => settle([store.now(), ...workloads(system, world)])),
        publisher('heal'),
      ]);
      return;
    case 'recover':
      await Promise.all([import('./recover.ts'), recoverHome().then(readOnce), publisher('recover')]);
      return;
    case 'notify':
      await Promise.all([
        import('./notify.ts'),
        settle([notifyHome().then(({ store }) => store.now())]),
        publisher('notify'),
      ]);
      return;
    case 'approve':
      await Promise.all([
        import('./approve.ts'),
        settle([approveHome().then(({ store }) => store.now())]),
        publisher('approve'),
      ]);
      return;
    case 'status':
      await Promise.all([import('./status.ts'), settle([statusHome().store.now()])]);
      return;
    default:
      return;
  }
}

const publisher = (name: FunctionName): Promise<void> => settle([loadPublisher(name)]);

async function readOnce({ system, world, clock, store }: WorldHome): Promise<void> {
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

const workloads = (system: WorldHome['system'], world: World): readonly Promise<unknown>[] =>
  system.applications
    .filter(({ kind }) => kind === 'gke')
    .slice(0, 1)
    .map(({ id }) => world.workloads.inspect(id));

async function settle(reads: readonly Promise<unknown>[]): Promise<void> {
  await Promise.allSettled(reads);
}
