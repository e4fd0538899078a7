import type { MetricServiceClient, protos } from '@google-cloud/monitoring';
import { z } from 'zod';
import { instant, toIso } from '../core/time.ts';
import type { Instant } from '../core/time.ts';
import { PortError } from '../ports/port-error.ts';
import type { MetricPoint, Metrics, MetricSeries } from '../ports/metrics.ts';
import { callGoogle, lazyClient } from './google-call.ts';
import type { GoogleAccess } from './google-call.ts';

// Monitoring through `@google-cloud/monitoring`, v3, REST. A missing series is an empty list: absence says nothing.

/** Pages of one query. A page holds up to 100,000 points; a query of ours asks for minutes of a few series. */
const PAGES_MAX = 10;

const labels = z.record(z.string(), z.string());
const value = z.object({
  doubleValue: z.number().nullish(),
  int64Value: z.coerce.number().nullish(),
  boolValue: z.boolean().nullish(),
  distributionValue: z.object({ mean: z.number() }).nullish(),
});
const wire = z.object({
  resource: z.object({ type: z.string(), labels }),
  metric: z.object({ type: z.string(), labels }),
  points: z.array(
    z.object({
      interval: z.object({ endTime: z.object({ seconds: z.coerce.number(), nanos: z.number().nullish() }) }),
      value,
    }),
  ),
});

/**
 * A series as the client returns it; texts, which we never ask for, are left out. Throws `z.ZodError` on anything else.
 */
export function parseSeries(answer: unknown): MetricSeries {
  const series = wire.parse(answer);
  const points = series.points.flatMap((point): MetricPoint[] => {
    const { seconds, nanos } = point.interval.endTime;
    const found = numberOf(point.value);
    return found === undefined
      ? []
      : [{ at: instant(seconds * 1_000 + Math.floor((nanos ?? 0) / 1_000_000)), value: found }];
  });
  return {
    resource: { ...series.resource.labels, type: series.resource.type },
    metric: { ...series.metric.labels, type: series.metric.type },
    points: points.sort((a, b) => b.at - a.at),
  };
}

/** Booleans count as 1 and 0, distributions by their mean. */
function numberOf(typed: z.infer<typeof value>): number | undefined {
  if (typed.boolValue !== undefined && typed.boolValue !== null) return typed.boolValue ? 1 : 0;
  return typed.doubleValue ?? typed.int64Value ?? typed.distributionValue?.mean ?? undefined;
}

/** The metrics of one project. */
export function createMonitoringMetrics(access: GoogleAccess): Metrics {
  const client = lazyClient(access, 'monitoring', async (options): Promise<MetricServiceClient> => {
    const { MetricServiceClient } = await import('./monitoring-client.ts');
    return new MetricServiceClient(options);
  });

  return {
    series: async (filter, from, to, of) => {
      const doing = `reading metrics from ${toIso(from)} to ${toIso(to)}`;
      const found: MetricSeries[] = [];
      let page: { readonly pageToken?: string } = {};
      for (let count = 0; count < PAGES_MAX; count += 1) {
        const request: protos.google.monitoring.v3.IListTimeSeriesRequest = {
          name: `projects/${access.project}`,
          filter,
          interval: { startTime: timestamp(from), endTime: timestamp(to) },
          view: 'FULL',
          ...(of === undefined
            ? {}
            : { aggregation: { alignmentPeriod: { seconds: 60 }, perSeriesAligner: 'ALIGN_PERCENTILE_95' } }),
          ...page,
        };
        const { items, next } = await callGoogle(access, { doing, effect: 'reads' }, client, async (ready, options) => {
          const [answer, nextRequest] = await ready.listTimeSeries(request, { ...options, autoPaginate: false });
          return { items: answer.map(parseSeries), next: nextRequest?.pageToken };
        });
        found.push(...items);
        if (next === undefined || next === null || next === '') return found;
        page = { pageToken: next };
      }
      throw new PortError('permanent', 'tooManyPages', doing);
    },
  };
}

const timestamp = (at: Instant): { readonly seconds: number; readonly nanos: number } => ({
  seconds: Math.floor(at / 1_000),
  nanos: Math.round((at % 1_000) * 1_000_000),
});
