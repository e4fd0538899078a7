import { type Instant, after, minutes, seconds } from '../../shared/core/time.ts';
import {
  type Condition,
  type Deployment,
  type HorizontalPodAutoscaler,
  isReady,
  controllerOf,
  stamp,
  withCondition,
} from './kubernetes-objects.ts';
import { type ClusterParts, queueKey } from './kubernetes-parts.ts';
import { type Recommendation, able, recommend, wishOf } from './kubernetes-recommendation.ts';

// The horizontal pod autoscaler: every 15 s it sets the number of replicas by the load, within its range
// (k8s.io/kubernetes pkg/controller/podautoscaler/horizontal.go).
//
// H1. Whoever sets another number is overruled at the next look.
// H2. A target with 0 replicas is left alone: "implicit maintenance mode".
// H3. Upwards at once, at most doubling; downwards only to the most that the last five minutes asked for.

/** `--horizontal-pod-autoscaler-sync-period` and -downscale-stabilization of the controller manager. */
const SYNC_EVERY = seconds(15);
const STABLE_FOR = minutes(5);

/** The CPU that a pod is taken to request, where its use is shown as an amount. */
const REQUEST_MILLI = 250;

/**
 * What the load on a Deployment would use, in percent of one pod's CPU request: 180 keeps three pods at 60 %. `undefined` while nobody
 * can measure it.
 */
export type CpuDemand = (deployment: { readonly namespace: string; readonly name: string }) => number | undefined;

/** Starts the autoscaler of a cluster. */
export function runAutoscaler(parts: ClusterParts, demandOf: CpuDemand): void {
  new Autoscaler(parts, demandOf).lookLater();
}

class Autoscaler {
  readonly #parts: ClusterParts;
  readonly #demandOf: CpuDemand;
  readonly #recent = new Map<string, readonly { readonly at: Instant; readonly wish: number }[]>();

  constructor(parts: ClusterParts, demandOf: CpuDemand) {
    this.#parts = parts;
    this.#demandOf = demandOf;
  }

  lookLater(): void {
    const { clock, store } = this.#parts;
    clock.schedule(after(clock.now(), SYNC_EVERY), () => {
      for (const hpa of store.list('HorizontalPodAutoscaler')) this.#sync(hpa);
      this.lookLater();
    });
  }

  #sync(hpa: HorizontalPodAutoscaler): void {
    const { store } = this.#parts;
    const { namespace = '' } = hpa.metadata;
    const { scaleTargetRef, minReplicas = 1, maxReplicas, metrics = [] } = hpa.spec;
    const deployment = store.get('Deployment', namespace, scaleTargetRef.name);
    if (scaleTargetRef.kind !== 'Deployment' || deployment === undefined) return;
    const demand = this.#demandOf({ namespace, name: deployment.metadata.name });
    const sight = {
      current: deployment.spec.replicas,
      // Without a measure there is no pod that could be counted.
      ready: demand === undefined ? 0 : this.#readyPods(deployment),
      target: metrics.find(({ resource }) => resource?.name === 'cpu')?.resource?.target.averageUtilization ?? 80,
      demand: demand ?? 0,
      minimum: minReplicas,
      maximum: maxReplicas,
      recent: [],
    };
    const recent = this.#remember(queueKey(hpa), sight.current, wishOf(sight));
    const wanted = recommend({ ...sight, recent });
    const scales = wanted.replicas !== sight.current;
    if (scales) store.replace('Deployment', { ...deployment, spec: { ...deployment.spec, replicas: wanted.replicas } });
    this.#write(hpa, sight.current, wanted, scales);
  }

  #readyPods({ metadata }: Deployment): number {
    const { store } = this.#parts;
    const sets = store.list('ReplicaSet', metadata.namespace).filter((set) => controllerOf(set) === metadata.uid);
    const uids = new Set<string | undefined>(sets.map((set) => set.metadata.uid));
    return store.list('Pod', metadata.namespace).filter((pod) => uids.has(controllerOf(pod)) && isReady(pod)).length;
  }

  /** The wishes of the last minutes; before the first there was the number that it found. */
  #remember(key: string, found: number, wish: number): readonly number[] {
    const now = this.#parts.clock.now();
    const known = this.#recent.get(key) ?? [{ at: now, wish: found }];
    const kept = known.filter(({ at }) => after(at, STABLE_FOR) > now);
    this.#recent.set(key, [...kept, { at: now, wish }]);
    return kept.map((one) => one.wish);
  }

  #write(hpa: HorizontalPodAutoscaler, currentReplicas: number, wanted: Recommendation, scales: boolean): void {
    const { clock, store, events } = this.#parts;
    const now = stamp(clock.now());
    const rescaled = able(
      'SucceededRescale',
      `the HPA controller was able to update the target scale to ${wanted.replicas}`,
    );
    const found = scales ? [rescaled, ...wanted.conditions.slice(1)] : wanted.conditions;
    const conditions = found.reduce<readonly Condition[]>(
      (all, one) => withCondition(all, { ...one, lastTransitionTime: now }),
      hpa.status.conditions ?? [],
    );
    const counts = { currentReplicas, desiredReplicas: wanted.replicas };
    const status = {
      ...hpa.status,
      ...counts,
      conditions,
      ...metricsOf(wanted),
      ...(scales ? { lastScaleTime: now } : {}),
    };
    store.replace('HorizontalPodAutoscaler', { ...hpa, status });
    if (!scales) return;
    const message = `New size: ${wanted.replicas}; reason: ${wanted.reason}`;
    events.tell({
      about: hpa,
      type: 'Normal',
      reason: 'SuccessfulRescale',
      message,
      from: 'horizontal-pod-autoscaler',
    });
  }
}

function metricsOf({ utilization }: Recommendation): Pick<HorizontalPodAutoscaler['status'], 'currentMetrics'> {
  if (utilization === undefined) return {};
  const current = {
    averageUtilization: utilization,
    averageValue: `${Math.round(utilization * (REQUEST_MILLI / 100))}m`,
  };
  return { currentMetrics: [{ type: 'Resource', resource: { name: 'cpu', current } }] };
}
