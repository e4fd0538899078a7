import type { Iam } from './kernel.ts';
import { REFERENCE_PROJECT } from './project.ts';
import { functionPrincipal, OPERATOR, REFERENCE } from './reference-system.ts';

// Who may do what in the reference system: exactly what the product's code needs, by function (shared/providers/permissions.ts says
// what a call needs; a test compares). The world knows nothing of that code, so the lists stand here once more, and what a list has not is
// refused. What a bucket's own policy gives stands with the bucket (reference-world.ts).

/** Looking: nothing of this changes the protected system. `login` reaches the data plane, for heartbeat and canary rows. */
const LOOK = [
  'cloudsql.backupRuns.list',
  'cloudsql.instances.get',
  'cloudsql.instances.list',
  'cloudsql.instances.login',
  'compute.urlMaps.get',
  'container.clusters.connect',
  'container.clusters.get',
  'dns.resourceRecordSets.list',
  'k8s.apps.deployments.get',
  'k8s.apps.replicasets.list',
  'k8s.autoscaling.horizontalpodautoscalers.list',
  'k8s.networking.networkpolicies.get',
  'k8s.pods.list',
  'k8s.policy.poddisruptionbudgets.list',
  'monitoring.timeSeries.list',
  'run.services.get',
  'secretmanager.versions.list',
  // How long a bucket of evidence keeps what is in it.
  'storage.buckets.get',
  // Names, sizes and checksums of dumps; their contents need storage.objects.get, which nobody of ours has on the project.
  'storage.objects.list',
] as const;

/** Healing: safe steps only (one pod under its budget, upwards within a range). No promotion, no deletion, no template. */
const HEAL = [
  // A clone changes nothing of its source.
  'cloudsql.instances.clone',
  'cloudsql.instances.get',
  'cloudsql.instances.login',
  'container.clusters.connect',
  'container.clusters.get',
  'k8s.apps.deployments.get',
  'k8s.apps.deployments/scale.patch',
  'k8s.autoscaling.horizontalpodautoscalers.list',
  'k8s.autoscaling.horizontalpodautoscalers.patch',
  'k8s.events.list',
  'k8s.pods.get',
  'k8s.pods.list',
  'k8s.pods/eviction.create',
  'k8s.pods/log.get',
  'monitoring.timeSeries.list',
  'run.operations.get',
  'run.services.get',
  // Service-level scaling, which IAM can't tell from the rest of a service.
  'run.services.update',
] as const;

/** Recovering: what approved plans hold. */
const RECOVER = [
  'cloudsql.backupRuns.create',
  'cloudsql.backupRuns.list',
  'cloudsql.databases.create',
  'cloudsql.databases.list',
  'cloudsql.instances.clone',
  'cloudsql.instances.create',
  'cloudsql.instances.failover',
  'cloudsql.instances.get',
  'cloudsql.instances.import',
  'cloudsql.instances.list',
  'cloudsql.instances.login',
  'cloudsql.instances.promoteReplica',
  'cloudsql.instances.restart',
  'cloudsql.instances.restoreBackup',
  'cloudsql.instances.update',
  // A new password for a user whose own may be stolen.
  'cloudsql.users.list',
  'cloudsql.users.update',
  // Moving traffic: a URL map's default service, or the address of a record.
  'compute.backendServices.use',
  'compute.globalOperations.get',
  'compute.urlMaps.get',
  'compute.urlMaps.update',
  'container.clusters.connect',
  'container.clusters.get',
  'dns.changes.create',
  'dns.changes.get',
  'dns.resourceRecordSets.list',
  'dns.resourceRecordSets.update',
  'k8s.apps.deployments.get',
  'k8s.apps.deployments.patch',
  // Holding the consumers is scaling to zero (kubernetes-policy.ts).
  'k8s.apps.deployments/scale.down',
  'k8s.apps.deployments/scale.patch',
  'k8s.apps.replicasets.list',
  'k8s.autoscaling.horizontalpodautoscalers.list',
  'k8s.autoscaling.horizontalpodautoscalers.patch',
  'k8s.events.list',
  // Cutting an application off and letting it be reached again.
  'k8s.networking.networkpolicies.create',
  'k8s.networking.networkpolicies.delete',
  'k8s.networking.networkpolicies.get',
  // A pod that is ending and does not go.
  'k8s.pods.delete',
  'k8s.pods.get',
  'k8s.pods.list',
  'k8s.pods/eviction.create',
  'k8s.pods/log.get',
  'k8s.policy.poddisruptionbudgets.list',
  'logging.logEntries.list',
  'monitoring.timeSeries.list',
  'redis.instances.get',
  'redis.instances.getAuthString',
  'run.operations.get',
  'run.services.get',
  'run.services.update',
  'secretmanager.versions.access',
  'secretmanager.versions.add',
  'secretmanager.versions.disable',
  'secretmanager.versions.get',
  'secretmanager.versions.list',
  'storage.buckets.get',
  // For as long as a copy reads a dump, its own account may read the bucket.
  'storage.buckets.getIamPolicy',
  'storage.buckets.setIamPolicy',
  'storage.objects.list',
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
  'iam.*',
  'resourcemanager.*',
  'serviceusage.*',
] as const;

/** A cluster lets everybody whom it knows ask what it is and what they may. */
const ASK = ['k8s.discovery.get'] as const;

/** Who may do what, by function. `approve`, `notify` and `status` have no power over the protected system at all. */
const FUNCTION_GRANTS: Readonly<Record<string, readonly string[]>> = {
  classify: LOOK,
  tick: LOOK,
  heal: HEAL,
  recover: RECOVER,
};

/** Copies and clones alone may be deleted, by an IAM condition on the name. */
const COPIES = new RegExp(`^instances/(${[REFERENCE.restored, ...REFERENCE.clones].join('|')})$`);

/** The protected system's own secrets, each by itself. Ours, such as the key that signs approvals, are nobody's but their function's. */
const SYSTEM_SECRETS = /^secrets\/(?!dr-)/;
const isOfSecrets = (permission: string): boolean => permission.startsWith('secretmanager.');

/** A Role of a cluster holds in its namespace (terraform/kubernetes). */
const NAMESPACE = new RegExp(`^namespaces/${REFERENCE.namespace}/`);
const isOfCluster = (permission: string): boolean => permission.startsWith('k8s.');

/** Gives the functions and the person on call what they have in the reference system; everybody else has nothing. */
export function grantReferenceRoles(iam: Pick<Iam, 'grant'>, project: string = REFERENCE_PROJECT.id): void {
  for (const [name, permissions] of Object.entries(FUNCTION_GRANTS)) {
    const principal = functionPrincipal(name, project);
    iam.grant(principal, [...permissions.filter((one) => !isOfSecrets(one) && !isOfCluster(one)), ...ASK]);
    iam.grant(principal, permissions.filter(isOfCluster), NAMESPACE);
    const onSecrets = permissions.filter(isOfSecrets);
    if (onSecrets.length > 0) iam.grant(principal, onSecrets, SYSTEM_SECRETS);
  }
  iam.grant(functionPrincipal('recover', project), ['cloudsql.instances.delete'], COPIES);
  iam.grant(OPERATOR, OPERATE);
}
