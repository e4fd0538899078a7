import type { Iam, Principal } from './kernel.ts';
import { REFERENCE_PROJECT } from './project.ts';

// The system that the sandbox runs, as the disaster-recovery runbook of CODITECT DMS describes it, and who may do what in it.

/** Names and places of the reference system. */
export const REFERENCE = {
  project: REFERENCE_PROJECT,
  region: 'us-central1',
  zone: 'us-central1-a',
  cluster: 'coditect-prod-cluster',
  namespace: 'coditect-dms',
  /** Deployment and Cloud Run service alike. */
  api: 'coditect-dms-api',
  /** Deployment and Cloud Run service alike: the vantage point that stays when the API is held. */
  prober: 'coditect-dms-prober',
  databaseSecret: 'coditect-dms-database-url',
  /** The key of sessions, which nobody issues. */
  signingSecret: 'coditect-dms-jwt-key',
  /** The payment provider's key, which only the provider can make. */
  paymentSecret: 'coditect-dms-payment-key',
  database: 'dms',
  /** Under which the application logs in. */
  databaseUser: 'dms',
  databasePort: 5432,
  /** The name that a copy of the primary gets. */
  restored: 'coditect-dms-db-restore',
  /** The names that clones of it get. */
  clones: ['coditect-dms-db-recovery', 'coditect-dms-db-recovery-2'],
  /** The names that replicas get which are made again, one in each region. */
  spares: ['coditect-dms-db-2', 'coditect-dms-db-east-2'],
  /** A job beside the application that writes to the database, while somebody has it deployed. */
  bulkImport: 'coditect-dms-bulk-import',
  /** What users and uptime checks ask for. */
  publicHost: 'dms-api.coditect.ai',
} as const;

/** The second region, in which the same API waits beside the replica that stands there (runbook 5.1, prerequisites). */
export const SECONDARY = {
  region: 'us-east1',
  /** Cloud Run services of their own. */
  api: 'coditect-dms-api-east',
  prober: 'coditect-dms-prober-east',
  databaseSecret: 'coditect-dms-database-url-east',
  /** The replica that its secret names. */
  instance: 'coditect-dms-db-east',
  backendService: 'coditect-dms-east',
  /** Where its instances are. */
  place: 'cloudRun/us-east1',
} as const;

/** An instance of the reference fleet. `primary` is `undefined` for the primary itself. */
export interface ReferenceInstance {
  readonly name: string;
  readonly primary: string | undefined;
  readonly region: string;
  readonly zone: string;
  readonly address: string;
  readonly tier: string;
}

const TIER = 'db-custom-4-16384';

/** The fleet: one zonal primary, one replica beside it, one in the second region. */
export const REFERENCE_FLEET: readonly ReferenceInstance[] = [
  {
    name: 'coditect-dms-db',
    primary: undefined,
    region: 'us-central1',
    zone: 'us-central1-a',
    address: '10.20.0.3',
    tier: TIER,
  },
  {
    name: 'coditect-dms-db-replica',
    primary: 'coditect-dms-db',
    region: 'us-central1',
    zone: 'us-central1-c',
    address: '10.20.0.4',
    tier: TIER,
  },
  {
    name: 'coditect-dms-db-east',
    primary: 'coditect-dms-db',
    region: 'us-east1',
    zone: 'us-east1-b',
    address: '10.20.0.5',
    tier: TIER,
  },
];

/** The person on call: may do everything, with gcloud and kubectl. */
export const OPERATOR: Principal = 'operator@coditect.ai';

/** Identity of one of our functions. */
export function functionPrincipal(name: string, project: string = REFERENCE_PROJECT.id): Principal {
  return `dr-${name}@${project}.iam.gserviceaccount.com`;
}

/** Looking: nothing of this changes the protected system. `login` reaches the data plane, for heartbeat and canary rows. */
const LOOK = [
  'cloudsql.instances.get',
  'cloudsql.instances.list',
  'cloudsql.instances.login',
  'cloudsql.backupRuns.get',
  'cloudsql.backupRuns.list',
  // How long a bucket of evidence keeps what is in it.
  'storage.buckets.get',
  // Names, sizes and checksums of dumps; their contents need storage.objects.get, which nobody of ours has.
  'storage.objects.list',
  'monitoring.timeSeries.list',
  'monitoring.alertPolicies.get',
  'monitoring.alertPolicies.list',
  'run.services.get',
  'run.services.list',
  'run.revisions.get',
  'run.revisions.list',
  'run.operations.get',
  'secretmanager.secrets.get',
  'secretmanager.versions.list',
  'secretmanager.versions.get',
  'container.clusters.get',
  'redis.instances.get',
  'redis.instances.list',
  'logging.logEntries.list',
  'compute.urlMaps.get',
  'compute.globalOperations.get',
  'dns.managedZones.get',
  'dns.resourceRecordSets.list',
  'dns.resourceRecordSets.get',
  'k8s.discovery.get',
  'k8s.pods.get',
  'k8s.pods.list',
  'k8s.pods/log.get',
  'k8s.events.list',
  'k8s.apps.deployments.get',
  'k8s.apps.deployments.list',
  'k8s.apps.deployments/scale.get',
  'k8s.apps.replicasets.get',
  'k8s.apps.replicasets.list',
  'k8s.autoscaling.horizontalpodautoscalers.get',
  'k8s.autoscaling.horizontalpodautoscalers.list',
  'k8s.policy.poddisruptionbudgets.get',
  'k8s.policy.poddisruptionbudgets.list',
  'k8s.networking.networkpolicies.get',
] as const;

/** Healing: safe steps only (one pod under its budget, upwards within a range). No promotion, no deletion, no template. */
const HEAL = [
  // A clone changes nothing of its source.
  'cloudsql.instances.clone',
  'k8s.pods/eviction.create',
  'k8s.apps.deployments/scale.patch',
  'k8s.autoscaling.horizontalpodautoscalers.patch',
  // Service-level scaling, which IAM can't tell from the rest of a service.
  'run.services.update',
] as const;

/** Recovering: what a database failover needs, and redundancy afterwards. */
const RECOVER = [
  'cloudsql.instances.promoteReplica',
  'cloudsql.instances.update',
  'cloudsql.instances.restart',
  'cloudsql.instances.failover',
  'cloudsql.instances.create',
  // A copy for forensics, which nobody uses.
  'cloudsql.instances.clone',
  'cloudsql.instances.restoreBackup',
  'cloudsql.instances.clone',
  'cloudsql.instances.import',
  'cloudsql.databases.create',
  'cloudsql.databases.list',
  // A new password for a user whose own may be stolen.
  'cloudsql.users.list',
  'cloudsql.users.update',
  // For as long as a copy reads a dump, its own account may read the bucket.
  'storage.buckets.getIamPolicy',
  'storage.buckets.setIamPolicy',
  'cloudsql.backupRuns.create',
  // Moving traffic: a URL map's default service, or the address of a record.
  'compute.urlMaps.update',
  'compute.backendServices.use',
  'dns.changes.create',
  'dns.changes.get',
  'dns.resourceRecordSets.update',
  'secretmanager.versions.add',
  'secretmanager.versions.access',
  'secretmanager.versions.disable',
  'redis.instances.getAuthString',
  'run.services.update',
  'k8s.pods/eviction.create',
  // A pod that is ending and does not go.
  'k8s.pods.delete',
  // Cutting an application off and letting it be reached again.
  'k8s.networking.networkpolicies.create',
  'k8s.networking.networkpolicies.delete',
  'k8s.apps.deployments.patch',
  'k8s.apps.deployments/scale.patch',
  'k8s.apps.deployments/scale.update',
  // Holding the consumers is scaling to zero (kubernetes-policy.ts).
  'k8s.apps.deployments/scale.down',
  'k8s.autoscaling.horizontalpodautoscalers.patch',
] as const;

/** Everything that a person on call may do. A new API of the world is added here or refuses its operator. */
const OPERATE = [
  'cloudsql.*',
  'monitoring.*',
  'run.*',
  'secretmanager.*',
  'container.*',
  'redis.*',
  'logging.*',
  'compute.*',
  'dns.*',
  'k8s.*',
  'pubsub.*',
  'storage.*',
] as const;

/** Who may do what, by function. `approve`, `notify` and `status` have no power over the protected system at all. */
const FUNCTION_GRANTS: Readonly<Record<string, readonly string[]>> = {
  classify: LOOK,
  tick: LOOK,
  heal: [...LOOK, ...HEAL],
  recover: [...LOOK, ...RECOVER],
};

/** Copies and clones alone may be deleted, by an IAM condition on the name. */
const COPIES = new RegExp(`^instances/(${[REFERENCE.restored, ...REFERENCE.clones].join('|')})$`);

/** Gives the functions and the person on call what they have in the reference system; everybody else has nothing. */
export function grantReferenceRoles(iam: Iam, project: string = REFERENCE_PROJECT.id): void {
  for (const [name, permissions] of Object.entries(FUNCTION_GRANTS)) {
    iam.grant(functionPrincipal(name, project), permissions);
  }
  iam.grant(functionPrincipal('recover', project), ['cloudsql.instances.delete'], COPIES);
  iam.grant(OPERATOR, OPERATE);
}
