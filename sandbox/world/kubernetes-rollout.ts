import { canonicalJson } from '../../shared/core/json.ts';
import type { Deployment, IntOrString, PodTemplate, ReplicaSet } from './kubernetes-objects.ts';

// How a Deployment moves from its old ReplicaSets to the new one: pure, after k8s.io/kubernetes
// pkg/controller/deployment (rolling.go, sync.go, util/deployment_util.go).

/** The label that tells the ReplicaSets and pods of one Deployment apart. */
export const TEMPLATE_HASH = 'pod-template-hash';
export const REVISION = 'deployment.kubernetes.io/revision';
const DESIRED = 'deployment.kubernetes.io/desired-replicas';
const MAXIMUM = 'deployment.kubernetes.io/max-replicas';

/** Letters without vowels and without 0, 1, 3: no hash spells a word. */
export const SAFE_LETTERS = 'bcdfghjklmnpqrstvwxz2456789';

/**
 * A template as text, the same for templates that mean the same: without the hash label, and with empty maps of metadata and
 * empty lists left out, as Go's semantic equality takes them.
 */
function meaning(template: PodTemplate): string {
  const known = meanings.get(template);
  if (known !== undefined) return known;
  const text = computeMeaning(template);
  meanings.set(template, text);
  return text;
}

/** Stored objects are never changed in place, so what one means is computed once. */
const meanings = new WeakMap<PodTemplate, string>();

function computeMeaning(template: PodTemplate): string {
  const { [TEMPLATE_HASH]: _, ...labels } = template.metadata?.labels ?? {};
  const { annotations = {} } = template.metadata ?? {};
  const spec: unknown = JSON.parse(JSON.stringify(template.spec), (_key, value: unknown) =>
    Array.isArray(value) && value.length === 0 ? undefined : value,
  );
  return canonicalJson({ metadata: { labels, annotations }, spec });
}

/** A ReplicaSet's hash: FNV-1a of the template, each decimal digit as a safe letter (apimachinery's `rand.SafeEncodeString`). */
export function templateHash(template: PodTemplate): string {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(meaning(template))) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return Array.from(String(hash), (digit) => SAFE_LETTERS[digit.charCodeAt(0) % SAFE_LETTERS.length]).join('');
}

/** Whether a ReplicaSet was made from that template. */
export function isMadeFrom(set: ReplicaSet, template: PodTemplate): boolean {
  return meaning(set.spec.template) === meaning(template);
}

export const revisionOf = (set: ReplicaSet): number => Number(set.metadata.annotations?.[REVISION] ?? 0);

/** A number as it is, a percentage of `whole` rounded as asked. */
export function resolve(value: IntOrString | undefined, whole: number, round: 'up' | 'down'): number {
  if (typeof value === 'number' || value === undefined) return value ?? 0;
  const share = (Number(value.replace('%', '')) * whole) / 100;
  return round === 'up' ? Math.ceil(share) : Math.floor(share);
}

/** Pods above and below the wished number that a rollout may have; never both 0, or it could not move. */
export function limitsOf({ replicas, strategy }: Deployment['spec']): {
  readonly surge: number;
  readonly missing: number;
} {
  if (strategy.type === 'Recreate') return { surge: 0, missing: replicas };
  const surge = resolve(strategy.rollingUpdate?.maxSurge, replicas, 'up');
  const missing = resolve(strategy.rollingUpdate?.maxUnavailable, replicas, 'down');
  return { surge, missing: surge === 0 && missing === 0 ? 1 : missing };
}

const wished = (sets: readonly ReplicaSet[]): number => sets.reduce((sum, { spec }) => sum + spec.replicas, 0);
const available = (sets: readonly ReplicaSet[]): number =>
  sets.reduce((sum, { status }) => sum + (status.availableReplicas ?? 0), 0);

/** The annotations by which a later look finds out that the Deployment was scaled meanwhile. */
export function scaleAnnotations(spec: Deployment['spec']): Readonly<Record<string, string>> {
  const maximum = spec.strategy.type === 'Recreate' ? spec.replicas : spec.replicas + limitsOf(spec).surge;
  return { [DESIRED]: String(spec.replicas), [MAXIMUM]: String(maximum) };
}

/** Whether somebody changed the wished number since the ReplicaSets were last scaled. */
export function isScaling({ spec }: Deployment, sets: readonly ReplicaSet[]): boolean {
  return sets.some(({ spec: { replicas }, metadata }) => {
    const desired = metadata.annotations?.[DESIRED];
    return replicas > 0 && desired !== undefined && desired !== String(spec.replicas);
  });
}

/** One ReplicaSet's new number. */
export interface Scaling {
  readonly set: ReplicaSet;
  readonly to: number;
}

/** The size at which a new ReplicaSet starts, or to which it may grow now. */
export function newSize(spec: Deployment['spec'], current: number, all: readonly ReplicaSet[]): number {
  if (spec.strategy.type === 'Recreate') return spec.replicas;
  const room = spec.replicas + limitsOf(spec).surge - wished(all);
  return room <= 0 ? current : current + Math.min(room, spec.replicas - current);
}

/** The next scalings of a rollout: first the new set grows, then the old ones shrink, unhealthy pods before healthy ones. */
export function rollOn(
  spec: Deployment['spec'],
  current: ReplicaSet,
  old: readonly ReplicaSet[],
  oldPodsLeft: boolean,
): readonly Scaling[] {
  const running = current.spec.replicas;
  if (spec.strategy.type === 'Recreate') {
    const stopping = old.filter((set) => set.spec.replicas > 0).map((set) => ({ set, to: 0 }));
    if (stopping.length > 0 || oldPodsLeft) return stopping;
    return running === spec.replicas ? [] : [{ set: current, to: spec.replicas }];
  }
  const to = running > spec.replicas ? spec.replicas : newSize(spec, running, [current, ...old]);
  return to === running ? shrinkOld(spec, current, old) : [{ set: current, to }];
}

function shrinkOld(spec: Deployment['spec'], current: ReplicaSet, old: readonly ReplicaSet[]): readonly Scaling[] {
  const minimum = spec.replicas - limitsOf(spec).missing;
  const unavailableNew = current.spec.replicas - (current.status.availableReplicas ?? 0);
  let allowed = wished([current, ...old]) - minimum - unavailableNew;
  if (allowed <= 0) return [];
  const sizes = new Map<ReplicaSet, number>();
  for (const set of byAge(old)) {
    const broken = set.spec.replicas - (set.status.availableReplicas ?? 0);
    const fewer = Math.min(allowed, Math.max(broken, 0));
    sizes.set(set, set.spec.replicas - fewer);
    allowed -= fewer;
  }
  let spare = available([current, ...old]) - minimum;
  for (const set of byAge(old)) {
    const size = sizes.get(set) ?? 0;
    const fewer = Math.min(size, Math.max(spare, 0));
    sizes.set(set, size - fewer);
    spare -= fewer;
  }
  return [...sizes].filter(([set, to]) => to !== set.spec.replicas).map(([set, to]) => ({ set, to }));
}

const byAge = (sets: readonly ReplicaSet[]): readonly ReplicaSet[] =>
  sets.toSorted((a, b) => a.metadata.creationTimestamp.localeCompare(b.metadata.creationTimestamp));

/**
 * The scalings after the wished number changed. One set alone takes it whole; in the middle of a rollout the difference is
 * spread over the sets in proportion to their sizes, so that none of them loses its share.
 */
export function rescale(
  spec: Deployment['spec'],
  current: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): readonly Scaling[] {
  const sets = [...(current === undefined ? [] : [current]), ...old];
  const active = sets.filter((set) => set.spec.replicas > 0);
  const only = active.length <= 1 ? (active[0] ?? current) : undefined;
  if (only !== undefined) return only.spec.replicas === spec.replicas ? [] : [{ set: only, to: spec.replicas }];
  if (current !== undefined && isSaturated(spec, current)) {
    return old.filter((set) => set.spec.replicas > 0).map((set) => ({ set, to: 0 }));
  }
  const total = wished(active);
  const change = (spec.replicas > 0 ? spec.replicas + limitsOf(spec).surge : 0) - total;
  const sizes = active.map((set) => {
    const share = Math.trunc((change * set.spec.replicas) / Math.max(total, 1));
    return { set, to: Math.max(0, set.spec.replicas + share) };
  });
  const largest = sizes.toSorted((a, b) => b.set.spec.replicas - a.set.spec.replicas)[0];
  const left = total + change - sizes.reduce((sum, { to }) => sum + to, 0);
  const full = sizes.map((one) => (one === largest ? { ...one, to: Math.max(0, one.to + left) } : one));
  return full.filter(({ set, to }) => set.spec.replicas !== to);
}

function isSaturated(spec: Deployment['spec'], set: ReplicaSet): boolean {
  const told = Number(set.metadata.annotations?.[DESIRED] ?? Number.NaN);
  return (
    set.spec.replicas === spec.replicas && told === spec.replicas && set.status.availableReplicas === spec.replicas
  );
}
