import { type Millis, after, millis, parseInstant } from '../../shared/core/time.ts';
import {
  type Pod,
  type ReplicaSet,
  conditionOf,
  controlledBy,
  controllerOf,
  isActive,
  isReady,
} from './kubernetes-objects.ts';
import { deletePod } from './kubernetes-deletion.ts';
import { type ClusterParts, createQueue, queueKey, splitKey } from './kubernetes-parts.ts';
import { SAFE_LETTERS } from './kubernetes-rollout.ts';

// Keeps as many pods as each ReplicaSet wishes, and counts them.

/** How long until a ready pod counts as available; 0 once it does, `undefined` while it isn't ready. */
function untilAvailable(pod: Pod, minReadySeconds: number, now: number): Millis | undefined {
  const since = conditionOf(pod.status.conditions, 'Ready')?.lastTransitionTime;
  const ready = isReady(pod) && since !== undefined ? parseInstant(since) : undefined;
  return ready === undefined ? undefined : millis(Math.max(0, after(ready, minReadySeconds * 1_000) - now));
}

/** The pods to delete first: not yet on a node, pending, not ready, restarted often, young (pkg/controller `ActivePodsWithRanks`). */
function deletionOrder(pods: readonly Pod[]): readonly Pod[] {
  const restarts = (pod: Pod): number =>
    Math.max(0, ...(pod.status.containerStatuses ?? []).map(({ restartCount }) => restartCount));
  const rank = (pod: Pod): readonly number[] => [
    pod.spec.nodeName === undefined ? 0 : 1,
    pod.status.phase === 'Pending' ? 0 : 1,
    isReady(pod) ? 1 : 0,
    -restarts(pod),
    -(parseInstant(pod.metadata.creationTimestamp) ?? 0),
  ];
  return pods.toSorted((a, b) => {
    const [left, right] = [rank(a), rank(b)];
    const index = left.findIndex((value, at) => value !== right[at]);
    return (left[index] ?? 0) - (right[index] ?? 0);
  });
}

/** Starts the controller. */
export function runReplicaSets(parts: ClusterParts): void {
  const { clock, chance, store, events } = parts;

  const tell = (about: ReplicaSet, reason: string, message: string): void =>
    events.tell({ about, type: 'Normal', reason, message, from: 'replicaset-controller' });

  const createPod = (set: ReplicaSet): void => {
    const { name, namespace = '' } = set.metadata;
    const letters = Array.from({ length: 5 }, () => SAFE_LETTERS[chance.between(0, SAFE_LETTERS.length - 1)]);
    const { labels, annotations } = set.spec.template.metadata ?? {};
    const pod = store.create('Pod', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: `${name}-${letters.join('')}`,
        generateName: `${name}-`,
        namespace,
        ...(labels === undefined ? {} : { labels }),
        ...(annotations === undefined ? {} : { annotations }),
        ownerReferences: [controlledBy(set)],
      },
      spec: set.spec.template.spec,
      status: { phase: 'Pending', qosClass: 'Burstable' },
    });
    tell(set, 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`);
  };

  const count = (set: ReplicaSet, pods: readonly Pod[], key: string): void => {
    const minReadySeconds = set.spec.minReadySeconds ?? 0;
    const waits = pods.flatMap((pod) => untilAvailable(pod, minReadySeconds, clock.now()) ?? []);
    const soonest = Math.min(...waits.filter((wait) => wait > 0));
    if (Number.isFinite(soonest)) queue.addAfter(key, millis(soonest));
    const ready = pods.filter(isReady).length;
    const available = waits.filter((wait) => wait === 0).length;
    const status = {
      replicas: pods.length,
      ...(pods.length > 0 ? { fullyLabeledReplicas: pods.length } : {}),
      ...(ready > 0 ? { readyReplicas: ready } : {}),
      ...(available > 0 ? { availableReplicas: available } : {}),
      observedGeneration: set.metadata.generation ?? 1,
    };
    store.replace('ReplicaSet', { ...set, status });
  };

  const reconcile = (key: string): void => {
    const [namespace, name] = splitKey(key);
    const set = store.get('ReplicaSet', namespace, name);
    if (set === undefined) return;
    const own = (): readonly Pod[] =>
      store.list('Pod', namespace).filter((pod) => controllerOf(pod) === set.metadata.uid && isActive(pod));
    const excess = own().length - set.spec.replicas;
    if (set.metadata.deletionTimestamp === undefined) {
      for (let missing = excess; missing < 0; missing += 1) createPod(set);
      for (const pod of deletionOrder(own()).slice(0, Math.max(0, excess))) {
        deletePod(parts, pod);
        tell(set, 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`);
      }
    }
    count(store.read('ReplicaSet', namespace, name), own(), key);
  };

  const queue = createQueue(parts, reconcile);
  store.subscribe(({ object }) => {
    if (object.kind === 'ReplicaSet') queue.add(queueKey(object));
    if (object.kind !== 'Pod') return;
    const owner = object.metadata.ownerReferences?.find(({ controller, kind }) => controller && kind === 'ReplicaSet');
    if (owner !== undefined) queue.add(`${object.metadata.namespace ?? ''}/${owner.name}`);
  });
}
