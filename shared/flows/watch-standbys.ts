import { z } from 'zod';
import { type Instant, instant } from '../core/time.ts';
import { isPortError } from '../ports/port-error.ts';
import { standbyKey, standbyRecordWire } from '../ports/standby-record.ts';
import type { GkeApplication } from '../system/system.ts';
import { targetIdOf } from '../system/topology.ts';
import type { WorldHome } from './flow-home.ts';
import { receiveFinding } from './intake.ts';

// Remembers what was lent: while a standby is more than it was, `tick` looks whether the cluster that it stands in for has been well
// for its hold time, and then says so. What follows (the way back, or only the scaling) is for the diagnosis to say.
//
// Y1. It asks nobody anything where nothing is written down, which is nearly always.
// Y2. While an incident is open about the application it says nothing: that one looks by itself.

const watchedWire = z.strictObject({ wellSinceMs: z.number().nullable() });

const watchKeyOf = (home: string): string => `watch-standby/${home}`;

/** Looks at every standby that is more than it was. Answers whether anybody was told. */
export async function watchStandbys(home: WorldHome): Promise<boolean> {
  let told = false;
  for (const application of home.system.applications)
    if (application.kind === 'gke' && application.standby !== undefined)
      told = (await watchStandby(application, home)) || told;
  return told;
}

async function watchStandby(application: GkeApplication, home: WorldHome): Promise<boolean> {
  const { documents, log } = home.store;
  const found = standbyRecordWire.safeParse((await documents.get(standbyKey(application.id)))?.value);
  if (!found.success) return false;
  const now = home.clock.now();
  const isWell = await isWhole(application.id, home);
  const wellSince = await keep(application.id, isWell ? now : undefined, home);
  if (wellSince === undefined || now - wellSince < home.system.guards.holdTime) return false;
  const target = targetIdOf({ kind: 'application', id: application.id });
  if ((await log.openAbout([target], 1)).length > 0) return false;
  const { incident, standby } = found.data;
  await receiveFinding(
    {
      target,
      since: wellSince,
      dedupeKey: `standby/${incident}/${wellSince}`,
      summary: `${application.id} has been well again since ${new Date(wellSince).toISOString()}, and ${standby} is still what ${incident} made of it`,
    },
    home,
  );
  return true;
}

/** Serving, and every replica ready. What can't be asked is not well. */
async function isWhole(application: string, { world }: WorldHome): Promise<boolean> {
  try {
    const [health, workload] = await Promise.all([
      world.applications.deepHealth(application),
      world.workloads.inspect(application),
    ]);
    return health.kind === 'serving' && workload.replicas > 0 && workload.ready >= workload.replicas;
  } catch (error) {
    if (!isPortError(error)) throw error;
    return false;
  }
}

/** Since when it has been well, look after look. A race with the other region's tick is lost without harm. */
async function keep(
  application: string,
  well: Instant | undefined,
  { store }: WorldHome,
): Promise<Instant | undefined> {
  const key = watchKeyOf(application);
  const found = await store.documents.get(key);
  const read = watchedWire.safeParse(found?.value);
  const known = read.success ? read.data.wellSinceMs : null;
  const next = well === undefined ? null : (known ?? well);
  if (next !== known || found === undefined) await store.documents.put(key, { wellSinceMs: next }, found?.version ?? 0);
  return next === null ? undefined : instant(next);
}
