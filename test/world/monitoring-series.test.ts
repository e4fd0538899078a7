import { describe, expect, it } from '@jest/globals';
import { createChance } from '../../sandbox/world/chance.ts';
import { createVirtualClock } from '../../sandbox/world/clock.ts';
import { aggregate } from '../../sandbox/world/monitoring-align.ts';
import { Alerting, type IncidentChange } from '../../sandbox/world/monitoring-alerts.ts';
import type { AlertPolicyDocument } from '../../sandbox/world/monitoring-policy.ts';
import { type Labels, type Sample, SeriesStore } from '../../sandbox/world/monitoring-series.ts';
import { after, instant, minutes, seconds } from '../../shared/core/time.ts';

// How series are told apart, summed and judged, by themselves.

const START = instant(1_767_600_000_000);

const METRIC = 'run.googleapis.com/request_count';

const sampleOf = (labels: Labels, value = 1): Sample => ({
  resource: { type: 'cloud_run_revision', labels: { project_id: 'p' } },
  metric: { type: METRIC, labels },
  kind: 'DELTA',
  valueType: 'INT64',
  value,
});

const ALL = { matches: () => true };

const countsIn = (store: SeriesStore): readonly number[] =>
  store.visible(ALL, after(START, minutes(10)), after(START, -1)).map(({ points }) => points.length);

describe('The series of a project', () => {
  it('are told apart by their labels, whichever one a sample was thought to belong to', () => {
    const store = new SeriesStore();
    const ok = store.record(sampleOf({ response_code_class: '2xx' }), START, START);
    const failed = store.record(sampleOf({ response_code_class: '5xx' }), START, START, ok);
    store.record(sampleOf({ response_code_class: '5xx' }), after(START, minutes(1)), START, failed);
    store.record(sampleOf({ response_code_class: '5xx', tenant: 'a' }), START, START, failed);

    expect(countsIn(store)).toEqual([1, 2, 1]);
  });

  it('are the same in whatever order their labels stand', () => {
    const store = new SeriesStore();
    store.record(sampleOf({ a: '1', b: '2' }), START, START);
    store.record(sampleOf({ b: '2', a: '1' }), after(START, minutes(1)), START);

    expect(countsIn(store)).toEqual([2]);
  });

  it('have what was measured at the end of a window in it, and what was at its begin in the one before', () => {
    const store = new SeriesStore();
    for (const [minute, value] of [
      [1, 10],
      [2, 200],
    ] as const)
      store.record(sampleOf({}, value), after(START, minutes(minute)), START);
    const period = minutes(1);
    const series = store.visible(ALL, after(START, minutes(10)), START);
    const how = { period, aligner: 'ALIGN_SUM', reducer: 'REDUCE_NONE', groupBy: [] } as const;

    const [aligned] = aggregate(series, how, { from: START, to: after(START, minutes(3)), step: period });

    expect([...(aligned?.values ?? [])]).toEqual([
      [after(START, minutes(1)), 10],
      [after(START, minutes(2)), 200],
    ]);
  });

  it('open an incident in the very evaluation in which they have been silent for long enough', () => {
    const clock = createVirtualClock(START);
    const store = new SeriesStore();
    const changes: IncidentChange[] = [];
    const alerting = new Alerting({
      clock,
      chance: createChance(1),
      store,
      report: (change) => void changes.push(change),
    });
    store.record(sampleOf({}), START, after(START, seconds(20)));

    for (let evaluation = 0; evaluation < 30; evaluation += 1) {
      clock.advanceBy(seconds(10));
      alerting.evaluate([ABSENCE]);
    }

    expect(changes.map(({ state, startedAt }) => [state, startedAt])).toEqual([
      ['open', after(START, seconds(20 + 120))],
    ]);
  });
});

/** Says when the metric has not been heard of for two minutes. */
const ABSENCE: AlertPolicyDocument = {
  name: 'projects/p/alertPolicies/1',
  displayName: 'no requests',
  combiner: 'OR',
  enabled: true,
  userLabels: {},
  notificationChannels: [],
  conditions: [
    {
      name: 'projects/p/alertPolicies/1/conditions/1',
      displayName: 'no requests for two minutes',
      conditionAbsent: {
        filter: `metric.type = "${METRIC}"`,
        aggregations: [{ alignmentPeriod: '60s', perSeriesAligner: 'ALIGN_SUM' }],
        duration: '120s',
      },
    },
  ],
};
