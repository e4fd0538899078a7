import { describe, expect, it } from '@jest/globals';
import { reference } from '../system/reference.ts';
import { after, instant, type Instant, minutes } from '../../shared/core/time.ts';
import type { MetricSeries } from '../../shared/ports/metrics.ts';
import { foldPods, podsNow, readWorkloadLoad, wouldDo } from '../../shared/ports/workload-load.ts';

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

describe('the requests of a Deployment', () => {
  it('are not hidden by zeroes of another backend that are visible sooner', async () => {
    const application = reference().applications.find(({ kind }) => kind === 'gke');
    if (application?.kind !== 'gke' || application.urlMap === undefined) throw new Error('it has a load balancer');
    const series = (code: string, ...points: readonly (readonly [Instant, number])[]) => ({
      ...pod('', ...points),
      metric: { response_code_class: code },
    });
    const idle = series('200', [ago(minutes(1)), 0], [ago(minutes(2)), 0]);
    const taken = [series('200', [ago(minutes(2)), 20]), series('500', [ago(minutes(2)), 12])];
    const metrics = { series: async (filter: string) => (filter.includes('https_lb_rule') ? [idle, ...taken] : []) };

    const read = await readWorkloadLoad(metrics, 'p', { ...application, urlMap: application.urlMap }, NOON);

    expect(read.minutes[0]).toEqual({ at: ago(minutes(2)), requests: 32, refused: 12 });
  });
});
