import { z } from 'zod';
import { after, between, instant, type Instant, minutes } from '../core/time.ts';
import type { GkeApplication } from '../system/system.ts';
import type { Metrics, MetricSeries } from './metrics.ts';
import { foldServiceLoad, LOAD_AGE_MAX, type LoadMinute, loadMinuteWire } from './service-load.ts';

// What Monitoring says of the load of a Deployment, minute by minute: how many requests its load balancer took and how many ended in
// 5xx, and how busy its pods were. The two come from different machines: the front end counts, and the nodes measure.

/** How busy the pods were that reported, by the moment at which they were measured. */
export interface PodsMinute {
  readonly at: Instant;
  readonly pods: number;
  /** Use of CPU in requests of one pod: 2.4 is what two pods and a bit would use if they used all that they request. */
  readonly busy: number;
}

/** Newest first. */
export interface WorkloadLoad {
  readonly minutes: readonly LoadMinute[];
  readonly cpu: readonly PodsMinute[];
}

/** How far back points are asked for: several minutes beyond those by which they may be late. */
const BACK = minutes(10);

/** Points that are kept: the reading is evidence, not a chart. */
const POINTS_MAX = 8;

const MINUTE = minutes(1);

/** Mean use of CPU from which on pods count as busy: what is left of a request is noise of the measure. */
const BUSY_FROM = 0.9;

/** A reading as it is stored inside of facts. */
export const workloadLoadWire: z.ZodType<WorkloadLoad> = z.strictObject({
  minutes: z.array(loadMinuteWire),
  cpu: z.array(z.strictObject({ at: z.number().transform(instant), pods: z.number(), busy: z.number() })),
});

/** The load of a Deployment behind a load balancer as it is visible now. Rejects with `PortError`. */
export async function readWorkloadLoad(
  metrics: Metrics,
  project: string,
  application: GkeApplication & { readonly urlMap: string },
  now: Instant,
): Promise<WorkloadLoad> {
  const { cluster, location, namespace, deployment, container, urlMap } = application;
  const ask = (...filter: readonly string[]) => metrics.series(filter.join(' AND '), after(now, -BACK), now);
  const [requests, cpu] = await Promise.all([
    ask(
      'resource.type = "https_lb_rule"',
      `resource.labels.project_id = "${project}"`,
      `resource.labels.url_map_name = "${urlMap}"`,
      'metric.type = "loadbalancing.googleapis.com/https/request_count"',
    ),
    ask(
      'resource.type = "k8s_container"',
      `resource.labels.project_id = "${project}"`,
      `resource.labels.location = "${location}"`,
      `resource.labels.cluster_name = "${cluster}"`,
      `resource.labels.namespace_name = "${namespace}"`,
      `resource.labels.pod_name = starts_with("${deployment}-")`,
      `resource.labels.container_name = "${container}"`,
      'metric.type = "kubernetes.io/container/cpu/request_utilization"',
    ),
  ]);
  return { minutes: foldServiceLoad(requests.filter(hasCounted), []).minutes, cpu: foldPods(cpu, deployment) };
}

/** A backend that takes nothing writes zeroes, which may be visible sooner than the counts of the one that does. */
const hasCounted = ({ points }: MetricSeries): boolean => points.some(({ value }) => value > 0);

/** Adds up the pods of one Deployment, minute by minute; a longer name of another one begins as theirs do. */
export function foldPods(series: readonly MetricSeries[], deployment: string): readonly PodsMinute[] {
  const own = series.filter(({ resource }) => isPodOf(resource['pod_name'] ?? '', deployment));
  const sums = new Map<number, { pods: number; busy: number }>();
  for (const { at, value } of own.flatMap(({ points }) => points)) {
    const minute = Math.ceil(at / MINUTE) * MINUTE;
    const known = sums.get(minute) ?? { pods: 0, busy: 0 };
    sums.set(minute, { pods: known.pods + 1, busy: known.busy + value });
  }
  return [...sums]
    .toSorted(([a], [b]) => b - a)
    .slice(0, POINTS_MAX)
    .map(([at, { pods, busy }]) => ({ at: instant(at), pods, busy: Math.round(busy * 100) / 100 }));
}

/** `<deployment>-<hash of its template>-<five letters>`. */
const isPodOf = (pod: string, deployment: string): boolean =>
  pod.startsWith(`${deployment}-`) && /^[a-z0-9]+-[a-z0-9]{5}$/.test(pod.slice(deployment.length + 1));

/** How busy the pods are by the newest minute that is young enough; `undefined` when none is. */
export function podsNow({ cpu }: WorkloadLoad, now: Instant): (PodsMinute & { readonly areBusy: boolean }) | undefined {
  const [newest] = cpu;
  if (newest === undefined || between(newest.at, now) > LOAD_AGE_MAX) return undefined;
  return { ...newest, areBusy: newest.busy / newest.pods >= BUSY_FROM };
}

/** Whether so many pods would do for what is used now, with what makes pods busy to spare. */
export const wouldDo = (pods: number, { busy }: PodsMinute): boolean => busy < BUSY_FROM * pods;
