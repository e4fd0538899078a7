import type { World } from '../ports/ports.ts';

// What each call of a port needs at Google and in a cluster, once, beside the adapters that make the calls: the sandbox's roles,
// Terraform's roles and the table in terraform/README.md are compared with it (test/terraform/permissions.test.ts), and a method
// without an entry does not compile.
//
// Names are Google's own. `k8s.GROUP.RESOURCE.VERB` is what a Role of a cluster gives, with the first part of the group and without
// it for the core group: `k8s.pods/eviction.create`, `k8s.apps.deployments.get`. Reading an operation of Cloud SQL needs what
// reading an instance needs.

/** A permission by its name. */
export type Permission = `${string}.${string}`;

/** What each method of a port needs. */
type PermissionsOf<Port> = { readonly [Method in keyof Port]: readonly Permission[] };

/**
 * Whoever asks a cluster looks it up first, and is let in at its DNS endpoint by `connect` (Google's documentation of the endpoint; not
 * seen on a real cluster yet).
 */
const CLUSTER = ['container.clusters.connect', 'container.clusters.get'] as const;

/** What `dr.yaml` names an address for, and we log in to. */
const LOGIN = 'cloudsql.instances.login';

const DEPLOYMENT = ['k8s.apps.deployments.get', 'k8s.autoscaling.horizontalpodautoscalers.list', ...CLUSTER] as const;

/** Upwards is the autoscaler's floor where there is one, else the number of replicas. */
const SCALE = [
  ...DEPLOYMENT,
  'k8s.apps.deployments/scale.patch',
  'k8s.autoscaling.horizontalpodautoscalers.patch',
] as const;

/** What Cloud Storage asks for a policy that is read, changed and written under its etag. */
const BUCKET_POLICY = [
  'cloudsql.instances.get',
  'storage.buckets.getIamPolicy',
  'storage.buckets.setIamPolicy',
] as const;

/** Rows are read and written by PostgreSQL's own protocol, with the user and the password of a secret. */
const ROWS = ['secretmanager.versions.get', 'secretmanager.versions.access', 'cloudsql.instances.get'] as const;

const SESSIONS = ['redis.instances.get', 'redis.instances.getAuthString'] as const;

/** What every call of every port needs. Empty: an address of `dr.yaml` is asked, at which Google has no say. */
export const PERMISSIONS: { readonly [Port in keyof World]: PermissionsOf<World[Port]> } = {
  databases: {
    inspect: ['cloudsql.instances.get'],
    fleet: ['cloudsql.instances.list'],
    operations: ['cloudsql.instances.get'],
    operation: ['cloudsql.instances.get'],
    promote: ['cloudsql.instances.promoteReplica'],
    setActivation: ['cloudsql.instances.update'],
  },
  remedies: {
    restart: ['cloudsql.instances.restart'],
    failover: ['cloudsql.instances.failover'],
  },
  redundancy: {
    protect: ['cloudsql.instances.update'],
    createReplica: ['cloudsql.instances.get', 'cloudsql.instances.create'],
    takeBackup: ['cloudsql.backupRuns.create'],
    backups: ['cloudsql.backupRuns.list'],
  },
  backups: {
    runs: ['cloudsql.backupRuns.list'],
    // Names, sizes and checksums; their contents need storage.objects.get.
    dumps: ['storage.objects.list'],
    template: ['cloudsql.instances.get'],
    recoveryWindow: ['cloudsql.instances.get'],
    labels: ['cloudsql.instances.get'],
  },
  copies: {
    create: ['cloudsql.instances.create'],
    createDatabase: ['cloudsql.databases.create'],
    databases: ['cloudsql.databases.list'],
    importDump: ['cloudsql.instances.import'],
    isAdmitted: ['cloudsql.instances.get', 'storage.buckets.getIamPolicy'],
    admit: BUCKET_POLICY,
    dismiss: BUCKET_POLICY,
    // It changes nothing of its source.
    clone: ['cloudsql.instances.clone'],
    mark: ['cloudsql.instances.update'],
    remove: ['cloudsql.instances.delete'],
    restore: ['cloudsql.instances.restoreBackup'],
    keep: ['cloudsql.instances.get', 'cloudsql.instances.update'],
  },
  databaseUsers: {
    list: ['cloudsql.users.list'],
    // Of any user: IAM can't tell one from another.
    setPassword: ['cloudsql.users.update'],
    // By PostgreSQL's own protocol, at the address that the instance has.
    logsIn: ['cloudsql.instances.get'],
  },
  // Canary and heartbeat rows lie in tables of our own.
  dataPlane: {
    canary: [LOGIN],
    hasCanary: [LOGIN],
    heartbeat: [LOGIN],
    replication: [LOGIN],
    writeEpoch: [LOGIN],
    sessions: [LOGIN],
  },
  contents: { inventory: [LOGIN], changes: [LOGIN], ask: [LOGIN] },
  rows: { reading: ROWS, changing: ROWS },
  rowFiles: {
    create: ['storage.objects.create'],
    newest: ['storage.objects.get'],
    read: ['storage.objects.get'],
  },
  applications: { deepHealth: [], writeAndRead: [], contactFrom: [] },
  workloads: {
    inspect: DEPLOYMENT,
    pods: ['k8s.apps.deployments.get', 'k8s.pods.list', ...CLUSTER],
    describePod: ['k8s.pods.get', 'k8s.events.list', ...CLUSTER],
    podLog: ['k8s.pods/log.get', ...CLUSTER],
    forceDelete: ['k8s.pods.get', 'k8s.pods.delete', ...CLUSTER],
    evict: ['k8s.pods.get', 'k8s.pods/eviction.create', ...CLUSTER],
    raise: SCALE,
    restoreFloor: SCALE,
    // Downwards: what the admission policy of terraform/kubernetes leaves to `recover`.
    scale: [...SCALE, 'k8s.apps.deployments/scale.down'],
  },
  rollouts: {
    inspect: [
      'k8s.apps.deployments.get',
      'k8s.apps.replicasets.list',
      'k8s.policy.poddisruptionbudgets.list',
      ...CLUSTER,
    ],
    undo: ['k8s.apps.deployments.get', 'k8s.apps.replicasets.list', 'k8s.apps.deployments.patch', ...CLUSTER],
    restart: ['k8s.apps.deployments.patch', ...CLUSTER],
  },
  services: {
    inspect: ['run.services.get'],
    // Of a service's scaling alone, which IAM can't tell from the rest of it.
    setScaling: ['run.services.update'],
    operation: ['run.operations.get'],
  },
  traffic: {
    inspect: ['compute.urlMaps.get', 'dns.resourceRecordSets.list'],
    move: [
      'compute.urlMaps.update',
      'compute.backendServices.use',
      'dns.changes.create',
      'dns.resourceRecordSets.update',
    ],
    operation: ['compute.globalOperations.get', 'dns.changes.get'],
    ask: [],
  },
  serviceRestarts: {
    inspect: ['run.services.get'],
    restart: ['run.services.get', 'run.services.update'],
  },
  secrets: {
    latest: ['secretmanager.versions.get'],
    versions: ['secretmanager.versions.list'],
    read: ['secretmanager.versions.access'],
    add: ['secretmanager.versions.add'],
    disable: ['secretmanager.versions.disable'],
  },
  sessions: { count: SESSIONS, end: SESSIONS },
  isolation: {
    inspect: ['run.services.get', 'k8s.apps.deployments.get', 'k8s.networking.networkpolicies.get', ...CLUSTER],
    deny: ['k8s.apps.deployments.get', 'k8s.networking.networkpolicies.create', ...CLUSTER],
    admit: ['k8s.networking.networkpolicies.delete', ...CLUSTER],
    setIngress: ['run.services.update'],
  },
  logArchive: { entries: ['logging.logEntries.list'] },
  vault: {
    retention: ['storage.buckets.get'],
    seal: ['storage.objects.create', 'storage.objects.list'],
    sealed: ['storage.objects.list'],
  },
  metrics: { series: ['monitoring.timeSeries.list'] },
};
