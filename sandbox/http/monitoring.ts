import { z } from 'zod';
import { type Instant, millis, parseInstant, toIso } from '../../shared/core/time.ts';
import type { Monitoring, SeriesQuery } from '../world/monitoring.ts';
import { type Aggregation, ALIGNERS, REDUCERS } from '../world/monitoring-align.ts';
import type { Point, Series } from '../world/monitoring-series.ts';
import { ApiError } from '../world/kernel.ts';
import type { Project } from '../world/project.ts';
import { answer, invalidArgument } from './google-error.ts';
import { callerOf, checkProject, pageOf, queryOf } from './google-request.ts';
import type { HttpRequest, Route } from './router.ts';

// Monitoring v3: time series and alert policies, for reading. The policies that it lists are those that are evaluated.

const PROJECT = String.raw`/v3/projects/(?<project>[^/]+)`;

/** Series in one page at most; the real API counts points. */
const SERIES_MAX = 1_000;
const POLICIES_MAX = 1_000;

const SERIES_QUERY = [
  'filter',
  'interval.startTime',
  'interval.endTime',
  'aggregation.alignmentPeriod',
  'aggregation.perSeriesAligner',
  'aggregation.crossSeriesReducer',
  'aggregation.groupByFields',
  'view',
  'orderBy',
  'pageSize',
  'pageToken',
] as const;

/** Numbers of google.monitoring.v3.Aggregation, as gax sends them. */
const ALIGNER_NUMBERS: Readonly<Record<string, string>> = {
  1: 'ALIGN_DELTA',
  2: 'ALIGN_RATE',
  4: 'ALIGN_NEXT_OLDER',
  10: 'ALIGN_MIN',
  11: 'ALIGN_MAX',
  12: 'ALIGN_MEAN',
  13: 'ALIGN_COUNT',
  14: 'ALIGN_SUM',
  16: 'ALIGN_COUNT_TRUE',
  24: 'ALIGN_COUNT_FALSE',
  17: 'ALIGN_FRACTION_TRUE',
  18: 'ALIGN_PERCENTILE_99',
  19: 'ALIGN_PERCENTILE_95',
  20: 'ALIGN_PERCENTILE_50',
};
const REDUCER_NUMBERS: Readonly<Record<string, string>> = {
  0: 'REDUCE_NONE',
  1: 'REDUCE_MEAN',
  2: 'REDUCE_MIN',
  3: 'REDUCE_MAX',
  4: 'REDUCE_SUM',
  6: 'REDUCE_COUNT',
  7: 'REDUCE_COUNT_TRUE',
  15: 'REDUCE_COUNT_FALSE',
  8: 'REDUCE_FRACTION_TRUE',
};
const VIEWS: Readonly<Record<string, 'full' | 'headers'>> = {
  0: 'full',
  1: 'headers',
  FULL: 'full',
  HEADERS: 'headers',
};

/** Routes of Monitoring. */
export function monitoringRoutes(parts: {
  readonly project: Project;
  readonly monitoring: Monitoring;
}): readonly Route[] {
  const { project, monitoring } = parts;
  return [
    {
      method: 'GET',
      pattern: new RegExp(`${PROJECT}/timeSeries`),
      handle(request, { project: named }) {
        checkProject(project, named);
        const query = queryOf(request, SERIES_QUERY);
        const view = VIEWS[query['view'] ?? 'FULL'];
        if (view === undefined) throw invalidArgument(`Invalid value at 'view': ${query['view'] ?? ''}`);
        return answer(monitoring.listTimeSeries(callerOf(request), seriesQuery(request, query)), (series) => {
          const { items, ...rest } = pageOf(series, pageQuery(query), SERIES_MAX);
          return { timeSeries: items.map((one) => seriesJson(one, view)), ...rest };
        });
      },
    },
    {
      method: 'GET',
      pattern: new RegExp(`${PROJECT}/alertPolicies`),
      handle(request, { project: named }) {
        checkProject(project, named);
        const query = queryOf(request, ['filter', 'orderBy', 'pageSize', 'pageToken']);
        if (query['filter'] !== undefined || query['orderBy'] !== undefined) {
          throw new ApiError(501, 'notImplemented', 'The sandbox lists alert policies without a filter or an order.');
        }
        return answer(monitoring.listAlertPolicies(callerOf(request)), (all) => {
          const { items, ...rest } = pageOf(all, pageQuery(query), POLICIES_MAX);
          return { alertPolicies: items, totalSize: all.length, ...rest };
        });
      },
    },
    {
      method: 'GET',
      pattern: new RegExp(`${PROJECT}/notificationChannels`),
      handle(request, { project: named }) {
        checkProject(project, named);
        const query = queryOf(request, ['pageSize', 'pageToken']);
        return answer(monitoring.listChannels(callerOf(request)), (all) => {
          const { items, ...rest } = pageOf(all, pageQuery(query), POLICIES_MAX);
          const topicOf = (topic: string): string => `projects/${project.id}/topics/${topic}`;
          return {
            notificationChannels: items.map(({ name, topic }) => ({
              name,
              type: 'pubsub',
              displayName: topic,
              labels: { topic: topicOf(topic) },
              enabled: true,
            })),
            totalSize: all.length,
            ...rest,
          };
        });
      },
    },
    {
      method: 'GET',
      pattern: new RegExp(String.raw`${PROJECT}/alertPolicies/(?<policy>[^/:]+)`),
      handle(request, { project: named, policy = '' }) {
        checkProject(project, named);
        queryOf(request, []);
        const name = `projects/${project.id}/alertPolicies/${policy}`;
        return answer(monitoring.alertPolicy(callerOf(request), name), (found) => found);
      },
    },
  ];
}

type Query = Readonly<Record<string, string | undefined>>;

const pageQuery = (query: Query): { readonly size: string | undefined; readonly token: string | undefined } => ({
  size: query['pageSize'],
  token: query['pageToken'],
});

function seriesQuery(request: HttpRequest, query: Query): SeriesQuery {
  const to = momentOf(query['interval.endTime'], 'interval.end_time');
  const startTime = query['interval.startTime'];
  // Without a start the interval is the one moment of its end.
  const from = startTime === undefined ? to : momentOf(startTime, 'interval.start_time');
  const aggregation = aggregationOf(request, query);
  return { filter: query['filter'] ?? '', from, to, ...(aggregation === undefined ? {} : { aggregation }) };
}

function momentOf(text: string | undefined, field: string): Instant {
  const moment = parseInstant(text ?? '');
  if (moment === undefined) throw invalidArgument(`Field ${field} had an invalid value of "${text ?? ''}".`);
  return moment;
}

const periodWire = z.string().regex(/^\d+(\.\d+)?s$/);

function aggregationOf(request: HttpRequest, query: Query): Aggregation | undefined {
  const [givenAligner, givenPeriod] = [query['aggregation.perSeriesAligner'], query['aggregation.alignmentPeriod']];
  if (givenAligner === undefined && givenPeriod === undefined) return undefined;
  const alignerName = ALIGNER_NUMBERS[givenAligner ?? ''] ?? givenAligner;
  const aligner = ALIGNERS.find((name) => name === alignerName);
  const givenReducer = query['aggregation.crossSeriesReducer'] ?? 'REDUCE_NONE';
  const reducerName = REDUCER_NUMBERS[givenReducer] ?? givenReducer;
  const reducer = REDUCERS.find((name) => name === reducerName);
  const period = periodWire.safeParse(givenPeriod);
  if (aligner === undefined) throw invalidArgument(`Field aggregation.perSeriesAligner had an invalid value.`);
  if (reducer === undefined) throw invalidArgument(`Field aggregation.crossSeriesReducer had an invalid value.`);
  const length = millis(Number.parseFloat(period.data ?? '0') * 1_000);
  if (length < 60_000) throw invalidArgument('Field aggregation.alignmentPeriod must be at least 60s.');
  return { period: length, aligner, reducer, groupBy: request.query.getAll('aggregation.groupByFields') };
}

function seriesJson(series: Series, view: 'full' | 'headers'): unknown {
  const { resource, metric, metadata, kind, valueType, points } = series;
  return {
    metric,
    resource,
    ...(metadata === undefined
      ? {}
      : { metadata: { systemLabels: metadata.systemLabels, userLabels: metadata.userLabels } }),
    metricKind: kind,
    valueType,
    // Newest first.
    ...(view === 'full' ? { points: points.toReversed().map((point) => pointJson(point, valueType)) } : {}),
  };
}

function pointJson({ at, startAt, value, spread = [] }: Point, valueType: Series['valueType']): unknown {
  const interval = { startTime: toIso(startAt), endTime: toIso(at) };
  switch (valueType) {
    case 'BOOL':
      return { interval, value: { boolValue: value !== 0 } };
    case 'INT64':
      return { interval, value: { int64Value: String(Math.round(value)) } };
    case 'DOUBLE':
      return { interval, value: { doubleValue: value } };
    case 'DISTRIBUTION':
      return { interval, value: { distributionValue: { count: String(spread.length), mean: value } } };
  }
}
