import { z } from 'zod';
import {
  type EnvironmentVariable,
  type RevisionTemplate,
  type ServiceScaling,
  type ServiceSpec,
  TEMPLATE_DEFAULTS,
} from '../world/run-spec.ts';
import { invalidArgument } from './google-error.ts';
import { ANNOTATION, INGRESS } from './run-knative-json.ts';
import { secretVariable } from './run-v2-body.ts';

// A Knative Service as gcloud puts it: the whole object that it read, with its changes.

const texts = z.record(z.string(), z.string()).default({});
const ignored = z.unknown().optional();

const envWire = z.strictObject({
  name: z.string().min(1),
  value: z.string().optional(),
  valueFrom: z.strictObject({ secretKeyRef: z.strictObject({ name: z.string(), key: z.string() }) }).optional(),
});
const containerWire = z.strictObject({
  name: z.string().optional(),
  image: z.string(),
  env: z.array(envWire).default([]),
  ports: z.array(z.strictObject({ name: z.string().optional(), containerPort: z.number().int() })).default([]),
  resources: z.strictObject({ limits: texts }).optional(),
});
const templateWire = z.strictObject({
  metadata: z.strictObject({ name: z.string().optional(), labels: texts, annotations: texts }).optional(),
  spec: z.strictObject({
    containerConcurrency: z.number().int().optional(),
    timeoutSeconds: z.number().int().optional(),
    serviceAccountName: z.string().optional(),
    containers: z.array(containerWire).length(1, 'the sandbox runs one container in an instance'),
  }),
});

/** A Service to put. What the server sets is ignored, except the version, which must still be the present one. */
export const knativeServiceWire = z.strictObject({
  apiVersion: z.literal('serving.knative.dev/v1'),
  kind: z.literal('Service'),
  metadata: z.strictObject({
    name: z.string(),
    namespace: z.string().optional(),
    resourceVersion: z.string().optional(),
    labels: texts,
    annotations: texts,
    uid: ignored,
    generation: ignored,
    selfLink: ignored,
    creationTimestamp: ignored,
  }),
  spec: z.strictObject({
    template: templateWire,
    traffic: z
      .array(
        z.strictObject({
          percent: z.number().int().default(0),
          latestRevision: z.boolean().optional(),
          revisionName: z.string().optional(),
        }),
      )
      .default([]),
  }),
  status: ignored,
});

type Sent = z.infer<typeof knativeServiceWire>;

/** Annotations and labels that say who put the object, or that the server wrote. */
const IGNORED: readonly string[] = [
  'run.googleapis.com/client-name',
  'run.googleapis.com/client-version',
  'run.googleapis.com/ingress-status',
  'run.googleapis.com/launch-stage',
  'run.googleapis.com/operation-id',
  'serving.knative.dev/creator',
  'serving.knative.dev/lastModifier',
  'cloud.googleapis.com/location',
];

/** The specification that the object asks for. Throws 400 for what the sandbox doesn't model. */
export function specOf({ metadata, spec }: Sent): ServiceSpec {
  const { annotations } = metadata;
  return {
    labels: ownOf(metadata.labels),
    annotations: ownOf(annotations),
    description: annotations[ANNOTATION.description] ?? '',
    ingress: ingressOf(annotations[ANNOTATION.ingress]),
    scaling: scalingOf(annotations),
    template: templateOf(spec.template),
    traffic:
      spec.traffic.length === 0
        ? [{ revision: undefined, percent: 100 }]
        : spec.traffic.map(({ percent, revisionName }) => ({ percent, revision: revisionName })),
  };
}

function templateOf({ metadata, spec }: Sent['spec']['template']): RevisionTemplate {
  const annotations = metadata?.annotations ?? {};
  const [container] = spec.containers;
  return {
    revision: metadata?.name,
    labels: metadata?.labels ?? {},
    annotations: ownOf(annotations),
    image: container?.image ?? '',
    env: (container?.env ?? []).map(variableOf),
    limits: { ...TEMPLATE_DEFAULTS.limits, ...container?.resources?.limits },
    port: container?.ports[0]?.containerPort ?? TEMPLATE_DEFAULTS.port,
    concurrency: spec.containerConcurrency ?? TEMPLATE_DEFAULTS.concurrency,
    timeoutSeconds: spec.timeoutSeconds ?? TEMPLATE_DEFAULTS.timeoutSeconds,
    serviceAccount: spec.serviceAccountName,
    min: countOf(annotations, ANNOTATION.revisionMin) || undefined,
    max: countOf(annotations, ANNOTATION.revisionMax),
  };
}

function scalingOf(annotations: Readonly<Record<string, string>>): ServiceScaling {
  const mode = annotations[ANNOTATION.scalingMode] ?? 'automatic';
  if (mode !== 'automatic' && mode !== 'manual') throw invalidArgument(`Unknown scaling mode '${mode}'.`);
  return {
    mode: mode === 'manual' ? 'MANUAL' : 'AUTOMATIC',
    min: countOf(annotations, ANNOTATION.serviceMin) || undefined,
    max: countOf(annotations, ANNOTATION.serviceMax),
    manual: countOf(annotations, ANNOTATION.manualCount),
  };
}

function countOf(annotations: Readonly<Record<string, string>>, name: string): number | undefined {
  const text = annotations[name];
  if (text === undefined) return undefined;
  if (!/^\d{1,4}$/.test(text)) throw invalidArgument(`Annotation '${name}' must be a number, and not '${text}'.`);
  return Number(text);
}

function ingressOf(text: string | undefined): ServiceSpec['ingress'] {
  switch (text) {
    case undefined:
    case INGRESS.INGRESS_TRAFFIC_ALL:
      return 'INGRESS_TRAFFIC_ALL';
    case INGRESS.INGRESS_TRAFFIC_INTERNAL_ONLY:
      return 'INGRESS_TRAFFIC_INTERNAL_ONLY';
    case INGRESS.INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER:
      return 'INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER';
    default:
      throw invalidArgument(`Unknown ingress '${text}'.`);
  }
}

function variableOf({ name, value, valueFrom }: z.infer<typeof envWire>): EnvironmentVariable {
  if (valueFrom === undefined) return { kind: 'value', name, value: value ?? '' };
  return secretVariable(name, valueFrom.secretKeyRef.name, valueFrom.secretKeyRef.key);
}

/** The user's own: what the API reads as settings is taken out, and a setting that isn't modelled is refused. */
function ownOf(all: Readonly<Record<string, string>>): Record<string, string> {
  const settings: readonly string[] = Object.values(ANNOTATION);
  const own = Object.entries(all).filter(([key]) => !settings.includes(key) && !IGNORED.includes(key));
  const foreign = own.find(([key]) =>
    /^[\w.]*\.?(run|cloud)\.googleapis\.com\/|^autoscaling\.knative\.dev\//.test(key),
  );
  if (foreign) throw invalidArgument(`The sandbox does not model '${foreign[0]}'.`);
  return Object.fromEntries(own);
}
