import { auditPolicies } from './audit-policies.ts';
import type { AlertPolicyDocument, ConditionDocument } from './monitoring-policy.ts';
import { channelName, policy } from './policy-document.ts';
import type { Project } from './project.ts';
import { REFERENCE, REFERENCE_FLEET } from './reference-system.ts';

// The alert policies of the reference system (the same names stand in its `dr.yaml`), as a team would write them.

/** The topic behind it. */
export const ALERT_TOPIC = 'dr-alerts';

/** Id of the uptime check of the public address. */
export const UPTIME_CHECK_ID = 'dms-api-deep-health-a1B2c3';

/** The load balancer before the cluster. */
export const URL_MAP = 'coditect-dms-ingress';

/** What the team calls its API in the cluster and on Cloud Run. */
const GKE_TARGET = 'api-gke';
const RUN_TARGET = 'api-run';

/** The channels of the reference system, for `Monitoring`. */
export function referenceChannels(project: Project): Readonly<Record<string, string>> {
  return { [channelName(project)]: ALERT_TOPIC };
}

/** The policies of the reference system. */
export function referencePolicies(project: Project): readonly AlertPolicyDocument[] {
  return [
    primaryDown(project),
    policy(project, {
      number: 2,
      displayName: 'dr-app-5xx',
      severity: 'ERROR',
      scenario: 'database-primary-failure',
      target: GKE_TARGET,
      about: 'Runbook 3.1. The API in the cluster answers 500.',
      conditions: [
        rateAbove(
          '5xx of the load balancer above 0.5 per second',
          `resource.type = "https_lb_rule" AND resource.labels.url_map_name = "${URL_MAP}" AND metric.type = "loadbalancing.googleapis.com/https/request_count" AND metric.labels.response_code_class = "500"`,
        ),
      ],
    }),
    policy(project, {
      number: 3,
      displayName: 'dr-cloudrun-5xx',
      severity: 'ERROR',
      scenario: 'database-primary-failure',
      target: RUN_TARGET,
      about: 'Runbook 3.1. The API on Cloud Run answers 500.',
      conditions: [
        rateAbove(
          '5xx of the Cloud Run service above 0.5 per second',
          `resource.type = "cloud_run_revision" AND resource.labels.service_name = "${REFERENCE.api}" AND metric.type = "run.googleapis.com/request_count" AND metric.labels.response_code_class = "5xx"`,
        ),
      ],
    }),
    uptime(project),
    ...podPolicies(project),
    noInstanceLeft(project),
    slowService(project),
    massChange(project),
    ...auditPolicies(project),
  ];
}

function primaryDown(project: Project): AlertPolicyDocument {
  const [primary, filter] = primaryOf(project, 'up');
  const aggregations = [{ alignmentPeriod: '60s', perSeriesAligner: 'ALIGN_MAX' }];
  return policy(project, {
    number: 1,
    displayName: 'dr-cloudsql-primary-down',
    severity: 'CRITICAL',
    scenario: 'database-primary-failure',
    target: primary,
    about: 'Runbook 3.1. Primary database failure.',
    conditions: [
      {
        displayName: 'Cloud SQL primary is down',
        conditionThreshold: {
          filter,
          aggregations,
          comparison: 'COMPARISON_LT',
          thresholdValue: 1,
          duration: '60s',
          trigger: { count: 1 },
          evaluationMissingData: 'EVALUATION_MISSING_DATA_INACTIVE',
        },
      },
      {
        displayName: 'Cloud SQL primary is silent',
        conditionAbsent: { filter, aggregations, duration: '180s', trigger: { count: 1 } },
      },
    ],
  });
}

function uptime(project: Project): AlertPolicyDocument {
  return policy(project, {
    number: 4,
    displayName: 'dr-uptime',
    severity: 'CRITICAL',
    scenario: 'application-cluster-failure',
    target: GKE_TARGET,
    about: 'Runbook 4.1. The public address fails its deep health check from more than one place.',
    conditions: [
      {
        displayName: `Failure of uptime check ${UPTIME_CHECK_ID}`,
        conditionThreshold: {
          filter: `metric.type="monitoring.googleapis.com/uptime_check/check_passed" AND metric.label.check_id="${UPTIME_CHECK_ID}" AND resource.type="uptime_url"`,
          aggregations: [
            {
              alignmentPeriod: '1200s',
              perSeriesAligner: 'ALIGN_NEXT_OLDER',
              crossSeriesReducer: 'REDUCE_COUNT_FALSE',
              groupByFields: ['resource.label.*'],
            },
          ],
          comparison: 'COMPARISON_GT',
          thresholdValue: 1,
          duration: '60s',
          trigger: { count: 1 },
        },
      },
    ],
  });
}

function podPolicies(project: Project): readonly AlertPolicyDocument[] {
  const { namespace, api } = REFERENCE;
  return [
    policy(project, {
      number: 5,
      displayName: 'dr-pod-not-ready',
      severity: 'WARNING',
      scenario: 'single-pod-failure',
      target: GKE_TARGET,
      about: 'Runbook 4.2. A pod of the API is not ready.',
      conditions: [
        {
          displayName: 'Pod not ready for two minutes',
          conditionThreshold: {
            filter: `resource.type = "prometheus_target" AND metric.type = "prometheus.googleapis.com/kube_pod_status_ready/gauge" AND metric.labels.namespace = "${namespace}" AND metric.labels.pod = starts_with("${api}-") AND metric.labels.condition = "true"`,
            aggregations: [{ alignmentPeriod: '60s', perSeriesAligner: 'ALIGN_MAX' }],
            comparison: 'COMPARISON_LT',
            thresholdValue: 1,
            duration: '120s',
            trigger: { count: 1 },
            evaluationMissingData: 'EVALUATION_MISSING_DATA_INACTIVE',
          },
        },
      ],
    }),
    policy(project, {
      number: 6,
      displayName: 'dr-pod-crashloop',
      severity: 'ERROR',
      scenario: 'single-pod-failure',
      target: GKE_TARGET,
      about: 'Runbook 4.2. A container of the API starts again and again.',
      conditions: [
        {
          displayName: 'Container restarts > 3 in 10 min',
          conditionThreshold: {
            filter: `resource.type = "k8s_container" AND metric.type = "kubernetes.io/container/restart_count" AND resource.labels.namespace_name = "${namespace}" AND resource.labels.pod_name = starts_with("${api}-")`,
            aggregations: [{ alignmentPeriod: '600s', perSeriesAligner: 'ALIGN_DELTA' }],
            comparison: 'COMPARISON_GT',
            thresholdValue: 3,
            duration: '0s',
            trigger: { count: 1 },
          },
        },
      ],
    }),
  ];
}

/** The one service-level maximum of the reference service; a team writes its own number here. */
const INSTANCES = 4;

function noInstanceLeft(project: Project): AlertPolicyDocument {
  const about = `resource.type = "cloud_run_revision" AND resource.labels.service_name = "${REFERENCE.api}"`;
  return policy(project, {
    number: 7,
    displayName: 'dr-cloudrun-no-instance',
    severity: 'ERROR',
    scenario: 'service-under-pressure',
    target: RUN_TARGET,
    about: 'The API on Cloud Run has no instance left for further requests.',
    conditions: [
      rateAbove(
        '429 of the Cloud Run service above 0.05 per second',
        `${about} AND metric.type = "run.googleapis.com/request_count" AND metric.labels.response_code = "429"`,
        0.05,
      ),
      {
        displayName: 'All instances of the Cloud Run service busy for two minutes',
        conditionThreshold: {
          filter: `${about} AND metric.type = "run.googleapis.com/container/instance_count" AND metric.labels.state = "active"`,
          aggregations: [{ alignmentPeriod: '60s', perSeriesAligner: 'ALIGN_MAX' }],
          comparison: 'COMPARISON_GT',
          thresholdValue: INSTANCES - 1,
          duration: '120s',
          trigger: { count: 1 },
          evaluationMissingData: 'EVALUATION_MISSING_DATA_INACTIVE',
        },
      },
    ],
  });
}

function slowService(project: Project): AlertPolicyDocument {
  const about = `resource.type = "cloud_run_revision" AND resource.labels.service_name = "${REFERENCE.api}"`;
  return policy(project, {
    number: 8,
    displayName: 'dr-cloudrun-slow',
    severity: 'WARNING',
    scenario: 'service-under-pressure',
    target: RUN_TARGET,
    about: 'The API on Cloud Run answers, and one request in twenty takes longer than 1.5 s.',
    conditions: [
      {
        displayName: '95th percentile of the latency above 1.5 s for two minutes',
        conditionThreshold: {
          filter: `${about} AND metric.type = "run.googleapis.com/request_latencies" AND metric.labels.response_code_class = "2xx"`,
          aggregations: [{ alignmentPeriod: '60s', perSeriesAligner: 'ALIGN_PERCENTILE_95' }],
          comparison: 'COMPARISON_GT',
          thresholdValue: 1_500,
          duration: '120s',
          trigger: { count: 1 },
          evaluationMissingData: 'EVALUATION_MISSING_DATA_INACTIVE',
        },
      },
    ],
  });
}

function massChange(project: Project): AlertPolicyDocument {
  const [target, changed] = primaryOf(project, 'postgresql/tuples_processed_count');
  // Our own watch beats about once a second from two regions, which are updates too.
  const operation = (type: 'update' | 'delete') =>
    rateAbove(
      `Rows that are ${type}d, above 1.5 per second`,
      `${changed} AND metric.labels.operation_type = "${type}"`,
      1.5,
      '0s',
    );
  return policy(project, {
    number: 9,
    displayName: 'dr-cloudsql-mass-change',
    severity: 'WARNING',
    scenario: 'data-damage',
    target,
    about: 'Runbook 3.2. More rows than ever are changed or deleted: a job that spoils them, or a deletion by mistake.',
    conditions: [operation('update'), operation('delete')],
  });
}

const rateAbove = (
  displayName: string,
  filter: string,
  thresholdValue = 0.5,
  duration = '60s',
): Omit<ConditionDocument, 'name'> => ({
  displayName,
  conditionThreshold: {
    filter,
    aggregations: [{ alignmentPeriod: '60s', perSeriesAligner: 'ALIGN_RATE' }],
    comparison: 'COMPARISON_GT',
    thresholdValue,
    duration,
    trigger: { count: 1 },
    evaluationMissingData: 'EVALUATION_MISSING_DATA_INACTIVE',
  },
});

/** The primary of the beginning, and a filter for a metric of it. */
function primaryOf(project: Project, metric: string): readonly [string, string] {
  const primary = REFERENCE_FLEET.find((instance) => instance.primary === undefined)?.name ?? '';
  return [
    primary,
    `resource.type = "cloudsql_database" AND resource.labels.database_id = "${project.id}:${primary}" AND metric.type = "cloudsql.googleapis.com/database/${metric}"`,
  ];
}
