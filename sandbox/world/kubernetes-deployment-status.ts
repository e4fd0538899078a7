import { type Instant, type Millis, after, millis, parseInstant } from '../../shared/core/time.ts';
import {
  type Condition,
  type Deployment,
  type DeploymentStatus,
  type ReplicaSet,
  conditionOf,
  stamp,
  withCondition,
} from './kubernetes-objects.ts';
import { limitsOf } from './kubernetes-rollout.ts';

// What a Deployment says of itself: counts, Available, Progressing (pkg/controller/deployment/{sync,progress}.go). Clients
// decide from it whether a rollout has finished, so the reasons are Kubernetes' own.

const sum = (sets: readonly ReplicaSet[], count: (set: ReplicaSet) => number | undefined): number =>
  sets.reduce((total, set) => total + (count(set) ?? 0), 0);

const unlessZero = <K extends string>(name: K, count: number): Partial<Record<K, number>> =>
  // A computed member of a literal type; TypeScript widens it to string.
  count > 0 ? ({ [name]: count } as Record<K, number>) : {};

/** The counts of a Deployment. */
function countsOf(
  { spec, metadata }: Deployment,
  current: ReplicaSet | undefined,
  sets: readonly ReplicaSet[],
): DeploymentStatus {
  const available = sum(sets, ({ status }) => status.availableReplicas);
  return {
    observedGeneration: metadata.generation ?? 1,
    ...unlessZero(
      'replicas',
      sum(sets, ({ status }) => status.replicas),
    ),
    ...unlessZero('updatedReplicas', current?.status.replicas ?? 0),
    ...unlessZero(
      'readyReplicas',
      sum(sets, ({ status }) => status.readyReplicas),
    ),
    ...unlessZero('availableReplicas', available),
    ...unlessZero('unavailableReplicas', sum(sets, (set) => set.spec.replicas) - available),
    ...(spec.replicas === 0 && sets.length === 0 ? { replicas: 0 } : {}),
  };
}

/** All pods wished for are new, available, and alone. */
export function isComplete({ spec, status, metadata }: Deployment): boolean {
  return (
    (status.updatedReplicas ?? 0) === spec.replicas &&
    (status.replicas ?? 0) === spec.replicas &&
    (status.availableReplicas ?? 0) === spec.replicas &&
    (status.observedGeneration ?? 0) >= (metadata.generation ?? 0)
  );
}

function progressed(before: DeploymentStatus, now: DeploymentStatus): boolean {
  const old = (status: DeploymentStatus): number => (status.replicas ?? 0) - (status.updatedReplicas ?? 0);
  return (
    (now.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    old(now) < old(before) ||
    (now.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (now.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  );
}

/** A condition `Progressing` with that reason. */
export function progressing(reason: string, message: string, now: Instant): Condition {
  const failed = reason === 'ProgressDeadlineExceeded';
  const status = failed ? 'False' : reason === 'DeploymentPaused' ? 'Unknown' : 'True';
  return { type: 'Progressing', status, reason, message, lastTransitionTime: stamp(now), lastUpdateTime: stamp(now) };
}

function availability(minimum: boolean, now: Instant): Condition {
  const [status, reason, message] = minimum
    ? (['True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.'] as const)
    : (['False', 'MinimumReplicasUnavailable', 'Deployment does not have minimum availability.'] as const);
  return { type: 'Available', status, reason, message, lastTransitionTime: stamp(now), lastUpdateTime: stamp(now) };
}

/** A status, and when it has to be looked at again because its deadline may have passed by then. */
export interface Judged {
  readonly status: DeploymentStatus;
  readonly lookAgainIn: Millis | undefined;
}

/** The status of a Deployment whose ReplicaSets are `sets`, `current` among them. */
export function judge(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  sets: readonly ReplicaSet[],
  now: Instant,
): Judged {
  const { spec, status: before } = deployment;
  const counts = countsOf(deployment, current, sets);
  const enough = (counts.availableReplicas ?? 0) >= spec.replicas - limitsOf(spec).missing;
  const conditions = keepUpdateTime(before.conditions, availability(enough, now));
  const status = { ...counts, conditions };
  if (spec.paused === true) return { status, lookAgainIn: undefined };
  const progress = progressOf(deployment, status, current, now);
  const next = progress === undefined ? status : { ...status, conditions: withCondition(conditions, progress) };
  return { status: next, lookAgainIn: untilDeadline(deployment, next, now) };
}

/** A condition that says nothing new keeps its times, so that the object doesn't change at each look. */
function keepUpdateTime(conditions: readonly Condition[] | undefined, next: Condition): readonly Condition[] {
  const old = conditionOf(conditions, next.type);
  const same = old?.status === next.status && old.reason === next.reason;
  return same && conditions !== undefined ? conditions : withCondition(conditions, next);
}

function progressOf(
  deployment: Deployment,
  status: DeploymentStatus,
  current: ReplicaSet | undefined,
  now: Instant,
): Condition | undefined {
  const before = conditionOf(deployment.status.conditions, 'Progressing');
  const settled =
    (status.replicas ?? 0) === (status.updatedReplicas ?? 0) && before?.reason === 'NewReplicaSetAvailable';
  if (settled) return undefined;
  const name =
    current === undefined ? `Deployment "${deployment.metadata.name}"` : `ReplicaSet "${current.metadata.name}"`;
  if (isComplete({ ...deployment, status })) {
    return progressing('NewReplicaSetAvailable', `${name} has successfully progressed.`, now);
  }
  if (progressed(deployment.status, status)) return progressing('ReplicaSetUpdated', `${name} is progressing.`, now);
  if (before?.reason === 'ProgressDeadlineExceeded') return undefined;
  const left = deadlineOf(deployment, before);
  return left !== undefined && left <= now
    ? progressing('ProgressDeadlineExceeded', `${name} has timed out progressing.`, now)
    : undefined;
}

function deadlineOf({ spec }: Deployment, progress: Condition | undefined): Instant | undefined {
  if (progress?.reason === 'NewReplicaSetAvailable' || progress?.lastUpdateTime === undefined) return undefined;
  const from = parseInstant(progress.lastUpdateTime);
  return from === undefined ? undefined : after(from, (spec.progressDeadlineSeconds ?? 600) * 1_000);
}

function untilDeadline(deployment: Deployment, status: DeploymentStatus, now: Instant): Millis | undefined {
  const progress = conditionOf(status.conditions, 'Progressing');
  if (progress?.reason === 'ProgressDeadlineExceeded' || isComplete({ ...deployment, status })) return undefined;
  const deadline = deadlineOf(deployment, progress);
  // A second later, as the controller looks: times are kept in whole seconds.
  return deadline === undefined || deadline <= now ? undefined : millis(deadline - now + 1_000);
}
