import { after, type Instant, type Millis, millis, minutes } from '../core/time.ts';
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

const MINUTE = minutes(1);

/** What the front end of a Deployment counts. */
export interface TurnedAway {
  /** Whether it is certain to go on; else the newest minute that is visible may be the last of something that is over. */
  readonly goesOn: boolean;
  readonly text: string;
}

/**
 * How far back looks have to reach to tell a count that is late from a failure that meets only others: the age that it may have, the
 * minute itself, and a look before it.
 */
export const COUNTED_WITHIN: Millis = millis(LOAD_AGE_MAX + 2 * MINUTE);

/** Whether a front end turned requests away in the newest minute that is visible. */
export function countsRefusals({ workloadLoad }: ApplicationFacts, at: Instant): boolean {
  return workloadLoad !== undefined && isReadable(workloadLoad) && requestVerdict(workloadLoad, at).says === 'refusing';
}

/** How we fared ourselves in the looks up to now. */
export interface OwnLuck {
  /** How long we have been served in every look up to the newest. */
  readonly servedFor: Millis;
  /** Whether any of them was served. */
  readonly wasServed: boolean;
}

/**
 * What the newest look finds counted as turned away; `undefined` while nothing is. Figures are late: alone they go on telling of a
 * failure that is over. It is certain to go on where several minutes in a row were so, and we were served and are turned away again,
 * which a failure of everything that ends never shows; or were served all the while in which the newest of those minutes ran, so that
 * it meets others.
 */
export function turnedAwayOf(seen: ApplicationFacts, at: Instant, own: OwnLuck): TurnedAway | undefined {
  const { workloadLoad: load, health } = seen;
  if (load === undefined || !isReadable(load) || !countsRefusals(seen, at)) return undefined;
  const newest = load.minutes.slice(0, LASTING);
  const isLasting = newest.length === LASTING && newest.every(isRefusing);
  const began = after(newest[0]?.at ?? at, -MINUTE);
  const isPartial = health.kind === 'serving' ? began >= after(at, -own.servedFor) : own.wasServed;
  return { goesOn: isLasting && isPartial, text: requestVerdict(load, at).text };
}
