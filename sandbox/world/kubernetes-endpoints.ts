import {
  type EndpointAddress,
  type Endpoints,
  type Pod,
  type Service,
  isReady,
  referenceTo,
} from './kubernetes-objects.ts';
import { type ClusterParts, createQueue, queueKey, splitKey } from './kubernetes-parts.ts';

/** Keeps one Endpoints object for each Service with a selector: the addresses of its pods, ready and not. */
export function runEndpoints(parts: ClusterParts): void {
  const { store } = parts;

  const subsetsOf = ({ spec, metadata }: Service): NonNullable<Endpoints['subsets']> => {
    const wanted = Object.entries(spec.selector ?? {});
    const pods = store
      .list('Pod', metadata.namespace)
      .filter((pod) => wanted.every(([key, value]) => pod.metadata.labels?.[key] === value))
      .filter((pod) => pod.metadata.deletionTimestamp === undefined);
    const ready = addressesOf(pods.filter(isReady));
    const notReady = addressesOf(pods.filter((pod) => !isReady(pod)));
    if (ready.length + notReady.length === 0) return [];
    const ports = (spec.ports ?? []).map(({ name, port, protocol = 'TCP', targetPort }) => ({
      ...(name === undefined ? {} : { name }),
      port: typeof targetPort === 'number' ? targetPort : port,
      protocol,
    }));
    return [
      {
        ...(ready.length > 0 ? { addresses: ready } : {}),
        ...(notReady.length > 0 ? { notReadyAddresses: notReady } : {}),
        ports,
      },
    ];
  };

  const addressesOf = (pods: readonly Pod[]): readonly EndpointAddress[] =>
    pods.flatMap((pod) => {
      const { podIP: ip } = pod.status;
      const { nodeName } = pod.spec;
      if (ip === undefined) return [];
      return [{ ip, ...(nodeName === undefined ? {} : { nodeName }), targetRef: referenceTo(pod) }];
    });

  const queue = createQueue(parts, (key) => {
    const [namespace, name] = splitKey(key);
    const service = store.get('Service', namespace, name);
    const endpoints = store.get('Endpoints', namespace, name);
    if (service === undefined) return void (endpoints && store.remove('Endpoints', namespace, name));
    if (service.spec.selector === undefined) return;
    const subsets = subsetsOf(service);
    if (endpoints !== undefined) return void store.replace('Endpoints', { ...endpoints, subsets });
    store.create('Endpoints', { apiVersion: 'v1', kind: 'Endpoints', metadata: { name, namespace }, subsets });
  });

  store.subscribe(({ object }) => {
    if (object.kind === 'Service') queue.add(queueKey(object));
    if (object.kind !== 'Pod') return;
    for (const service of store.list('Service', object.metadata.namespace)) queue.add(queueKey(service));
  });
}
