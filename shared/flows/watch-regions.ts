import { isPortError } from '../ports/port-error.ts';
import { regionKey, regionRecordWire } from '../ports/region-record.ts';
import { hostOf } from '../classify/topology-now.ts';
import type { InstanceName } from '../system/names.ts';
import { regionOf, regionTarget, returnTarget } from '../system/regions.ts';
import type { RegionStandby } from '../system/system.ts';
import { consumersOf } from '../system/topology.ts';
import type { WorldHome } from './flow-home.ts';
import { receiveFinding } from './intake.ts';
import { watchWayHome } from './watch-way-home.ts';

// Remembers what a region failover left behind: an old primary that nobody has stopped, and that may take writes as soon as its region
// returns; and applications there that still want it once it is stopped. While it is at large, `tick` sees to it that an incident is open about that, which asks people beforehand.
//
// Z1. It asks nobody anything where nothing is written down, which is nearly always.
// Z2. While the failover is still under way it says nothing, unless the old primary answers: that can't wait.
// Z3. Where nothing is left behind any more, the way back is watched for (watch-way-home.ts).

/** Looks at every region that went on elsewhere. Answers whether anybody was told. */
export async function watchRegions(home: WorldHome): Promise<boolean> {
  let told = false;
  for (const standby of home.system.regions) told = (await watchRegion(standby, home)) || told;
  return told;
}

async function watchRegion(standby: RegionStandby, home: WorldHome): Promise<boolean> {
  const { region } = standby;
  const { documents, log } = home.store;
  const found = regionRecordWire.safeParse((await documents.get(regionKey(region)))?.value);
  if (!found.success) return false;
  const { former, promoted, incident } = found.data;
  const target = returnTarget(region);
  if ((await log.openAbout([target], 1)).length > 0) return false;
  const seen = await lookAt(region, former, promoted, home);
  if (seen === undefined) return await watchWayHome(standby, found.data, home);
  const isUnderWay = (await log.openAbout([regionTarget(region)], 1)).length > 0;
  if (isUnderWay && !seen.answers) return false;
  await receiveFinding(
    {
      target,
      since: home.clock.now(),
      // Whoever starts it again later makes a new version of its settings, and a new incident.
      dedupeKey: `return/${incident}/${seen.version}${seen.stale.length > 0 ? '/stale' : ''}`,
      summary:
        seen.stale.length > 0
          ? `${former} is stopped, and ${seen.stale.join(', ')} still want it`
          : seen.answers
            ? `${former} answers again: ${promoted} has taken its place, and both may take writes`
            : `${promoted} has taken the place of ${former}, which may take writes when ${region} returns`,
    },
    home,
  );
  return true;
}

/** What is left behind. */
interface Left {
  readonly answers: boolean;
  readonly version: string;
  /** Applications there that are on another database than the new one, while the old one is stopped. */
  readonly stale: readonly string[];
}

/** `undefined` when nothing is: the old primary is stopped, and nobody there wants it. What can't be read is looked at again. */
async function lookAt(
  region: string,
  former: InstanceName,
  promoted: InstanceName,
  { world, system }: WorldHome,
): Promise<Left | undefined> {
  try {
    const fleet = await world.databases.fleet();
    const [old, now] = [former, promoted].map((name) => fleet.find(({ instance }) => instance === name));
    if (old === undefined || now?.role !== 'primary' || old.role !== 'primary') return undefined;
    // After the way back it is the one that is stopped: nothing of what it was is left behind.
    if (now.activation === 'never') return undefined;
    const { version } = old;
    if (old.activation !== 'never')
      return { answers: (await world.dataPlane.replication(former)) !== undefined, version, stale: [] };
    const consumers = consumersOf(system, former).filter((application) => regionOf(application) === region);
    const healths = await Promise.all(consumers.map(({ id }) => world.applications.deepHealth(id)));
    const stale = consumers.flatMap(({ id }, index) => {
      const address = healths[index]?.database?.address ?? '';
      return address === '' || hostOf(address) === now.address ? [] : [id];
    });
    return stale.length === 0 ? undefined : { answers: false, version, stale };
  } catch (error) {
    if (!isPortError(error)) throw error;
    return undefined;
  }
}
