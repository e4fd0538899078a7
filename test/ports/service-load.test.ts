import { describe, expect, it } from '@jest/globals';
import { after, instant, type Instant, minutes } from '../../shared/core/time.ts';
import type { MetricSeries } from '../../shared/ports/metrics.ts';
import { activeInstances, foldServiceLoad, requestVerdict } from '../../shared/ports/service-load.ts';

const NOON = instant(Date.parse('2026-01-05T12:00:00.000Z'));
const ago = (length: number): Instant => after(NOON, -length);

const series = (metric: Readonly<Record<string, string>>, ...points: readonly (readonly [Instant, number])[]) =>
  ({ resource: {}, metric, points: points.map(([at, value]) => ({ at, value })) }) satisfies MetricSeries;

const answered = (count: number, at = ago(minutes(1))) => series({ response_code_class: '2xx' }, [at, count]);
const turnedAway = (count: number, at = ago(minutes(1))) =>
  series({ response_code_class: '4xx', response_code: '429' }, [at, count]);

const verdictOf = (...requests: readonly MetricSeries[]) => requestVerdict(foldServiceLoad(requests, []), NOON).says;

describe('the load of a service', () => {
  it('adds up the answers of all revisions, minute by minute, newest first', () => {
    const failed = series({ response_code_class: '5xx' }, [ago(70_000), 2], [ago(minutes(3)), 1]);

    expect(foldServiceLoad([answered(30, ago(61_000)), answered(8, ago(62_000)), failed, turnedAway(3)], [])).toEqual({
      minutes: [
        { at: ago(minutes(1)), requests: 43, refused: 5 },
        { at: ago(minutes(3)), requests: 1, refused: 1 },
      ],
      active: [],
    });
  });

  it.each<[string, string, readonly MetricSeries[]]>([
    ['refusing', 'when one request in twenty is turned away', [answered(95), turnedAway(5)]],
    ['fine', 'when fewer are', [answered(96), turnedAway(4)]],
    ['unknown', 'when too few requests tell', [answered(4), turnedAway(4)]],
    ['unknown', 'when the newest minute is old', [answered(50, ago(minutes(5)))]],
    ['unknown', 'when there is none', []],
    ['fine', 'when it is only not found', [series({ response_code_class: '4xx', response_code: '404' }, [NOON, 50])]],
  ])('is %s %s', (says, _, requests) => {
    expect(verdictOf(...requests)).toBe(says);
  });

  it('counts the instances that were busy in the newest minute, of all revisions, and none that is too old', () => {
    const busy = [series({ state: 'active' }, [ago(minutes(1)), 3]), series({ state: 'active' }, [ago(65_000), 1])];

    expect(activeInstances(foldServiceLoad([], busy), NOON)).toBe(4);
    expect(activeInstances(foldServiceLoad([], busy), after(NOON, minutes(4)))).toBeUndefined();
  });
});
