import { after, minutes, parseInstant } from '../../shared/core/time.ts';
import { KubernetesError, conflict, disruptionRefused } from './kubernetes-errors.ts';
import {
  type Condition,
  type KubernetesObject,
  type Pod,
  type PodDisruptionBudget,
  controllerOf,
  isReady,
  stamp,
  withCondition,
} from './kubernetes-objects.ts';
import { deletePod } from './kubernetes-deletion.ts';
import { type ClusterParts, createQueue, queueKey, splitKey } from './kubernetes-parts.ts';
import { resourceOf } from './kubernetes-resources.ts';
import { resolve } from './kubernetes-rollout.ts';
import { testOf } from './kubernetes-selectors.ts';

// Budgets of disruption and the eviction that asks them (pkg/controller/disruption, pkg/registry/core/pod/storage/eviction.go).
//
// B1. An eviction is decided on the budget's status, which a moment later only counts what changed; in between every
//     granted eviction has been subtracted, so that two at once can't both take the last one.
// B2. A pod that isn't ready doesn't count as healthy: it may go without using up the budget, as long as the healthy ones
//     suffice by themselves.

/** Pods that an eviction was granted for count as gone for that long, even if they are still there. */
const GRANTED_FOR = minutes(2);

/** A time-out of a budget that is computed anew (the API server's suggestion). */
const RECOMPUTED_SECONDS = 10;

const podsOf = ({ store }: Pick<ClusterParts, 'store'>, { metadata, spec }: PodDisruptionBudget): readonly Pod[] => {
  const test = testOf(spec.selector);
  const { namespace = '' } = metadata;
  return store
    .list('Pod', namespace)
    .filter((pod) => test(pod.metadata.labels ?? {}) && pod.status.phase !== 'Succeeded');
};

/** Pods that the controllers behind these pods wish for. */
function expectedOf({ store }: Pick<ClusterParts, 'store'>, pods: readonly Pod[]): number {
  const wishes = new Map<string, number>();
  for (const pod of pods) {
    const set = store
      .list('ReplicaSet', pod.metadata.namespace)
      .find(({ metadata }) => metadata.uid === controllerOf(pod));
    const owner = set === undefined ? undefined : controllerOf(set);
    const deployment = store.list('Deployment', pod.metadata.namespace).find(({ metadata }) => metadata.uid === owner);
    const scale = deployment ?? set;
    if (scale !== undefined) wishes.set(scale.metadata.uid, scale.spec.replicas);
  }
  return [...wishes.values()].reduce((sum, count) => sum + count, 0);
}

/** The budget's status as its controller computes it. */
function computed(parts: ClusterParts, budget: PodDisruptionBudget): PodDisruptionBudget['status'] {
  const now = parts.clock.now();
  const pods = podsOf(parts, budget);
  const { minAvailable, maxUnavailable } = budget.spec;
  const granted = Object.entries(budget.status.disruptedPods ?? {}).filter(([name, at]) => {
    const pod = pods.find(({ metadata }) => metadata.name === name);
    const since = parseInstant(at);
    const waits = pod !== undefined && pod.metadata.deletionTimestamp === undefined;
    return waits && since !== undefined && after(since, GRANTED_FOR) > now;
  });
  const goes = (pod: Pod): boolean =>
    pod.metadata.deletionTimestamp !== undefined || granted.some(([name]) => name === pod.metadata.name);
  const scaled = typeof minAvailable === 'number' ? pods.length : expectedOf(parts, pods);
  const desired =
    minAvailable === undefined
      ? Math.max(0, scaled - resolve(maxUnavailable ?? 0, scaled, 'up'))
      : resolve(minAvailable, scaled, 'up');
  const healthy = pods.filter((pod) => isReady(pod) && !goes(pod)).length;
  const allowed = scaled > 0 ? Math.max(0, healthy - desired) : 0;
  const disruptedPods = Object.fromEntries(granted);
  return {
    observedGeneration: budget.metadata.generation ?? 1,
    currentHealthy: healthy,
    desiredHealthy: desired,
    expectedPods: scaled,
    disruptionsAllowed: allowed,
    ...(granted.length > 0 ? { disruptedPods } : {}),
    conditions: withAllowed(budget, allowed, stamp(now)),
  };
}

function withAllowed({ status }: PodDisruptionBudget, allowed: number, now: string): readonly Condition[] {
  const [flag, reason] = allowed > 0 ? (['True', 'SufficientPods'] as const) : (['False', 'InsufficientPods'] as const);
  const next = { type: 'DisruptionAllowed', status: flag, reason, message: '', lastTransitionTime: now };
  return withCondition(status.conditions ?? [], next);
}

/** Starts the controller that keeps the budgets' status. */
export function runBudgets(parts: ClusterParts): void {
  const { store } = parts;
  const queue = createQueue(parts, (key) => {
    const [namespace, name] = splitKey(key);
    const budget = store.get('PodDisruptionBudget', namespace, name);
    if (budget === undefined) return;
    const status = computed(parts, budget);
    store.replace('PodDisruptionBudget', { ...budget, status });
    // A grant that was not followed by the pod's deletion runs out.
    if (status.disruptedPods !== undefined) queue.addAfter(key, GRANTED_FOR);
  });
  store.subscribe(({ object }) => {
    if (object.kind === 'PodDisruptionBudget') queue.add(queueKey(object));
    if (object.kind !== 'Pod' && object.kind !== 'Deployment') return;
    for (const budget of store.list('PodDisruptionBudget', object.metadata.namespace)) queue.add(queueKey(budget));
  });
}

/** What a deletion insists on, and the grace that it gives. */
export interface DeleteConditions {
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly gracePeriodSeconds?: number;
}

/** Throws 409 unless the object is the one, and in the version, that the caller means. */
export function checkPreconditions(object: KubernetesObject, { uid, resourceVersion }: DeleteConditions): void {
  const { name, uid: own, resourceVersion: version } = object.metadata;
  const refuse = (what: string, wanted: string, found: string, why: string): never => {
    const text = `the ${what} in the precondition (${wanted}) does not match the ${what} in record (${found}). ${why}`;
    throw conflict({ group: resourceOf(object.kind).group, plural: object.kind }, name, text);
  };
  if (uid !== undefined && uid !== own)
    refuse('UID', uid, own, 'The object might have been deleted and then recreated');
  if (resourceVersion !== undefined && resourceVersion !== version) {
    refuse('ResourceVersion', resourceVersion, version, 'The object might have been modified');
  }
}

/**
 * Evicts a pod if its budget allows it. Throws 404, 409 when a precondition fails, 429 when the budget refuses, 500 when
 * several budgets cover the pod. `retryAfterSeconds` is what a refusal by a settled budget asks for: Kubernetes says 0, none.
 */
export function evict(
  parts: ClusterParts,
  pod: Pod,
  conditions: DeleteConditions,
  retryAfterSeconds: number,
  dryRun: boolean,
): void {
  checkPreconditions(pod, conditions);
  const remove = (): void => {
    if (!dryRun) deletePod(parts, pod, conditions.gracePeriodSeconds);
  };
  const finished = pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed' || pod.status.phase === 'Pending';
  if (finished || pod.metadata.deletionTimestamp !== undefined) return remove();
  const labels = pod.metadata.labels ?? {};
  const budgets = parts.store
    .list('PodDisruptionBudget', pod.metadata.namespace)
    .filter(({ spec }) => testOf(spec.selector)(labels));
  if (budgets.length > 1) {
    const why = 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.';
    throw new KubernetesError(500, 'InternalError', why);
  }
  const [budget] = budgets;
  if (budget !== undefined && !goesFree(pod, budget)) grant(parts, pod, budget, retryAfterSeconds, dryRun);
  remove();
}

/** B2. */
function goesFree(pod: Pod, { spec, status }: PodDisruptionBudget): boolean {
  if (isReady(pod)) return false;
  return (
    spec.unhealthyPodEvictionPolicy === 'AlwaysAllow' ||
    (status.currentHealthy >= status.desiredHealthy && status.desiredHealthy > 0)
  );
}

/** B1. */
function grant(
  parts: ClusterParts,
  pod: Pod,
  budget: PodDisruptionBudget,
  retryAfterSeconds: number,
  dryRun: boolean,
): void {
  const { metadata, status } = budget;
  if ((status.observedGeneration ?? 0) < (metadata.generation ?? 1)) {
    const why = `The disruption budget ${metadata.name} is still being processed by the server.`;
    throw disruptionRefused(why, RECOMPUTED_SECONDS);
  }
  if (status.disruptionsAllowed <= 0) {
    const counts = `needs ${status.desiredHealthy} healthy pods and has ${status.currentHealthy} currently`;
    throw disruptionRefused(`The disruption budget ${metadata.name} ${counts}`, retryAfterSeconds);
  }
  if (dryRun) return;
  const now = stamp(parts.clock.now());
  const disruptionsAllowed = status.disruptionsAllowed - 1;
  const disruptedPods = { ...status.disruptedPods, [pod.metadata.name]: now };
  const conditions = withAllowed(budget, disruptionsAllowed, now);
  parts.store.replace('PodDisruptionBudget', {
    ...budget,
    status: { ...status, disruptionsAllowed, disruptedPods, conditions },
  });
}
