import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../shared/core/json.ts';
import { minutes, seconds } from '../../shared/core/time.ts';
import type { AlertPolicyDocument } from '../../sandbox/world/monitoring-policy.ts';
import { createMonitoringWorld, policyOf } from './monitoring-world.ts';

const incidentOf = (message: JsonObject | undefined): JsonObject => message?.['incident'] as JsonObject;

/** Breaks the value and says after how many seconds the alert came. */
function alertAfter(policies: readonly AlertPolicyDocument[]): number | undefined {
  const world = createMonitoringWorld(policies);
  const from = world.clock.now();
  world.set(0);
  world.wait(minutes(60));
  const length = world.firstAfter(from);
  return length && length / 1_000;
}

describe('a threshold', () => {
  it('opens an incident once it was violated for its duration, and closes it with the first good value', () => {
    const world = createMonitoringWorld([policyOf({})]);
    world.set(0);
    world.wait(minutes(2));
    expect(world.notices).toEqual([]);
    world.wait(minutes(3));
    expect(world.states()).toEqual(['open']);
    world.wait(minutes(30));
    expect(world.states()).toEqual(['open']);
    world.set(1);
    world.wait(minutes(3));
    expect(world.states()).toEqual(['open', 'closed']);
    const [opened, closed] = world.notices.map(({ message }) => incidentOf(message));
    expect(closed?.['incident_id']).toBe(opened?.['incident_id']);
    expect([opened?.['ended_at'], closed?.['ended_at']]).toEqual([null, expect.any(Number)]);
    expect([opened?.['observed_value'], closed?.['observed_value']]).toEqual(['0.000', '1.000']);
  });

  it('comes later when its duration is longer: there is no other clock than the policy', () => {
    const [short, long] = ['60s', '600s'].map((duration) => alertAfter([policyOf({ duration })]) ?? 0);
    expect(long).toBeGreaterThanOrEqual((short ?? 0) + 530);
    expect(long).toBeLessThanOrEqual((short ?? 0) + 550);
  });

  it('never comes without a policy, or from one that is switched off', () => {
    expect(alertAfter([])).toBeUndefined();
    expect(alertAfter([policyOf({}, { enabled: false })])).toBeUndefined();
    expect(alertAfter([policyOf({})])).toBeDefined();
  });

  it('does not come for a violation that is shorter than its duration', () => {
    const world = createMonitoringWorld([policyOf({ duration: '300s' })]);
    world.set(0);
    world.wait(minutes(4));
    world.set(1);
    world.wait(minutes(20));
    expect(world.notices).toEqual([]);
  });

  it('opens one incident for each series, each with its own resource', () => {
    const world = createMonitoringWorld([policyOf({})], { series: ['a', 'b', 'c'] });
    world.set(0, 'a');
    world.set(0, 'c');
    world.wait(minutes(5));
    const names = world.notices.map(({ message }) => (incidentOf(message)['resource'] as JsonObject)['labels']);
    expect(names).toMatchObject([{ name: 'a' }, { name: 'c' }]);
    expect(new Set(world.notices.map(({ message }) => incidentOf(message)['incident_id'])).size).toBe(2);
  });

  it('waits for as many series as its trigger asks for', () => {
    const world = createMonitoringWorld([policyOf({ trigger: { count: 2 } })], { series: ['a', 'b'] });
    world.set(0, 'a');
    world.wait(minutes(10));
    expect(world.notices).toEqual([]);
    world.set(0, 'b');
    world.wait(minutes(10));
    expect(world.notices).toHaveLength(2);
  });

  it('comes later by as long as the points are invisible', () => {
    const [early, late] = (
      [
        [0, 0],
        [150, 150],
      ] as const
    ).map((visibleAfter) => {
      const world = createMonitoringWorld([policyOf({})], { visibleAfter });
      const from = world.clock.now();
      world.set(0);
      world.wait(minutes(20));
      return world.firstAfter(from) ?? 0;
    });
    expect((late ?? 0) - (early ?? 0)).toBeGreaterThanOrEqual(seconds(90));
  });

  it('ends without a word when its policy is taken away', () => {
    const world = createMonitoringWorld([policyOf({})]);
    world.set(0);
    world.wait(minutes(10));
    expect(world.monitoring.openIncidents()).toHaveLength(1);
    world.monitoring.setPolicies([]);
    world.set(1);
    world.wait(minutes(10));
    expect(world.states()).toEqual(['open']);
    expect(world.monitoring.openIncidents()).toEqual([]);
  });
});

describe('missing data', () => {
  const silent = (evaluationMissingData: 'ACTIVE' | 'INACTIVE' | 'NO_OP', broken: boolean) => {
    const policy = policyOf(
      { evaluationMissingData: `EVALUATION_MISSING_DATA_${evaluationMissingData}` },
      { alertStrategy: { autoClose: '1800s' } },
    );
    const world = createMonitoringWorld([policy]);
    if (broken) {
      world.set(0);
      world.wait(minutes(10));
    }
    world.set(undefined);
    world.wait(minutes(20));
    const soon = world.states();
    world.wait(minutes(20));
    return { soon, later: world.states() };
  };

  it('counts as a violation when it is active', () => {
    expect(silent('ACTIVE', false).soon).toEqual(['open']);
  });

  it('ends the incident when it is inactive, which is no recovery', () => {
    expect(silent('INACTIVE', false).soon).toEqual([]);
    expect(silent('INACTIVE', true).soon).toEqual(['open', 'closed']);
  });

  it('leaves things as they are when it is neither, until the policy closes by itself', () => {
    expect(silent('NO_OP', false).later).toEqual([]);
    expect(silent('NO_OP', true)).toEqual({ soon: ['open'], later: ['open', 'closed'] });
  });
});

describe('an absence', () => {
  const absent = (duration: string): AlertPolicyDocument => {
    const { conditions, ...rest } = policyOf({});
    const [{ conditionThreshold: _, ...condition } = { name: '', displayName: '' }] = conditions;
    const conditionAbsent = {
      filter: 'metric.type = "custom/value"',
      aggregations: [{ alignmentPeriod: '60s', perSeriesAligner: 'ALIGN_MAX' }],
      duration,
    };
    return { ...rest, conditions: [{ ...condition, conditionAbsent }] };
  };

  it('opens when a series that was there stops, and closes when it is back', () => {
    const world = createMonitoringWorld([absent('300s')]);
    world.set(undefined);
    world.wait(minutes(4));
    expect(world.states()).toEqual([]);
    world.wait(minutes(3));
    expect(world.states()).toEqual(['open']);
    const incident = incidentOf(world.notices[0]?.message);
    expect(incident).not.toHaveProperty('threshold_value');
    expect(incident).not.toHaveProperty('observed_value');
    expect(incident['summary']).toContain('has not reported data for 5 min.');
    world.set(0);
    world.wait(minutes(2));
    expect(world.states()).toEqual(['open', 'closed']);
  });

  it('that closes by itself opens no other before the series has been heard of again', () => {
    const { conditions, ...rest } = absent('300s');
    const world = createMonitoringWorld([{ ...rest, conditions, alertStrategy: { autoClose: '1800s' } }]);
    world.set(undefined);
    world.wait(minutes(60));
    expect(world.states()).toEqual(['open', 'closed']);
    world.set(0);
    world.wait(minutes(5));
    world.set(undefined);
    world.wait(minutes(10));
    expect(world.states()).toEqual(['open', 'closed', 'open']);
  });

  it('is refused when it is shorter than Monitoring allows', () => {
    expect(() => createMonitoringWorld([absent('60s')])).toThrow('at least 120s');
  });
});

describe('a policy that the sandbox can not evaluate', () => {
  it.each([
    [{ aggregations: [{ alignmentPeriod: '60s', perSeriesAligner: 'ALIGN_STDDEV' }] }, 'ALIGN_STDDEV'],
    [{ aggregations: [] }, 'exactly one aggregation'],
    [{ duration: '2 minutes' }, 'no duration'],
    [{ filter: 'metric.type = "x" OR metric.type = "y"' }, 'could not be parsed'],
  ])('is refused, not ignored: %j', (condition, why) => {
    expect(() => createMonitoringWorld([policyOf(condition)])).toThrow(why);
  });
});

describe('aggregations', () => {
  const count = (perSeriesAligner: string, crossSeriesReducer: string) => [
    { alignmentPeriod: '1200s', perSeriesAligner, crossSeriesReducer, groupByFields: ['resource.label.project_id'] },
  ];

  it('count failing checkers over all locations into one incident', () => {
    const policy = policyOf({
      aggregations: count('ALIGN_NEXT_OLDER', 'REDUCE_COUNT_FALSE'),
      comparison: 'COMPARISON_GT',
      duration: '60s',
    });
    const world = createMonitoringWorld([policy], { series: ['a', 'b', 'c'], sample: { valueType: 'BOOL' } });
    world.set(0, 'a');
    world.wait(minutes(10));
    expect(world.notices).toEqual([]);
    world.set(0, 'b');
    world.wait(minutes(5));
    expect(world.notices).toHaveLength(1);
    expect(incidentOf(world.notices[0]?.message)).toMatchObject({
      observed_value: '2.000',
      resource: { labels: { project_id: 'coditect-prod' } },
    });
    world.set(1, 'a');
    world.wait(minutes(5));
    expect(world.states()).toEqual(['open', 'closed']);
  });

  it('turn a counter into its growth over a sliding window', () => {
    const policy = policyOf({
      aggregations: [{ alignmentPeriod: '600s', perSeriesAligner: 'ALIGN_DELTA' }],
      comparison: 'COMPARISON_GT',
      thresholdValue: 3,
      duration: '0s',
    });
    const world = createMonitoringWorld([policy], { sample: { kind: 'CUMULATIVE' } });
    world.set(4);
    world.wait(minutes(2));
    expect(world.notices).toEqual([]); // it grew by 3
    world.set(5);
    world.wait(minutes(3));
    expect(incidentOf(world.notices[0]?.message)['observed_value']).toBe('4.000');
    world.wait(minutes(10));
    expect(world.states()).toEqual(['open', 'closed']);
  });

  it('turn deltas into a rate per second', () => {
    const policy = policyOf({
      aggregations: [{ alignmentPeriod: '60s', perSeriesAligner: 'ALIGN_RATE' }],
      comparison: 'COMPARISON_GT',
      thresholdValue: 0.5,
      duration: '0s',
    });
    const world = createMonitoringWorld([policy], { sample: { kind: 'DELTA' } });
    world.set(30);
    world.wait(minutes(5));
    expect(world.notices).toEqual([]);
    world.set(90);
    world.wait(minutes(3));
    expect(incidentOf(world.notices[0]?.message)['observed_value']).toBe('1.500');
  });
});

describe('notifications', () => {
  it('are late, and may come twice with the same content', () => {
    const world = createMonitoringWorld([policyOf({})], {
      disorder: { late: [5, 5], duplicates: 1, duplicateAfter: [30, 30] },
    });
    world.set(0);
    world.wait(minutes(10));
    const [first, second] = world.notices;
    expect(world.notices).toHaveLength(2);
    expect(second?.message).toEqual(first?.message);
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBe(seconds(30));
    const startedAt = Number(incidentOf(first?.message)['started_at']) * 1_000;
    expect((first?.at ?? 0) - startedAt).toBeGreaterThanOrEqual(seconds(5));
  });

  it('are left out on closing when the policy asks only for opening', () => {
    const world = createMonitoringWorld([policyOf({}, { alertStrategy: { notificationPrompts: ['OPENED'] } })]);
    world.set(0);
    world.wait(minutes(10));
    world.set(1);
    world.wait(minutes(10));
    expect(world.states()).toEqual(['open']);
  });

  it('go to the topic of the channel and to no other channel', () => {
    const other = 'projects/coditect-prod/notificationChannels/9';
    const world = createMonitoringWorld([policyOf({}, { notificationChannels: [other] })]);
    world.set(0);
    world.wait(minutes(10));
    expect(world.notices).toEqual([]);
  });
});
