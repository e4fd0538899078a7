import type { Caller } from './caller.ts';
import type { Iam } from './kernel.ts';
import { resourcePath } from './kubernetes-calls.ts';
import { forbidden } from './kubernetes-errors.ts';
import type { Kinds, KubernetesObject } from './kubernetes-objects.ts';
import { resourceOf } from './kubernetes-resources.ts';
import type { Store } from './kubernetes-store.ts';

// What RBAC can't say: a patch of `scale` may go either way. In a real cluster this is a ValidatingAdmissionPolicy with
// `reason: Forbidden`, bound to every principal that lacks the right to scale down.

/** Who has it may lower a number of replicas, and set any. */
export const SCALE_DOWN = 'k8s.apps.deployments/scale.down';

const POLICY = 'dr-scale-up-only';

/** Replicas that a Deployment without an autoscaler may be scaled up to under the policy. */
export const CEILING = 10;

/** Throws 403 when the policy refuses the change. `after` is what would be stored. */
export function checkScaling(
  iam: Iam,
  store: Store,
  { principal }: Caller,
  before: KubernetesObject,
  after: KubernetesObject,
): void {
  const { namespace = '', name } = before.metadata;
  if (iam.allows(principal, SCALE_DOWN, resourcePath(resourceOf(before.kind), { namespace, name }))) return;
  const why = refusal(store, before, after);
  if (why === undefined) return;
  const denied = `ValidatingAdmissionPolicy '${POLICY}' with binding '${POLICY}' denied request`;
  throw forbidden(before.kind, before.metadata.name, `${denied}: ${principal} may not ${why}`);
}

function refusal(store: Store, before: KubernetesObject, after: KubernetesObject): string | undefined {
  if (before.kind === 'HorizontalPodAutoscaler' && after.kind === before.kind) return rangeRefusal(before, after);
  const scaled = before.kind === 'Deployment' || before.kind === 'ReplicaSet';
  if (!scaled || (after.kind !== 'Deployment' && after.kind !== 'ReplicaSet')) return undefined;
  const [from, to] = [before.spec.replicas, after.spec.replicas];
  if (to < from) return `scale down from ${from} to ${to}`;
  const ceiling = ceilingOf(store, before);
  return to > from && to > ceiling ? `scale up from ${from} to ${to}, above ${ceiling}` : undefined;
}

/** Where whoever raises a floor writes what it was: to that, and no lower, it may be given back. */
export const FORMER_FLOOR = 'dr-autopilot-former-min-replicas';

type Ranged = Kinds['HorizontalPodAutoscaler'];

function rangeRefusal(
  { spec: before, metadata: was }: Ranged,
  { spec: after, metadata: is }: Ranged,
): string | undefined {
  const [low, high] = [before.minReplicas ?? 1, after.minReplicas ?? 1];
  const [former, next] = [was.annotations?.[FORMER_FLOOR], is.annotations?.[FORMER_FLOOR]];
  if (high < low && !(former !== undefined && high >= Number(former)))
    return `lower minReplicas from ${low} to ${high}`;
  if (next !== undefined && next !== former && !(Number(next) >= low))
    return `remember ${next} as its former minReplicas`;
  if (after.maxReplicas === before.maxReplicas) return undefined;
  return `change maxReplicas from ${before.maxReplicas} to ${after.maxReplicas}`;
}

function ceilingOf(store: Store, { kind, metadata }: KubernetesObject): number {
  const hpa = store
    .list('HorizontalPodAutoscaler', metadata.namespace)
    .find(({ spec }) => spec.scaleTargetRef.kind === kind && spec.scaleTargetRef.name === metadata.name);
  return hpa?.spec.maxReplicas ?? CEILING;
}
