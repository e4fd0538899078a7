import type { Instant, Millis } from '../core/time.ts';

/** A Deployment, by its `dr.yaml` application id. */
export type WorkloadId = string;

/** A Deployment as its API server describes it. */
export interface WorkloadStatus {
  /** `spec.replicas`. */
  readonly replicas: number;
  readonly ready: number;
  readonly available: number;
  readonly updated: number;
  /** Whether the controller has seen the newest generation and the rollout is complete. */
  readonly settled: boolean;
  readonly version: string;
  readonly autoscaler: { readonly min: number; readonly max: number } | undefined;
}

/** A pod of a Deployment. */
export interface PodStatus {
  readonly name: string;
  readonly uid: string;
  readonly version: string;
  readonly node: string | undefined;
  readonly startedAt: Instant | undefined;
  readonly ready: boolean;
  readonly terminating: boolean;
  /** By when it was to have ended, its grace included; `undefined` while nobody has deleted it. */
  readonly endsBy: Instant | undefined;
  /** What keeps a deleted pod in the API until it is taken away; `undefined` in facts of before it was read. */
  readonly finalizers: readonly string[] | undefined;
  /** Whether it holds a volume of its own, which a second writer would damage; `undefined` in facts of before it was read. */
  readonly ownVolume: boolean | undefined;
  readonly restarts: number;
  /** `waiting` carries Kubernetes' reason: CrashLoopBackOff, ImagePullBackOff, CreateContainerConfigError, … */
  readonly container:
    | { readonly kind: 'running' }
    | { readonly kind: 'waiting'; readonly reason: string }
    | { readonly kind: 'terminated'; readonly reason: string }
    | { readonly kind: 'unknown' };
  /** Reason of the last termination, e.g. OOMKilled. */
  readonly lastTermination: string | undefined;
  /** Template hash: pods of one ReplicaSet share it. */
  readonly template: string | undefined;
}

/** What an eviction met. A refusal by a PodDisruptionBudget is an ordinary answer, not an error. */
export type EvictionOutcome =
  | { readonly kind: 'evicted' }
  | { readonly kind: 'budgetWouldBreak'; readonly detail: string }
  | { readonly kind: 'gone' };

/** What the product asks of a cluster. Rejects with `PortError`. */
export interface Workloads {
  inspect(workload: WorkloadId): Promise<WorkloadStatus>;
  pods(workload: WorkloadId): Promise<readonly PodStatus[]>;
  /** The describe output with events, and logs; raw text, which the caller redacts before it keeps it. */
  describePod(workload: WorkloadId, pod: string): Promise<string>;
  podLog(
    workload: WorkloadId,
    pod: string,
    options: {
      readonly previous: boolean;
      readonly lines: number;
      /** How far back at the most; everything that is kept unless given. Whole seconds count, rounded up. */
      readonly since?: Millis;
    },
  ): Promise<string | undefined>;
  /**
   * Takes the pod with that uid out of the API without waiting for its node, which may go on running it. Ignores the
   * PodDisruptionBudget: a pod that is ending is not counted by it any more.
   */
  forceDelete(workload: WorkloadId, pod: string, uid: string): Promise<'deleted' | 'gone'>;
  /** Respects the PodDisruptionBudget and evicts only the pod with that uid. */
  evict(workload: WorkloadId, pod: string, uid: string): Promise<EvictionOutcome>;
  /**
   * Raises the number of replicas: the floor of its autoscaler, where it has one, which remembers what the floor was. Refused with
   * `conflict` when `version` is stale.
   */
  raise(workload: WorkloadId, replicas: number, version: string): Promise<void>;
  /** Gives an autoscaler that was raised its former floor again; no replica is taken away by it. `conflict` when `version` is stale. */
  restoreFloor(workload: WorkloadId, floor: number, version: string): Promise<void>;
  /** Refused with `conflict` when `version` is stale. */
  scale(workload: WorkloadId, replicas: number, version: string): Promise<void>;
}
