import { z } from 'zod';
import { after, between, instant, type Instant, millis, type Millis, minutes, showDuration } from '../core/time.ts';
import type { CloudRunApplication } from '../system/system.ts';
import type { MetricPoint, Metrics, MetricSeries } from './metrics.ts';

// What Monitoring says of the load of a Cloud Run service, minute by minute: how many requests it took and how many of them it
// turned away, and how many instances were busy. Classification and the steps that watch a service rest on the same reading, so it
// stands beside the port that it is read through.
//
// How slow it is, and whether its instances work or wait, is asked where `slowAfter` of dr.yaml says what is slow.
//
// A request is turned away when its answer is of class 5xx, or 429: that is what Cloud Run answers where no instance is free and
// its maximum allows no further one.

/** One minute of requests, by the moment at which it ended. */
export interface LoadMinute {
  readonly at: Instant;
  readonly requests: number;
  readonly refused: number;
}

/** Newest first. */
export interface ServiceLoad {
  readonly minutes: readonly LoadMinute[];
  /** Instances that were serving requests. Idle ones, which a minimum keeps, don't count. */
  readonly active: readonly MetricPoint[];
  /** Absent where dr.yaml does not say what is slow. */
  readonly latency?: ServiceLatency;
}

/** How long requests that were answered took, minute by minute, newest first. */
export interface ServiceLatency {
  /** What the 95th percentile may be. */
  readonly limitMs: number;
  /** The 95th percentile, in milliseconds; of several revisions that of the slowest. */
  readonly p95: readonly MetricPoint[];
  /** What the instances used of their CPU, as a share: the mean of all. */
  readonly cpu: readonly MetricPoint[];
}

/** How far back points are asked for: several minutes beyond those by which they may be late. */
const BACK = minutes(10);

/** Points that are kept: the reading is evidence, not a chart. */
const POINTS_MAX = 8;

const MINUTE = minutes(1);

/** A point that is older says nothing of the present: it may be a minute of sampling and three until it is visible. */
export const LOAD_AGE_MAX: Millis = minutes(4);

/**
 * From this share of their CPU on, instances work rather than wait for something else: to keep them there is what Cloud Run's own
 * autoscaler tries (docs.cloud.google.com/run/docs/about-instance-autoscaling). More of them help those that work.
 */
const WORKING_SHARE = 0.6;

/** From this share of requests that are turned away on, a service counts as refusing: one in twenty. Retries hide less. */
const REFUSED_SHARE = 0.05;

/** Requests of a minute below which a share means nothing. */
const REQUESTS_MIN = 10;

const moment = z.number().transform(instant);

const points = z.array(z.strictObject({ at: moment, value: z.number() }));

/** One minute as it is stored inside of facts. */
export const loadMinuteWire: z.ZodType<LoadMinute> = z.strictObject({
  at: moment,
  requests: z.number(),
  refused: z.number(),
});

/** A reading as it is stored inside of facts. */
export const serviceLoadWire: z.ZodType<ServiceLoad> = z.strictObject({
  minutes: z.array(loadMinuteWire),
  active: points,
  latency: z.strictObject({ limitMs: z.number(), p95: points, cpu: points }).exactOptional(),
});

/** The load of a service as it is visible now. Rejects with `PortError`. */
export async function readServiceLoad(
  metrics: Metrics,
  project: string,
  application: Pick<CloudRunApplication, 'service' | 'region' | 'slowAfter'>,
  now: Instant,
): Promise<ServiceLoad> {
  const about = [
    'resource.type = "cloud_run_revision"',
    `resource.labels.project_id = "${project}"`,
    `resource.labels.location = "${application.region}"`,
    `resource.labels.service_name = "${application.service}"`,
  ];
  const { slowAfter } = application;
  const ask = (metric: string, more: readonly string[] = [], of?: 'p95') =>
    metrics.series(
      [...about, `metric.type = "run.googleapis.com/${metric}"`, ...more].join(' AND '),
      after(now, -BACK),
      now,
      of,
    );
  const [requests, instances, latencies, cpu] = await Promise.all([
    ask('request_count'),
    ask('container/instance_count', ['metric.labels.state = "active"']),
    slowAfter === undefined ? [] : ask('request_latencies', ['metric.labels.response_code_class = "2xx"'], 'p95'),
    slowAfter === undefined ? [] : ask('container/cpu/utilizations'),
  ]);
  const load = foldServiceLoad(requests, instances);
  if (slowAfter === undefined) return load;
  return { ...load, latency: { limitMs: slowAfter, p95: newestOf(latencies), cpu: newestOf(cpu) } };
}

/** The highest of each minute, newest first. */
function newestOf(series: readonly MetricSeries[]): readonly MetricPoint[] {
  const most = new Map<number, number>();
  for (const { at, value } of series.flatMap(({ points: all }) => all)) {
    const minute = Math.ceil(at / MINUTE) * MINUTE;
    most.set(minute, Math.max(most.get(minute) ?? 0, value));
  }
  return [...most]
    .toSorted(([a], [b]) => b - a)
    .slice(0, POINTS_MAX)
    .map(([at, value]) => ({ at: instant(at), value }));
}

/** Adds up the series of all revisions and answers, minute by minute. */
export function foldServiceLoad(requests: readonly MetricSeries[], instances: readonly MetricSeries[]): ServiceLoad {
  const refused = summed(requests.filter(isRefusal));
  const active = summed(instances);
  return {
    minutes: [...summed(requests)]
      .toSorted(([a], [b]) => b - a)
      .slice(0, POINTS_MAX)
      .map(([at, count]) => ({ at: instant(at), requests: count, refused: refused.get(at) ?? 0 })),
    active: [...active]
      .toSorted(([a], [b]) => b - a)
      .slice(0, POINTS_MAX)
      .map(([at, value]) => ({ at: instant(at), value })),
  };
}

/** Load balancers write the class as a number. */
const isRefusal = ({ metric }: MetricSeries): boolean =>
  metric['response_code_class'] === '5xx' ||
  metric['response_code_class'] === '500' ||
  metric['response_code'] === '429';

/** Series of one minute need not end in the same second. */
function summed(series: readonly MetricSeries[]): ReadonlyMap<number, number> {
  const sums = new Map<number, number>();
  for (const { at, value } of series.flatMap(({ points }) => points)) {
    const minute = Math.ceil(at / MINUTE) * MINUTE;
    sums.set(minute, (sums.get(minute) ?? 0) + value);
  }
  return sums;
}

/** What the requests of the newest minutes say. */
export interface RequestVerdict {
  readonly says: 'refusing' | 'fine' | 'unknown';
  readonly text: string;
}

/** Whether the newest minute that is visible turned requests away. */
export function requestVerdict({ minutes: known }: Pick<ServiceLoad, 'minutes'>, now: Instant): RequestVerdict {
  const [newest] = known;
  if (newest === undefined) return { says: 'unknown', text: 'Monitoring knows of no request' };
  const age = between(newest.at, now);
  if (age > LOAD_AGE_MAX)
    return { says: 'unknown', text: `the newest requests are ${showDuration(millis(age))} old, which is too old` };
  const text = `${newest.refused} of ${newest.requests} requests of a minute were turned away`;
  if (newest.requests < REQUESTS_MIN) return { says: 'unknown', text: `${text}, too few to tell` };
  return { says: isRefusing(newest) ? 'refusing' : 'fine', text };
}

/** Whether a minute counts as one in which requests were turned away. */
export const isRefusing = ({ requests, refused }: LoadMinute): boolean =>
  requests >= REQUESTS_MIN && refused / requests >= REFUSED_SHARE;

/** Instances that are serving requests, by the newest point that is young enough. */
export function activeInstances({ active }: ServiceLoad, now: Instant): number | undefined {
  const [newest] = active;
  return newest === undefined || between(newest.at, now) > LOAD_AGE_MAX ? undefined : newest.value;
}

/** What the latency of the newest minute says. `waiting`: slow, and the instances don't work; `unknown` says nothing. */
export interface LatencyVerdict {
  readonly says: 'fine' | 'working' | 'waiting' | 'unknown';
  readonly text: string;
}

/**
 * Whether answered requests are slow, and whether for want of instances: those that work at what they have are too few, those that wait
 * with their CPU idle wait for something else, which more of them would ask for more. `fine` where nobody says what is slow.
 */
export function latencyVerdict({ latency, minutes: known }: ServiceLoad, now: Instant): LatencyVerdict {
  if (latency === undefined) return { says: 'fine', text: '' };
  const young = (found: readonly MetricPoint[]): number | undefined => {
    const [newest] = found;
    return newest === undefined || between(newest.at, now) > LOAD_AGE_MAX ? undefined : newest.value;
  };
  const [p95, cpu] = [young(latency.p95), young(latency.cpu)];
  const requests = known[0]?.requests ?? 0;
  if (p95 === undefined || requests < REQUESTS_MIN)
    return { says: 'unknown', text: 'how long requests take is not known' };
  const took = `one answered request in twenty takes ${(p95 / 1_000).toFixed(1)} s or longer`;
  if (p95 < latency.limitMs) return { says: 'fine', text: took };
  if (cpu === undefined)
    return { says: 'unknown', text: `${took}, and whether its instances work or wait is not known` };
  const share = `${Math.round(cpu * 100)} % of its CPU`;
  return cpu >= WORKING_SHARE
    ? { says: 'working', text: `${took}, its instances work at ${share}` }
    : { says: 'waiting', text: `${took}, and its instances wait: they use ${share}` };
}
