import { type Instant, instant } from '../../shared/core/time.ts';
import type { Caller } from './caller.ts';
import type { ApiOutcome, ApplicationInstance, Kernel, Principal } from './kernel.ts';
import { admitNew } from './kubernetes-admission.ts';
import { type CpuDemand, runAutoscaler } from './kubernetes-autoscaler.ts';
import { askPath } from './kubernetes-calls.ts';
import type { ClusterContext } from './kubernetes-context.ts';
import { runGarbageCollector } from './kubernetes-deletion.ts';
import { runDeployments } from './kubernetes-deployments.ts';
import { runBudgets } from './kubernetes-disruption.ts';
import { runEndpoints } from './kubernetes-endpoints.ts';
import { createEventRecorder } from './kubernetes-events.ts';
import { type ClusterFaults, createClusterFaults } from './kubernetes-faults.ts';
import { Kubelets } from './kubernetes-kubelet.ts';
import { type Exec, createExec } from './kubernetes-exec.ts';
import { type Logs, createLogs } from './kubernetes-logs.ts';
import { passes } from './kubernetes-network.ts';
import { type Draft, type Endpoints, type Kind, type Kinds, stamp } from './kubernetes-objects.ts';
import type { ClusterParts } from './kubernetes-parts.ts';
import type { PodRecord } from './kubernetes-pod-record.ts';
import { type Reads, createReads } from './kubernetes-reads.ts';
import { runReplicaSets } from './kubernetes-replicasets.ts';
import { impersonate, type Review, review, type ReviewKind } from './kubernetes-review.ts';
import { type Scales, createScales } from './kubernetes-scale.ts';
import { runScheduler, seedNode } from './kubernetes-scheduler.ts';
import type { Workloads } from './kubernetes-start.ts';
import { type Store, createStore } from './kubernetes-store.ts';
import { type Writes, createWrites } from './kubernetes-writes.ts';

// A Kubernetes cluster: its API server's rules, its controllers and its nodes, on the world's clock.
//
// K1. All that a client does passes the one door (`api`); controllers and kubelets work on the store beside it, as a cluster
//     goes on working while its API server can't be reached.
// K2. Nothing polls but the kubelets' look at their containers (1 s), the autoscaler (15 s) and followed logs.

/** What a cluster is made of. */
export interface KubernetesOptions extends Workloads {
  /** Its name; its API server is the place `kubernetes/<name>`. */
  readonly name?: string;
  /** What `/version` says. */
  readonly version?: string;
  /** Names of its nodes. */
  readonly nodes?: readonly string[];
  /** Told when the fault `hangPod` strikes an application's instance (`true`) and when it ends (`false`). */
  readonly hang?: (instance: ApplicationInstance, hung: boolean) => void;
  /** The load that the autoscaler measures; by default as much as keeps the minimum of replicas. */
  readonly cpuDemand?: CpuDemand;
  /** How many changes can be watched from the past before a watch is answered with 410. */
  readonly historyMax?: number;
  /** What a refused eviction asks its caller to wait. Kubernetes asks nothing (0) when a settled budget refuses. */
  readonly evictionRetryAfterSeconds?: number;
}

/** The API of a cluster, through the door. */
export interface KubernetesApi extends Reads, Writes, Scales, Logs, Exec {
  /** Passes the door for a path that is no resource: discovery, version, health. */
  visit(caller: Caller, path: string): ApiOutcome<void>;
  /** Who may do what. `namespace` is empty for a review of the whole cluster. */
  review(caller: Caller, kind: ReviewKind, namespace: string, body: unknown): ApiOutcome<Review>;
  /** Whether the caller may act as another user, who is then in those groups. */
  impersonate(caller: Caller, as: { readonly user: Principal; readonly groups: readonly string[] }): ApiOutcome<void>;
}

/** One container as monitoring sees it (metrics `kubernetes.io/container/restart_count`, pod readiness). */
export interface PodMetrics {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly node: string;
  /** Empty for a pod that no Deployment made. */
  readonly deployment: string;
  readonly restartCount: number;
  /** The pod is ready, all its containers are. */
  readonly ready: boolean;
}

/** A cluster. */
export interface Kubernetes {
  readonly name: string;
  readonly version: string;
  readonly api: KubernetesApi;
  readonly faults: ClusterFaults;
  /** The objects, for tests and for other parts of the world; whoever plays a client uses `api`. */
  readonly store: Store;
  /** Puts an object there as if it had been there before, with the API server's checks and without the door. */
  seed<K extends Kind>(kind: K, namespace: string, manifest: unknown): Kinds[K];
  /** What monitoring measures now, one entry for each container on a node. */
  podMetrics(): readonly PodMetrics[];
  /** The ready pods behind a Service, by name: where its clients' requests go. */
  readyPods(namespace: string, service: string): readonly string[];
  /** Whether NetworkPolicies let traffic between a pod and the outside through. */
  lets(direction: 'Ingress' | 'Egress', namespace: string, pod: string): boolean;
  /** Whether its dataplane enforces NetworkPolicies, as it does from the start: one that doesn't takes and ignores them. */
  enforcePolicies(enforced: boolean): void;
}

const DEFAULTS = {
  name: 'coditect-prod-cluster',
  version: 'v1.33.5-gke.1162000',
  nodes: ['gke-coditect-prod-pool-1-4f9c2a7d-k3xq', 'gke-coditect-prod-pool-1-4f9c2a7d-zv8m'],
} as const;

/** Where a cluster's API server is. */
export const apiServerPlace = (cluster: string): string => `kubernetes/${cluster}`;

/** A cluster with its nodes and the namespaces `default` and `kube-system`, and nothing else. */
export function createKubernetes(kernel: Kernel, options: KubernetesOptions = {}): Kubernetes {
  const { name, version, nodes } = { ...DEFAULTS, ...options };
  const chance = kernel.chance.fork(`kubernetes/${name}`);
  const store = createStore(kernel.clock, chance.fork('uids'), options.historyMax);
  const events = createEventRecorder(kernel.clock, store);
  const parts = (part: string): ClusterParts => ({ clock: kernel.clock, chance: chance.fork(part), store, events });
  const faults = createClusterFaults(store, chance.fork('faults'));
  const kubelets = new Kubelets(parts('kubelets'), { ...options, faults: faults.read });
  runControllers(parts, options.cpuDemand ?? (() => DEFAULT_DEMAND));
  nodes.forEach((node, index) => seedNode(parts('nodes'), node, `10.128.0.${index + 2}`, version));
  const nameChance = chance.fork('names');
  let enforced = true;
  const context: ClusterContext = {
    kernel,
    parts: parts('api'),
    nameChance,
    evictionRetryAfterSeconds: options.evictionRetryAfterSeconds ?? 0,
    pretend: (_kind, draft) => pretend(draft, kernel.clock.now()),
  };
  const cluster: Kubernetes = {
    name,
    version,
    api: {
      ...createReads(kernel, store, apiServerPlace(name)),
      ...createWrites(context),
      ...createScales(context),
      ...createLogs(context, kubelets),
      ...createExec(context, kubelets),
      visit: (caller, path) => askPath(kernel, caller, path, () => undefined),
      review: (caller, kind, namespace, body) => review(kernel, caller, kind, namespace, body),
      impersonate: (caller, as) => impersonate(kernel, caller, as),
    },
    faults: faults.bind(kubelets),
    store,
    seed: (kind, namespace, manifest) => {
      const nameFrom = (prefix: string): string => `${prefix}${nameChance.between(10_000, 99_999)}`;
      return store.create(kind, admitNew(kind, namespace, manifest, { validation: 'Strict', nameFrom }).object);
    },
    podMetrics: () => kubelets.records().flatMap(metricsOf),
    readyPods: (namespace, service) => {
      const endpoints = store.get('Endpoints', namespace, service);
      return endpoints === undefined ? [] : readyIn(endpoints);
    },
    lets: (direction, namespace, pod) => !enforced || passes(store, namespace, pod, direction),
    enforcePolicies: (wanted) => {
      enforced = wanted;
    },
  };
  for (const namespace of ['default', 'kube-system']) cluster.seed('Namespace', '', { metadata: { name: namespace } });
  return cluster;
}

/** Every request asks for them, and what the store holds is replaced and never changed. */
const readyKnown = new WeakMap<Endpoints, readonly string[]>();

function readyIn(endpoints: Endpoints): readonly string[] {
  const known = readyKnown.get(endpoints);
  if (known !== undefined) return known;
  const addresses = (endpoints.subsets ?? []).flatMap((subset) => subset.addresses ?? []);
  const names = addresses.flatMap(({ targetRef }) => targetRef?.name ?? []);
  readyKnown.set(endpoints, names);
  return names;
}

function runControllers(parts: (part: string) => ClusterParts, demandOf: CpuDemand): void {
  runDeployments(parts('deployments'));
  runReplicaSets(parts('replicasets'));
  runScheduler(parts('scheduler'));
  runBudgets(parts('budgets'));
  runEndpoints(parts('endpoints'));
  runGarbageCollector(parts('garbage'));
  runAutoscaler(parts('autoscalers'), demandOf);
}

function metricsOf({
  namespace,
  name: pod,
  node,
  deployment = '',
  containers,
  over,
}: PodRecord): readonly PodMetrics[] {
  if (over) return [];
  const ready = containers.every((container) => container.ready);
  const place = { namespace, pod, node, deployment, ready };
  return containers.map(({ spec, restarts: restartCount }) => ({ ...place, container: spec.name, restartCount }));
}

/** Three pods at 53 % of their request, under a target of 80 %: a load that wants no fewer than two and no more than three. */
const DEFAULT_DEMAND = 160;

/** The answer to a dry run of a creation: an identity that nobody has. */
function pretend<K extends Kind>(draft: Draft<K>, now: Instant): Kinds[K] {
  const identity = { uid: '00000000-0000-4000-8000-000000000000', creationTimestamp: stamp(instant(now)) };
  // The draft of a kind with its metadata completed is an object of that kind.
  return { ...draft, metadata: { ...draft.metadata, ...identity } } as unknown as Kinds[K];
}
