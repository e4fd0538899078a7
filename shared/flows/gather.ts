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
  type RestoreFacts,
  type SecretFacts,
  type Unreadable,
} from '../classify/facts.ts';
import { hostOf, type Scope, scopeOf, topologyNow } from '../classify/topology-now.ts';
import { after, type Instant, minutes } from '../core/time.ts';
import type { DeepHealth } from '../ports/applications.ts';
import type { Chance, Clock } from '../ports/clock.ts';
import type { Contact, ContactOutcome } from '../ports/data-plane.ts';
import type { InstanceStatus, OperationStatus } from '../ports/databases.ts';
import type { MetricPoint, MetricSeries } from '../ports/metrics.ts';
import { isPortError } from '../ports/port-error.ts';
import type { World } from '../ports/ports.ts';
import type { DocumentStore } from '../ports/store.ts';
import { readUptime } from '../ports/entrance-readings.ts';
import { readServiceLoad } from '../ports/service-load.ts';
import { isolationKey, isolationRecordWire } from '../ports/isolation.ts';
import { standbyKey, standbyRecordWire } from '../ports/standby-record.ts';
import { readWorkloadLoad } from '../ports/workload-load.ts';
import { parseWatchReading, type WatchReading, watchKey } from '../ports/watch-reading.ts';
import { previewOf } from '../signals/malformed.ts';
import { findRowSet, rowPlaceOf } from '../rows/find-row-set.ts';
import type { IncidentId, InstanceName } from '../system/names.ts';
import type { Application, Database, Entrance, GkeApplication, System } from '../system/system.ts';
import { applicationOf, consumersOf, entrancesOf, instancesOf, type TargetRef } from '../system/topology.ts';

// One look at the world, for classification. It reads and writes nothing but one canary row in our own table.
//
// G1. Everything is asked side by side; what can't be read says so in its place and spoils nothing else.
// G2. Nothing is concluded here: a part that is missing is as it is, and what follows is for the rules to say.

/** What a look is done with. */
export interface GatherHome {
  readonly system: System;
  readonly world: World;
  readonly clock: Pick<Clock, 'now'>;
  readonly documents: Pick<DocumentStore, 'get'>;
  readonly chance: Pick<Chance, 'uuid'>;
}

/** How far back metrics are asked for: several samples beyond the 225 s that they may be late (facts.md 1.4). */
const METRICS_BACK = minutes(15);

/** How long an operation that has ended still belongs to the facts. */
const OPERATIONS_BACK = minutes(60);

/** Operations and pods that are kept: the facts are evidence, not an inventory. */
const OPERATIONS_MAX = 20;
const PODS_MAX = 100;
const BACKUPS_MAX = 20;

/** What a look is asked for beside what every look finds. */
export interface LookWish {
  /** A person wants a database restored. */
  readonly restores: boolean;
  /** A person wants rows brought back: the incident whose set is looked at. */
  readonly rowsFor?: IncidentId | undefined;
  /** A person reports a breach: the secrets whose versions are looked at. */
  readonly secrets?: readonly string[];
  /** The bucket into which its evidence goes. */
  readonly evidenceBucket?: string | undefined;
  /** Applications that are to be cut off, or to be reached again. */
  readonly isolations?: readonly string[];
}

/**
 * Looks at the targets, at what they depend on, and at every consumer of a database among those; and at what else is wished for.
 * Never rejects for the world's sake.
 */
export async function gatherFacts(
  targets: readonly TargetRef[],
  home: GatherHome,
  round: number,
  wish: LookWish = { restores: false },
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
  // After everything else: what was raised has been written down before, so that none is seen raised and without its record.
  const recorded = await Promise.all(seen.map((found) => withRecords(found, home)));
  const facts = { version: 1, at, round, databases, entrances, applications: recorded } as const;
  return {
    ...facts,
    ...(wish.restores
      ? { restores: await Promise.all(databases.map((known) => restoreFacts(known, home, wish.rowsFor))) }
      : {}),
    ...(versions.length === 0 ? {} : { secrets: versions }),
    ...(evidenceBucket === undefined ? {} : { evidenceBucket }),
    ...(isolations.length === 0 ? {} : { isolations }),
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
  const now = isReadable(fleet) ? topologyNow(database, fleet, addresses) : { primary: undefined, others: [] };
  const primaryName = now.primary?.instance ?? database.instance;
  const rest = [...new Set([...instancesOf(database), ...now.others.map(({ instance }) => instance)])];
  const replicas = rest.filter((instance) => instance !== primaryName);
  const [operations, up, replication, outcome, watch] = await Promise.all([
    operationsOf([primaryName, ...replicas], at, home),
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
async function restoreFacts(
  { database, primaryName }: DatabaseFacts,
  { world }: GatherHome,
  rowsFor: IncidentId | undefined,
): Promise<RestoreFacts> {
  const { restore, rows } = database;
  const { backups, databases } = world;
  const [runs, dumps, template, copy, set] = await Promise.all([
    attempt(() => backups.runs(primaryName)),
    restore?.dumps === undefined ? undefined : attempt(() => backups.dumps(restore.dumps ?? '')),
    attempt(() => backups.template(primaryName)),
    restore === undefined
      ? undefined
      : attempt(async () => {
          const labels = await backups.labels(restore.instance);
          return labels === undefined ? undefined : { status: await databases.inspect(restore.instance), labels };
        }),
    rowsFor === undefined || rows === undefined
      ? undefined
      : attempt(() => findRowSet(world.rowFiles, rowPlaceOf(rows, rowsFor))),
  ]);
  return {
    source: primaryName,
    runs: isReadable(runs) ? runs.slice(0, BACKUPS_MAX) : runs,
    dumps: dumps !== undefined && isReadable(dumps) ? dumps.slice(0, BACKUPS_MAX) : dumps,
    template,
    copy,
    ...(rowsFor === undefined ? {} : { set }),
  };
}

async function operationsOf(
  instances: readonly InstanceName[],
  at: Instant,
  home: GatherHome,
): Promise<readonly OperationStatus[] | Unreadable> {
  const lists = await Promise.all(
    instances.map((instance) => attempt(() => home.world.databases.operations(instance))),
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

async function applicationFacts(application: Application, home: GatherHome): Promise<ApplicationFacts> {
  const { workloads, rollouts, services } = home.world;
  const { id } = application;
  const isGke = application.kind === 'gke';
  const [health, workload, pods, rollout, service, load, workloadLoad] = await Promise.all([
    deepHealth(id, home),
    isGke ? attempt(() => workloads.inspect(id)) : undefined,
    isGke ? attempt(async () => (await workloads.pods(id)).slice(0, PODS_MAX)) : undefined,
    isGke ? attempt(() => rollouts.inspect(id)) : undefined,
    isGke ? undefined : attempt(() => services.inspect(id)),
    isGke
      ? undefined
      : attempt(() => readServiceLoad(home.world.metrics, home.system.project, application, home.clock.now())),
    isGke && application.urlMap !== undefined
      ? workloadLoadOf({ ...application, urlMap: application.urlMap }, home)
      : undefined,
  ]);
  return { application: id, health, workload, pods, rollout, service, load, workloadLoad };
}

const workloadLoadOf = (application: GkeApplication & { readonly urlMap: string }, home: GatherHome) =>
  attempt(() => readWorkloadLoad(home.world.metrics, home.system.project, application, home.clock.now()));

async function deepHealth(application: string, home: GatherHome): Promise<DeepHealth> {
  const health = await attempt(() => home.world.applications.deepHealth(application));
  if (!isReadable(health)) {
    return { kind: 'silent', detail: health.unreadable, instance: undefined, database: undefined };
  }
  return { ...health, detail: previewOf(health.detail) };
}

/** Asks, and turns a failure of the world into `unreadable`. Bugs pass. */
async function attempt<T>(ask: () => Promise<T>): Promise<T | Unreadable> {
  try {
    return await ask();
  } catch (error) {
    if (!isPortError(error)) throw error;
    return { unreadable: error.code };
  }
}

const cleanOrNone = (text: string | undefined): string | undefined =>
  text === undefined ? undefined : previewOf(text);
