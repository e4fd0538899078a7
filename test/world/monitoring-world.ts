import type { JsonObject } from '../../shared/core/json.ts';
import { type Instant, type Millis, minutes } from '../../shared/core/time.ts';
import { createVirtualClock } from '../../sandbox/world/clock.ts';
import { createKernel } from '../../sandbox/world/create-kernel.ts';
import { Monitoring, type NotificationDisorder } from '../../sandbox/world/monitoring.ts';
import type { AlertPolicyDocument, ConditionDocument } from '../../sandbox/world/monitoring-policy.ts';
import type { Sample } from '../../sandbox/world/monitoring-series.ts';
import { grantReferenceRoles } from '../../sandbox/world/reference-roles.ts';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { START } from './sql-world.ts';

/** What a subscriber of the alerts topic sees. */
export interface Notice {
  readonly at: Instant;
  readonly topic: string;
  readonly message: JsonObject;
}

const CHANNEL = 'projects/coditect-prod/notificationChannels/1';

/** A policy with one condition on the metric `custom/value`. */
export function policyOf(
  condition: Partial<NonNullable<ConditionDocument['conditionThreshold']>>,
  more: Partial<AlertPolicyDocument> = {},
): AlertPolicyDocument {
  return {
    name: 'projects/coditect-prod/alertPolicies/1',
    displayName: 'value-low',
    combiner: 'OR',
    enabled: true,
    conditions: [
      {
        name: 'projects/coditect-prod/alertPolicies/1/conditions/1',
        displayName: 'Value is low',
        conditionThreshold: {
          filter: 'metric.type = "custom/value"',
          aggregations: [{ alignmentPeriod: '60s', perSeriesAligner: 'ALIGN_MAX' }],
          comparison: 'COMPARISON_LT',
          thresholdValue: 1,
          duration: '120s',
          trigger: { count: 1 },
          evaluationMissingData: 'EVALUATION_MISSING_DATA_INACTIVE',
          ...condition,
        },
      },
    ],
    userLabels: {},
    notificationChannels: [CHANNEL],
    ...more,
  };
}

/** Monitoring over one or more series whose values tests set; points are visible at once unless said otherwise. */
export function createMonitoringWorld(
  policies: readonly AlertPolicyDocument[],
  options: {
    readonly visibleAfter?: readonly [number, number];
    readonly series?: readonly string[];
    readonly sample?: Partial<Sample>;
    readonly disorder?: NotificationDisorder;
  } = {},
) {
  const clock = createVirtualClock(START);
  const kernel = createKernel({ clock, seed: 3 });
  grantReferenceRoles(kernel.iam);
  const notices: Notice[] = [];
  const monitoring = new Monitoring({
    kernel,
    project: REFERENCE.project,
    policies,
    channels: { [CHANNEL]: 'dr-alerts' },
    publish: (topic, message) => notices.push({ at: clock.now(), topic, message }),
    disorder: options.disorder ?? { late: [0, 0], duplicates: 0, duplicateAfter: [1, 1] },
  });
  const names = options.series ?? ['a'];
  const values = new Map<string, number | undefined>(names.map((name) => [name, 1]));
  monitoring.addSource({
    name: 'test',
    visibleAfter: options.visibleAfter ?? [0, 0],
    samples: () =>
      names.flatMap((name) => {
        const value = values.get(name);
        const sample: Omit<Sample, 'value'> = {
          resource: { type: 'thing', labels: { project_id: 'coditect-prod', name } },
          metric: { type: 'custom/value', labels: {} },
          kind: 'GAUGE',
          valueType: 'INT64',
          ...options.sample,
        };
        return value === undefined ? [] : [{ ...sample, value }];
      }),
  });
  monitoring.start();
  clock.advanceBy(minutes(10));
  return {
    clock,
    kernel,
    monitoring,
    notices,
    set: (value: number | undefined, name = 'a') => values.set(name, value),
    wait: (length: Millis) => clock.advanceBy(length),
    /** How long after `from` the first notification came; `undefined` when none did. */
    firstAfter: (from: Instant): Millis | undefined => {
      const first = notices.find(({ at }) => at >= from);
      return first && ((first.at - from) as Millis); // a difference of two instants
    },
    states: () => notices.map(({ message }) => (message['incident'] as JsonObject)['state']),
  };
}
