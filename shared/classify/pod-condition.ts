import { after, between, type Instant, minutes } from '../core/time.ts';
import type { PodStatus } from '../ports/workloads.ts';

/**
 * What is the matter with a pod.
 *
 * - `crashLooping`: it ended again and again; Kubernetes itself waits before the next try.
 * - `cannotStart`: its image or its configuration is wrong, which no restart mends.
 * - `unscheduled`: no node has taken it.
 * - `notReady`: it runs and answers no readiness probe, for longer than a start takes.
 * - `stuckEnding`: it was deleted, and is still there long after its grace: its node does not end it, or a finalizer keeps it.
 * - `starting`, `ending`: on its way in or out, which is no failure.
 */
export type PodCondition =
  | 'well'
  | 'starting'
  | 'ending'
  | 'stuckEnding'
  | 'crashLooping'
  | 'cannotStart'
  | 'unscheduled'
  | 'notReady';

/** How long a start may take before not being ready counts. */
const START_TAKES = minutes(1);

/** How long after its grace a pod may still be in the API: the node's last word is late, not minutes late. */
export const END_TAKES = minutes(2);

/** Reasons of Kubernetes for a container that will not start as it is. */
const CANNOT_START: ReadonlySet<string> = new Set([
  'ImagePullBackOff',
  'ErrImagePull',
  'InvalidImageName',
  'ErrImageNeverPull',
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
]);

/** Restarts after which a container that has just ended counts as looping, before Kubernetes says so. */
const RESTARTS_LOOP = 2;

/** The condition of a pod at the moment of a look. */
export function podCondition(pod: PodStatus, at: Instant): PodCondition {
  if (pod.terminating) return pod.endsBy !== undefined && at >= after(pod.endsBy, END_TAKES) ? 'stuckEnding' : 'ending';
  const { container } = pod;
  if (container.kind === 'waiting' && container.reason === 'CrashLoopBackOff') return 'crashLooping';
  if (container.kind === 'waiting' && CANNOT_START.has(container.reason)) return 'cannotStart';
  if (container.kind === 'terminated' && pod.restarts >= RESTARTS_LOOP) return 'crashLooping';
  if (pod.ready) return 'well';
  if (pod.startedAt === undefined) return 'unscheduled';
  return between(pod.startedAt, at) < START_TAKES ? 'starting' : 'notReady';
}

/** Whether a condition is a failure that a new pod may cure. */
export const isCurable = (condition: PodCondition): boolean => condition === 'crashLooping' || condition === 'notReady';
