import type { Condition } from './kubernetes-objects.ts';

// What the autoscaler wants, by what it sees: pure.

/** `--horizontal-pod-autoscaler-tolerance` of the controller manager: how far from the target nothing is done. */
const TOLERANCE = 0.1;

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

/** A condition `AbleToScale`. */
export const able = (reason: string, message: string): Omit<Condition, 'lastTransitionTime'> => ({
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
