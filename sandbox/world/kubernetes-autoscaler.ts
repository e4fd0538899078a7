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

// The horizontal pod autoscaler: every 15 s it sets the number of replicas by the load, within its range
// (k8s.io/kubernetes pkg/controller/podautoscaler/horizontal.go).
//
// H1. Whoever sets another number is overruled at the next look.
// H2. A target with 0 replicas is left alone: "implicit maintenance mode".
// H3. Upwards at once, at most doubling; downwards only to the most that the last five minutes asked for.

/** `--horizontal-pod-autoscaler-sync-period`, -tolerance and -downscale-stabilization of the controller manager. */
const SYNC_EVERY = seconds(15);
const TOLERANCE = 0.1;
const STABLE_FOR = minutes(5);

/** The CPU that a pod is taken to request, where its use is shown as an amount. */
const REQUEST_MILLI = 250;

/** What the load on a Deployment would use, in percent of one pod's CPU request: 180 keeps three pods at 60 %. */
export type CpuDemand = (deployment: { readonly namespace: string; readonly name: string }) => number;

/** What one look found, and what it wants. */
export interface Recommendation {
  readonly replicas: number;
  /** Average use of the ready pods, percent of their request; `undefined` when nothing can be measured. */
  readonly utilization: number | undefined;
  readonly reason: string;
  readonly conditions: readonly Omit<Condition, 'lastTransitionTime'>[];
}

/** What a look sees of the target and its load. */
export interface Sight {
  readonly current: number;
  readonly ready: number;
  readonly demand: number;
  readonly target: number;
  readonly minimum: number;
  readonly maximum: number;
  /** The recommendations of the stabilization window, this one not included. */
  readonly recent: readonly number[];
}

const able = (reason: string, message: string): Omit<Condition, 'lastTransitionTime'> => ({
  type: 'AbleToScale',
  status: 'True',
  reason,
  message,
});

const active = (yes: boolean, reason: string, message: string): Omit<Condition, 'lastTransitionTime'> => ({
  type: 'ScalingActive',
  status: yes ? 'True' : 'False',
  reason,
  message,
});

/** The raw wish by the load alone, before range and stabilization. */
export function wishOf({ current, ready, demand, target }: Sight): number {
  if (ready === 0) return current;
  const ratio = demand / ready / target;
  return Math.abs(ratio - 1) <= TOLERANCE ? current : Math.ceil(ratio * ready);
}

/** The number of replicas that a look wants. */
export function recommend(sight: Sight): Recommendation {
  const { current, ready, demand, minimum, maximum } = sight;
  const utilization = ready === 0 ? undefined : Math.round(demand / ready);
  if (current === 0) {
    const why = 'scaling is disabled since the replica count of the target is zero';
    const got = able('SucceededGetScale', "the HPA controller was able to get the target's current scale");
    return { replicas: 0, utilization, reason: '', conditions: [got, active(false, 'ScalingDisabled', why)] };
  }
  const measured =
    'the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)';
  const found = [
    able('ReadyForNewScale', 'recommended size matches current size'),
    utilization === undefined
      ? active(
          false,
          'FailedGetResourceMetric',
          'the HPA was unable to compute the replica count: no ready pods to measure',
        )
      : active(true, 'ValidMetricFound', measured),
  ];
  if (current > maximum)
    return {
      replicas: maximum,
      utilization,
      reason: 'Current number of replicas above Spec.MaxReplicas',
      conditions: found,
    };
  if (current < minimum)
    return {
      replicas: minimum,
      utilization,
      reason: 'Current number of replicas below Spec.MinReplicas',
      conditions: found,
    };
  const wish = wishOf(sight);
  const stable = wish < current ? Math.min(current, Math.max(wish, ...sight.recent)) : wish;
  // Upwards at most to double, or four more (the default scale-up policy over its 15 s).
  const bounded = Math.min(stable, Math.max(current * 2, current + 4));
  const replicas = Math.min(maximum, Math.max(minimum, bounded));
  const reason =
    replicas > current ? 'cpu resource utilization (percentage of request) above target' : 'All metrics below target';
  return { replicas, utilization, reason, conditions: [...found, limited(bounded, minimum, maximum)] };
}

function limited(wish: number, minimum: number, maximum: number): Omit<Condition, 'lastTransitionTime'> {
  const type = 'ScalingLimited';
  if (wish < minimum) {
    return {
      type,
      status: 'True',
      reason: 'TooFewReplicas',
      message: 'the desired replica count is less than the minimum replica count',
    };
  }
  if (wish > maximum) {
    return {
      type,
      status: 'True',
      reason: 'TooManyReplicas',
      message: 'the desired replica count is more than the maximum replica count',
    };
  }
  return {
    type,
    status: 'False',
    reason: 'DesiredWithinRange',
    message: 'the desired count is within the acceptable range',
  };
}

/** Starts the autoscaler. */
export function runAutoscalers(parts: ClusterParts, demandOf: CpuDemand): void {
  const { clock, store, events } = parts;
  const recent = new Map<string, { readonly at: Instant; readonly wish: number }[]>();

  const readyPods = ({ metadata }: Deployment): number => {
    const sets = store.list('ReplicaSet', metadata.namespace).filter((set) => controllerOf(set) === metadata.uid);
    const uids = new Set<string | undefined>(sets.map((set) => set.metadata.uid));
    return store.list('Pod', metadata.namespace).filter((pod) => uids.has(controllerOf(pod)) && isReady(pod)).length;
  };

  /** The wishes of the last minutes; before the first there was the number that it found. */
  const remember = (key: string, found: number, wish: number): readonly number[] => {
    const known = recent.get(key) ?? [{ at: clock.now(), wish: found }];
    const kept = known.filter(({ at }) => after(at, STABLE_FOR) > clock.now());
    recent.set(key, [...kept, { at: clock.now(), wish }]);
    return kept.map((one) => one.wish);
  };

  const sync = (hpa: HorizontalPodAutoscaler): void => {
    const { namespace = '' } = hpa.metadata;
    const { scaleTargetRef, minReplicas = 1, maxReplicas, metrics = [] } = hpa.spec;
    const deployment = store.get('Deployment', namespace, scaleTargetRef.name);
    if (scaleTargetRef.kind !== 'Deployment' || deployment === undefined) return;
    const target = metrics.find(({ resource }) => resource?.name === 'cpu')?.resource?.target.averageUtilization ?? 80;
    const sight = {
      current: deployment.spec.replicas,
      ready: readyPods(deployment),
      target,
      demand: demandOf({ namespace, name: deployment.metadata.name }),
      minimum: minReplicas,
      maximum: maxReplicas,
      recent: [],
    };
    const wanted = recommend({ ...sight, recent: remember(queueKey(hpa), sight.current, wishOf(sight)) });
    const scales = wanted.replicas !== sight.current;
    if (scales) store.replace('Deployment', { ...deployment, spec: { ...deployment.spec, replicas: wanted.replicas } });
    write(hpa, sight.current, wanted, scales);
  };

  const write = (
    hpa: HorizontalPodAutoscaler,
    currentReplicas: number,
    wanted: Recommendation,
    scales: boolean,
  ): void => {
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
    const { utilization: averageUtilization } = wanted;
    // In thousandths of a CPU, of the request that pods of the reference system make.
    const current =
      averageUtilization === undefined
        ? undefined
        : { averageUtilization, averageValue: `${Math.round(averageUtilization * (REQUEST_MILLI / 100))}m` };
    const metrics =
      current === undefined ? {} : { currentMetrics: [{ type: 'Resource', resource: { name: 'cpu', current } }] };
    const status = {
      ...hpa.status,
      currentReplicas,
      desiredReplicas: wanted.replicas,
      conditions,
      ...metrics,
    };
    store.replace('HorizontalPodAutoscaler', { ...hpa, status: scales ? { ...status, lastScaleTime: now } : status });
    if (!scales) return;
    const message = `New size: ${wanted.replicas}; reason: ${wanted.reason}`;
    events.tell({
      about: hpa,
      type: 'Normal',
      reason: 'SuccessfulRescale',
      message,
      from: 'horizontal-pod-autoscaler',
    });
  };

  const look = (): void => {
    for (const hpa of store.list('HorizontalPodAutoscaler')) sync(hpa);
    clock.schedule(after(clock.now(), SYNC_EVERY), look);
  };
  clock.schedule(after(clock.now(), SYNC_EVERY), look);
}
