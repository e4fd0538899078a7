import { z } from 'zod';
import { instant } from '../core/time.ts';
import type { DisruptionBudget } from '../ports/lookout.ts';
import type { PodStatus, WorkloadStatus } from '../ports/workloads.ts';

// What `@kubernetes/client-node` 2.0.1 hands out: objects with `Date`s, absent members `undefined`. It also hands out
// `undefined` or a text where a proxy answered 200 with a page, so nothing is taken unparsed.

const metadata = z.object({
  name: z.string().min(1),
  uid: z.string().min(1),
  resourceVersion: z.string().min(1),
  generation: z.number().optional(),
  labels: z.record(z.string(), z.string()).optional(),
  deletionTimestamp: z.date().optional(),
  finalizers: z.array(z.string()).optional(),
});
const count = z.number().int().nonnegative().optional();

const labels = z.record(z.string(), z.string());
const selectorWire = z.object({
  matchLabels: labels.optional(),
  matchExpressions: z
    .array(z.object({ key: z.string(), operator: z.string(), values: z.array(z.string()).optional() }))
    .optional(),
});

const deploymentWire = z.object({
  metadata,
  spec: z.object({
    replicas: count,
    selector: selectorWire,
    template: z.object({ metadata: z.object({ labels: labels.optional() }).optional() }).optional(),
  }),
  status: z
    .object({
      observedGeneration: z.number().optional(),
      replicas: count,
      updatedReplicas: count,
      readyReplicas: count,
      availableReplicas: count,
    })
    .optional(),
});

/** A Deployment, parsed. */
export type Deployment = z.infer<typeof deploymentWire>;

/** A Deployment as the client returns it. Throws `z.ZodError` on anything else. */
export const parseDeployment = (answer: unknown): Deployment => deploymentWire.parse(answer);

const autoscalerWire = z.object({
  metadata,
  spec: z.object({
    scaleTargetRef: z.object({ kind: z.string(), name: z.string() }),
    minReplicas: count,
    maxReplicas: z.number().int(),
  }),
});

/** The autoscaler of a Deployment. */
export interface Autoscaler {
  readonly name: string;
  readonly version: string;
  readonly min: number;
  readonly max: number;
}

const list = z.object({
  items: z.array(z.unknown()),
  metadata: z.object({ _continue: z.string().optional() }).optional(),
});

/** The items of a list, still to be parsed, and whether there are more. */
export function parseList(answer: unknown): { readonly items: readonly unknown[]; readonly more: boolean } {
  const { items, metadata: page } = list.parse(answer);
  return { items, more: page?._continue !== undefined && page._continue !== '' };
}

/** The autoscaler in a list that scales that Deployment; `undefined` when none does. */
export function autoscalerOf(deployment: string, items: readonly unknown[]): Autoscaler | undefined {
  const found = items
    .map((item) => autoscalerWire.parse(item))
    .find(({ spec }) => spec.scaleTargetRef.kind === 'Deployment' && spec.scaleTargetRef.name === deployment);
  if (found === undefined) return undefined;
  return {
    name: found.metadata.name,
    version: found.metadata.resourceVersion,
    min: found.spec.minReplicas ?? 1,
    max: found.spec.maxReplicas,
  };
}

/** The version of a workload is that of its Deployment and of its autoscaler, since a scaling may go to either. */
export const versionOf = (deployment: Deployment, autoscaler: Autoscaler | undefined): string =>
  autoscaler === undefined
    ? deployment.metadata.resourceVersion
    : `${deployment.metadata.resourceVersion}/${autoscaler.version}`;

/** A workload in our words. `settled` is the rule of `kubectl rollout status` (facts.md 6.2). */
export function workloadOf(deployment: Deployment, autoscaler: Autoscaler | undefined): WorkloadStatus {
  const wanted = deployment.spec.replicas ?? 1; // Kubernetes' default
  const status = deployment.status ?? {};
  const [all, updated, available] = [status.replicas ?? 0, status.updatedReplicas ?? 0, status.availableReplicas ?? 0];
  const seen = (deployment.metadata.generation ?? 0) <= (status.observedGeneration ?? 0);
  return {
    replicas: wanted,
    ready: status.readyReplicas ?? 0,
    available,
    updated,
    settled: seen && updated >= wanted && all <= updated && available >= updated,
    version: versionOf(deployment, autoscaler),
    autoscaler: autoscaler === undefined ? undefined : { min: autoscaler.min, max: autoscaler.max },
  };
}

/** The label selector of a Deployment, as a list call takes it. */
export function selectorOf({ spec: { selector } }: Deployment): string {
  const labels = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  const expressions = (selector.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
    if (operator === 'Exists') return key;
    if (operator === 'DoesNotExist') return `!${key}`;
    return `${key} ${operator === 'In' ? 'in' : 'notin'} (${values.join(',')})`;
  });
  return [...labels, ...expressions].join(',');
}

type Labels = z.infer<typeof labels>;

/** Labels that the pods of a Deployment are made with. */
export const podLabelsOf = ({ spec }: Deployment): Labels => spec.template?.metadata?.labels ?? {};

/** Whether a selector selects such pods. An empty one selects all, as in policy/v1. */
function selects({ matchLabels = {}, matchExpressions = [] }: z.infer<typeof selectorWire>, pod: Labels): boolean {
  const fits = matchExpressions.every(({ key, operator, values = [] }) => {
    const value = pod[key];
    if (operator === 'Exists') return value !== undefined;
    if (operator === 'DoesNotExist') return value === undefined;
    const isIn = value !== undefined && values.includes(value);
    return operator === 'In' ? isIn : !isIn;
  });
  return fits && Object.entries(matchLabels).every(([key, value]) => pod[key] === value);
}

const budgetWire = z.object({
  metadata,
  spec: z.object({ selector: selectorWire.optional() }),
  status: z
    .object({
      disruptionsAllowed: z.number().int(),
      currentHealthy: z.number().int(),
      desiredHealthy: z.number().int(),
    })
    .optional(),
});

/** The budgets in a list that hold for pods with those labels; one without a selector holds for none. */
export function budgetsOver(pod: Labels, items: readonly unknown[]): readonly DisruptionBudget[] {
  return items
    .map((item) => budgetWire.parse(item))
    .filter(({ spec: { selector } }) => selector !== undefined && selects(selector, pod))
    .map(({ metadata: { name }, status }) => ({
      name,
      allowed: status?.disruptionsAllowed ?? 0, // not computed yet: nothing may be evicted either
      healthy: status?.currentHealthy ?? 0,
      wanted: status?.desiredHealthy ?? 0,
    }));
}

const object = z.object({ kind: z.string().min(1) });

/** Checks that a change was answered by an API server. Throws `z.ZodError` on a page of somebody in between. */
export function acknowledge(answer: unknown): void {
  object.parse(answer);
}

const state = z.object({
  running: z.object({ startedAt: z.date().optional() }).optional(),
  waiting: z.object({ reason: z.string().optional(), message: z.string().optional() }).optional(),
  terminated: z.object({ reason: z.string().optional(), exitCode: z.number().optional() }).optional(),
});
const podWire = z.object({
  metadata,
  spec: z.object({ nodeName: z.string().optional(), volumes: z.array(z.looseObject({})).optional() }).optional(),
  status: z
    .object({
      phase: z.string().optional(),
      reason: z.string().optional(),
      message: z.string().optional(),
      podIP: z.string().optional(),
      startTime: z.date().optional(),
      conditions: z.array(z.object({ type: z.string(), status: z.string(), reason: z.string().optional() })).optional(),
      containerStatuses: z
        .array(
          z.object({
            name: z.string(),
            image: z.string().optional(),
            ready: z.boolean(),
            restartCount: z.number().int(),
            state: state.optional(),
            lastState: state.optional(),
          }),
        )
        .optional(),
    })
    .optional(),
});

/** A pod, parsed. */
export type Pod = z.infer<typeof podWire>;

/** A pod as the client returns it. Throws `z.ZodError` on anything else. */
export const parsePod = (answer: unknown): Pod => podWire.parse(answer);

/** A pod in our words, by the state of its main container. */
export function podStatusOf(pod: Pod, container: string): PodStatus {
  const main = pod.status?.containerStatuses?.find(({ name }) => name === container);
  const startedAt = pod.status?.startTime;
  const endsBy = pod.metadata.deletionTimestamp;
  return {
    name: pod.metadata.name,
    uid: pod.metadata.uid,
    version: pod.metadata.resourceVersion,
    node: pod.spec?.nodeName,
    startedAt: startedAt === undefined ? undefined : instant(startedAt.getTime()),
    ready: pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false,
    terminating: pod.metadata.deletionTimestamp !== undefined,
    endsBy: endsBy === undefined ? undefined : instant(endsBy.getTime()),
    finalizers: pod.metadata.finalizers ?? [],
    ownVolume: pod.spec?.volumes?.some((volume) => !isShared(volume)) ?? false,
    restarts: main?.restartCount ?? 0,
    container: containerOf(main?.state),
    lastTermination: main?.lastState?.terminated?.reason,
    template: pod.metadata.labels?.['pod-template-hash'],
  };
}

/** Kinds of volumes that a pod has no writing share in, or loses with its node; whatever else there is may be damaged by two writers. */
const SHARED: ReadonlySet<string> = new Set(['configMap', 'downwardAPI', 'emptyDir', 'image', 'projected', 'secret']);

/** The client writes every kind of a volume, and leaves those undefined that it is not. */
const isShared = (volume: Readonly<Record<string, unknown>>): boolean =>
  Object.entries(volume).every(([key, value]) => key === 'name' || value === undefined || SHARED.has(key));

function containerOf(current: z.infer<typeof state> | undefined): PodStatus['container'] {
  if (current?.running !== undefined) return { kind: 'running' };
  if (current?.waiting !== undefined) return { kind: 'waiting', reason: current.waiting.reason ?? 'unknown' };
  if (current?.terminated !== undefined) return { kind: 'terminated', reason: current.terminated.reason ?? 'unknown' };
  return { kind: 'unknown' };
}

const refusalWire = z.object({ code: z.number(), body: z.string() });
const statusWire = z.object({
  reason: z.string().optional(),
  message: z.string().optional(),
  details: z
    .object({ causes: z.array(z.object({ reason: z.string().optional(), message: z.string().optional() })).optional() })
    .optional(),
});

/** How an API server refused: its code and, when it sent a Status, what stands there. */
export interface Refusal {
  readonly code: number;
  readonly message: string;
  readonly causes: readonly string[];
}

/** Reads a rejection of the client; `undefined` when it is no refusal of an API server. */
export function refusalOf(error: unknown): Refusal | undefined {
  const refused = refusalWire.safeParse(error);
  if (!refused.success) return undefined;
  const { code, body } = refused.data;
  const status = statusWire.safeParse(jsonOf(body));
  if (!status.success) return { code, message: '', causes: [] };
  return {
    code,
    message: status.data.message ?? '',
    causes: (status.data.details?.causes ?? []).flatMap(({ reason }) => reason ?? []),
  };
}

function jsonOf(text: string): unknown {
  try {
    const parsed: unknown = JSON.parse(text);
    return parsed;
  } catch {
    return undefined; // a proxy's page
  }
}
