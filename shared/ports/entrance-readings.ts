import { after, instant, type Instant, minutes } from '../core/time.ts';
import type { Entrance } from '../system/system.ts';
import type { MetricPoint, Metrics } from './metrics.ts';

// What Monitoring says of an entrance: Google's own uptime checks of its host, and the requests that its load balancer sent to one
// of the applications behind it. Classification and the steps that watch traffic rest on the same readings, so they stand beside the
// port that they are read through.

/** The newest result of one place from which the host is checked. */
export interface UptimePoint {
  readonly checker: string;
  readonly at: Instant;
  readonly passed: boolean;
}

/** How far back points are asked for: several checks, and several minutes by which request counts may be late. */
const BACK = minutes(10);

/** Places that are kept. */
const CHECKERS_MAX = 10;

/** Minutes that are kept. */
const POINTS_MAX = 8;

/** The newest result of each place that checks the entrance's host; empty where nothing checks it. Rejects with `PortError`. */
export async function readUptime(
  metrics: Metrics,
  project: string,
  { host }: Pick<Entrance, 'host'>,
  now: Instant,
): Promise<readonly UptimePoint[]> {
  const filter = [
    'metric.type = "monitoring.googleapis.com/uptime_check/check_passed"',
    'resource.type = "uptime_url"',
    `resource.labels.project_id = "${project}"`,
    `resource.labels.host = "${host}"`,
  ].join(' AND ');
  const found = await metrics.series(filter, after(now, -BACK), now);
  return found
    .flatMap(({ metric, points }) => {
      const newest = newestOf(points);
      const checker = metric['checker_location'] ?? '';
      return newest === undefined ? [] : [{ checker, at: newest.at, passed: newest.value >= 1 }];
    })
    .toSorted((a, b) => (a.checker < b.checker ? -1 : 1))
    .slice(0, CHECKERS_MAX);
}

const newestOf = (points: readonly MetricPoint[]): MetricPoint | undefined =>
  points.reduce<MetricPoint | undefined>(
    (best, point) => (best === undefined || point.at > best.at ? point : best),
    undefined,
  );

/**
 * Requests that the entrance's load balancer sent to an application, minute by minute by their ends, newest first; `undefined` where
 * no load balancer of it is known. Rejects with `PortError`.
 */
export async function readRequestsThrough(
  metrics: Metrics,
  project: string,
  entrance: Entrance,
  application: string,
  now: Instant,
): Promise<readonly MetricPoint[] | undefined> {
  const about = balancerOf(entrance, application);
  if (about === undefined) return undefined;
  const filter = [
    'metric.type = "loadbalancing.googleapis.com/https/request_count"',
    'resource.type = "https_lb_rule"',
    `resource.labels.project_id = "${project}"`,
    ...about,
  ].join(' AND ');
  const sums = new Map<number, number>();
  for (const { points } of await metrics.series(filter, after(now, -BACK), now))
    for (const { at, value } of points) {
      const minute = Math.ceil(at / minutes(1)) * minutes(1);
      sums.set(minute, (sums.get(minute) ?? 0) + value);
    }
  return [...sums]
    .toSorted(([a], [b]) => b - a)
    .slice(0, POINTS_MAX)
    .map(([at, value]) => ({ at: instant(at), value }));
}

function balancerOf(entrance: Entrance, application: string): readonly string[] | undefined {
  if (entrance.via === 'loadBalancer') {
    const backend = entrance.backends.find((one) => one.application === application);
    return backend === undefined
      ? undefined
      : [
          `resource.labels.url_map_name = "${entrance.urlMap}"`,
          `resource.labels.backend_target_name = "${backend.backendService}"`,
        ];
  }
  const urlMap = entrance.backends.find((one) => one.application === application)?.urlMap;
  return urlMap === undefined ? undefined : [`resource.labels.url_map_name = "${urlMap}"`];
}
