import { assert } from '../../shared/core/assert.ts';
import { isJsonObject, type JsonObject } from '../../shared/core/json.ts';
import type { Instant } from '../../shared/core/time.ts';
import type { IncidentChange } from './monitoring-alerts.ts';
import type { Labels } from './monitoring-series.ts';
import type { Project } from './project.ts';

// The message of a notification channel, schema version 1.2 (facts.md 1.1).

const METRIC_NAMES: Readonly<Record<string, string>> = {
  'cloudsql.googleapis.com/database/up': 'Server up',
  'cloudsql.googleapis.com/database/instance_state': 'Instance state',
  'cloudsql.googleapis.com/database/replication/replica_lag': 'Replica lag',
  'monitoring.googleapis.com/uptime_check/check_passed': 'Check passed',
  'run.googleapis.com/request_count': 'Request Count',
  'loadbalancing.googleapis.com/https/request_count': 'Request count',
  'kubernetes.io/container/restart_count': 'Restart count',
  'prometheus.googleapis.com/kube_pod_status_ready/gauge': 'kube_pod_status_ready',
};

/** Display name of a resource type, and which labels name one such resource to people; without labels all are listed. */
const RESOURCES: Readonly<Record<string, { readonly name: string; readonly display: string; readonly short?: true }>> =
  {
    cloudsql_database: { name: 'Cloud SQL Database', display: 'database_id', short: true },
    cloud_run_revision: { name: 'Cloud Run Revision', display: 'service_name', short: true },
    uptime_url: { name: 'Uptime Check URL', display: 'host' },
    https_lb_rule: { name: 'Google Cloud HTTP/S Load Balancing Rule', display: 'url_map_name' },
    k8s_container: { name: 'Kubernetes Container', display: 'container_name' },
    prometheus_target: { name: 'Prometheus Target', display: 'instance' },
    audited_resource: { name: 'Audited Resource', display: '' },
    project: { name: 'Google Project', display: '' },
  };

const SEVERITIES = { CRITICAL: 'Critical', ERROR: 'Error', WARNING: 'Warning' } as const;

/** The JSON of one notification. */
export function notificationOf(change: IncidentChange, project: Project): JsonObject {
  const { id, state, policy, condition, series, startedAt, endedAt, value } = change;
  const { resource, metric, metadata } = series;
  const known = RESOURCES[resource.type];
  const severity = policy.severity === undefined ? 'No severity' : SEVERITIES[policy.severity];
  const threshold = condition.conditionThreshold;
  return {
    version: '1.2',
    incident: {
      incident_id: id,
      scoping_project_id: project.id,
      scoping_project_number: Number(project.number),
      url: `https://console.cloud.google.com/monitoring/alerting/alerts/${id}?channelType=pubsub&project=${project.id}`,
      started_at: epochSeconds(startedAt),
      ended_at: endedAt === undefined ? null : epochSeconds(endedAt),
      state,
      severity,
      summary: summaryOf(change),
      resource_id: '',
      resource_name: resourceName(change),
      // Missing in notifications of log matches (facts.md 1.1).
      ...(condition.conditionMatchedLog === undefined ? { resource_display_name: displayName(change) } : {}),
      resource_type_display_name: known?.name ?? resource.type,
      resource: { type: resource.type, labels: resource.labels },
      metric: { type: metric.type, displayName: metricName(change), labels: metric.labels },
      metadata: { system_labels: metadata?.systemLabels ?? {}, user_labels: metadata?.userLabels ?? {} },
      policy_name: policy.displayName,
      ...(Object.keys(policy.userLabels).length === 0 ? {} : { policy_user_labels: policy.userLabels }),
      condition_name: condition.displayName,
      ...(threshold === undefined ? {} : { threshold_value: String(threshold.thresholdValue) }),
      ...(threshold === undefined || value === undefined ? {} : { observed_value: value.toFixed(3) }),
      condition: conditionOf(change, project),
      ...documentationOf(change, severity),
    },
  };
}

/** The condition's document; one about logs names whose logs. */
function conditionOf({ condition }: IncidentChange, project: Project): JsonObject {
  const match = condition.conditionMatchedLog;
  const resourceContainers = [`projects/${project.id}`];
  const told: unknown =
    match === undefined ? condition : { ...condition, conditionMatchedLog: { ...match, resourceContainers } };
  assert(isJsonObject(told), `${condition.name} is plain JSON`);
  return told;
}

function documentationOf({ policy, state, extracted = {} }: IncidentChange, severity: string): JsonObject {
  const { documentation } = policy;
  if (documentation === undefined) return {};
  const { content, mimeType, links } = documentation;
  const heading = state === 'open' ? 'ALERT' : 'RESOLVED';
  const subject = documentation.subject ?? `[${heading} - ${severity}] ${policy.displayName}`;
  return {
    documentation: {
      // Variables of documentation, of which log matches are the only users here.
      content: content.replace(/\$\{log\.extracted_label\.(\w+)\}/g, (_, label: string) => extracted[label] ?? ''),
      mime_type: mimeType,
      subject,
      ...(links === undefined
        ? {}
        : { links: links.map(({ displayName: name, url }) => ({ displayName: name, url })) }),
    },
  };
}

function summaryOf(change: IncidentChange): string {
  const { state, condition, value, extracted } = change;
  if (condition.conditionMatchedLog !== undefined) {
    const { type, labels: about } = change.series.resource;
    const taken = Object.keys(extracted ?? {}).length === 0 ? '' : ` with labels ${listed(extracted ?? {})}`;
    return `Log match condition${taken} fired for ${RESOURCES[type]?.name ?? type} with ${listed(about)}.`;
  }
  const what = `${metricName(change)} for ${resourceName(change)}`;
  const labels = `with metric labels ${listed(change.series.metric.labels)}`;
  if (state === 'closed') {
    return `${what} ${labels} returned to normal${value === undefined ? '' : ` with a value of ${value.toFixed(3)}`}.`;
  }
  const { conditionThreshold: threshold, conditionAbsent: absent } = condition;
  if (threshold === undefined) return `${what} has not reported data for ${minutesOf(absent?.duration ?? '0s')} min.`;
  const side = threshold.comparison === 'COMPARISON_GT' ? 'above' : 'below';
  const limit = `${side} the threshold of ${threshold.thresholdValue.toFixed(3)}`;
  return `${what} ${labels} is ${limit} with a value of ${(value ?? 0).toFixed(3)}.`;
}

const metricName = ({ series }: IncidentChange): string => METRIC_NAMES[series.metric.type] ?? series.metric.type;

function resourceName(change: IncidentChange): string {
  const { type, labels } = change.series.resource;
  const known = RESOURCES[type];
  const display = displayName(change);
  if (known?.short === true && display !== '') return `${labels['project_id'] ?? ''} ${display}`.trim();
  return `${known?.name ?? type} labels ${listed(labels)}`;
}

function displayName({ series }: IncidentChange): string {
  const { type, labels } = series.resource;
  const label = labels[RESOURCES[type]?.display ?? ''] ?? '';
  return type === 'cloudsql_database' ? label.slice(label.lastIndexOf(':') + 1) : label;
}

const listed = (labels: Labels): string =>
  `{${Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join(', ')}}`;

const minutesOf = (duration: string): number => Math.round(Number.parseFloat(duration) / 60);

const epochSeconds = (at: Instant): number => Math.floor(at / 1_000);
