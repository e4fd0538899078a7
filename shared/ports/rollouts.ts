import { z } from 'zod';
import { instant, type Instant } from '../core/time.ts';
import type { WorkloadId } from './workloads.ts';

// What a Deployment runs and ran: its rollout, and the revisions that it remembers. Classification and the steps that change what
// it runs rest on the same reading. A revision's template never leaves the adapter: it may hold values in clear, and what people and
// the log need of it is its hash.

/** One ReplicaSet of a Deployment. */
export interface Revision {
  readonly name: string;
  readonly uid: string;
  /** Counts up with each template; a ReplicaSet that is used again gets the highest number anew. */
  readonly revision: number;
  /** `pod-template-hash`, which its pods carry too. */
  readonly template: string;
  readonly createdAt: Instant;
  /** How many pods it is to have. */
  readonly replicas: number;
  readonly ready: number;
  /** Image of the application's container. */
  readonly image: string | undefined;
}

/** The PodDisruptionBudget that covers a Deployment's pods. */
export interface DisruptionBudget {
  readonly name: string;
  readonly desiredHealthy: number;
  readonly currentHealthy: number;
}

/** A Deployment's rollout as its API server describes it. */
export interface Rollout {
  /** Of the Deployment; a change names it. */
  readonly version: string;
  /** `spec.replicas`. */
  readonly replicas: number;
  /** Pods of all revisions, of the newest one, and those available. */
  readonly total: number;
  readonly updated: number;
  readonly available: number;
  /** Whether the controller has seen the newest generation: before, nothing else here is about it. */
  readonly observed: boolean;
  readonly paused: boolean;
  /** How many pods stay available while it replaces them, by its strategy; 0 under Recreate. */
  readonly keepsAvailable: number;
  /** When the controller gave up waiting for progress (`ProgressDeadlineExceeded`), as it wrote it; `undefined` while it has not. */
  readonly gaveUpAt: string | undefined;
  /** uid of the revision that the Deployment's template is now; `undefined` until the controller has made it. */
  readonly current: string | undefined;
  /** For which incident we restarted what runs now, if that is what made this revision. */
  readonly restartedFor: string | undefined;
  /** The highest revision first; those that `revisionHistoryLimit` has left. */
  readonly revisions: readonly Revision[];
  /** The strictest that covers its pods. */
  readonly budget: DisruptionBudget | undefined;
}

/** What the product asks of a Deployment's rollout. Rejects with `PortError`; `conflict` when `version` is stale. */
export interface Rollouts {
  inspect(workload: WorkloadId): Promise<Rollout>;
  /** Gives the Deployment the template of the revision with that uid again, whole. `permanent` when there is no such revision. */
  undo(workload: WorkloadId, revision: string, version: string): Promise<void>;
  /** Lets it replace every pod by one of the same template, which names the incident and the moment from then on. */
  restart(
    workload: WorkloadId,
    version: string,
    why: { readonly incident: string; readonly at: Instant },
  ): Promise<void>;
}

const moment = z.number().transform(instant);

/** A member that may be missing, and then is `undefined`. */
const maybe = <Item extends z.ZodType>(item: Item) => item.optional().transform((value) => value);

/** A reading as it is stored inside of facts. */
export const rolloutWire: z.ZodType<Rollout> = z.strictObject({
  version: z.string(),
  replicas: z.number(),
  total: z.number(),
  updated: z.number(),
  available: z.number(),
  observed: z.boolean(),
  paused: z.boolean(),
  keepsAvailable: z.number(),
  gaveUpAt: maybe(z.string()),
  current: maybe(z.string()),
  restartedFor: maybe(z.string()),
  revisions: z.array(
    z.strictObject({
      name: z.string(),
      uid: z.string(),
      revision: z.number(),
      template: z.string(),
      createdAt: moment,
      replicas: z.number(),
      ready: z.number(),
      image: maybe(z.string()),
    }),
  ),
  budget: maybe(z.strictObject({ name: z.string(), desiredHealthy: z.number(), currentHealthy: z.number() })),
});

/** The revision that the Deployment's template is now. */
export const currentRevision = ({ revisions, current }: Rollout): Revision | undefined =>
  revisions.find(({ uid }) => uid === current);

/**
 * Whether a rollout has come to its end, by the rule of `kubectl rollout status` (facts.md 6.2), and with replicas at all: with none
 * that rule would call it a success at once.
 */
export const isRolledOut = ({ observed, replicas, updated, total, available }: Rollout): boolean =>
  observed && replicas > 0 && updated >= replicas && total <= updated && available >= updated;

/**
 * How a rollout would break the PodDisruptionBudget, or `undefined`: replacing pods asks no budget, so we do. What is not healthy now
 * is no loss.
 */
export function brokenBudget({ budget, keepsAvailable }: Rollout): string | undefined {
  if (budget === undefined) return undefined;
  const { name, desiredHealthy, currentHealthy } = budget;
  const floor = Math.min(desiredHealthy, currentHealthy);
  return keepsAvailable >= floor
    ? undefined
    : `its strategy keeps ${keepsAvailable} pods available, and the PodDisruptionBudget ${name} wants ${desiredHealthy} (${currentHealthy} are healthy)`;
}
