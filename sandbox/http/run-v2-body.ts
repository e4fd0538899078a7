import { z } from 'zod';
import {
  type EnvironmentVariable,
  type RevisionTemplate,
  type ServiceScaling,
  type ServiceSpec,
  TEMPLATE_DEFAULTS,
  type TrafficTarget,
} from '../world/run-spec.ts';
import { invalidArgument } from './google-error.ts';

// What google.cloud.run.v2.UpdateServiceRequest carries, and how an update mask applies it. Enums arrive as numbers from gax,
// as names from others. A client that sends back what it read sends proto3's defaults for everything, which is as good as
// nothing; but a real value that the model doesn't hold is refused rather than dropped: its sender would think that it is set.

const enumOf = <const Names extends readonly [string, ...string[]]>(names: Names) =>
  z.union([
    z.enum(names),
    z
      .number()
      .int()
      .transform((at): Names[number] | undefined => names[at]),
  ]);

const INGRESS = [
  'INGRESS_TRAFFIC_UNSPECIFIED',
  'INGRESS_TRAFFIC_ALL',
  'INGRESS_TRAFFIC_INTERNAL_ONLY',
  'INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER',
] as const;
const SCALING_MODE = ['SCALING_MODE_UNSPECIFIED', 'AUTOMATIC', 'MANUAL'] as const;
const ALLOCATION = [
  'TRAFFIC_TARGET_ALLOCATION_TYPE_UNSPECIFIED',
  'TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST',
  'TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION',
] as const;

/** Members of the API that the model doesn't hold. */
const unmodelled = <const Name extends string>(...names: readonly Name[]) =>
  Object.fromEntries(names.map((name) => [name, z.undefined('the sandbox does not model it').optional()]));

const count = z.number().int().optional();
const limits = z.record(z.string(), z.string()).default({});
/** The namespaces of the system have fields of their own in v2 (service.proto: they "will be rejected"). */
const texts = z
  .record(z.string().regex(/^(?!(run|cloud)\.googleapis\.com\/|(serving|autoscaling)\.knative\.dev\/)/), z.string())
  .default({});
const ignored = z.unknown().optional();

const scalingWire = z.strictObject({
  minInstanceCount: count,
  maxInstanceCount: count,
  scalingMode: enumOf(SCALING_MODE).optional(),
  manualInstanceCount: z.number().int().optional(),
});
const envWire = z.strictObject({
  name: z.string().min(1),
  value: z.string().optional(),
  valueSource: z
    .strictObject({ secretKeyRef: z.strictObject({ secret: z.string().min(1), version: z.string().optional() }) })
    .optional(),
});
const containerWire = z.strictObject({
  name: z.string().optional(),
  image: z.string(),
  env: z.array(envWire).default([]),
  resources: z
    .strictObject({ limits, cpuIdle: z.literal(false).optional(), startupCpuBoost: z.literal(false).optional() })
    .optional(),
  ports: z.array(z.strictObject({ name: z.string().optional(), containerPort: z.number().int() })).default([]),
  ...unmodelled('command', 'args', 'volumeMounts', 'dependsOn', 'workingDir', 'livenessProbe', 'startupProbe'),
  ...unmodelled('readinessProbe', 'baseImageUri', 'buildInfo', 'sourceCode'),
});
const templateWire = z.strictObject({
  revision: z.string().optional(),
  labels: texts,
  annotations: texts,
  scaling: z.strictObject({ minInstanceCount: count, maxInstanceCount: count }).optional(),
  timeout: z
    .string()
    .regex(/^\d+(\.\d+)?s$/)
    .optional(),
  serviceAccount: z.string().optional(),
  containers: z.array(containerWire).default([]),
  maxInstanceRequestConcurrency: z.number().int().optional(),
  ...unmodelled('volumes', 'vpcAccess', 'executionEnvironment', 'encryptionKey', 'serviceMesh', 'sessionAffinity'),
  ...unmodelled('encryptionKeyRevocationAction', 'encryptionKeyShutdownDuration', 'healthCheckDisabled'),
  ...unmodelled('nodeSelector', 'gpuZonalRedundancyDisabled'),
});
const trafficWire = z.strictObject({
  type: enumOf(ALLOCATION).optional(),
  revision: z.string().optional(),
  percent: z.number().int().default(0),
  ...unmodelled('tag'),
});
const OUTPUT_ONLY = [
  'uid',
  'generation',
  'createTime',
  'updateTime',
  'deleteTime',
  'expireTime',
  'creator',
  'lastModifier',
  'observedGeneration',
  'terminalCondition',
  'conditions',
  'latestReadyRevision',
  'latestCreatedRevision',
  'trafficStatuses',
  'uri',
  'urls',
  'satisfiesPzs',
  'threatDetectionEnabled',
  'reconciling',
] as const;

const serviceMembers = z.strictObject({
  ...Object.fromEntries(OUTPUT_ONLY.map((name) => [name, ignored])),
  name: z.string().optional(),
  description: z.string().default(''),
  labels: texts,
  annotations: texts,
  client: z.string().optional(),
  clientVersion: z.string().optional(),
  ingress: enumOf(INGRESS).optional(),
  launchStage: z.union([z.literal('GA'), z.literal('LAUNCH_STAGE_UNSPECIFIED'), z.literal(0), z.literal(4)]).optional(),
  template: templateWire.optional(),
  traffic: z.array(trafficWire).default([]),
  scaling: scalingWire.optional(),
  etag: z.string().optional(),
  invokerIamDisabled: z.boolean().optional(),
  ...unmodelled('binaryAuthorization', 'defaultUriDisabled', 'iapEnabled', 'multiRegionSettings'),
  ...unmodelled('customAudiences', 'buildConfig'),
});

/** A Service as it is sent. Output-only members are ignored, as clients send back what they read. */
export const serviceWire = z.preprocess((sent) => withoutDefaults(sent), serviceMembers);

/** Maps keep empty texts; a manual count of 0 says something, since its field is `optional` in the proto. */
const KEPT: ReadonlySet<string> = new Set(['labels', 'annotations', 'limits', 'manualInstanceCount']);

function withoutDefaults(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDefaults);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([key, member]): [string, unknown] => [
    key,
    KEPT.has(key) ? member : withoutDefaults(member),
  ]);
  return Object.fromEntries(members.filter(([key, member]) => KEPT.has(key) || !isDefault(member)));
}

function isDefault(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return value === null || value === '' || value === 0 || value === false;
}

type Sent = z.infer<typeof serviceMembers>;
type Edit = (spec: ServiceSpec, sent: Sent) => ServiceSpec;

const scalingEdit =
  (change: (sent: z.infer<typeof scalingWire> | undefined) => Partial<ServiceScaling>): Edit =>
  (spec, { scaling }) => ({ ...spec, scaling: { ...spec.scaling, ...change(scaling) } });
const templateEdit =
  (change: (sent: RevisionTemplate) => Partial<RevisionTemplate>): Edit =>
  (spec, { template }) => {
    const sent = template === undefined ? { ...TEMPLATE_DEFAULTS, image: '' } : templateOf(template);
    return { ...spec, template: { ...spec.template, ...change(sent) } };
  };
const modeOf = (sent: z.infer<typeof scalingWire> | undefined): ServiceScaling['mode'] =>
  sent?.scalingMode === 'MANUAL' ? 'MANUAL' : 'AUTOMATIC';

/** What each path of a mask takes over from the request; absent there means cleared. */
const EDITS: Readonly<Record<string, Edit>> = {
  description: (spec, { description }) => ({ ...spec, description }),
  labels: (spec, { labels }) => ({ ...spec, labels }),
  annotations: (spec, { annotations }) => ({ ...spec, annotations }),
  ingress: (spec, { ingress }) => ({
    ...spec,
    ingress: ingress === undefined || ingress === 'INGRESS_TRAFFIC_UNSPECIFIED' ? 'INGRESS_TRAFFIC_ALL' : ingress,
  }),
  invokerIamDisabled: (spec, { invokerIamDisabled }) => ({ ...spec, open: invokerIamDisabled === true || undefined }),
  client: (spec) => spec,
  clientVersion: (spec) => spec,
  scaling: (spec, { scaling }) => ({ ...spec, scaling: scalingOf(scaling) }),
  'scaling.minInstanceCount': scalingEdit((sent) => ({ min: sent?.minInstanceCount })),
  'scaling.maxInstanceCount': scalingEdit((sent) => ({ max: sent?.maxInstanceCount })),
  'scaling.scalingMode': scalingEdit((sent) => ({ mode: modeOf(sent) })),
  'scaling.manualInstanceCount': scalingEdit((sent) => ({ manual: sent?.manualInstanceCount })),
  template: templateEdit((sent) => sent),
  'template.revision': templateEdit(({ revision }) => ({ revision })),
  'template.labels': templateEdit(({ labels }) => ({ labels })),
  'template.annotations': templateEdit(({ annotations }) => ({ annotations })),
  'template.scaling': templateEdit(({ min, max }) => ({ min, max })),
  'template.scaling.minInstanceCount': templateEdit(({ min }) => ({ min })),
  'template.scaling.maxInstanceCount': templateEdit(({ max }) => ({ max })),
  'template.timeout': templateEdit(({ timeoutSeconds }) => ({ timeoutSeconds })),
  'template.serviceAccount': templateEdit(({ serviceAccount }) => ({ serviceAccount })),
  'template.containers': templateEdit(({ image, env, limits, port }) => ({ image, env, limits, port })),
  'template.maxInstanceRequestConcurrency': templateEdit(({ concurrency }) => ({ concurrency })),
  traffic: (spec, { traffic }) => ({ ...spec, traffic: trafficOf(traffic) }),
};

/** Without a mask everything that a user sets is replaced, what isn't sent included: the trap of a bare update. */
const EVERYTHING = [
  'description',
  'labels',
  'annotations',
  'ingress',
  'scaling',
  'template',
  'traffic',
  'invokerIamDisabled',
];

/** A service of which nothing was said. */
export const BLANK: ServiceSpec = {
  description: '',
  labels: {},
  annotations: {},
  ingress: 'INGRESS_TRAFFIC_ALL',
  scaling: { mode: 'AUTOMATIC', min: undefined, max: undefined, manual: undefined },
  template: { ...TEMPLATE_DEFAULTS, image: '' },
  traffic: [{ revision: undefined, percent: 100 }],
};

/** How an update changes a service. Throws 400 for a mask that names an unknown path. Paths may be in either case. */
export function editOf(mask: string | undefined, sent: Sent): (spec: ServiceSpec) => ServiceSpec {
  const paths = mask === undefined || mask === '' || mask === '*' ? EVERYTHING : mask.split(',').map(camelCase);
  const edits = paths.map((path) => {
    const edit = EDITS[path];
    if (edit === undefined)
      throw invalidArgument(`Invalid field mask: the path '${path}' of Service can't be updated.`);
    return edit;
  });
  return (present) => edits.reduce((spec, edit) => edit(spec, sent), present);
}

const camelCase = (path: string): string =>
  path.trim().replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

function scalingOf(sent: z.infer<typeof scalingWire> | undefined): ServiceScaling {
  return {
    mode: modeOf(sent),
    min: sent?.minInstanceCount,
    max: sent?.maxInstanceCount,
    manual: sent?.manualInstanceCount,
  };
}

function templateOf(sent: z.infer<typeof templateWire>): RevisionTemplate {
  const [container, ...others] = sent.containers;
  if (others.length > 0) throw invalidArgument('The sandbox runs one container in an instance.');
  return {
    revision: sent.revision || undefined,
    labels: sent.labels,
    annotations: sent.annotations,
    image: container?.image ?? '',
    env: (container?.env ?? []).map(variableOf),
    limits: { ...TEMPLATE_DEFAULTS.limits, ...container?.resources?.limits },
    port: container?.ports[0]?.containerPort ?? TEMPLATE_DEFAULTS.port,
    concurrency: sent.maxInstanceRequestConcurrency || TEMPLATE_DEFAULTS.concurrency,
    timeoutSeconds: sent.timeout === undefined ? TEMPLATE_DEFAULTS.timeoutSeconds : Number.parseFloat(sent.timeout),
    serviceAccount: sent.serviceAccount || undefined,
    min: sent.scaling?.minInstanceCount,
    max: sent.scaling?.maxInstanceCount,
  };
}

function variableOf({ name, value, valueSource }: z.infer<typeof envWire>): EnvironmentVariable {
  if (valueSource === undefined) return { kind: 'value', name, value: value ?? '' };
  const { secret, version } = valueSource.secretKeyRef;
  return secretVariable(name, secret, version);
}

/** A variable from a secret. The sandbox models the version `latest` alone: a pinned one would be another program. */
export function secretVariable(name: string, secret: string, version: string | undefined): EnvironmentVariable {
  if (version !== undefined && version !== '' && version !== 'latest') {
    throw invalidArgument(`The sandbox resolves version 'latest' of a secret only, not '${version}'.`);
  }
  return { kind: 'secret', name, secret: secret.replace(/^projects\/[^/]+\/secrets\//, '') };
}

function trafficOf(sent: readonly z.infer<typeof trafficWire>[]): readonly TrafficTarget[] {
  if (sent.length === 0) return [{ revision: undefined, percent: 100 }];
  return sent.map(({ type, revision, percent }) => {
    const named = type === 'TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION' || (type === undefined && revision);
    return { revision: named ? (revision ?? '').replace(/^.*\//, '') : undefined, percent };
  });
}
