import { canonicalJson } from '../../shared/core/json.ts';
import { after, type Instant, type Millis } from '../../shared/core/time.ts';

// Time series as Monitoring keeps them. A point exists from the moment it is sampled, and is visible only later (facts.md 1.4).

/** Labels by name. */
export type Labels = Readonly<Record<string, string>>;

/** What a series is about: a monitored resource and a metric, each with its labels. */
export interface SeriesIdentity {
  readonly resource: { readonly type: string; readonly labels: Labels };
  readonly metric: { readonly type: string; readonly labels: Labels };
  /** System labels of the resource's metadata, as notifications carry them. */
  readonly metadata?: { readonly systemLabels: Labels; readonly userLabels: Labels };
}

/** GAUGE: the value at a moment. DELTA: the change over an interval. CUMULATIVE: a counter since a start. */
export type MetricKind = 'GAUGE' | 'DELTA' | 'CUMULATIVE';

/** Booleans are kept as 1 and 0. */
export type ValueType = 'BOOL' | 'INT64' | 'DOUBLE';

/** One measurement. */
export interface Sample extends SeriesIdentity {
  readonly kind: MetricKind;
  readonly valueType: ValueType;
  readonly value: number;
  /** Begin of the interval, for DELTA and CUMULATIVE. */
  readonly startAt?: Instant;
}

/** A point of a series; `startAt` is `at` for a gauge. */
export interface Point {
  readonly at: Instant;
  readonly startAt: Instant;
  readonly value: number;
}

/** A series as it is visible at some moment, oldest point first. */
export interface Series extends SeriesIdentity {
  readonly key: string;
  readonly kind: MetricKind;
  readonly valueType: ValueType;
  readonly points: readonly Point[];
  /** When the newest point became visible. */
  readonly seenAt: Instant;
}

interface StoredPoint extends Point {
  readonly visibleAt: Instant;
}

interface Stored {
  readonly sample: Sample;
  readonly key: string;
  points: StoredPoint[];
  /** Which selections it belongs to: what it is about never changes. */
  readonly matched: WeakMap<Selection, boolean>;
  /** What was shown of it last, by the index of the first point: while nothing new is visible, it is the same object. */
  shown: { end: number; readonly from: Map<number, Series> };
}

/** Chooses series by what they are about. One that is kept and asked again is answered faster. */
export interface Selection {
  matches(series: SeriesIdentity): boolean;
}

/** How long points are kept: Google keeps them for weeks; nobody here looks back further than a day. */
const KEPT: Millis = (26 * 3_600_000) as Millis; // 26 h in milliseconds

/** Names a series by what it is about. */
export function seriesKey({ resource, metric }: SeriesIdentity): string {
  // The members in canonical order, so that only labels out of order have to be sorted.
  return canonicalJson({
    metric: { labels: metric.labels, type: metric.type },
    resource: { labels: resource.labels, type: resource.type },
  });
}

/** The series of one project. */
export class SeriesStore {
  readonly #stored = new Map<string, Stored>();

  /** Adds a point that becomes visible at `visibleAt`, or with the one before it if that comes later. */
  record(sample: Sample, at: Instant, visibleAt: Instant): void {
    const key = seriesKey(sample);
    const stored = this.#stored.get(key) ?? this.#begin(sample, key, at);
    const before = stored.points.at(-1)?.visibleAt ?? visibleAt;
    stored.points.push({
      at,
      startAt: sample.startAt ?? at,
      value: sample.value,
      visibleAt: before > visibleAt ? before : visibleAt,
    });
    const oldest = after(at, -KEPT);
    if (stored.points[0] !== undefined && stored.points[0].at < after(oldest, -KEPT)) {
      stored.points = stored.points.filter((point) => point.at >= oldest);
      stored.shown = { end: 0, from: new Map() };
    }
  }

  /** A new series; those that ended long ago make room for it. */
  #begin(sample: Sample, key: string, at: Instant): Stored {
    const oldest = after(at, -KEPT);
    for (const [name, { points }] of this.#stored) {
      const last = points.at(-1);
      if (last !== undefined && last.at < oldest) this.#stored.delete(name);
    }
    const stored: Stored = { sample, key, points: [], matched: new WeakMap(), shown: { end: 0, from: new Map() } };
    this.#stored.set(key, stored);
    return stored;
  }

  /** Selected series, with the points after `since` that are visible at `now`. A series without any is left out. */
  visible(selection: Selection, now: Instant, since: Instant): readonly Series[] {
    const found: Series[] = [];
    for (const stored of this.#stored.values()) {
      if (!isSelected(stored, selection)) continue;
      const series = shownOf(stored, now, since);
      if (series !== undefined) found.push(series);
    }
    return found;
  }
}

function isSelected({ sample, matched }: Stored, selection: Selection): boolean {
  const known = matched.get(selection);
  if (known !== undefined) return known;
  const matches = selection.matches(sample);
  matched.set(selection, matches);
  return matches;
}

function shownOf(stored: Stored, now: Instant, since: Instant): Series | undefined {
  const { sample, key, points } = stored;
  const end = points.findLastIndex((point) => point.visibleAt <= now) + 1;
  const first = firstAfter(points, since);
  const last = points[end - 1];
  if (first >= end || last === undefined) return undefined;
  if (stored.shown.end !== end) stored.shown = { end, from: new Map() };
  const known = stored.shown.from.get(first);
  if (known !== undefined) return known;
  const { kind, valueType } = sample;
  const shown = {
    ...identityOf(sample),
    key,
    kind,
    valueType,
    points: points.slice(first, end),
    seenAt: last.visibleAt,
  };
  stored.shown.from.set(first, shown);
  return shown;
}

/** Index of the first point after a moment; points stand in the order of time. */
export function firstAfter(points: readonly Point[], since: Instant): number {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((points[middle]?.at ?? since) > since) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** A series' identity without its value. */
export function identityOf({ resource, metric, metadata }: SeriesIdentity): SeriesIdentity {
  return metadata === undefined ? { resource, metric } : { resource, metric, metadata };
}
