import { type Instant, instant } from '../../shared/core/time.ts';
import type { Caller } from '../../sandbox/world/caller.ts';
import { type VirtualClock, createVirtualClock } from '../../sandbox/world/clock.ts';
import { type WorldKernel, createKernel } from '../../sandbox/world/create-kernel.ts';
import type { ApiOutcome } from '../../sandbox/world/kernel.ts';
import { type Kubernetes, type KubernetesOptions, createKubernetes } from '../../sandbox/world/kubernetes.ts';
import { KubernetesError } from '../../sandbox/world/kubernetes-errors.ts';
import { type Deployment, type Pod, isActive, isReady } from '../../sandbox/world/kubernetes-objects.ts';
import { seedReference } from '../../sandbox/world/kubernetes-reference.ts';
import { grantReferenceRoles } from '../../sandbox/world/reference-roles.ts';
import { functionPrincipal, OPERATOR } from '../../sandbox/world/reference-system.ts';

export const NAMESPACE = 'coditect-dms';
export const API = 'coditect-dms-api';
const START: Instant = instant(Date.parse('2026-01-05T10:00:00Z'));

export const operator: Caller = { principal: OPERATOR, from: 'internet' };
export const heal: Caller = { principal: functionPrincipal('heal'), from: 'functions' };

/** The Deployment of the API, named. */
export const api = { namespace: NAMESPACE, name: API } as const;

/** A cluster with the reference system, on a clock that the test moves. */
export interface Setting {
  readonly clock: VirtualClock;
  readonly kernel: WorldKernel;
  readonly cluster: Kubernetes;
  deployment(): Deployment;
  /** The API's pods that count, oldest name first. */
  pods(): readonly Pod[];
  /** All pods of the API that are ready and not being deleted. */
  ready(): readonly Pod[];
  pod(name: string): Pod | undefined;
}

/** The reference system, running: three pods of the API are ready. */
export function runningReference(options: KubernetesOptions & { readonly seed?: number } = {}): Setting {
  const clock = createVirtualClock(START);
  const kernel = createKernel({ clock, seed: options.seed ?? 1 });
  const cluster = createKubernetes(kernel, options);
  grantReferenceRoles(kernel.iam);
  seedReference(cluster);
  clock.advanceBy(30_000);
  const ofApi = (pod: Pod): boolean => pod.metadata.labels?.['app'] === API;
  return {
    clock,
    kernel,
    cluster,
    deployment: () => cluster.store.read('Deployment', NAMESPACE, API),
    pods: () => cluster.store.list('Pod', NAMESPACE).filter((pod) => ofApi(pod) && isActive(pod)),
    ready: () => cluster.store.list('Pod', NAMESPACE).filter((pod) => ofApi(pod) && isActive(pod) && isReady(pod)),
    pod: (name) => cluster.store.get('Pod', NAMESPACE, name),
  };
}

/** The value of an answer; throws for anything else. */
export function answered<T>(outcome: ApiOutcome<T>): T {
  if (outcome.kind === 'answer') return outcome.value;
  throw outcome.kind === 'error' ? outcome.error : new Error('no answer');
}

/** The refusal; throws when there is none. */
export function refused(outcome: ApiOutcome<unknown>): KubernetesError {
  if (outcome.kind === 'error' && outcome.error instanceof KubernetesError) return outcome.error;
  throw new Error(`not refused: ${JSON.stringify(outcome)}`);
}

/** A strategic merge of the API's Deployment, as the operator. */
export function change({ cluster }: Setting, body: unknown): Deployment {
  return answered(cluster.api.patch(operator, 'Deployment', api, { type: 'strategic', body })).object;
}

/** A body that restarts the rollout, as `kubectl rollout restart` sends it. */
export const restartAt = (at: string): unknown => ({
  spec: { template: { metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': at } } } },
});

/** Moves the clock until something holds, second by second, at most that many seconds; throws when it never does. */
export function until({ clock }: Setting, what: () => boolean, secondsMax: number): void {
  for (let second = 0; second < secondsMax; second += 1) {
    if (what()) return;
    clock.advanceBy(1_000);
  }
  if (!what()) throw new Error(`not so after ${secondsMax} s`);
}
