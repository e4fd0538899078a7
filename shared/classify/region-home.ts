import { between, type Instant, seconds, showDuration } from '../core/time.ts';
import type { InstanceStatus } from '../ports/databases.ts';
import type { RegionRecord } from '../ports/region-record.ts';
import type { InstanceName } from '../system/names.ts';
import { databaseIn, entrancesInto, pairWith, standbyOf } from '../system/regions.ts';
import type { CloudRunApplication, Database, Entrance, RegionStandby, System } from '../system/system.ts';
import { applicationOf } from '../system/topology.ts';
import { chooseReplica } from './choose-replica.ts';
import { type DatabaseFacts, type Facts, isReadable } from './facts.ts';

// Where a region that was lost stands on its way back, from the facts of one look: which replica it lacks, and what could take the
// place of the primary elsewhere.

/** A replica that a region lacks, and what it takes to have one again. */
export interface MissingReplica {
  /** The stopped instance there that served before. */
  readonly former: InstanceName;
  readonly primary: InstanceName;
  /** The name that the new replica gets, or has where it was begun. */
  readonly replica: InstanceName;
  /** What reads it, where everything else is back. */
  readonly waiting: { readonly application: CloudRunApplication; readonly record: RegionRecord } | undefined;
}

/** What was found: something to do, nothing to do, something for people, or that nobody can tell. */
export type Rebuild =
  | ({ readonly kind: 'missing' } & MissingReplica)
  | { readonly kind: 'nothing' | 'people' | 'unknown'; readonly because: string };

/** The replica that `region` lacks. */
export function missingReplica(system: System, region: string, facts: Facts): Rebuild {
  const pair = pairWith(system, region);
  const known = pair === undefined ? undefined : databaseOfPair(system, pair, facts);
  if (pair === undefined || known === undefined)
    return { kind: 'unknown', because: `nobody has looked at the database of ${region}` };
  const { primary, replicas, contact } = known;
  if (!isReadable(primary)) return { kind: 'unknown', because: `the primary can not be read (${primary.unreadable})` };
  if (primary.region === region) return { kind: 'nothing', because: `${region} has the primary itself` };
  if (contact.outcome.kind !== 'written')
    return { kind: 'unknown', because: `${primary.instance} does not take a row of ours` };
  const there = replicas.filter((status) => status.region === region);
  const atLarge = there.find(({ role, activation }) => role === 'primary' && activation === 'always');
  if (atLarge !== undefined)
    return { kind: 'nothing', because: `${atLarge.instance} is a primary that nobody has stopped: that comes first` };
  const own = there.find(
    ({ role, upstream, state }) => role === 'replica' && upstream === primary.instance && state !== 'failed',
  );
  const waiting = region === pair.secondary ? waitingIn(system, pair, there, facts) : undefined;
  if (own?.state === 'runnable' && waiting === undefined)
    return { kind: 'nothing', because: `${own.instance} follows ${primary.instance} in ${region}` };
  const former = there.find(({ role }) => role === 'primary');
  if (former === undefined && own === undefined && waiting === undefined)
    return { kind: 'nothing', because: `no former primary of ours is in ${region}` };
  const replica = own?.instance ?? freeName(known.database, region, replicas);
  if (replica === undefined)
    return {
      kind: 'people',
      because: `dr.yaml has no free name for a replica in ${region}: add one to spares, or delete what nobody needs there`,
    };
  return { kind: 'missing', former: former?.instance ?? replica, primary: primary.instance, replica, waiting };
}

/** What waits beside the replica of a secondary, as long as it is still written down that it does not, and that was promoted once. */
function waitingIn(
  system: System,
  pair: RegionStandby,
  there: readonly InstanceStatus[],
  facts: Facts,
): MissingReplica['waiting'] {
  const record = recordOf(pair.region, facts);
  if (there.find(({ instance }) => instance === record?.promoted)?.role === 'replica') return undefined;
  const application = applicationOf(system, pair.application);
  return record === undefined || application?.kind !== 'cloudRun' ? undefined : { application, record };
}

/** The first name of the file for that region which no instance has. */
function freeName(
  { instance, region: home, replicas, spares }: Database,
  region: string,
  taken: readonly InstanceStatus[],
): InstanceName | undefined {
  return [{ instance, region: home }, ...replicas, ...spares]
    .filter((name) => name.region === region)
    .find((name) => !taken.some((status) => status.instance === name.instance))?.instance;
}

/** What a region could take back. */
export interface WayHome {
  readonly standby: RegionStandby;
  readonly known: DatabaseFacts;
  readonly primary: InstanceStatus;
  /** The replica there that would take its place, or why there is none. */
  readonly replica: InstanceStatus | { readonly unfit: string };
  /** Entrances that lead to the secondary. */
  readonly entrances: readonly Entrance[];
}

/** The way home to a region whose database and users are in its secondary; `undefined` where they are not. */
export function wayHome(system: System, region: string, facts: Facts): WayHome | undefined {
  const standby = standbyOf(system, region);
  const known = standby === undefined ? undefined : databaseOfPair(system, standby, facts);
  if (standby === undefined || known === undefined || recordOf(region, facts) === undefined) return undefined;
  const { primary } = known;
  if (!isReadable(primary) || primary.region !== standby.secondary) return undefined;
  const entrances = entrancesInto(system, standby).filter(({ id }) => {
    const status = facts.entrances?.find(({ entrance }) => entrance === id)?.status;
    return status !== undefined && isReadable(status) && status.leadsTo === standby.application;
  });
  if (entrances.length === 0) return undefined;
  return { standby, known, primary, replica: replicaIn(region, known, facts.at), entrances };
}

/** How old the newest heartbeat on a replica may be, which the watch writes every 5 s: a planned move waits for no replica. */
const HEARTBEAT_AGE_MAX = seconds(30);

function replicaIn(region: string, known: DatabaseFacts, at: Instant): WayHome['replica'] {
  const choice = chooseReplica(known, region);
  if ('unfit' in choice) return { unfit: choice.unfit.join('; ') };
  const { heartbeat } = choice.replication;
  if (heartbeat !== undefined && between(heartbeat.at, at) <= HEARTBEAT_AGE_MAX) return choice.status;
  const age = heartbeat === undefined ? 'none' : `one of ${showDuration(between(heartbeat.at, at))} ago`;
  return { unfit: `${choice.instance} does not keep up: its newest heartbeat is ${age}` };
}

const databaseOfPair = (system: System, { region }: RegionStandby, facts: Facts): DatabaseFacts | undefined => {
  const database = databaseIn(system, region);
  return facts.databases.find((known) => known.database.instance === database?.instance);
};

/** What a failover of the region wrote down; `undefined` where nothing is, or it can't be read. */
function recordOf(region: string, facts: Facts): RegionRecord | undefined {
  const record = facts.regions?.find((seen) => seen.region === region)?.record;
  return record !== undefined && isReadable(record) ? record : undefined;
}
