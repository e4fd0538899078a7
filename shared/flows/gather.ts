import type { z } from 'zod';
import { OWN_VANTAGE } from '../classify/fold-watch.ts';
import {
  type ApplicationFacts,
  type DatabaseFacts,
  type EvidenceBucketFacts,
  type EntranceFacts,
  type Facts,
  isReadable,
  type IsolationFacts,
  type SecretFacts,
  type Unreadable,
} from '../classify/facts.ts';
import { hostOf, type Scope, scopeOf, topologyNow } from '../classify/topology-now.ts';
import { after, type Instant, minutes } from '../core/time.ts';
import type { Contact, ContactOutcome } from '../ports/data-plane.ts';
import type { InstanceStatus, OperationStatus } from '../ports/databases.ts';
import type { MetricPoint, MetricSeries } from '../ports/metrics.ts';
import { readUptime } from '../ports/entrance-readings.ts';
import { isolationKey, isolationRecordWire } from '../ports/isolation.ts';
import { standbyKey, standbyRecordWire } from '../ports/standby-record.ts';
import { parseWatchReading, type WatchReading, watchKey } from '../ports/watch-reading.ts';
import { attempt } from './attempt.ts';
import { backupsFacts } from './gather-backups.ts';
import { gatherRecovery, type RecoveryWish } from './gather-recovery.ts';
import { previewOf } from '../signals/malformed.ts';
import type { InstanceName } from '../system/names.ts';
import { entrancesInto, targetsIn } from '../system/regions.ts';
import type { Database, Entrance, RegionStandby, System } from '../system/system.ts';
import { applicationOf, consumersOf, entrancesOf, instancesOf, type TargetRef } from '../system/topology.ts';
import { successorOf } from './successor.ts';
import { applicationFacts, type GatherHome } from './gather-application.ts';
import { regionFacts, regionOfPrimary, regionsInDoubt } from './gather-region.ts';
import { gatherRestore, type RestoreWish } from './gather-restore.ts';

// One look at the world, for classification. It reads and writes nothing but one canary row in our own table.
//
// G1. Everything is asked side by side; what can't be read says so in its place and spoils nothing else.
// G2. Nothing is concluded here: a part that is missing is as it is, and what follows is for the rules to say.

/** How far back metrics are asked for: several samples beyond the 225 s that they may be late (facts.md 1.4). */
const METRICS_BACK = minutes(15);

/** How long an operation that has ended still belongs to the facts. */
const OPERATIONS_BACK = minutes(60);

/** Operations and pods that are kept: the facts are evidence, not an inventory. */
const OPERATIONS_MAX = 20;

/** What a look is asked for beside what every look finds. */
export interface LookWish {
  /** A person wants a database restored. */
  readonly restores: RestoreWish | undefined;
  /** A person wants rows of a database brought back. */
  readonly recovery?: RecoveryWish | undefined;
  /** Databases whose backups are what the incident is about. */
  readonly backups?: readonly Database[];
  /** A person reports a breach: the secrets whose versions are looked at. */
  readonly secrets?: readonly string[];
  /** The bucket into which its evidence goes. */
  readonly evidenceBucket?: string | undefined;
  /** Applications that are to be cut off, or to be reached again. */
  readonly isolations?: readonly string[];
  /** Regions that are looked at in any case; another one only where its primary does not take our canary. Absent: none. */
  readonly regions?: readonly string[];
}

/**
 * Looks at the targets, at what they depend on, and at every consumer of a database among those; and at what else is wished for.
 * Never rejects for the world's sake.
 */
export async function gatherFacts(
  targets: readonly TargetRef[],
  home: GatherHome,
  round: number,
  wish: LookWish = { restores: undefined, regions: [] },
): Promise<Facts> {
  const at = home.clock.now();
  const scope = scopeOf(home.system, withStandbys(targets, home.system));
  const applications = Promise.all(scope.applications.map((application) => applicationFacts(application, home)));
  const ways = scope.applications
    .filter((application) => application.kind === 'gke' && application.standby !== undefined)
    .flatMap(({ id }) => entrancesOf(home.system, id));
  const [databases, entrances, versions, evidenceBucket, isolations, seen] = await Promise.all([
    databaseParts(scope, applications, at, home),
    Promise.all(ways.map((entrance) => entranceFacts(entrance, at, home))),
    Promise.all((wish.secrets ?? []).map((secret) => secretFacts(secret, home))),
    wish.evidenceBucket === undefined ? undefined : bucketFacts(wish.evidenceBucket, home),
    Promise.all((wish.isolations ?? []).map((application) => isolationFacts(application, home))),
    applications,
  ]);
  const backups = await Promise.all((wish.backups ?? []).map((database) => backupsFacts(database, home)));
  const waiting = await waitingConsumers(databases, scope, home);
  const inDoubt = wish.regions === undefined ? [] : regionsInDoubt(databases, wish.regions, home.system);
  const [regions, rest] = await Promise.all([
    Promise.all(inDoubt.map((standby) => regionFacts(standby, databases, home))),
    restOf(inDoubt, scope, home, round),
  ]);
  const led = inDoubt.flatMap((standby) => entrancesInto(home.system, standby)).filter((way) => !ways.includes(way));
  const alsoLed = await Promise.all([...new Set(led)].map((entrance) => entranceFacts(entrance, at, home)));
  // After everything else: what was raised has been written down before, so that none is seen raised and without its record.
  const recorded = await Promise.all(seen.map((found) => withRecords(found, home)));
  const facts = {
    version: 1,
    at,
    round,
    databases: [...databases, ...rest.databases],
    entrances: [...entrances, ...alsoLed],
    applications: [...recorded, ...waiting, ...rest.applications],
  } as const;
  return {
    ...facts,
    ...(regions.length === 0 ? {} : { regions }),
    ...(wish.recovery === undefined ? {} : { recoveries: await recoveriesOf(databases, wish.recovery, home) }),
    ...(wish.restores === undefined ? {} : { restores: await restoresOf(databases, wish.restores, home) }),
    ...(backups.length === 0 ? {} : { backups }),
    ...(versions.length === 0 ? {} : { secrets: versions }),
    ...(evidenceBucket === undefined ? {} : { evidenceBucket }),
    ...(isolations.length === 0 ? {} : { isolations }),
  };
}

/** Consumers that a database has only where its primary is now: what waited in the secondary of a region is one since the failover. */
async function waitingConsumers(
  databases: readonly DatabaseFacts[],
  { applications }: Scope,
  home: GatherHome,
): Promise<readonly ApplicationFacts[]> {
  const more = databases
    .flatMap((known) => consumersOf(home.system, known.database.instance, regionOfPrimary(known)))
    .filter((application) => !applications.includes(application));
  return await Promise.all([...new Set(more)].map((application) => applicationFacts(application, home)));
}

/** What of a region is in the scope of nobody yet: what is lost with it has to be seen silent. */
async function restOf(
  inDoubt: readonly RegionStandby[],
  { databases, applications }: Scope,
  home: GatherHome,
  round: number,
): Promise<Pick<Facts, 'databases' | 'applications'>> {
  const known = new Set<string>([...databases.map(({ instance }) => instance), ...applications.map(({ id }) => id)]);
  const missing = inDoubt
    .flatMap(({ region }) => targetsIn(home.system, region))
    .filter((ref) => !known.has(ref.kind === 'database' ? ref.instance : ref.id));
  if (missing.length === 0) return { databases: [], applications: [] };
  const found = await gatherFacts(missing, home, round, { restores: undefined });
  return {
    databases: found.databases.filter(({ database }) => !known.has(database.instance)),
    applications: found.applications.filter(({ application }) => !known.has(application)),
  };
}

/** Whoever stands in for a target, or has a target that it stands in for. */
function withStandbys(targets: readonly TargetRef[], system: System): readonly TargetRef[] {
  const more = targets.flatMap((ref): readonly TargetRef[] => {
    const application = ref.kind === 'application' ? applicationOf(system, ref.id) : undefined;
    const standby = application?.kind === 'gke' ? application.standby?.application : undefined;
    return standby === undefined ? [] : [{ kind: 'application', id: standby }];
  });
  return [...targets, ...more];
}

async function entranceFacts(entrance: Entrance, at: Instant, home: GatherHome): Promise<EntranceFacts> {
  const { traffic, metrics } = home.world;
  const [status, answer, uptime] = await Promise.all([
    attempt(() => traffic.inspect(entrance.id)),
    traffic.ask(entrance.id),
    attempt(() => readUptime(metrics, home.system.project, entrance, at)),
  ]);
  return { entrance: entrance.id, status, answer: { ...answer, detail: previewOf(answer.detail) }, uptime };
}

/** Records that can't be understood are unreadable: what they would have said is not guessed. */
async function withRecords(facts: ApplicationFacts, home: GatherHome): Promise<ApplicationFacts> {
  const application = applicationOf(home.system, facts.application);
  const hasStandby = application?.kind === 'gke' && application.standby !== undefined;
  const [standby, isolated] = await Promise.all([
    hasStandby ? recordAt(standbyKey(facts.application), standbyRecordWire, home) : undefined,
    recordAt(isolationKey(facts.application), isolationRecordWire, home),
  ]);
  return { ...facts, ...(standby === undefined ? {} : { standby }), ...(isolated === undefined ? {} : { isolated }) };
}

async function recordAt<T>(key: string, wire: z.ZodType<T>, home: GatherHome): Promise<T | Unreadable | undefined> {
  const found = await attempt(() => home.documents.get(key));
  if (found === undefined || ('value' in found && found.value === null)) return undefined;
  if (!isReadable(found)) return found;
  const read = wire.safeParse(found.value);
  return read.success ? read.data : { unreadable: 'malformed' };
}

async function isolationFacts(application: string, { world }: GatherHome): Promise<IsolationFacts> {
  return { application, status: await attempt(() => world.isolation.inspect(application)) };
}

async function bucketFacts(bucket: string, { world }: GatherHome): Promise<EvidenceBucketFacts> {
  return { bucket, retention: await attempt(() => world.vault.retention(bucket)) };
}

async function secretFacts(secret: string, home: GatherHome): Promise<SecretFacts> {
  const found = await attempt(() => home.world.secrets.versions(secret));
  if (!isReadable(found)) return { secret, versions: found };
  return { secret, versions: found.map(({ version, state }) => ({ version, enabled: state === 'enabled' })) };
}

async function databaseParts(
  scope: Scope,
  applications: Promise<readonly ApplicationFacts[]>,
  at: Instant,
  home: GatherHome,
): Promise<readonly DatabaseFacts[]> {
  if (scope.databases.length === 0) return [];
  const fleet = attempt(() => home.world.databases.fleet());
  return await Promise.all(
    scope.databases.map(async (database) => databaseFacts(database, await fleet, await applications, at, home)),
  );
}

async function databaseFacts(
  database: Database,
  fleet: readonly InstanceStatus[] | Unreadable,
  applications: readonly ApplicationFacts[],
  at: Instant,
  home: GatherHome,
): Promise<DatabaseFacts> {
  const consumers = new Set(consumersOf(home.system, database.instance).map(({ id }) => id));
  const addresses = applications.flatMap(({ application, health }) =>
    consumers.has(application) && health.database !== undefined ? [hostOf(health.database.address)] : [],
  );
  const successor = isReadable(fleet) ? await successorOf(database, fleet, home.documents) : undefined;
  const now = isReadable(fleet)
    ? topologyNow(database, fleet, addresses, successor)
    : { primary: undefined, others: [] };
  const primaryName = now.primary?.instance ?? database.instance;
  const rest = [...new Set([...instancesOf(database), ...now.others.map(({ instance }) => instance)])];
  const replicas = rest.filter((instance) => instance !== primaryName);
  const [operations, up, replication, outcome, watch] = await Promise.all([
    operationsOf([primaryName, ...replicas], fleet, at, home),
    pointsOf(metricFilter('database/up', primaryName, home.system), at, home),
    Promise.all(replicas.map((instance) => replicaWord(instance, at, home))),
    canary(primaryName, home),
    storedReading(primaryName, home),
  ]);
  const reached = replication.some(({ status }) => status !== undefined);
  const control: Contact['control'] = replicas.length === 0 ? 'none' : reached ? 'ok' : 'failed';
  return {
    database,
    primaryName,
    primary: now.primary ?? { unreadable: isReadable(fleet) ? 'notFound' : fleet.unreadable },
    replicas: now.others,
    operations,
    up,
    replication,
    contact: { vantage: OWN_VANTAGE, at, outcome, control },
    watch,
  };
}

/** What could be restored of a database, and what is there under the copy's name. */
const restoresOf = (databases: readonly DatabaseFacts[], wish: RestoreWish, home: GatherHome) =>
  Promise.all(databases.map((known) => gatherRestore(known, wish, home)));

const recoveriesOf = (databases: readonly DatabaseFacts[], wish: RecoveryWish, home: GatherHome) =>
  Promise.all(
    databases.map(({ database, primaryName }) =>
      gatherRecovery({ source: primaryName, settings: database.recovery, rows: database.rows, wish }, home),
    ),
  );

async function operationsOf(
  instances: readonly InstanceName[],
  fleet: readonly InstanceStatus[] | Unreadable,
  at: Instant,
  home: GatherHome,
): Promise<readonly OperationStatus[] | Unreadable> {
  const lists = await Promise.all(
    instances.map(async (instance) => {
      const list = await attempt(() => home.world.databases.operations(instance));
      return isReadable(list) || !isGone(instance, list, fleet) ? list : [];
    }),
  );
  // A single list that is missing could hold the very operation that explains everything.
  const missing = lists.find((list): list is Unreadable => !isReadable(list));
  if (missing !== undefined) return missing;
  const since = after(at, -OPERATIONS_BACK);
  return lists
    .flatMap((list) => (isReadable(list) ? list : []))
    .filter((operation) => operation.state !== 'done' || (operation.endedAt ?? operation.insertedAt) >= since)
    .toSorted((a, b) => Number(a.state === 'done') - Number(b.state === 'done') || b.insertedAt - a.insertedAt)
    .slice(0, OPERATIONS_MAX)
    .map((operation) => ({ ...operation, error: cleanOrNone(operation.error) }));
}

/** Somebody deleted it, though `dr.yaml` names it: Cloud SQL says so (older: that nobody may see it), and lists the others without it. */
const isGone = (instance: InstanceName, { unreadable }: Unreadable, fleet: readonly InstanceStatus[] | Unreadable) =>
  (unreadable === 'notFound' || unreadable === 'forbidden') &&
  isReadable(fleet) &&
  !fleet.some((one) => one.instance === instance);

async function replicaWord(
  instance: InstanceName,
  at: Instant,
  home: GatherHome,
): Promise<DatabaseFacts['replication'][number]> {
  const [status, lag] = await Promise.all([
    attempt(() => home.world.dataPlane.replication(instance)),
    pointsOf(metricFilter('database/replication/replica_lag', instance, home.system), at, home),
  ]);
  return {
    instance,
    status: status !== undefined && isReadable(status) ? status : undefined,
    lagMetricSeconds: isReadable(lag) ? lag[0]?.value : undefined,
  };
}

async function canary(instance: InstanceName, home: GatherHome): Promise<ContactOutcome> {
  const outcome = await attempt(() => home.world.dataPlane.canary(instance, home.chance.uuid()));
  if (!isReadable(outcome)) return { kind: 'unknown', detail: outcome.unreadable };
  return 'detail' in outcome ? { ...outcome, detail: previewOf(outcome.detail) } : outcome;
}

/** A reading that can't be read, or not understood, is as good as none: the loss bound is then unknown, never wrong. */
async function storedReading(instance: InstanceName, home: GatherHome): Promise<WatchReading | undefined> {
  const found = await attempt(() => home.documents.get(watchKey(instance)));
  if (found === undefined || !isReadable(found)) return undefined;
  try {
    return parseWatchReading(found.value);
  } catch {
    return undefined;
  }
}

/** A series of Cloud SQL; the instance's label is `PROJECT:INSTANCE` (facts.md 1.4). */
function metricFilter(metric: string, instance: InstanceName, system: System): string {
  return [
    `metric.type = "cloudsql.googleapis.com/${metric}"`,
    'resource.type = "cloudsql_database"',
    `resource.labels.database_id = "${system.project}:${instance}"`,
  ].join(' AND ');
}

async function pointsOf(filter: string, at: Instant, home: GatherHome): Promise<readonly MetricPoint[] | Unreadable> {
  const found = await attempt(() => home.world.metrics.series(filter, after(at, -METRICS_BACK), at));
  if (!isReadable(found)) return found;
  return found.flatMap((series: MetricSeries) => series.points).toSorted((a, b) => b.at - a.at);
}

const cleanOrNone = (text: string | undefined): string | undefined =>
  text === undefined ? undefined : previewOf(text);
