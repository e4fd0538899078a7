import type { Plan, PlannedStep } from '../../shared/plan/plan.ts';
import { REFERENCE, SECONDARY } from '../../sandbox/world/reference-system.ts';

// Which requests each action of a plan may make, written down a second time from what the APIs are: judges compare the audit
// with this, never with the product's own code.

/** Effects that change nothing of the protected system. */
export const HARMLESS: ReadonlySet<string> = new Set([
  'pubsub.topics.publish',
  'cloudsql.instances.login',
  // Files for review, and the evidence: where none was before, in buckets in which nothing of ours may replace or delete one.
  'storage.objects.create',
]);

/** Permissions that heal's effects may need, and no more. */
export const SAFE: ReadonlySet<string> = new Set([
  'k8s.pods/eviction.create',
  'k8s.apps.deployments/scale.patch',
  'run.services.update',
  'k8s.autoscaling.horizontalpodautoscalers.patch',
  'cloudsql.instances.clone',
]);

/** One request of an API: its permission and what it is about. */
export type Request = `${string} ${string}`;

const { namespace, api, bulkImport } = REFERENCE;
const scaleOf = (deployment: string): Request =>
  `k8s.apps.deployments/scale.patch namespaces/${namespace}/deployments/${deployment}/scale`;
const SCALE: Request = scaleOf(api);
const FLOOR: Request = `k8s.autoscaling.horizontalpodautoscalers.patch namespaces/${namespace}/horizontalpodautoscalers/${api}`;
const TEMPLATE: Request = `k8s.apps.deployments.patch namespaces/${namespace}/deployments/${api}`;
const serviceOf = (input: PlannedStep['input']): Request =>
  `run.services.update services/${input['application'] === 'api-east' ? SECONDARY.api : api}`;

const BALANCER: Request = 'compute.urlMaps.update urlMaps/coditect-dms-ingress';
const RECORD: Request = 'dns.changes.create managedZones/coditect-zone/changes';

type Input = PlannedStep['input'];

function text(input: Input, key: string): string {
  const value = input[key];
  return typeof value === 'string' ? value : '';
}

const isBulkImport = (input: Input): boolean => text(input, 'application') === 'bulk-import';

/** What an action asks of the cloud, by its kind. Actions that are not here only look. */
const REQUESTS: Readonly<Record<string, (input: Input) => readonly Request[]>> = {
  'hold-workload': (input) => [isBulkImport(input) ? scaleOf(bulkImport) : SCALE],
  'release-workload': (input) => (isBulkImport(input) ? [scaleOf(bulkImport)] : [SCALE, FLOOR]),
  'hold-service': (input) => [serviceOf(input)],
  'release-service': (input) => [serviceOf(input)],
  'stop-instance': (input) => [`cloudsql.instances.update instances/${text(input, 'instance')}`],
  'ask-stop': (input) => [`cloudsql.instances.update instances/${text(input, 'instance')}`],
  'start-instance': (input) => [`cloudsql.instances.update instances/${text(input, 'instance')}`],
  'restart-instance': (input) => [`cloudsql.instances.restart instances/${text(input, 'instance')}:restart`],
  'failover-instance': (input) => [`cloudsql.instances.failover instances/${text(input, 'instance')}:failover`],
  'promote-replica': (input) => [
    `cloudsql.instances.promoteReplica instances/${text(input, 'replica')}:promoteReplica`,
  ],
  'point-secret': (input) => [`secretmanager.versions.add secrets/${text(input, 'secret')}:addVersion`],
  'point-at-replica': (input) => [`secretmanager.versions.add secrets/${text(input, 'secret')}:addVersion`],
  'take-backup': (input) => [`cloudsql.backupRuns.create instances/${text(input, 'instance')}/backupRuns`],
  'protect-instance': (input) => [`cloudsql.instances.update instances/${text(input, 'instance')}`],
  'clone-for-forensics': (input) => [`cloudsql.instances.clone instances/${text(input, 'source')}:clone`],
  'keep-clone': (input) => [`cloudsql.instances.update instances/${text(input, 'copy')}`],
  'create-replica': (input) => [`cloudsql.instances.create instances/${text(input, 'replica')}`],
  'create-copy': (input) => [`cloudsql.instances.create instances/${text(input, 'copy')}`],
  'create-database': (input) => [
    `cloudsql.databases.create instances/${text(input, 'copy')}/databases/${text(input, 'database')}`,
  ],
  'admit-copy': (input) => [`storage.buckets.setIamPolicy b/${text(input, 'bucket')}/iam`],
  'dismiss-copy': (input) => [`storage.buckets.setIamPolicy b/${text(input, 'bucket')}/iam`],
  'import-dump': (input) => [`cloudsql.instances.import instances/${text(input, 'copy')}:import`],
  'restore-copy': (input) => [`cloudsql.instances.restoreBackup instances/${text(input, 'copy')}:restoreBackup`],
  'delete-copy': (input) => [`cloudsql.instances.delete instances/${text(input, 'copy')}`],
  'clone-at': (input) => [`cloudsql.instances.clone instances/${text(input, 'source')}:clone`],
  'mark-clone': (input) => [`cloudsql.instances.update instances/${text(input, 'copy')}`],
  'delete-clone': (input) => [`cloudsql.instances.delete instances/${text(input, 'copy')}`],
  'move-traffic': (input) => [text(input, 'entrance').endsWith('-dns') ? RECORD : BALANCER],
  'raise-service': (input) => [serviceOf(input)],
  'restore-service': (input) => [serviceOf(input)],
  'restart-rollout': () => [`k8s.apps.deployments.patch namespaces/${namespace}/deployments/${api}`],
  'raise-workload': () => [SCALE, FLOOR],
  'restore-floor': () => [FLOOR],
  'undo-rollout': () => [`k8s.apps.deployments.patch namespaces/${namespace}/deployments/${api}`],
  'force-delete-pod': (input) => [`k8s.pods.delete namespaces/${namespace}/pods/${text(input, 'pod')}`],
  'rotate-secret': (input) => [`secretmanager.versions.add secrets/${text(input, 'secret')}:addVersion`],
  'store-password': (input) => [`secretmanager.versions.add secrets/${text(input, 'secret')}:addVersion`],
  'put-back-password': (input) => [`secretmanager.versions.add secrets/${text(input, 'secret')}:addVersion`],
  'set-database-password': (input) => [
    `cloudsql.users.update instances/${text(input, 'instance')}/users/${text(input, 'user')}`,
  ],
  'disable-secret-version': (input) => [
    `secretmanager.versions.disable secrets/${text(input, 'secret')}/versions/${text(input, 'version')}:disable`,
  ],
  'restart-stale': (input) => [text(input, 'application') === 'api-run' ? serviceOf(input) : TEMPLATE],
  'read-replica': (input) => [serviceOf(input)],
  'restart-application': (input) => [text(input, 'application') === 'api-gke' ? TEMPLATE : serviceOf(input)],
  'isolate-application': (input) =>
    text(input, 'application') === 'api-run'
      ? [serviceOf(input)]
      : [`k8s.networking.networkpolicies.create namespaces/${namespace}/networkpolicies`],
  'lift-isolation': (input) =>
    text(input, 'application') === 'api-run'
      ? [serviceOf(input)]
      : [`k8s.networking.networkpolicies.delete namespaces/${namespace}/networkpolicies/dr-isolate-${api}`],
  'evict-pod': (input) => [`k8s.pods/eviction.create namespaces/${namespace}/pods/${text(input, 'pod')}/eviction`],
};

/** The requests that one action may make. */
export const requestsOf = (action: string, input: Input): readonly Request[] => REQUESTS[action]?.(input) ?? [];

/** Every request that a plan allows, its ways back included. */
export function requestsIn(plan: Plan): ReadonlySet<Request> {
  return new Set(
    plan.steps.flatMap(({ action, input, undo }) => [
      ...requestsOf(action, input),
      ...(undo.kind === 'action' ? requestsOf(undo.action, undo.input) : []),
    ]),
  );
}
