import type { JsonObject } from '../../shared/core/json.ts';
import type { Instant } from '../../shared/core/time.ts';
import { Applications } from './application.ts';
import { parseDatabaseUrl } from './application-database.ts';
import { type ApplicationFront, wayName } from './application-front.ts';
import { type Assumptions, BELIEVED } from './assumptions.ts';
import { writeAuditLogs } from './audit-logs.ts';
import { DataAudits } from './data-audits.ts';
import { type ClusterSeed, type Clusters, createClusters } from './cluster-directory.ts';
import { createKernel, type WorldKernel } from './create-kernel.ts';
import { type ControlRegions, Disasters } from './disasters.ts';
import { createDns, type Dns } from './dns.ts';
import { createDnsApi, type DnsApi } from './dns-api.ts';
import { Entrance } from './entrance.ts';
import { Intruder } from './intruder.ts';
import type { WorldClock } from './kernel.ts';
import { createKubernetes, type Kubernetes } from './kubernetes.ts';
import { REFERENCE_APPLICATIONS, deployBulkImport, seedReference } from './kubernetes-reference.ts';
import { createLoadBalancers, type LoadBalancers } from './load-balancer.ts';
import { createLogs, type Logs } from './logs.ts';
import { Monitoring, type NotificationDisorder } from './monitoring.ts';
import type { AlertPolicyDocument } from './monitoring-policy.ts';
import {
  CHECKERS,
  loadBalancerSource,
  podSource,
  runDistributionsSource,
  runInstancesSource,
  runSource,
  sqlSource,
  uptimeSource,
} from './monitoring-sources.ts';
import type { Project } from './project.ts';
import { ProjectApi } from './project-api.ts';
import { createRedis, type Redis, type RedisInstance } from './redis.ts';
import { writeDailyDumps, writeFormerRows } from './reference-data.ts';
import { createFront } from './reference-front.ts';
import { referenceChannels, referencePolicies, UPTIME_CHECK_ID } from './reference-policies.ts';
import { grantReferenceRoles } from './reference-roles.ts';
import { functionPrincipal, REFERENCE, REFERENCE_FLEET, SECONDARY } from './reference-system.ts';
import {
  REFERENCE_BACKENDS,
  REFERENCE_BALANCERS,
  REFERENCE_BUCKET,
  REFERENCE_EVIDENCE,
  REFERENCE_ROW_FILES,
  ROW_FILE_BINDINGS,
  REFERENCE_KEYS,
  REFERENCE_REDIS,
  REFERENCE_RUN_SERVICES,
  REFERENCE_ZONES,
  SECONDARY_BACKEND,
  SECONDARY_RUN_SERVICES,
  SERVICES,
} from './reference-world.ts';
import { createRun, type Run } from './run.ts';
import { createRunApi, type RunApi } from './run-api.ts';
import { addSecondaryFront, addSecondarySources, isSecondaryUp } from './secondary-region.ts';
import { createSecrets, type Secrets } from './secrets.ts';
import { createSecretsApi, type SecretsApi } from './secrets-api.ts';
import { createSql, type Sql } from './sql.ts';
import { Storage } from './storage.ts';
import { StorageApi } from './storage-api.ts';
import { cpuSource, PressedWorkload } from './workload-pressure.ts';

// The simulated cloud with the reference system in it: every part on one kernel.

/** How a world is made. */
export interface WorldOptions {
  readonly clock: WorldClock;
  readonly seed: number | string;
  /** What we believe, unless given. */
  readonly assumptions?: Assumptions;
  /** Takes what Monitoring publishes, by the topic's short name; nobody else publishes alerts. */
  readonly publish: (topic: string, message: JsonObject) => void;
  /** The reference policies, unless given. */
  readonly policies?: readonly AlertPolicyDocument[];
  /** How notifications arrive: late and sometimes twice, unless given. */
  readonly disorder?: NotificationDisorder;
  /** Address and certificate of the cluster's API server, as the Container API tells them. */
  readonly cluster?: Pick<ClusterSeed, 'endpoint' | 'caCertificate'>;
  /** Where a real Redis serves the sessions; without one the instance is only modelled, and nobody reaches its data. */
  readonly redis?: Pick<RedisInstance, 'host' | 'port' | 'authString' | 'caCertificate'>;
  /** Whether the second region is there, as the reference system has it: services that wait beside their replica. */
  readonly secondary?: boolean;
  /** Where the functions run, so that such a region can be lost. */
  readonly controlRegions?: ControlRegions;
}

/** A world. Every `…Api`, and `admin` and `api` of the others, pass the one door. */
export interface World {
  readonly project: Project;
  readonly assumptions: Assumptions;
  readonly kernel: WorldKernel;
  readonly projectApi: ProjectApi;
  /** Which calls are written down in Data Access logs. */
  readonly audits: DataAudits;
  readonly sql: Sql;
  readonly applications: Applications;
  /** The services that answer users and probes, by the names in `SERVICES`. */
  readonly front: ApplicationFront;
  readonly monitoring: Monitoring;
  readonly kubernetes: Kubernetes;
  readonly run: Run;
  readonly runApi: RunApi;
  readonly secrets: Secrets;
  readonly secretsApi: SecretsApi;
  readonly storage: Storage;
  readonly storageApi: StorageApi;
  readonly dns: Dns;
  readonly dnsApi: DnsApi;
  readonly balancers: LoadBalancers;
  readonly clusters: Clusters;
  readonly redis: Redis;
  readonly logs: Logs;
  readonly disasters: Disasters;
  /** What somebody with stolen secrets was let in to. */
  readonly intruder: Intruder;
  /** Whether every service answers as it should: a new world needs about half a minute of its time. */
  ready(): boolean;
  /** The instance that the secret in force names; the reference primary when it names none. */
  primaryInUse(): string;
  /** When the world was made. */
  readonly startedAt: Instant;
}

/** The reference system in a simulated cloud. Its workloads are starting; Monitoring is watching. */
export function createWorld(options: WorldOptions): World {
  const { clock, seed, assumptions = BELIEVED, publish, secondary = false } = options;
  const { project } = REFERENCE;
  const kernel = createKernel({ clock, seed, cluster: REFERENCE.cluster });
  grantReferenceRoles(kernel.iam, project.id);
  const storage = new Storage(clock);
  const storageApi = new StorageApi(kernel.door, storage, kernel.iam);
  const buckets = { storage, api: storageApi };
  const sql = createSql({ kernel, project, assumptions, instances: REFERENCE_FLEET, buckets });
  const primaryAccount = sql.fleet.instance(REFERENCE_PRIMARY.name).serviceAccount;
  writeFormerRows(sql.fleet, REFERENCE_PRIMARY.name);
  const { history } = sql.fleet.server(REFERENCE_PRIMARY.name);
  const startedAt = clock.now();
  storage.addBucket(REFERENCE_BUCKET.name, REFERENCE_BUCKET.location, {
    bindings: exportersMay(primaryAccount),
    fill: () => writeDailyDumps(storage, REFERENCE_BUCKET.name, history, startedAt),
  });
  const { name: evidence, location, retention } = REFERENCE_EVIDENCE;
  storage.addBucket(evidence, location, { retention, bindings: sealersMay() });
  storage.addBucket(REFERENCE_ROW_FILES.name, REFERENCE_ROW_FILES.location, {
    versioning: true,
    bindings: ROW_FILE_BINDINGS,
  });
  const secrets = createSecrets({ clock, project });
  const applications = createApplications(kernel, sql, secrets, {
    secondary,
    letsOut: (client) => kubernetes.lets('Egress', REFERENCE.namespace, client.replace(/\/probe$/, '')),
  });
  const logs = createLogs(kernel);
  const run = createRun({
    clock,
    chance: kernel.chance,
    launcher: applications,
    readSecret: (name) => secrets.readSecret(name),
    assumptions,
    project,
    logs,
    services: secondary ? [...REFERENCE_RUN_SERVICES, ...SECONDARY_RUN_SERVICES] : REFERENCE_RUN_SERVICES,
    placeOf: (location) => (location === SECONDARY.region ? SECONDARY.place : 'cloudRun'),
  });
  const load = new PressedWorkload(kernel.chance.fork('workload pressure'));
  const kubernetes = createCluster(kernel, applications, load);
  const front = createFront(kernel, applications, kubernetes, run, load);
  const dns = createDns({ clock, chance: kernel.chance, assumptions, zones: REFERENCE_ZONES });
  if (secondary) addSecondaryFront(front, run);
  const backends = secondary ? [...REFERENCE_BACKENDS, SECONDARY_BACKEND] : REFERENCE_BACKENDS;
  const balancers = createLoadBalancers({ ...kernel, balancers: REFERENCE_BALANCERS, backends });
  front.addEntrance(SERVICES.entrance, new Entrance({ clock, dns, balancers }, REFERENCE.publicHost));
  const monitoring = createMonitoring(options, { kernel, sql, front, kubernetes, run, publish });
  monitoring.addSource(
    cpuSource(project, {
      cluster: kubernetes.name,
      location: REFERENCE.zone,
      namespace: REFERENCE.namespace,
      container: 'api',
      readyPods: () => kubernetes.readyPods(REFERENCE.namespace, REFERENCE.api),
      load,
    }),
  );
  logs.listen((entry) => monitoring.hear(entry));
  const audits = new DataAudits();
  writeAuditLogs(kernel, { logs, project, audits, regionOf: (name) => regionOf(sql, name) });
  if (secondary) addSecondarySources(monitoring, { project, front, run });
  const primaryInUse = (): string => {
    const host = parseDatabaseUrl(secrets.readSecret(REFERENCE.databaseSecret) ?? '')?.host ?? '';
    return sql.fleet.nameAt(host) ?? REFERENCE_PRIMARY.name;
  };
  const cluster = options.cluster ?? { endpoint: '203.0.113.20', caCertificate: '' };
  const clusters = [{ ...cluster, name: REFERENCE.cluster, location: REFERENCE.zone }];
  const { namespace, api: deployment } = REFERENCE;
  const intruder = new Intruder({
    clock,
    front,
    services: [SERVICES.apiGke, SERVICES.apiRun],
    stealKeys: () => enabledValues(secrets, REFERENCE.signingSecret),
  });
  const secretsApi = createSecretsApi(kernel.door, secrets);
  const disasters = new Disasters({
    ...kernel,
    intruder,
    intrusion: { ...kernel, secretsApi, sqlAdmin: sql.admin, intruder, primaryInUse },
    sql,
    applications,
    pods: kubernetes.faults,
    enforcePolicies: (enforced: boolean) => kubernetes.enforcePolicies(enforced),
    run,
    workload: load,
    deployBulkImport: () => deployBulkImport(kubernetes),
    service: { location: REFERENCE.region, service: deployment },
    cluster: REFERENCE.cluster,
    namespace,
    deployment,
    primaryInUse,
    controlRegions: options.controlRegions,
  });
  monitoring.start();
  return {
    project,
    assumptions,
    kernel,
    projectApi: new ProjectApi({ ...kernel, project, secrets, audits }),
    audits,
    sql,
    applications,
    front,
    monitoring,
    kubernetes,
    run,
    runApi: createRunApi(kernel.door, run),
    secrets,
    secretsApi,
    storage,
    storageApi,
    dns,
    dnsApi: createDnsApi({ ...kernel, dns }),
    balancers,
    clusters: createClusters({ ...kernel, clusters }),
    redis: createRedis({
      ...kernel,
      keys: REFERENCE_KEYS,
      instances: REFERENCE_REDIS.map((instance) => ({ ...instance, ...options.redis })),
    }),
    logs,
    disasters,
    intruder,
    ready: () =>
      Object.values(SERVICES).every((name) => front.isWell(name)) && (!secondary || isSecondaryUp(front, applications)),
    primaryInUse,
    startedAt,
  };
}

/** Where an instance is, as far as there is one. */
const regionOf = (sql: Sql, instance: string): string =>
  sql.fleet.all().find(({ name }) => name === instance)?.region ?? REFERENCE.region;

/** What a thief finds in a secret: every version that can be read. */
const enabledValues = (secrets: Secrets, name: string): readonly string[] =>
  secrets
    .versions(name)
    .filter(({ state }) => state === 'ENABLED')
    .map(({ number }) => Buffer.from(secrets.access(name, String(number)).data).toString());

/** The cluster with what runs in it. A pod that hangs takes its process with it. */
function createCluster(kernel: WorldKernel, applications: Applications, load: PressedWorkload): Kubernetes {
  const cluster = createKubernetes(kernel, {
    name: REFERENCE.cluster,
    launcher: applications,
    applications: REFERENCE_APPLICATIONS,
    cpuDemand: () => (load.isMeasured() ? load.demand() : undefined),
    hang: (instance, hung) => {
      const process = applications.process(instance);
      if (hung) process?.hang();
      else process?.unhang();
    },
  });
  seedReference(cluster);
  return cluster;
}

/** The primary's own account writes the daily dumps; it neither reads nor replaces what is there. */
const exportersMay = (account: string) => [
  { role: 'roles/storage.objectCreator', members: [`serviceAccount:${account}`] },
];

/** `recover` adds to the evidence, and sees what is there by its name; nobody of ours reads or deletes it. */
const sealersMay = () => [
  { role: 'roles/storage.objectCreator', members: [`serviceAccount:${functionPrincipal('recover')}`] },
];

const REFERENCE_PRIMARY = { name: 'coditect-dms-db', address: '10.20.0.3' } as const;

function createApplications(
  kernel: WorldKernel,
  sql: Sql,
  secrets: Secrets,
  { secondary, letsOut }: { readonly secondary: boolean; readonly letsOut: (client: string) => boolean },
): Applications {
  const chance = kernel.chance.fork('password');
  const password = Array.from({ length: 20 }, () => chance.between(0, 35).toString(36)).join('');
  const { databaseSecret, signingSecret, paymentSecret, database, databaseUser, databasePort, prober } = REFERENCE;
  sql.fleet.servers.logins.set(databaseUser, password);
  secrets.create(databaseSecret);
  const urlOf = (host: string): Buffer =>
    Buffer.from(`postgresql://${databaseUser}:${password}@${host}:${databasePort}/${database}`);
  secrets.addVersion(databaseSecret, urlOf(REFERENCE_PRIMARY.address));
  if (secondary) {
    secrets.create(SECONDARY.databaseSecret);
    secrets.addVersion(SECONDARY.databaseSecret, urlOf(sql.fleet.instance(SECONDARY.instance).address));
  }
  const keys = kernel.chance.fork('keys');
  const keyOf = (length: number): string => Array.from({ length }, () => keys.between(0, 35).toString(36)).join('');
  for (const name of [signingSecret, paymentSecret]) secrets.create(name);
  secrets.addVersion(signingSecret, Buffer.from(keyOf(48)));
  secrets.addVersion(paymentSecret, Buffer.from(`sk_live_${keyOf(24)}`));
  return new Applications({
    kernel,
    network: {
      servers: sql.fleet.servers,
      nameAt: (host) => sql.fleet.nameAt(host),
      credentials: { user: databaseUser, password, database },
      port: databasePort,
      letsOut,
    },
    readSecret: (name) => secrets.readSecret(name),
    signingSecret,
    prober,
  });
}

function createMonitoring(
  options: WorldOptions,
  parts: Pick<World, 'kernel' | 'sql' | 'front' | 'kubernetes' | 'run'> & Pick<WorldOptions, 'publish'>,
): Monitoring {
  const { kernel, sql, front, kubernetes, run, publish } = parts;
  const { project, region, api, prober, zone, publicHost } = REFERENCE;
  const monitoring = new Monitoring({
    kernel,
    project,
    policies: options.policies ?? referencePolicies(project),
    channels: referenceChannels(project),
    publish,
    ...(options.disorder === undefined ? {} : { disorder: options.disorder }),
  });
  monitoring.addSource(sqlSource(project, sql.fleet));
  for (const checker of CHECKERS) {
    const check = { id: UPTIME_CHECK_ID, host: publicHost, service: SERVICES.entrance, checker };
    monitoring.addSource(uptimeSource(project, front, check));
  }
  for (const { urlMap } of REFERENCE_BALANCERS)
    for (const { name: backendService } of REFERENCE_BACKENDS) {
      const counts = () => front.counts(wayName({ urlMap, backendService }));
      monitoring.addSource(loadBalancerSource(project, { urlMap, backendService, counts }));
    }
  for (const [name, service] of [
    [api, SERVICES.apiRun],
    [prober, SERVICES.proberRun],
  ] as const) {
    const revision = (): string => run.service({ location: region, service: name }).latestReady;
    const counts = () => front.counts(service);
    monitoring.addSource(runSource(project, { name, location: region, counts, revision }));
    const ref = { location: region, service: name };
    const active = () => run.active(ref);
    const running = () => run.instances(ref).length;
    monitoring.addSource(runInstancesSource(project, { name, location: region, active, running, revision }));
    const latencies = () => front.drainLatencies(service);
    const cpu = () => Array.from({ length: running() }, () => run.cpu(ref));
    monitoring.addSource(runDistributionsSource(project, { name, location: region, latencies, cpu, revision }));
  }
  // Nodes that are gone report nothing.
  const containers = () => (kernel.network.reaches('loadBalancer', 'pods') ? kubernetes.podMetrics() : []);
  monitoring.addSource(podSource(project, { cluster: kubernetes.name, location: zone, containers }));
  return monitoring;
}
