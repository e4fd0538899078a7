import type { InstanceName, Mode, RunbookName, TargetId } from './names.ts';
import { instanceName, targetId } from './names.ts';
import type { AlertPolicy, Application, Database, Entrance, GkeApplication, System } from './system.ts';

// Questions about the system as the file states it. The topology as it is now (which instance is the primary) is read at
// run time; nothing here knows it.

/** Something that is watched, recovered and locked as one. */
export type TargetRef =
  | { readonly kind: 'database'; readonly instance: InstanceName }
  | { readonly kind: 'application'; readonly id: string };

/** How a target stands in leases, logs and commands: `database/<primary>`, `application/<id>`. */
export function targetIdOf(ref: TargetRef): TargetId {
  return targetId(ref.kind === 'database' ? `database/${ref.instance}` : `application/${ref.id}`);
}

/**
 * A copy of a database, by the database that it is of. It is a target of its own: a copy that is being made for hours, or waits for a
 * person for days, must hold back nothing that the database itself needs meanwhile.
 */
export const copyTargetOf = (instance: InstanceName): TargetId => targetId(`copy/${instance}`);

/** The recovery of a database's rows, by the database: a target of its own for the same reason. */
export const recoveryTargetOf = (instance: InstanceName): TargetId => targetId(`recovery/${instance}`);

/** The backups of a database, by the database: whether they are good says nothing about the server. */
export const backupsTargetOf = (instance: InstanceName): TargetId => targetId(`backups/${instance}`);

/** Whether a target is a database's backups. */
export const isAboutBackups = (id: string): boolean => id.startsWith('backups/');

/** Whether a target is the recovery of a database's rows. */
export const isAboutRows = (id: string): boolean => id.startsWith('recovery/');

/** One tenant's rows in a database: a target of its own, for the same reason. */
export const tenantTargetOf = (instance: InstanceName, tenant: string): TargetId =>
  targetId(`tenant/${instance}/${tenant}`);

/** The tenant of such a target; `undefined` for any other. */
export const tenantOf = (id: string): string | undefined => /^tenant\/[^/]+\/(.+)$/.exec(id)?.[1];

/** Whether a target is beside a database, its backups, a copy, a recovery or a tenant's rows, and fails together with nothing. */
export const isBeside = (id: TargetId): boolean => /^(backups|copy|recovery|tenant)\//.test(id);

/** The target that an id stands for, which for a copy or a recovery is its database; `undefined` when this system has none of that id. */
export function targetOf(system: System, id: TargetId): TargetRef | undefined {
  return targetsOf(system).find(
    (ref) =>
      targetIdOf(ref) === id ||
      (ref.kind === 'database' &&
        ([backupsTargetOf, copyTargetOf, recoveryTargetOf].some((of) => of(ref.instance) === id) ||
          id.startsWith(`tenant/${ref.instance}/`))),
  );
}

/** A target that stands for the whole system, in leases and logs; no name of the file means it. */
export const systemTarget = ({ project }: Pick<System, 'project'>): TargetId => targetId(`system/${project}`);

/** Whether a target is that of a whole system. */
export const isSystemTarget = (id: TargetId): boolean => id.startsWith('system/');

/**
 * The kind of application that a runbook is about, or any; `undefined` for one about a database, `system` for the whole of it,
 * `region` for all that is in one.
 */
export const APPLICATION_OF: Readonly<
  Record<RunbookName, Application['kind'] | 'application' | 'region' | 'system' | undefined>
> = {
  'backup-restore': undefined,
  'breach-response': 'system',
  'cluster-failback': 'gke',
  'cluster-failover': 'gke',
  'database-failover': undefined,
  'deployment-scale-up': 'gke',
  'lift-isolation': 'application',
  'pod-force-delete': 'gke',
  'pod-heal': 'gke',
  'point-in-time-recovery': undefined,
  'region-failback': 'region',
  'region-failover': 'region',
  'region-rebuild': 'region',
  'region-return': 'region',
  'rollout-restart': 'gke',
  'rollout-undo': 'gke',
  'service-scale-up': 'cloudRun',
  'tenant-restore': undefined,
};

/** What a runbook is about where nobody names it: the first of the file that it could recover; none for the whole system. */
export function firstTargetOf(system: System, runbook: RunbookName): TargetRef | undefined {
  const wanted = APPLICATION_OF[runbook];
  return targetsOf(system).find((ref) =>
    ref.kind === 'database'
      ? wanted === undefined
      : wanted === 'application' || applicationOf(system, ref.id)?.kind === wanted,
  );
}

/** Every target: databases first, both in the order of the file. */
export function targetsOf(system: System): readonly TargetRef[] {
  return [
    ...system.databases.map(({ instance }) => ({ kind: 'database', instance }) as const),
    ...system.applications.map(({ id }) => ({ kind: 'application', id }) as const),
  ];
}

/** The target that a name of the file means, as in `dependsOn` and `alerts[].target`. A replica's name is none. */
export function targetNamed(system: System, name: string): TargetRef | undefined {
  return targetsOf(system).find((ref) => (ref.kind === 'database' ? ref.instance : ref.id) === name);
}

/** The application of that id. */
export function applicationOf(system: System, id: string): Application | undefined {
  return system.applications.find((application) => application.id === id);
}

/** The database that an instance belongs to, as its primary or as a replica. */
export function databaseWith(system: System, instance: InstanceName): Database | undefined {
  return system.databases.find((database) => namesOf(database).includes(instance));
}

/** A database target's database, or the one that an application reads from its secret; an application has at most one. */
export function databaseOf(system: System, target: TargetRef): Database | undefined {
  if (target.kind === 'database') return databaseWith(system, target.instance);
  const dependsOn = applicationOf(system, target.id)?.dependsOn ?? [];
  return system.databases.find((database) => dependsOn.includes(database.instance));
}

/**
 * Every application that connects to the database of this instance: all of them must move when another is promoted. `primaryRegion` is
 * where its primary is now: in the secondary of its own region, the application that waits there is one of them.
 */
export function consumersOf(system: System, instance: InstanceName, primaryRegion?: string): readonly Application[] {
  const database = databaseWith(system, instance);
  if (database === undefined) return [];
  const waiting = system.regions
    .filter(({ region, secondary }) => region === database.region && secondary === primaryRegion)
    .map(({ application }) => application);
  return system.applications.filter(
    ({ id, dependsOn }) => dependsOn.includes(database.instance) || waiting.includes(id),
  );
}

/** What a target can't work without, directly or through others; never itself. Nearest first. */
export function dependenciesOf(system: System, target: TargetRef): readonly TargetRef[] {
  return reachedFrom(target, (ref) => neededBy(system, ref));
}

/** What can't work without a target, directly or through others; never itself. A signal on one of them may be its symptom. */
export function dependentsOf(system: System, target: TargetRef): readonly TargetRef[] {
  const needs = (other: TargetRef, ref: TargetRef): boolean =>
    neededBy(system, other).some((needed) => targetIdOf(needed) === targetIdOf(ref));
  return reachedFrom(target, (ref) => targetsOf(system).filter((other) => needs(other, ref)));
}

function neededBy(system: System, target: TargetRef): readonly TargetRef[] {
  const names = target.kind === 'application' ? (applicationOf(system, target.id)?.dependsOn ?? []) : [];
  return names.flatMap((name) => targetNamed(system, name) ?? []);
}

/** Breadth first; ends also on a circle, since every target is followed once. */
function reachedFrom(start: TargetRef, next: (ref: TargetRef) => readonly TargetRef[]): readonly TargetRef[] {
  const seen = new Set([targetIdOf(start)]);
  const found: TargetRef[] = [];
  for (let queue = next(start); queue.length > 0; ) {
    const fresh = queue.filter((ref) => !seen.has(targetIdOf(ref)) && seen.add(targetIdOf(ref)));
    found.push(...fresh);
    queue = fresh.flatMap(next);
  }
  return found;
}

/** The alert policy of that display name, as `policy_name` of a notification carries it. */
export function policyFor(system: System, policyName: string): AlertPolicy | undefined {
  return system.alerts.find(({ policy }) => policy === policyName);
}

/** How far a runbook may go without being asked. */
export function modeFor(system: System, runbook: RunbookName): Mode {
  return system.mode.perRunbook[runbook] ?? system.mode.default;
}

/** The entrances whose home is this application, in the order of the file. */
export function entrancesOf(system: System, application: string): readonly Entrance[] {
  return system.entrances.filter(({ backends }) => backends[0]?.application === application);
}

/** The entrance of that id. */
export function entranceOf(system: System, id: string): Entrance | undefined {
  return system.entrances.find((entrance) => entrance.id === id);
}

/** A Deployment that can be inspected and scaled, by the name that this file gives it. */
export type WorkloadPlace = Pick<
  GkeApplication,
  'id' | 'cluster' | 'location' | 'namespace' | 'deployment' | 'container'
>;

/** Every Deployment of the file: applications on GKE, and what else writes to a database and may be paused. */
export function workloadsOf(system: System): readonly WorkloadPlace[] {
  return [
    ...system.applications.filter((application) => application.kind === 'gke'),
    ...system.databases.flatMap(({ recovery }) =>
      (recovery?.writers ?? []).map(({ name, ...place }) => ({ ...place, id: name, container: '' })),
    ),
  ];
}

/** The primary and the replicas of a database, the primary first. */
export function instancesOf(database: Database): readonly InstanceName[] {
  return [database.instance, ...database.replicas.map(({ instance }) => instance)];
}

/** Every name that an instance of a database may have: those of `instancesOf`, and those that are made when one is needed. */
export function namesOf(database: Database): readonly InstanceName[] {
  return [...instancesOf(database), ...database.spares.map(({ instance }) => instance)];
}

type Labels = Readonly<Record<string, string>>;

/** The identity of what an alert is about, as a notification carries it (facts.md 1.1). Free texts in it are never read. */
export interface MonitoredResource {
  /** `cloudsql_database`, `k8s_container`, … */
  readonly type: string;
  readonly labels: Labels;
  /** `metadata.system_labels`: for pods `top_level_controller_name` and `top_level_controller_type`. */
  readonly systemLabels?: Labels;
  /** `metric.labels`: kube-state metrics name their `deployment` and `pod` here. */
  readonly metricLabels?: Labels;
}

/** A target, and the part of it that the alert is about. */
export interface AlertTarget {
  readonly target: TargetRef;
  readonly part:
    | { readonly kind: 'whole' }
    | { readonly kind: 'instance'; readonly instance: InstanceName; readonly role: 'primary' | 'replica' }
    | { readonly kind: 'pod'; readonly pod: string };
}

/**
 * The target that an alert's resource names. `undefined` when it names none of ours, belongs to another project, or could
 * mean two: then the policy's own `target` is what is left. A name is no proof: the target is probed before anything is done.
 */
export function resolveAlertTarget(system: System, resource: MonitoredResource): AlertTarget | undefined {
  const project = resource.labels['project_id'];
  if (project !== undefined && project !== system.project) return undefined;
  switch (resource.type) {
    case 'cloudsql_database':
      return databaseTarget(system, resource.labels['database_id'] ?? '');
    case 'k8s_container':
    case 'k8s_pod':
    case 'prometheus_target':
      return podTarget(system, resource);
    case 'cloud_run_revision':
      return serviceTarget(system, resource.labels);
    case 'uptime_url':
      return hostTarget(system, resource.labels['host'] ?? '');
    default:
      return undefined;
  }
}

/** `database_id` is `PROJECT:INSTANCE`, and a domain-scoped project has a colon of its own: the last one divides (facts.md 1.4). */
function databaseTarget(system: System, databaseId: string): AlertTarget | undefined {
  const colon = databaseId.lastIndexOf(':');
  if (databaseId.slice(0, Math.max(colon, 0)) !== system.project) return undefined;
  const instance = instanceName(databaseId.slice(colon + 1));
  const database = databaseWith(system, instance);
  if (database === undefined) return undefined;
  const role = instance === database.instance ? 'primary' : 'replica';
  return { target: { kind: 'database', instance: database.instance }, part: { kind: 'instance', instance, role } };
}

function podTarget(system: System, resource: MonitoredResource): AlertTarget | undefined {
  // Prometheus has `cluster` and `namespace` where the other types say `cluster_name` and `namespace_name`.
  const { labels, systemLabels = {}, metricLabels = {} } = resource;
  const namespace = labels['namespace_name'] ?? labels['namespace'] ?? metricLabels['namespace'];
  const cluster = labels['cluster_name'] ?? labels['cluster'];
  const pod = labels['pod_name'] ?? labels['pod'] ?? metricLabels['pod'];
  if ((systemLabels['top_level_controller_type'] ?? 'Deployment') !== 'Deployment') return undefined;
  const owner = systemLabels['top_level_controller_name'] ?? metricLabels['deployment'] ?? labels['deployment'];
  const found = system.applications
    .filter((application) => application.kind === 'gke')
    .filter((application) => application.namespace === namespace)
    .filter((application) => cluster === undefined || application.cluster === cluster)
    .filter(({ location }) => labels['location'] === undefined || labels['location'] === location)
    .filter((application) =>
      owner === undefined ? isPodOf(application, pod ?? '') : owner === application.deployment,
    );
  const application = onlyOne(found);
  if (application === undefined) return undefined;
  const target = { kind: 'application', id: application.id } as const;
  return { target, part: pod === undefined ? { kind: 'whole' } : { kind: 'pod', pod } };
}

/** A Deployment's pod is `<deployment>-<hash of its template>-<five characters>`. */
function isPodOf({ deployment }: GkeApplication, pod: string): boolean {
  return pod.startsWith(`${deployment}-`) && /^[a-z0-9]{1,10}-[a-z0-9]{5}$/.test(pod.slice(deployment.length + 1));
}

function serviceTarget(system: System, labels: Labels): AlertTarget | undefined {
  const found = system.applications
    .filter((application) => application.kind === 'cloudRun')
    .filter((application) => application.service === labels['service_name'])
    .filter(({ region }) => labels['location'] === undefined || labels['location'] === region);
  return wholeOf(onlyOne(found)?.id);
}

function hostTarget(system: System, host: string): AlertTarget | undefined {
  const asked = host.toLowerCase();
  const found = [
    ...system.applications.filter(({ probes }) => new URL(probes.deepHealth).hostname === asked).map(({ id }) => id),
    ...system.entrances
      .filter(({ host: own }) => own === asked)
      .flatMap(({ backends }) => backends[0]?.application ?? []),
  ];
  return wholeOf(onlyOne([...new Set(found)]));
}

function wholeOf(id: string | undefined): AlertTarget | undefined {
  return id === undefined ? undefined : { target: { kind: 'application', id }, part: { kind: 'whole' } };
}

function onlyOne<T>(found: readonly T[]): T | undefined {
  return found.length === 1 ? found[0] : undefined;
}
