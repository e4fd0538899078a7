import { after, millis, seconds } from '../../shared/core/time.ts';
import { type Node, type Pod, conditionOf, stamp, withCondition } from './kubernetes-objects.ts';
import { type ClusterParts, createQueue, queueKey, splitKey } from './kubernetes-parts.ts';

/** How soon a pod for which there was no node is tried again. */
const RETRY = seconds(5);

/** Binds each new pod to the ready node with the fewest pods. */
export function runScheduler(parts: ClusterParts): void {
  const { clock, store, events } = parts;

  const podsOn = (node: Node): number =>
    store.list('Pod').filter((pod) => pod.spec.nodeName === node.metadata.name).length;

  const fits = (node: Node): boolean =>
    node.spec?.unschedulable !== true && conditionOf(node.status?.conditions, 'Ready')?.status === 'True';

  const bind = (pod: Pod, node: Node): void => {
    const name = node.metadata.name;
    const scheduled = { type: 'PodScheduled', status: 'True', lastTransitionTime: stamp(clock.now()) } as const;
    const conditions = withCondition(pod.status.conditions, scheduled);
    store.replace('Pod', { ...pod, spec: { ...pod.spec, nodeName: name }, status: { ...pod.status, conditions } });
    const message = `Successfully assigned ${queueKey(pod)} to ${name}`;
    events.tell({ about: pod, type: 'Normal', reason: 'Scheduled', message, from: 'default-scheduler' });
  };

  const refuse = (pod: Pod, nodes: number): void => {
    const message = `0/${nodes} nodes are available: ${nodes} node(s) were unschedulable or not ready.`;
    const unscheduled = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message } as const;
    const lastTransitionTime = stamp(clock.now());
    const conditions = withCondition(pod.status.conditions, { ...unscheduled, lastTransitionTime });
    store.replace('Pod', { ...pod, status: { ...pod.status, conditions } });
    events.tell({ about: pod, type: 'Warning', reason: 'FailedScheduling', message, from: 'default-scheduler' });
  };

  const queue = createQueue(parts, (key) => {
    const [namespace, name] = splitKey(key);
    const pod = store.get('Pod', namespace, name);
    if (pod === undefined || pod.spec.nodeName !== undefined || pod.metadata.deletionTimestamp !== undefined) return;
    const nodes = store.list('Node');
    const best = nodes.filter(fits).toSorted((a, b) => podsOn(a) - podsOn(b))[0];
    if (best !== undefined) return bind(pod, best);
    refuse(pod, nodes.length);
    queue.addAfter(key, RETRY);
  });

  store.subscribe(({ type, object }) => {
    if (type === 'ADDED' && object.kind === 'Pod') queue.add(queueKey(object));
  });
}

/** A ready node of the shape that GKE gives it. */
export function seedNode(
  parts: Pick<ClusterParts, 'clock' | 'store'>,
  name: string,
  address: string,
  version: string,
): void {
  const now = stamp(parts.clock.now());
  const ready = {
    type: 'Ready',
    status: 'True',
    reason: 'KubeletReady',
    message: 'kubelet is posting ready status',
  } as const;
  parts.store.create('Node', {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name, 'topology.kubernetes.io/zone': 'us-central1-a' } },
    spec: {},
    status: {
      conditions: [{ ...ready, lastTransitionTime: stamp(after(parts.clock.now(), millis(0))), lastUpdateTime: now }],
      addresses: [
        { type: 'InternalIP', address },
        { type: 'Hostname', address: name },
      ],
      nodeInfo: {
        kubeletVersion: version,
        osImage: 'Container-Optimized OS from Google',
        kernelVersion: '6.6.93+',
        containerRuntimeVersion: 'containerd://2.0.4',
        operatingSystem: 'linux',
        architecture: 'amd64',
      },
    },
  });
}
