import { z } from 'zod';
import { type Instant, instant, toIso } from '../core/time.ts';
import type { InstanceStatus } from '../ports/databases.ts';
import { isPortError } from '../ports/port-error.ts';
import type { RegionRecord } from '../ports/region-record.ts';
import type { TargetId } from '../system/names.ts';
import { databaseIn, rebuildTarget, regionOf, regionTarget } from '../system/regions.ts';
import type { Application, RegionStandby } from '../system/system.ts';
import { consumersOf, namesOf } from '../system/topology.ts';
import type { WorldHome } from './flow-home.ts';
import { receiveFinding } from './intake.ts';

// What a region failover left elsewhere is offered back, one step after the other, each once what it needs has held for the hold time:
// the region gets a replica again, takes everything back, and then its secondary gets a replica again. What follows is for the
// diagnosis to say; what is denied is not offered again until something has changed.

const watchedWire = z.strictObject({ stage: z.string().nullable(), sinceMs: z.number().nullable() });

const watchKeyOf = (region: string): string => `watch-way-home/${region}`;

/** What could be done next. */
interface Stage {
  readonly name: 'rebuildHome' | 'failback' | 'rebuildSecondary';
  readonly target: TargetId;
  readonly text: string;
}

/** Looks at a region of which something is written down, and nothing is left behind. Answers whether anybody was told. */
export async function watchWayHome(standby: RegionStandby, record: RegionRecord, home: WorldHome): Promise<boolean> {
  const { region, secondary } = standby;
  const stage = await stageOf(standby, record, home);
  const since = await keep(region, stage, home);
  if (stage === undefined || since === undefined) return false;
  if (home.clock.now() - since < home.system.guards.holdTime) return false;
  const about = [regionTarget(region), rebuildTarget(region), rebuildTarget(secondary)];
  if ((await home.store.log.openAbout(about, 1)).length > 0) return false;
  await receiveFinding(
    {
      target: stage.target,
      since,
      dedupeKey: `way-home/${record.incident}/${stage.name}/${since}`,
      summary: `${stage.text} since ${toIso(since)}`,
    },
    home,
  );
  return true;
}

async function stageOf(standby: RegionStandby, record: RegionRecord, home: WorldHome): Promise<Stage | undefined> {
  const { world, system } = home;
  const { region, secondary } = standby;
  const database = databaseIn(system, region);
  if (database === undefined) return undefined;
  try {
    const names = namesOf(database);
    const fleet = (await world.databases.fleet()).filter(({ instance }) => names.includes(instance));
    const [primary, ...more] = fleet.filter(({ role, activation }) => role === 'primary' && activation === 'always');
    if (primary === undefined || more.length > 0) return undefined;
    const at = (place: string): readonly InstanceStatus[] => fleet.filter((status) => status.region === place);
    const followersAt = (place: string) =>
      at(place).filter(({ role, upstream }) => role === 'replica' && upstream === primary.instance);
    if (primary.region === region) {
      // A failover that was written down and never came to its promotion has left everything as it was.
      const promoted = fleet.find(({ instance }) => instance === record.promoted);
      if (promoted !== undefined && promoted.role !== 'primary') return undefined;
      return {
        name: 'rebuildSecondary',
        target: rebuildTarget(secondary),
        text: `${primary.instance} serves in ${region} again, and ${secondary} is not what it was`,
      };
    }
    const consumers = consumersOf(system, database.instance).filter((one) => regionOf(one) === region);
    if (primary.region !== secondary || !(await areWhole(consumers, home))) return undefined;
    const followers = followersAt(region);
    if (followers.some(({ state }) => state === 'runnable'))
      return {
        name: 'failback',
        target: regionTarget(region),
        text: `${region} is well with a replica of ${primary.instance}, and everything of it is in ${secondary},`,
      };
    return followers.length > 0
      ? undefined
      : {
          name: 'rebuildHome',
          target: rebuildTarget(region),
          text: `${region} is well, without a replica of ${primary.instance},`,
        };
  } catch (error) {
    if (!isPortError(error)) throw error;
    return undefined;
  }
}

/** Serving, and every replica of a Deployment ready. What can't be asked is not well. */
async function areWhole(applications: readonly Application[], { world }: WorldHome): Promise<boolean> {
  const found = await Promise.all(
    applications.map(async ({ id, kind }) => {
      const health = await world.applications.deepHealth(id);
      if (health.kind !== 'serving') return false;
      if (kind !== 'gke') return true;
      const { replicas, ready } = await world.workloads.inspect(id);
      return replicas > 0 && ready >= replicas;
    }),
  );
  return found.every(Boolean);
}

/** Since when that stage has been the next, look after look. A race with the other region's tick is lost without harm. */
async function keep(
  region: string,
  stage: Stage | undefined,
  { store, clock }: WorldHome,
): Promise<Instant | undefined> {
  const key = watchKeyOf(region);
  const found = await store.documents.get(key);
  const known = watchedWire.safeParse(found?.value).data;
  const isSame = stage !== undefined && known?.stage === stage.name && known.sinceMs !== null;
  const next = stage === undefined ? null : isSame ? known.sinceMs : clock.now();
  const value = { stage: stage?.name ?? null, sinceMs: next };
  if (known === undefined || known.stage !== value.stage || known.sinceMs !== value.sinceMs)
    await store.documents.put(key, value, found?.version ?? 0);
  return next === null ? undefined : instant(next);
}
