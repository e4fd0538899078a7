import { unreachable } from '../../shared/core/assert.ts';
import { after, type Instant, instant, type Millis } from '../../shared/core/time.ts';
import { firstAfter, type Labels, type Series, type SeriesIdentity, seriesKey } from './monitoring-series.ts';

// Aligning (one value for each window of each series) and reducing (one series for each group), as Monitoring defines them.

/** Aligners that the sandbox knows. */
export const ALIGNERS = [
  'ALIGN_DELTA',
  'ALIGN_RATE',
  'ALIGN_NEXT_OLDER',
  'ALIGN_MIN',
  'ALIGN_MAX',
  'ALIGN_MEAN',
  'ALIGN_COUNT',
  'ALIGN_SUM',
  'ALIGN_COUNT_TRUE',
  'ALIGN_COUNT_FALSE',
  'ALIGN_FRACTION_TRUE',
  'ALIGN_PERCENTILE_99',
  'ALIGN_PERCENTILE_95',
  'ALIGN_PERCENTILE_50',
] as const;
/** One of them. */
export type Aligner = (typeof ALIGNERS)[number];

/** Reducers that the sandbox knows. */
export const REDUCERS = [
  'REDUCE_NONE',
  'REDUCE_MEAN',
  'REDUCE_MIN',
  'REDUCE_MAX',
  'REDUCE_SUM',
  'REDUCE_COUNT',
  'REDUCE_COUNT_TRUE',
  'REDUCE_COUNT_FALSE',
  'REDUCE_FRACTION_TRUE',
] as const;
/** One of them. */
export type Reducer = (typeof REDUCERS)[number];

/** How series are made into series with one value for each step. */
export interface Aggregation {
  /** Length of the window before each step. */
  readonly period: Millis;
  readonly aligner: Aligner;
  readonly reducer: Reducer;
  /** `resource.label.x`, `metric.label.x`, `resource.label.*`; what is not named is reduced away. */
  readonly groupBy: readonly string[];
}

/** A series with at most one value for each step. */
export interface AlignedSeries extends SeriesIdentity {
  readonly key: string;
  readonly values: ReadonlyMap<Instant, number>;
  /** Newest step for which every series that it is made of has reported. */
  readonly completeUntil: Instant;
  /** When something of it became visible last. */
  readonly seenAt: Instant;
}

/** A contributing series that was silent for longer no longer holds its group up. */
const SILENT = 600_000;

/** The last step at or before a moment. */
export const stepAt = (at: Instant, step: Millis): Instant => instant(Math.floor(at / step) * step);

/** The steps for which values are computed, both ends included. */
interface Steps {
  readonly first: Instant;
  readonly last: Instant;
  readonly step: Millis;
}

/** Aligns and reduces. Steps run from `from` to `to`, both included, and are multiples of `step`. */
export function aggregate(
  series: readonly Series[],
  how: Aggregation,
  { from, to, step }: { readonly from: Instant; readonly to: Instant; readonly step: Millis },
): readonly AlignedSeries[] {
  const steps = { first: stepAt(after(from, step - 1), step), last: stepAt(to, step), step };
  const aligned = series.map((one) => alignSeries(one, how, steps));
  if (how.reducer === 'REDUCE_NONE') return aligned;
  const groups = new Map<string, { readonly identity: SeriesIdentity; readonly members: AlignedSeries[] }>();
  for (const one of aligned) {
    const { key, identity } = groupOf(one, how);
    const group = groups.get(key) ?? { identity, members: [] };
    group.members.push(one);
    groups.set(key, group);
  }
  return [...groups].map(([key, { identity, members }]) => ({
    key,
    ...identity,
    ...reduceGroup(members, how.reducer, steps),
  }));
}

interface Group {
  readonly key: string;
  readonly identity: SeriesIdentity;
}

/** The group of each series under an aggregation: which one it is never changes. */
const groupsKnown = new WeakMap<Aggregation, Map<string, Group>>();

function groupOf(series: Series | AlignedSeries, how: Aggregation): Group {
  const known = groupsKnown.get(how) ?? new Map<string, Group>();
  groupsKnown.set(how, known);
  const found = known.get(series.key);
  if (found !== undefined) return found;
  const identity = groupIdentity(series, how.groupBy);
  const group = { key: seriesKey(identity), identity };
  known.set(series.key, group);
  return group;
}

function alignSeries(series: Series, { period, aligner }: Aggregation, { first, last, step }: Steps): AlignedSeries {
  const { key, resource, metric, points, seenAt } = series;
  const values = new Map<Instant, number>();
  let [low, high] = [firstAfter(points, after(first, -period)), 0];
  for (let at = first; at <= last; at = after(at, step)) {
    const start = after(at, -period);
    while (low < points.length && (points[low]?.at ?? at) <= start) low += 1;
    high = Math.max(low, high);
    while (high < points.length && (points[high]?.at ?? at) <= at) high += 1;
    if (low < high) values.set(at, alignWindow(series, low, high, aligner, period));
  }
  const newest = points.at(-1)?.at ?? first;
  const completeUntil = stepAt(after(newest, step - 1), step);
  const metadata = series.metadata === undefined ? {} : { metadata: series.metadata };
  return { key, resource, metric, ...metadata, values, completeUntil, seenAt };
}

/** The value of a window that holds the points from `low` to before `high`, at least one. */
function alignWindow({ kind, points }: Series, low: number, high: number, aligner: Aligner, period: Millis): number {
  let [sum, least, most] = [0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let index = low; index < high; index += 1) {
    const value = points[index]?.value ?? 0;
    sum += value;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  const count = high - low;
  const last = points[high - 1]?.value ?? 0;
  // The sum of deltas, or the growth of a counter since the last point before the window.
  const change = kind === 'DELTA' ? sum : last - (points[low === 0 ? 0 : low - 1]?.value ?? 0);
  switch (aligner) {
    case 'ALIGN_NEXT_OLDER':
      return last;
    case 'ALIGN_MIN':
      return least;
    case 'ALIGN_MAX':
      return most;
    case 'ALIGN_MEAN':
    case 'ALIGN_FRACTION_TRUE':
      return sum / count;
    case 'ALIGN_COUNT':
      return count;
    case 'ALIGN_SUM':
    case 'ALIGN_COUNT_TRUE':
      return sum;
    case 'ALIGN_COUNT_FALSE':
      return count - sum;
    case 'ALIGN_DELTA':
      return change;
    case 'ALIGN_RATE':
      return change / (period / 1_000);
    case 'ALIGN_PERCENTILE_99':
    case 'ALIGN_PERCENTILE_95':
    case 'ALIGN_PERCENTILE_50':
      return percentile(points.slice(low, high), Number(aligner.slice(-2)));
    default:
      return unreachable(aligner);
  }
}

/** Of all that the distributions of a window are made of; a number counts as a distribution of one. */
function percentile(points: Series['points'], rank: number): number {
  const all = points.flatMap(({ value, spread }) => spread ?? [value]).toSorted((a, b) => a - b);
  return all[Math.min(all.length - 1, Math.floor((all.length * rank) / 100))] ?? 0;
}

function reduceGroup(
  members: readonly AlignedSeries[],
  reducer: Reducer,
  { first, last, step }: Steps,
): Pick<AlignedSeries, 'values' | 'completeUntil' | 'seenAt'> {
  const values = new Map<Instant, number>();
  for (let at = first; at <= last; at = after(at, step)) {
    const present = members.flatMap((member) => member.values.get(at) ?? []);
    const value = reduceValues(present, reducer);
    if (value !== undefined) values.set(at, value);
  }
  const newest = Math.max(...members.map(({ completeUntil }) => completeUntil));
  const alive = members.map(({ completeUntil }) => completeUntil).filter((until) => until > newest - SILENT);
  return {
    values,
    completeUntil: instant(Math.min(...alive)),
    seenAt: instant(Math.max(...members.map(({ seenAt }) => seenAt))),
  };
}

function reduceValues(values: readonly number[], reducer: Reducer): number | undefined {
  if (values.length === 0) return undefined;
  const sum = values.reduce((total, value) => total + value, 0);
  const truths = values.filter((value) => value !== 0).length;
  switch (reducer) {
    case 'REDUCE_NONE':
      return values[0];
    case 'REDUCE_SUM':
      return sum;
    case 'REDUCE_MEAN':
      return sum / values.length;
    case 'REDUCE_MIN':
      return Math.min(...values);
    case 'REDUCE_MAX':
      return Math.max(...values);
    case 'REDUCE_COUNT':
      return values.length;
    case 'REDUCE_COUNT_TRUE':
      return truths;
    case 'REDUCE_COUNT_FALSE':
      return values.length - truths;
    case 'REDUCE_FRACTION_TRUE':
      return truths / values.length;
    default:
      return unreachable(reducer);
  }
}

function groupIdentity(series: SeriesIdentity, groupBy: readonly string[]): SeriesIdentity {
  const kept = (part: 'resource' | 'metric'): Labels =>
    Object.fromEntries(
      Object.entries(series[part].labels).filter(([name]) =>
        groupBy.some((field) => new RegExp(`^${part}\\.labels?\\.(\\*|${name})$`).test(field)),
      ),
    );
  return {
    resource: { type: series.resource.type, labels: kept('resource') },
    metric: { type: series.metric.type, labels: kept('metric') },
  };
}
