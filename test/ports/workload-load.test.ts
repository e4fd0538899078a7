import { describe, expect, it } from '@jest/globals';
import { after, instant, type Instant, minutes } from '../../shared/core/time.ts';
import type { MetricSeries } from '../../shared/ports/metrics.ts';
import { foldPods, podsNow, wouldDo } from '../../shared/ports/workload-load.ts';

const NOON = instant(Date.parse('2026-01-05T12:00:00.000Z'));
const ago = (length: number): Instant => after(NOON, -length);

const pod = (name: string, ...points: readonly (readonly [Instant, number])[]) =>
  ({
    resource: { pod_name: name },
    metric: {},
    points: points.map(([at, value]) => ({ at, value })),
  }) satisfies MetricSeries;

const load = (...series: readonly MetricSeries[]) => ({ minutes: [], cpu: foldPods(series, 'api') });

describe('the pods of a Deployment', () => {
  it('are added up minute by minute, newest first, and without those of a longer name', () => {
    const series = [
      pod('api-5f7c9-abcde', [ago(61_000), 0.9], [ago(minutes(2)), 0.5]),
      pod('api-5f7c9-fghij', [ago(65_000), 1]),
      pod('api-worker-5f7c9-abcde', [ago(61_000), 0.1]),
    ];

    expect(foldPods(series, 'api')).toEqual([
      { at: ago(minutes(1)), pods: 2, busy: 1.9 },
      { at: ago(minutes(2)), pods: 1, busy: 0.5 },
    ]);
  });

  it('are busy when they use nine tenths of what they request, on the average', () => {
    const at = ago(minutes(1));

    expect(podsNow(load(pod('api-1-aaaaa', [at, 0.8]), pod('api-1-bbbbb', [at, 1])), NOON)?.areBusy).toBe(true);
    expect(podsNow(load(pod('api-1-aaaaa', [at, 0.7]), pod('api-1-bbbbb', [at, 1])), NOON)?.areBusy).toBe(false);
  });

  it('say nothing when the newest measure is old, or there is none', () => {
    expect(podsNow(load(pod('api-1-aaaaa', [ago(minutes(5)), 1])), NOON)).toBeUndefined();
    expect(podsNow(load(), NOON)).toBeUndefined();
  });

  it('would be enough while what is used leaves them some room', () => {
    const now = { at: NOON, pods: 6, busy: 2.6 };

    expect(wouldDo(3, now)).toBe(true);
    expect(wouldDo(3, { ...now, busy: 2.8 })).toBe(false);
  });
});
