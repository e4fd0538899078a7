import { z } from 'zod';
import { after, between, instant, type Instant, millis, type Millis, minutes, showDuration } from '../core/time.ts';
import type { CloudRunApplication } from '../system/system.ts';
import type { MetricPoint, Metrics, MetricSeries } from './metrics.ts';

// What Monitoring says of the load of a Cloud Run service, minute by minute: how many requests it took and how many of them it
// turned away, and how many instances were busy. Classification and the steps that watch a service rest on the same reading, so it
// stands beside the port that it is read through.
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
}

/** How far back points are asked for: several minutes beyond those by which they may be late. */
const BACK = minutes(10);

/** Points that are kept: the reading is evidence, not a chart. */
const POINTS_MAX = 8;

const MINUTE = minutes(1);

/** A point that is older says nothing of the present: it may be a minute of sampling and three until it is visible. */
export const LOAD_AGE_MAX: Millis = minutes(4);

/** From this share of requests that are turned away on, a service counts as refusing: one in twenty. Retries hide less. */
const REFUSED_SHARE = 0.05;

/** Requests of a minute below which a share means nothing. */
const REQUESTS_MIN = 10;

const moment = z.number().transform(instant);

/** One minute as it is stored inside of facts. */
export const loadMinuteWire: z.ZodType<LoadMinute> = z.strictObject({
  at: moment,
  requests: z.number(),
  refused: z.number(),
});

/** A reading as it is stored inside of facts. */
export const serviceLoadWire: z.ZodType<ServiceLoad> = z.strictObject({
  minutes: z.array(loadMinuteWire),
  active: z.array(z.strictObject({ at: moment, value: z.number() })),
});

/** The load of a service as it is visible now. Rejects with `PortError`. */
export async function readServiceLoad(
  metrics: Metrics,
  project: string,
  application: Pick<CloudRunApplication, 'service' | 'region'>,
  now: Instant,
): Promise<ServiceLoad> {
  const about = [
    'resource.type = "cloud_run_revision"',
    `resource.labels.project_id = "${project}"`,
    `resource.labels.location = "${application.region}"`,
    `resource.labels.service_name = "${application.service}"`,
  ];
  const ask = (metric: string, ...more: readonly string[]) =>
    metrics.series(
      [...about, `metric.type = "run.googleapis.com/${metric}"`, ...more].join(' AND '),
      after(now, -BACK),
      now,
    );
  const [requests, instances] = await Promise.all([
    ask('request_count'),
    ask('container/instance_count', 'metric.labels.state = "active"'),
  ]);
  return foldServiceLoad(requests, instances);
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
