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
export type ValueType = 'BOOL' | 'INT64' | 'DOUBLE' | 'DISTRIBUTION';

/** One measurement. */
export interface Sample extends SeriesIdentity {
  readonly kind: MetricKind;
  readonly valueType: ValueType;
  /** Of a distribution its mean. */
  readonly value: number;
  /** What a distribution is made of. */
  readonly spread?: readonly number[];
  /** Begin of the interval, for DELTA and CUMULATIVE. */
  readonly startAt?: Instant;
}

/** A point of a series; `startAt` is `at` for a gauge. */
export interface Point {
  readonly at: Instant;
  readonly startAt: Instant;
  readonly value: number;
  readonly spread?: readonly number[];
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

/** A series that points were recorded of. */
export interface RecordedSeries {
  /** Its first sample: what it is about. */
  readonly sample: SeriesIdentity;
  readonly key: string;
}

interface Stored extends RecordedSeries {
  readonly sample: Sample;
  points: StoredPoint[];
  /** What was shown of it last, by the index of the first point: while nothing new is visible, it is the same object. */
  shown: { end: number; readonly from: Map<number, Series> };
}

/** Chooses series by what they are about. One that is kept and asked again is answered faster. */
export interface Selection {
  matches(series: SeriesIdentity): boolean;
}

/** How long points are kept: Google keeps them for weeks; nobody here looks back further than a day. */
const KEPT: Millis = (26 * 3_600_000) as Millis; // 26 h in milliseconds

/** Names a series by what it is about, in whatever order its labels stand. Made of every sample, and shown to nobody. */
export const seriesKey = ({ resource, metric }: SeriesIdentity): string =>
  `${metric.type}${labelsText(metric.labels)}\n${resource.type}${labelsText(resource.labels)}`;

const isSameSeries = (one: SeriesIdentity, other: SeriesIdentity): boolean =>
  one.metric.type === other.metric.type &&
  one.resource.type === other.resource.type &&
  isSameLabels(one.metric.labels, other.metric.labels) &&
  isSameLabels(one.resource.labels, other.resource.labels);

function isSameLabels(one: Labels, other: Labels): boolean {
  if (one === other) return true;
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name]);
}

function labelsText(labels: Labels): string {
  const names = Object.keys(labels);
  if (names.some((name, index) => index > 0 && name < (names[index - 1] ?? ''))) names.sort();
  return names.map((name) => `\0${name}\0${labels[name] ?? ''}`).join('');
}

/** What belongs to a selection, among the first so many series. What a series is about never changes. */
interface Selected {
  readonly members: Stored[];
  looked: number;
}

/** The series of one project. */
export class SeriesStore {
  readonly #stored = new Map<string, Stored>();
  /** The same, in the order in which they began. */
  #inOrder: Stored[] = [];
  #selected = new WeakMap<Selection, Selected>();

  /**
   * Adds a point that becomes visible at `visibleAt`, or with the one before it if that comes later; returns its series. `guess`
   * is the series that it may belong to: a source tells of the same ones again and again.
   */
  record(sample: Sample, at: Instant, visibleAt: Instant, guess?: RecordedSeries): RecordedSeries {
    const stored = this.#guessed(sample, guess) ?? this.#find(sample, at);
    const before = stored.points.at(-1)?.visibleAt ?? visibleAt;
    stored.points.push({
      at,
      startAt: sample.startAt ?? at,
      value: sample.value,
      ...(sample.spread === undefined ? {} : { spread: sample.spread }),
      visibleAt: before > visibleAt ? before : visibleAt,
    });
    const oldest = after(at, -KEPT);
    if (stored.points[0] !== undefined && stored.points[0].at < after(oldest, -KEPT)) {
      stored.points = stored.points.filter((point) => point.at >= oldest);
      stored.shown = { end: 0, from: new Map() };
    }
    return stored;
  }

  #guessed(sample: Sample, guess: RecordedSeries | undefined): Stored | undefined {
    if (guess === undefined || !isSameSeries(guess.sample, sample)) return undefined;
    const stored = this.#stored.get(guess.key);
    return stored === guess ? stored : undefined; // it may have ended long ago
  }

  #find(sample: Sample, at: Instant): Stored {
    const key = seriesKey(sample);
    return this.#stored.get(key) ?? this.#begin(sample, key, at);
  }

  /** A new series; those that ended long ago make room for it. */
  #begin(sample: Sample, key: string, at: Instant): Stored {
    const oldest = after(at, -KEPT);
    const kept = this.#inOrder.filter(({ points }) => (points.at(-1)?.at ?? at) >= oldest);
    if (kept.length < this.#inOrder.length) {
      for (const gone of this.#inOrder) if (!kept.includes(gone)) this.#stored.delete(gone.key);
      this.#inOrder = kept;
      this.#selected = new WeakMap();
    }
    const stored: Stored = { sample, key, points: [], shown: { end: 0, from: new Map() } };
    this.#stored.set(key, stored);
    this.#inOrder.push(stored);
    return stored;
  }

  /** Selected series, with the points after `since` that are visible at `now`. A series without any is left out. */
  visible(selection: Selection, now: Instant, since: Instant): readonly Series[] {
    const found: Series[] = [];
    for (const stored of this.#membersOf(selection)) {
      const series = shownOf(stored, now, since);
      if (series !== undefined) found.push(series);
    }
    return found;
  }

  #membersOf(selection: Selection): readonly Stored[] {
    const selected = this.#selected.get(selection) ?? { members: [], looked: 0 };
    if (selected.looked === this.#inOrder.length) return selected.members;
    for (const stored of this.#inOrder.slice(selected.looked))
      if (selection.matches(stored.sample)) selected.members.push(stored);
    selected.looked = this.#inOrder.length;
    this.#selected.set(selection, selected);
    return selected.members;
  }
}

function shownOf(stored: Stored, now: Instant, since: Instant): Series | undefined {
  const { sample, key, points } = stored;
  const end = visibleEnd(stored, now);
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

/** How many points are visible; from those that were when it was shown last, since points become visible in their order. */
function visibleEnd({ points, shown }: Stored, now: Instant): number {
  let end = Math.min(shown.end, points.length);
  while (end > 0 && (points[end - 1]?.visibleAt ?? now) > now) end -= 1;
  while (end < points.length && (points[end]?.visibleAt ?? now) <= now) end += 1;
  return end;
}

/** Index of the first point after a moment; points stand in the order of time. */
export function firstAfter(points: readonly Point[], since: Instant): number {
  let [low, high] = [0, points.length];
  if (points[0] !== undefined && points[0].at > since) return 0;
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
