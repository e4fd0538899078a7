import type { Instant } from '../core/time.ts';
import { activeInstances, latencyVerdict, requestVerdict } from '../ports/service-load.ts';
import { type ApplicationFacts, isReadable } from './facts.ts';

/** A service whose limit is what it lacks: every instance that it may have is busy, and requests are turned away. */
export interface Pressure {
  /** Instances that were busy. */
  readonly active: number;
  /** Its scaling, as it was looked at. */
  readonly min: number;
  readonly max: number;
  /** The revision's own maximum, which no scaling of the service goes beyond. */
  readonly revisionMax: number | undefined;
  readonly text: string;
}

/**
 * Whether a look finds a service under pressure. The autoscaler's own figure must say that the limit is reached, or a higher one
 * could not help; and somebody independent of it must say that users feel it: the front end, which counts what it turns away, or
 * ourselves, who were turned away, where the front end's figures are too old to say otherwise; or what is answered is slow, and the busy
 * instances work rather than wait.
 */
export function pressureOf({ health, service, load }: ApplicationFacts, at: Instant): Pressure | undefined {
  if (service === undefined || load === undefined || !isReadable(service) || !isReadable(load)) return undefined;
  const { scaling, revisionMax } = service;
  if (scaling.kind !== 'automatic' || scaling.max === undefined) return undefined;
  const { min, max } = scaling;
  const limit = Math.min(max, revisionMax ?? Number.POSITIVE_INFINITY);
  const active = activeInstances(load, at);
  if (active === undefined || active < limit) return undefined;
  const requests = requestVerdict(load, at);
  const latency = latencyVerdict(load, at);
  // Some are turned away and the others are slow: more that wait would ask more of what they wait for.
  if (latency.says === 'waiting') return undefined;
  const isRefused = requests.says === 'refusing' || (requests.says === 'unknown' && health.kind !== 'serving');
  if (!isRefused && latency.says !== 'working') return undefined;
  const ours = health.kind === 'serving' ? '' : `, and we get ${health.detail}`;
  return {
    active,
    min,
    max,
    revisionMax,
    text: `${active} instances are busy, ${limit} are allowed, and ${isRefused ? requests.text : latency.text}${ours}`,
  };
}

/** A service that is slow and turns nobody away, for another reason than a lack of instances, or for one that nobody knows. */
export interface Slowness {
  readonly text: string;
}

/** Whether a look finds a service slow where more instances are no cure. */
export function slownessOf(facts: ApplicationFacts, at: Instant): Slowness | undefined {
  const { load } = facts;
  if (load === undefined || !isReadable(load) || pressureOf(facts, at) !== undefined) return undefined;
  const latency = latencyVerdict(load, at);
  if (latency.says !== 'working' && latency.says !== 'waiting') return undefined;
  const active = activeInstances(load, at);
  const busy = active === undefined ? 'how many are busy is not known' : `${active} are busy`;
  const requests = requestVerdict(load, at);
  const refused = requests.says === 'refusing' ? `, ${requests.text}` : '';
  return { text: `${latency.text}; ${busy}${refused}` };
}
