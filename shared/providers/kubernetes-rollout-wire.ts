import { z } from 'zod';
import { instant } from '../core/time.ts';
import type { DisruptionBudget, Revision, Rollout } from '../ports/rollouts.ts';

// A Deployment's rollout, its ReplicaSets and the budgets over its pods, as `@kubernetes/client-node` hands them out.

/** What a new revision carries when it was made by a restart of ours, with the incident's name. */
export const RESTARTED_FOR = 'dr-autopilot-restarted-for';

const REVISION = 'deployment.kubernetes.io/revision';
const HASH = 'pod-template-hash';

const texts = z.record(z.string(), z.string());
const count = z.number().int().nonnegative().optional();
const share = z.union([z.number(), z.string()]).optional();
const metadata = z.object({
  name: z.string().min(1),
  uid: z.string().min(1),
  resourceVersion: z.string().min(1),
  generation: z.number().optional(),
  creationTimestamp: z.date(),
  labels: texts.optional(),
  annotations: texts.optional(),
  ownerReferences: z.array(z.object({ uid: z.string(), controller: z.boolean().optional() })).optional(),
});
const selector = z.object({
  matchLabels: texts.optional(),
  matchExpressions: z
    .array(z.object({ key: z.string(), operator: z.string(), values: z.array(z.string()).optional() }))
    .optional(),
});
const template = z.object({
  metadata: z.object({ labels: texts.optional(), annotations: texts.optional() }).optional(),
  spec: z.object({ containers: z.array(z.object({ name: z.string(), image: z.string().optional() })) }).optional(),
});

const deploymentWire = z.object({
  metadata,
  spec: z.object({
    replicas: count,
    paused: z.boolean().optional(),
    selector,
    template,
    strategy: z
      .object({
        type: z.string().optional(),
        rollingUpdate: z.object({ maxSurge: share, maxUnavailable: share }).optional(),
      })
      .optional(),
  }),
  status: z
    .object({
      observedGeneration: z.number().optional(),
      replicas: count,
      updatedReplicas: count,
      availableReplicas: count,
      conditions: z
        .array(
          z.object({
            type: z.string(),
            status: z.string(),
            reason: z.string().optional(),
            lastUpdateTime: z.date().nullish(),
          }),
        )
        .optional(),
    })
    .optional(),
});
type RolledDeployment = z.infer<typeof deploymentWire>;

const replicaSetWire = z.object({
  metadata,
  spec: z.object({ replicas: count, template }),
  status: z.object({ readyReplicas: count }).optional(),
});

const budgetWire = z.object({
  metadata: z.object({ name: z.string().min(1) }),
  spec: z.object({ selector: selector.optional() }).optional(),
  status: z.object({ currentHealthy: z.number(), desiredHealthy: z.number() }).optional(),
});

/** A Deployment as the client returns it, for its rollout. Throws `z.ZodError` on anything else. */
export const parseRolled = (answer: unknown): RolledDeployment => deploymentWire.parse(answer);

/** The rollout of a Deployment, from it, the ReplicaSets that its selector finds, and the budgets of its namespace. */
export function rolloutOf(
  deployment: RolledDeployment,
  replicaSets: readonly unknown[],
  budgets: readonly unknown[],
  container: string,
): Rollout {
  const { metadata: own, spec, status = {} } = deployment;
  const replicas = spec.replicas ?? 1; // Kubernetes' default
  const observed = (own.generation ?? 0) <= (status.observedGeneration ?? 0);
  const revisions = replicaSets
    .map((item) => replicaSetWire.parse(item))
    .filter((set) =>
      set.metadata.ownerReferences?.some(({ uid, controller }) => controller === true && uid === own.uid),
    )
    .map((set) => revisionOf(set, container))
    .toSorted((a, b) => b.revision - a.revision);
  const revision = Number(own.annotations?.[REVISION] ?? Number.NaN);
  const gaveUp = status.conditions?.find(
    ({ type, reason }) => type === 'Progressing' && reason === 'ProgressDeadlineExceeded',
  );
  return {
    version: own.resourceVersion,
    replicas,
    total: status.replicas ?? 0,
    updated: status.updatedReplicas ?? 0,
    available: status.availableReplicas ?? 0,
    observed,
    paused: spec.paused ?? false,
    keepsAvailable: keepsAvailable(deployment, replicas),
    gaveUpAt: gaveUp === undefined ? undefined : (gaveUp.lastUpdateTime?.toISOString() ?? 'unknown'),
    current: observed ? revisions.find((known) => known.revision === revision)?.uid : undefined,
    restartedFor: spec.template.metadata?.annotations?.[RESTARTED_FOR],
    revisions,
    budget: strictest(budgets, spec.template.metadata?.labels ?? {}),
  };
}

function revisionOf({ metadata: own, spec, status }: z.infer<typeof replicaSetWire>, container: string): Revision {
  return {
    name: own.name,
    uid: own.uid,
    revision: Number(own.annotations?.[REVISION] ?? 0),
    template: own.labels?.[HASH] ?? '',
    createdAt: instant(own.creationTimestamp.getTime()),
    replicas: spec.replicas ?? 1,
    ready: status?.readyReplicas ?? 0,
    image: spec.template.spec?.containers.find(({ name }) => name === container)?.image,
  };
}

/** As the Deployment controller resolves its strategy: surge rounded up, missing pods down, never both zero. */
function keepsAvailable({ spec: { strategy } }: RolledDeployment, replicas: number): number {
  if (strategy?.type === 'Recreate') return 0;
  const resolve = (value: number | string, round: (share: number) => number): number =>
    typeof value === 'number' ? value : round((Number.parseInt(value, 10) * replicas) / 100);
  const surge = resolve(strategy?.rollingUpdate?.maxSurge ?? '25%', Math.ceil);
  const missing = resolve(strategy?.rollingUpdate?.maxUnavailable ?? '25%', Math.floor);
  return Math.max(0, replicas - (surge === 0 && missing === 0 ? 1 : missing));
}

function strictest(items: readonly unknown[], labels: Readonly<Record<string, string>>): DisruptionBudget | undefined {
  return items
    .map((item) => budgetWire.parse(item))
    .filter(({ spec }) => spec?.selector !== undefined && covers(spec.selector, labels))
    .flatMap(({ metadata: { name }, status }) =>
      status === undefined
        ? []
        : [{ name, desiredHealthy: status.desiredHealthy, currentHealthy: status.currentHealthy }],
    )
    .toSorted((a, b) => b.desiredHealthy - a.desiredHealthy)[0];
}

/** Whether a label selector matches. One that is empty matches everything. */
function covers(
  { matchLabels = {}, matchExpressions = [] }: z.infer<typeof selector>,
  labels: Readonly<Record<string, string>>,
): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const label = labels[key];
      switch (operator) {
        case 'In':
          return label !== undefined && values.includes(label);
        case 'NotIn':
          return label === undefined || !values.includes(label);
        case 'Exists':
          return label !== undefined;
        case 'DoesNotExist':
          return label === undefined;
        default:
          return true; // an operator that we don't know: rather a budget too many
      }
    })
  );
}

const rawTemplate = z.record(z.string(), z.unknown());
const rawWire = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ uid: z.string(), annotations: texts.nullish() }),
      spec: z.object({ template: rawTemplate }),
    }),
  ),
});

/** A revision as it has to be written back: its template whole, and what its change was called. */
export interface WholeRevision {
  readonly template: Readonly<Record<string, unknown>>;
  readonly changeCause: string | undefined;
}

/** The annotation in which `kubectl` keeps what a change was called. */
export const CHANGE_CAUSE = 'kubernetes.io/change-cause';

/** The revision with that uid in a list of ReplicaSets as it was sent; `undefined` when it holds none. Throws `z.ZodError`. */
export function wholeRevision(text: string, uid: string): WholeRevision | undefined {
  const { items } = rawWire.parse(JSON.parse(text));
  const found = items.find(({ metadata: own }) => own.uid === uid);
  if (found === undefined) return undefined;
  return { template: withoutHash(found.spec.template), changeCause: found.metadata.annotations?.[CHANGE_CAUSE] };
}

/** The hash tells ReplicaSets apart and is the controller's; in a Deployment's template it would make another template. */
function withoutHash(whole: z.infer<typeof rawTemplate>): z.infer<typeof rawTemplate> {
  const own = rawTemplate.safeParse(whole['metadata']);
  const labels = rawTemplate.safeParse(own.data?.['labels']);
  if (own.data === undefined || labels.data === undefined) return whole;
  const { [HASH]: _, ...kept } = labels.data;
  return { ...whole, metadata: { ...own.data, labels: kept } };
}
