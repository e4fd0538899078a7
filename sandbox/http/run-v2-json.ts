import { toIso } from '../../shared/core/time.ts';
import type { Project } from '../world/project.ts';
import type { RunUpdated, ServiceRevision } from '../world/run-api.ts';
import type { RevisionFailure } from '../world/run-revision.ts';
import type { RunServiceView } from '../world/run-view.ts';
import type {
  EnvironmentVariable,
  RevisionTemplate,
  RunServiceRef,
  ServiceScaling,
  TrafficTarget,
} from '../world/run-spec.ts';

// How google.cloud.run.v2 shows services, revisions and operations. int64 as text, `Any` with its `@type`.

/** Members that have a value; JSON has no other way to leave one out of a spread. */
function present(members: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

const REASONS_COMMON: ReadonlySet<string> = new Set(['SECRETS_ACCESS_CHECK_FAILED', 'CONTAINER_MISSING', 'INTERNAL']);

/** `projects/P/locations/L/services/S`. */
export function serviceName(project: Project, { location, service }: RunServiceRef): string {
  return `projects/${project.id}/locations/${location}/services/${service}`;
}

/** A Service. */
export function serviceJson(project: Project, view: RunServiceView): Record<string, unknown> {
  const { spec } = view;
  const name = serviceName(project, view.ref);
  const revision = (short: string): string => `${name}/revisions/${short}`;
  const at = toIso(view.since);
  return {
    name,
    uid: view.uid,
    generation: String(view.generation),
    labels: spec.labels,
    annotations: spec.annotations,
    ...(spec.description === '' ? {} : { description: spec.description }),
    createTime: toIso(view.createdAt),
    updateTime: toIso(view.updatedAt),
    ingress: spec.ingress,
    ...(spec.open === true ? { invokerIamDisabled: true } : {}),
    launchStage: 'GA',
    template: templateJson(spec.template),
    traffic: spec.traffic.map(trafficJson),
    scaling: scalingJson(spec.scaling),
    observedGeneration: String(view.servingGeneration),
    terminalCondition: condition('Ready', view, at),
    conditions: [
      condition('RoutesReady', { ...view, failure: undefined }, at),
      condition('ConfigurationsReady', view, at),
    ],
    latestReadyRevision: revision(view.latestReady),
    latestCreatedRevision: revision(view.latestCreated),
    trafficStatuses: view.routes.map(({ target, revision: serving }) => ({
      ...trafficJson(target),
      revision: serving,
    })),
    uri: view.url,
    urls: [view.url],
    reconciling: !view.settled,
    etag: view.etag,
  };
}

/** A Revision. */
export function revisionJson(project: Project, { service, revision: view }: ServiceRevision): unknown {
  const { template, state } = view;
  const settledAt = toIso(state.kind === 'deploying' ? view.createdAt : state.since);
  const failure = state.kind === 'failed' ? state.failure : undefined;
  const { revision: _, ...rest } = templateJson(template);
  return {
    name: `${serviceName(project, service.ref)}/revisions/${view.name}`,
    uid: `${service.uid}-${view.name}`,
    generation: '1',
    ...rest,
    createTime: toIso(view.createdAt),
    updateTime: settledAt,
    launchStage: 'GA',
    service: service.ref.service,
    reconciling: state.kind === 'deploying',
    conditions: [condition('Ready', { settled: state.kind !== 'deploying', failure }, settledAt)],
    observedGeneration: '1',
    etag: `"${view.name}-${state.kind}"`,
  };
}

/** An Operation with the Service as metadata, and as the response once it is done. */
export function operationJson(project: Project, { operation, service }: RunUpdated): unknown {
  const any = { '@type': 'type.googleapis.com/google.cloud.run.v2.Service', ...serviceJson(project, service) };
  const { name, state } = operation;
  if (state.kind === 'running') return { name, metadata: any, done: false };
  // FAILED_PRECONDITION, as the operations of failed deployments have it.
  if (state.kind === 'failed') return { name, metadata: any, done: true, error: { code: 9, message: state.message } };
  return { name, metadata: any, done: true, response: any };
}

function condition(
  type: string,
  { settled, failure }: { readonly settled: boolean; readonly failure: RevisionFailure | undefined },
  lastTransitionTime: string,
): unknown {
  if (!settled) return { type, state: 'CONDITION_RECONCILING', lastTransitionTime };
  if (failure === undefined) return { type, state: 'CONDITION_SUCCEEDED', lastTransitionTime };
  const { reason, message } = failure;
  const kind = REASONS_COMMON.has(reason) ? 'reason' : 'revisionReason';
  return { type, state: 'CONDITION_FAILED', severity: 'ERROR', message, [kind]: reason, lastTransitionTime };
}

function scalingJson({ mode, min, max, manual }: ServiceScaling): unknown {
  return present({ scalingMode: mode, minInstanceCount: min, maxInstanceCount: max, manualInstanceCount: manual });
}

function templateJson(template: RevisionTemplate): Record<string, unknown> {
  const { image, env, limits, port } = template;
  return present({
    revision: template.revision,
    labels: template.labels,
    annotations: template.annotations,
    scaling: present({ minInstanceCount: template.min, maxInstanceCount: template.max }),
    timeout: `${template.timeoutSeconds}s`,
    serviceAccount: template.serviceAccount,
    containers: [
      { image, env: env.map(variableJson), resources: { limits }, ports: [{ name: 'http1', containerPort: port }] },
    ],
    maxInstanceRequestConcurrency: template.concurrency,
  });
}

function variableJson(variable: EnvironmentVariable): unknown {
  const { name } = variable;
  if (variable.kind === 'value') return { name, value: variable.value };
  return { name, valueSource: { secretKeyRef: { secret: variable.secret, version: 'latest' } } };
}

function trafficJson({ revision, percent }: TrafficTarget): Record<string, unknown> {
  const kind = revision === undefined ? 'LATEST' : 'REVISION';
  return present({ type: `TRAFFIC_TARGET_ALLOCATION_TYPE_${kind}`, revision, percent });
}
