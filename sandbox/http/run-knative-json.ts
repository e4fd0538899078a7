import { sha256 } from '../../shared/core/digest.ts';
import { toIso } from '../../shared/core/time.ts';
import type { Project } from '../world/project.ts';
import type { ServiceRevision } from '../world/run-api.ts';
import type { RevisionFailure } from '../world/run-revision.ts';
import type { RunServiceView } from '../world/run-view.ts';
import type { EnvironmentVariable, RevisionTemplate, ServiceSpec } from '../world/run-spec.ts';

// How Cloud Run's v1 API (Knative) shows services and revisions: what v2 has fields for stands in annotations.

/** Annotations by which v1 says what v2 has fields for (gcloud: api_lib/run/service.py, revision.py). */
export const ANNOTATION = {
  ingress: 'run.googleapis.com/ingress',
  description: 'run.googleapis.com/description',
  serviceMin: 'run.googleapis.com/minScale',
  serviceMax: 'run.googleapis.com/maxScale',
  scalingMode: 'run.googleapis.com/scalingMode',
  manualCount: 'run.googleapis.com/manualInstanceCount',
  revisionMin: 'autoscaling.knative.dev/minScale',
  revisionMax: 'autoscaling.knative.dev/maxScale',
} as const;

/** v1's names of the ingress settings. */
export const INGRESS: Readonly<Record<ServiceSpec['ingress'], string>> = {
  INGRESS_TRAFFIC_ALL: 'all',
  INGRESS_TRAFFIC_INTERNAL_ONLY: 'internal',
  INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER: 'internal-and-cloud-load-balancing',
};

/** What v1 calls the version of a service: its etag without the quotes. */
export const resourceVersionOf = (view: RunServiceView): string => view.etag.replaceAll('"', '');

/** A Service. */
export function knativeService(project: Project, view: RunServiceView): unknown {
  const { spec, ref } = view;
  const at = toIso(view.since);
  return {
    apiVersion: 'serving.knative.dev/v1',
    kind: 'Service',
    metadata: {
      name: ref.service,
      namespace: project.number,
      selfLink: `/apis/serving.knative.dev/v1/namespaces/${project.number}/services/${ref.service}`,
      uid: view.uid,
      resourceVersion: resourceVersionOf(view),
      generation: view.generation,
      creationTimestamp: toIso(view.createdAt),
      labels: { ...spec.labels, 'cloud.googleapis.com/location': ref.location },
      annotations: serviceAnnotations(spec),
    },
    spec: { template: templateJson(spec.template), traffic: spec.traffic.map((target) => trafficJson(target)) },
    status: {
      observedGeneration: view.generation,
      conditions: [
        condition('Ready', view, at),
        condition('ConfigurationsReady', view, at),
        condition('RoutesReady', { ...view, failure: undefined }, at),
      ],
      latestReadyRevisionName: view.latestReady,
      latestCreatedRevisionName: view.latestCreated,
      traffic: view.routes.map(({ target, revision }) => ({ ...trafficJson(target), revisionName: revision })),
      url: view.url,
      address: { url: view.url },
    },
  };
}

/** A Revision. gcloud needs its annotations, and its image by digest. */
export function knativeRevision(project: Project, { service, revision }: ServiceRevision): unknown {
  const { name, template, state, createdAt } = revision;
  const { metadata, spec } = templateJson(template);
  const failure = state.kind === 'failed' ? state.failure : undefined;
  const settledAt = toIso(state.kind === 'deploying' ? createdAt : state.since);
  return {
    apiVersion: 'serving.knative.dev/v1',
    kind: 'Revision',
    metadata: {
      name,
      namespace: project.number,
      selfLink: `/apis/serving.knative.dev/v1/namespaces/${project.number}/revisions/${name}`,
      uid: `${service.uid}-${name}`,
      resourceVersion: `${name}-${state.kind}`,
      generation: 1,
      creationTimestamp: toIso(createdAt),
      labels: {
        ...metadata.labels,
        'serving.knative.dev/service': service.ref.service,
        'serving.knative.dev/configuration': service.ref.service,
        'cloud.googleapis.com/location': service.ref.location,
      },
      annotations: metadata.annotations,
    },
    spec,
    status: {
      observedGeneration: 1,
      conditions: [condition('Ready', { settled: state.kind !== 'deploying', failure }, settledAt)],
      imageDigest: digestOf(template.image),
    },
  };
}

function condition(
  type: string,
  { settled, failure }: { readonly settled: boolean; readonly failure: RevisionFailure | undefined },
  lastTransitionTime: string,
): unknown {
  if (!settled)
    return { type, status: 'Unknown', reason: 'Deploying', message: 'Deploying Revision.', lastTransitionTime };
  if (failure === undefined) return { type, status: 'True', lastTransitionTime };
  const reason = failure.reason.toLowerCase().replace(/(^|_)([a-z])/g, (_, __, letter: string) => letter.toUpperCase());
  return { type, status: 'False', reason, message: failure.message, lastTransitionTime };
}

function serviceAnnotations({ annotations, description, ingress, scaling }: ServiceSpec): Record<string, string> {
  const all: Readonly<Record<string, string | undefined>> = {
    ...annotations,
    [ANNOTATION.ingress]: INGRESS[ingress],
    'run.googleapis.com/ingress-status': INGRESS[ingress],
    [ANNOTATION.description]: description || undefined,
    [ANNOTATION.serviceMin]: scaling.min?.toString(),
    [ANNOTATION.serviceMax]: scaling.max?.toString(),
    [ANNOTATION.scalingMode]: scaling.mode === 'MANUAL' ? 'manual' : undefined,
    [ANNOTATION.manualCount]: scaling.manual?.toString(),
  };
  return said(all);
}

function templateJson(template: RevisionTemplate) {
  const { revision, image, env, limits, port, min, max } = template;
  const scale = { [ANNOTATION.revisionMin]: min?.toString(), [ANNOTATION.revisionMax]: max?.toString() };
  return {
    metadata: {
      ...(revision === undefined ? {} : { name: revision }),
      labels: template.labels,
      annotations: said({ ...template.annotations, ...scale }),
    },
    spec: {
      containerConcurrency: template.concurrency,
      timeoutSeconds: template.timeoutSeconds,
      ...(template.serviceAccount === undefined ? {} : { serviceAccountName: template.serviceAccount }),
      containers: [
        { image, env: env.map(variableJson), ports: [{ name: 'http1', containerPort: port }], resources: { limits } },
      ],
    },
  };
}

function variableJson(variable: EnvironmentVariable): unknown {
  const { name } = variable;
  if (variable.kind === 'value') return { name, value: variable.value };
  return { name, valueFrom: { secretKeyRef: { name: variable.secret, key: 'latest' } } };
}

function trafficJson({ revision, percent }: ServiceSpec['traffic'][number]): Record<string, unknown> {
  return revision === undefined ? { percent, latestRevision: true } : { percent, revisionName: revision };
}

function said(texts: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(texts).flatMap(([key, text]) => (text === undefined ? [] : [[key, text]])));
}

/** What the tag meant when the revision was made: of this world's images, one digest for each. */
function digestOf(image: string): string {
  if (image.includes('@sha256:')) return image;
  return `${image.replace(/:[\w.-]+$/, '')}@sha256:${sha256(image)}`;
}
