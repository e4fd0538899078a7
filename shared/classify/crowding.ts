import { between, type Instant, type Millis } from '../core/time.ts';
import { isRefusing, LOAD_AGE_MAX, requestVerdict } from '../ports/service-load.ts';
import { podsNow } from '../ports/workload-load.ts';
import { type ApplicationFacts, isReadable } from './facts.ts';

/** A Deployment whose pods are what it lacks: all are ready and busy, and requests fail. */
export interface Crowding {
  /** `spec.replicas`, as it was looked at. */
  readonly replicas: number;
  readonly autoscaler: { readonly min: number; readonly max: number } | undefined;
  readonly text: string;
}

/**
 * Whether a look finds a Deployment crowded. The nodes must say that its pods are busy, or more of them could not help; the front end,
 * which counts for itself, that users feel it; and its rollout must have come to its end, so that nothing else explains it.
 */
export function crowdingOf({ workload, workloadLoad }: ApplicationFacts, at: Instant): Crowding | undefined {
  if (workload === undefined || workloadLoad === undefined) return undefined;
  if (!isReadable(workload) || !isReadable(workloadLoad)) return undefined;
  const { replicas, ready, settled, autoscaler } = workload;
  if (!settled || replicas === 0 || ready < replicas) return undefined;
  const pods = podsNow(workloadLoad, at);
  const requests = requestVerdict(workloadLoad, at);
  if (pods === undefined || !pods.areBusy || requests.says !== 'refusing') return undefined;
  const busy = Math.round((100 * pods.busy) / pods.pods);
  return {
    replicas,
    autoscaler,
    text: `its ${ready} pods are ready and use ${busy} % of the CPU that they request, and ${requests.text}`,
  };
}

/** How many minutes in a row have to be so before people are told: a blip is over before the second of them is visible. */
const LASTING = 3;

/** What the front end of a Deployment says of its users. */
export interface TurnedAway {
  /** Whether it has lasted for several minutes. */
  readonly isLasting: boolean;
  readonly text: string;
}

/** One look at an application. */
interface ApplicationLook {
  readonly at: Instant;
  readonly seen: ApplicationFacts;
}

/**
 * Whether the front end turned requests away in the newest minute that is visible, and we were not served ourselves within the window
 * before the newest of these looks, or within the time by which its figures may be late: alone they go on telling of a failure that is
 * over, and of one that only some requests meet our own few questions may see nothing for a while.
 */
export function turnedAwayOf(looks: readonly ApplicationLook[], window: Millis): TurnedAway | undefined {
  const newest = looks.at(-1);
  const load = newest?.seen.workloadLoad;
  if (newest === undefined || load === undefined || !isReadable(load)) return undefined;
  const { says, text } = requestVerdict(load, newest.at);
  const isFelt = looks.some(
    ({ at, seen }) => between(at, newest.at) <= Math.max(window, LOAD_AGE_MAX) && seen.health.kind !== 'serving',
  );
  if (says !== 'refusing' || !isFelt) return undefined;
  const minutes = load.minutes.slice(0, LASTING);
  return { isLasting: minutes.length === LASTING && minutes.every(isRefusing), text };
}
