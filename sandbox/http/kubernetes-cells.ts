import {
  type Endpoints,
  type Event,
  type HorizontalPodAutoscaler,
  type Kind,
  type Kinds,
  type LabelSelector,
  type Labels,
  type Node,
  type Pod,
  type PodTemplate,
  type Service,
  conditionOf,
} from '../world/kubernetes-objects.ts';

// The columns that kubectl shows for each kind, and how a row is filled (pkg/printers/internalversion/printers.go).

/** A column; a `wide` one is shown by `-o wide` only. */
export interface Column {
  readonly name: string;
  readonly type?: 'string' | 'integer';
  readonly wide?: true;
}

/** The age of a timestamp, in kubectl's words. */
type Age = (timestamp: string | undefined) => string;

type Printers = {
  readonly [K in Kind]: {
    readonly columns: readonly Column[];
    readonly cells: (object: Kinds[K], age: Age) => readonly unknown[];
  };
};

const columns = (names: string, wide = ''): readonly Column[] => [
  ...named(names),
  ...named(wide).map((column) => ({ ...column, wide: true }) as const),
];

const named = (names: string): readonly Column[] =>
  names
    .split(',')
    .filter((name) => name !== '')
    .map((name) => (name.endsWith('#') ? { name: name.slice(0, -1), type: 'integer' } : { name }));

const created = ({ metadata }: { readonly metadata: Pod['metadata'] }, age: Age): string =>
  age(metadata.creationTimestamp);

const NONE = '<none>';

const listOr = (items: readonly string[], empty = NONE): string => (items.length === 0 ? empty : items.join(','));

const labelText = (labels: Labels | undefined): string =>
  listOr(Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`));

function selectorText(selector: LabelSelector | undefined): string {
  const { matchLabels = {}, matchExpressions = [] } = selector ?? {};
  const labels = Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`);
  const rest = matchExpressions.map(
    ({ key, operator, values = [] }) => `${key} ${operator.toLowerCase()} (${values.join(',')})`,
  );
  return listOr([...labels, ...rest]);
}

const containerCells = ({ spec }: PodTemplate): readonly string[] => [
  spec.containers.map(({ name }) => name).join(','),
  spec.containers.map(({ image }) => image).join(','),
];

const CONTAINERS = 'Containers,Images,Selector';

/** How each kind is printed. */
export const CELLS: Printers = {
  ConfigMap: {
    columns: columns('Name,Data#,Age'),
    cells: (map, age) => [map.metadata.name, Object.keys(map.data ?? {}).length, created(map, age)],
  },
  Deployment: {
    columns: columns('Name,Ready,Up-to-date#,Available#,Age', CONTAINERS),
    cells: (deployment, age) => {
      const { spec, status, metadata } = deployment;
      const counts = [
        `${status.readyReplicas ?? 0}/${spec.replicas}`,
        status.updatedReplicas ?? 0,
        status.availableReplicas ?? 0,
      ];
      return [
        metadata.name,
        ...counts,
        created(deployment, age),
        ...containerCells(spec.template),
        selectorText(spec.selector),
      ];
    },
  },
  Endpoints: {
    columns: columns('Name,Endpoints,Age'),
    cells: (endpoints, age) => [endpoints.metadata.name, addresses(endpoints), created(endpoints, age)],
  },
  Event: {
    columns: columns('Last Seen,Type,Reason,Object', '').concat(
      columns('', 'Subobject,Source'),
      columns('Message'),
      columns('', 'First Seen,Count#,Name'),
    ),
    cells: eventCells,
  },
  HorizontalPodAutoscaler: {
    columns: columns('Name,Reference,Targets,MinPods,MaxPods#,Replicas#,Age'),
    cells: (hpa, age) => {
      const { scaleTargetRef, minReplicas = '<unset>', maxReplicas } = hpa.spec;
      const reference = `${scaleTargetRef.kind}/${scaleTargetRef.name}`;
      const counts = [String(minReplicas), maxReplicas, hpa.status.currentReplicas ?? 0];
      return [hpa.metadata.name, reference, targets(hpa), ...counts, created(hpa, age)];
    },
  },
  Namespace: {
    columns: columns('Name,Status,Age'),
    cells: (namespace, age) => [namespace.metadata.name, namespace.status?.phase ?? '', created(namespace, age)],
  },
  NetworkPolicy: {
    columns: columns('Name,Pod-Selector,Age'),
    cells: (policy, age) => [policy.metadata.name, selectorText(policy.spec.podSelector), created(policy, age)],
  },
  Node: {
    columns: columns(
      'Name,Status,Roles,Age,Version',
      'Internal-IP,External-IP,OS-Image,Kernel-Version,Container-Runtime',
    ),
    cells: nodeCells,
  },
  Pod: {
    columns: columns('Name,Ready,Status,Restarts,Age', 'IP,Node,Nominated Node,Readiness Gates'),
    cells: podCells,
  },
  PodDisruptionBudget: {
    columns: columns('Name,Min Available,Max Unavailable,Allowed Disruptions#,Age'),
    cells: (budget, age) => {
      const { minAvailable = 'N/A', maxUnavailable = 'N/A' } = budget.spec;
      const limits = [String(minAvailable), String(maxUnavailable), budget.status.disruptionsAllowed];
      return [budget.metadata.name, ...limits, created(budget, age)];
    },
  },
  ReplicaSet: {
    columns: columns('Name,Desired#,Current#,Ready#,Age', CONTAINERS),
    cells: (set, age) => {
      const counts = [set.spec.replicas, set.status.replicas, set.status.readyReplicas ?? 0];
      const wide = [...containerCells(set.spec.template), selectorText(set.spec.selector)];
      return [set.metadata.name, ...counts, created(set, age), ...wide];
    },
  },
  Secret: {
    columns: columns('Name,Type,Data#,Age'),
    cells: (secret, age) => [
      secret.metadata.name,
      secret.type ?? '',
      Object.keys(secret.data ?? {}).length,
      created(secret, age),
    ],
  },
  Service: {
    columns: columns('Name,Type,Cluster-IP,External-IP,Port(s),Age', 'Selector'),
    cells: serviceCells,
  },
};

function serviceCells(service: Service, age: Age): readonly unknown[] {
  const { type = 'ClusterIP', clusterIP = NONE, ports = [], selector } = service.spec;
  const external = service.status?.loadBalancer?.ingress?.map(({ ip = '' }) => ip) ?? [];
  const portText = ports.map(({ port, nodePort, protocol = 'TCP' }) => {
    return `${port}${nodePort === undefined ? '' : `:${nodePort}`}/${protocol}`;
  });
  const outside = listOr(external, type === 'LoadBalancer' ? '<pending>' : NONE);
  return [
    service.metadata.name,
    type,
    clusterIP,
    outside,
    listOr(portText),
    created(service, age),
    labelText(selector),
  ];
}

function addresses({ subsets = [] }: Endpoints): string {
  const all = subsets.flatMap(({ addresses: ready = [], ports = [] }) =>
    ready.flatMap(({ ip }) => ports.map(({ port }) => `${ip}:${port}`)),
  );
  return listOr(all.length > 3 ? [...all.slice(0, 3), `${all.length - 3} more...`] : all).replace(
    /,(\d+ more)/,
    ' + $1',
  );
}

function targets({ spec, status }: HorizontalPodAutoscaler): string {
  const all = (spec.metrics ?? []).map(({ resource }) => {
    const current = status.currentMetrics?.find((one) => one.resource?.name === resource?.name)?.resource?.current;
    const now = current?.averageUtilization === undefined ? '<unknown>' : `${current.averageUtilization}%`;
    return `${resource?.name ?? ''}: ${now}/${resource?.target.averageUtilization ?? '<auto>'}%`;
  });
  return listOr(all);
}

function eventCells(event: Event, age: Age): readonly unknown[] {
  const { involvedObject, source, lastTimestamp, firstTimestamp, count, type, reason, message, metadata } = event;
  const about = `${involvedObject.kind.toLowerCase()}/${involvedObject.name}`;
  const from = source.host === undefined ? source.component : `${source.component}, ${source.host}`;
  const [path, text] = [involvedObject.fieldPath ?? '', message.trim()];
  return [age(lastTimestamp), type, reason, about, path, from, text, age(firstTimestamp), count, metadata.name];
}

function nodeCells(node: Node, age: Age): readonly unknown[] {
  const ready = conditionOf(node.status?.conditions, 'Ready')?.status === 'True' ? 'Ready' : 'NotReady';
  const status = node.spec?.unschedulable === true ? `${ready},SchedulingDisabled` : ready;
  const info = node.status?.nodeInfo ?? {};
  const address = (type: string): string => node.status?.addresses?.find((one) => one.type === type)?.address ?? NONE;
  const wide = [info['osImage'], info['kernelVersion'], info['containerRuntimeVersion']];
  const inside = [address('InternalIP'), address('ExternalIP')];
  return [node.metadata.name, status, NONE, created(node, age), info['kubeletVersion'], ...inside, ...wide];
}

function podCells(pod: Pod, age: Age): readonly unknown[] {
  const { metadata, spec, status } = pod;
  const statuses = status.containerStatuses ?? [];
  const ready = statuses.filter((one) => one.ready && one.state.running !== undefined).length;
  const restarts = statuses.reduce((sum, { restartCount }) => sum + restartCount, 0);
  const ended = statuses.flatMap(({ lastState }) => lastState.terminated?.finishedAt ?? []).toSorted();
  const last = ended.at(-1);
  const restarted = restarts > 0 && last !== undefined ? `${restarts} (${age(last)} ago)` : String(restarts);
  const wide = [status.podIP ?? NONE, spec.nodeName ?? NONE, NONE, NONE];
  return [
    metadata.name,
    `${ready}/${spec.containers.length}`,
    reasonOf(pod, ready > 0),
    restarted,
    created(pod, age),
    ...wide,
  ];
}

/** The column `STATUS`: what its containers wait for or ended with, before the pod's own phase. */
function reasonOf({ metadata, status }: Pod, running: boolean): string {
  let reason: string = status.reason ?? status.phase;
  for (const { state } of (status.containerStatuses ?? []).toReversed()) {
    if (state.waiting !== undefined) reason = state.waiting.reason;
    else if (state.terminated !== undefined) reason = state.terminated.reason;
  }
  if (reason === 'Completed' && running) {
    reason = conditionOf(status.conditions, 'Ready')?.status === 'True' ? 'Running' : 'NotReady';
  }
  const finished = status.phase === 'Succeeded' || status.phase === 'Failed';
  return metadata.deletionTimestamp === undefined || finished ? reason : 'Terminating';
}
