import { isPortError } from '../ports/port-error.ts';
import { regionKey, regionRecordWire } from '../ports/region-record.ts';
import { regionTarget, returnTarget } from '../system/regions.ts';
import type { RegionStandby } from '../system/system.ts';
import type { WorldHome } from './flow-home.ts';
import { receiveReturn } from './intake.ts';

// Remembers what a region failover left behind: an old primary that nobody has stopped, and that may take writes as soon as its region
// returns. While it is at large, `tick` sees to it that an incident is open about that, which asks people beforehand.
//
// Z1. It asks nobody anything where nothing is written down, which is nearly always.
// Z2. While the failover is still under way it says nothing, unless the old primary answers: that can't wait.

/** Looks at every region that went on elsewhere. Answers whether anybody was told. */
export async function watchRegions(home: WorldHome): Promise<boolean> {
  let told = false;
  for (const standby of home.system.regions) told = (await watchRegion(standby, home)) || told;
  return told;
}

async function watchRegion({ region }: RegionStandby, home: WorldHome): Promise<boolean> {
  const { documents, log } = home.store;
  const found = regionRecordWire.safeParse((await documents.get(regionKey(region)))?.value);
  if (!found.success) return false;
  const { former, promoted, incident } = found.data;
  const target = returnTarget(region);
  if ((await log.openAbout([target], 1)).length > 0) return false;
  const seen = await lookAt(former, promoted, home);
  if (seen === undefined) return false;
  const isUnderWay = (await log.openAbout([regionTarget(region)], 1)).length > 0;
  if (isUnderWay && !seen.answers) return false;
  await receiveReturn(
    {
      target,
      since: home.clock.now(),
      // Whoever starts it again later makes a new version of its settings, and a new incident.
      dedupeKey: `return/${incident}/${seen.version}`,
      summary: seen.answers
        ? `${former} answers again: ${promoted} has taken its place, and both may take writes`
        : `${promoted} has taken the place of ${former}, which may take writes when ${region} returns`,
    },
    home,
  );
  return true;
}

/** The old primary, while it is one that nobody has stopped and another has its place; what can't be read is looked at again. */
async function lookAt(
  former: Parameters<WorldHome['world']['databases']['inspect']>[0],
  promoted: typeof former,
  { world }: WorldHome,
): Promise<{ readonly answers: boolean; readonly version: string } | undefined> {
  try {
    const fleet = await world.databases.fleet();
    const old = fleet.find(({ instance }) => instance === former);
    const isPromoted = fleet.some(({ instance, role }) => instance === promoted && role === 'primary');
    if (old === undefined || !isPromoted || old.role !== 'primary' || old.activation === 'never') return undefined;
    return { answers: (await world.dataPlane.replication(former)) !== undefined, version: old.version };
  } catch (error) {
    if (!isPortError(error)) throw error;
    return undefined;
  }
}
