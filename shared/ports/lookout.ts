import type { Instant } from '../core/time.ts';
import type { WorkloadId } from './workloads.ts';

// What people look at with `./dr` beside the `World`, under their own identity. No function is given any of it.

/** A Memorystore for Redis instance as its Admin API describes it. What it holds can't be asked there (facts.md 7). */
export interface CacheInstance {
  readonly instance: string;
  readonly region: string;
  readonly tier: string;
  /** Google's name: `READY`, `FAILING_OVER`, … `READY` says that it is not being changed, not that it answers. */
  readonly state: string;
  readonly version: string;
  /** `host:port`. */
  readonly address: string;
  readonly passwordNeeded: boolean;
  readonly encrypted: boolean;
}

/** A PodDisruptionBudget as its controller last computed it. */
export interface DisruptionBudget {
  readonly name: string;
  /** Pods that may be evicted now. */
  readonly allowed: number;
  readonly healthy: number;
  /** Pods that must stay healthy. */
  readonly wanted: number;
}

/** One line of Cloud Logging. The text is raw: whoever shows it redacts it. */
export interface LogEntry {
  readonly at: Instant;
  readonly severity: string;
  /** What wrote it: a revision, a pod. */
  readonly source: string;
  readonly text: string;
}

/** What can be looked at. Every method may reject with `PortError`. */
export interface Lookout {
  /** The Redis instances of the project, in every location. */
  caches(): Promise<readonly CacheInstance[]>;
  /** The budgets under which the pods of a Deployment are evicted: none, one, or several, which then forbid every eviction. */
  budgets(workload: WorkloadId): Promise<readonly DisruptionBudget[]>;
  /** The newest entries since a moment, at most `limit`, oldest first; `filter` in Logging's language. */
  logs(filter: string, since: Instant, limit: number): Promise<readonly LogEntry[]>;
}
