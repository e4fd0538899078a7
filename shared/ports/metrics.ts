import type { Instant } from '../core/time.ts';

/** One point of a series; newest first in lists. */
export interface MetricPoint {
  readonly at: Instant;
  readonly value: number;
}

/** One time series with the labels that tell it apart. */
export interface MetricSeries {
  readonly resource: Readonly<Record<string, string>>;
  readonly metric: Readonly<Record<string, string>>;
  readonly points: readonly MetricPoint[];
}

/** What the product asks of Monitoring. Points are late: at most 60 s of sampling and 165 s of visibility (facts.md 1.4). Rejects with `PortError`. */
export interface Metrics {
  /**
   * `filter` in Monitoring's language; points between the two moments. Of a distribution the mean, or where `of` says so the 95th
   * percentile of each minute.
   */
  series(filter: string, from: Instant, to: Instant, of?: 'p95'): Promise<readonly MetricSeries[]>;
}
