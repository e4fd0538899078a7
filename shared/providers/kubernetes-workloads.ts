import { assert } from '../core/assert.ts';
import { PortError } from '../ports/port-error.ts';
import type { EvictionOutcome, Workloads } from '../ports/workloads.ts';
import type { WorkloadPlace } from '../system/topology.ts';
import type { GoogleAccess } from './google-call.ts';
import { createClusters } from './kubernetes-connection.ts';
import type { ClusterApis } from './kubernetes-connection.ts';
import { describePod } from './kubernetes-describe.ts';
import {
  acknowledge,
  autoscalerOf,
  parseDeployment,
  parseList,
  parsePod,
  podStatusOf,
  refusalOf,
  selectorOf,
  versionOf,
  workloadOf,
} from './kubernetes-wire.ts';
import type { Autoscaler, Deployment } from './kubernetes-wire.ts';
import type { Effect } from './normalize-error.ts';

// Deployments on GKE through `@kubernetes/client-node` (facts.md 6).
//
// K1. Every change names the version or the uid that it was decided on, in the request, where the API server compares
//     it.
// K2. A number of replicas goes where it lasts: with an autoscaler, which would overwrite it, a floor is raised or
//     lowered there; to zero and from zero it goes to the Deployment, because zero switches the autoscaler off
//     (facts.md 6.3).
// K3. A pod is evicted under its PodDisruptionBudget; deleted is only one that is ending already, by its uid.
// K4. A floor that is raised carries what it was, in an annotation: to that, and no lower, an admission policy lets it be given back
//     (docs/security.md).

/** Named in the API server's audit and in `managedFields`. */
const FIELD_MANAGER = 'dr-autopilot';

/** Pods of one Deployment that are listed; `maxReplicas` of `dr.yaml` is far below. */
const PODS_MAX = 500;

/** Autoscalers of one namespace that are looked through. */
const AUTOSCALERS_MAX = 500;

/** Of a log, beside the number of lines: a line may be long. */
const LOG_BYTES_MAX = 262_144;

const MERGE_PATCH = 'application/merge-patch+json';

/** Where an autoscaler remembers its floor while it is raised. */
const FORMER_FLOOR = 'dr-autopilot-former-min-replicas';

interface Scaled {
  readonly deployment: Deployment;
  readonly autoscaler: Autoscaler | undefined;
}

/** The Deployments of the system, by their id. */
export function createKubernetesWorkloads(access: GoogleAccess, applications: readonly WorkloadPlace[]): Workloads {
  const clusters = createClusters(access);
  const find = (id: string): WorkloadPlace => {
    const application = applications.find((candidate) => candidate.id === id);
    assert(application !== undefined, `${id} is no Deployment of this system`);
    return application;
  };
  const call = <T>(
    id: string,
    doing: string,
    effect: Effect,
    send: (apis: ClusterApis, application: WorkloadPlace, signal: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    const application = find(id);
    return clusters.call(application, { doing, effect }, (apis, signal) => send(apis, application, signal));
  };

  const changeAt = (
    id: string,
    doing: string,
    version: string,
    send: (apis: ClusterApis, application: WorkloadPlace, found: Scaled, signal: AbortSignal) => Promise<void>,
  ): Promise<void> => {
    const application = find(id);
    return clusters.change(
      application,
      { doing, effect: 'writesIfUnchanged' },
      async (apis, signal) => {
        const found = await look(apis, application, signal);
        if (versionOf(found.deployment, found.autoscaler) !== version) throw new PortError('conflict', 'stale', doing);
        return found;
      },
      (apis, found, signal) => send(apis, application, found, signal),
    );
  };

  return {
    inspect: (id) =>
      call(id, `inspecting ${id}`, 'reads', async (apis, application, signal) => {
        const { deployment, autoscaler } = await look(apis, application, signal);
        return workloadOf(deployment, autoscaler);
      }),
    pods: (id) =>
      call(
        id,
        `listing the pods of ${id}`,
        'reads',
        async ({ apps, core, options }, { namespace, deployment, container }, signal) => {
          const labelSelector = selectorOf(
            parseDeployment(await apps.readNamespacedDeployment({ name: deployment, namespace }, options(signal))),
          );
          const { items, more } = parseList(
            await core.listNamespacedPod({ namespace, labelSelector, limit: PODS_MAX }, options(signal)),
          );
          if (more) throw new PortError('permanent', 'tooManyPods', `listing the pods of ${id}`);
          return items.map((item) => podStatusOf(parsePod(item), container));
        },
      ),
    describePod: (id, pod) =>
      call(id, `describing ${pod}`, 'reads', async ({ core, options }, { namespace }, signal) => {
        const fieldSelector = `involvedObject.kind=Pod,involvedObject.name=${pod}`;
        const [found, events] = await Promise.all([
          core.readNamespacedPod({ name: pod, namespace }, options(signal)),
          core.listNamespacedEvent({ namespace, fieldSelector, limit: PODS_MAX }, options(signal)),
        ]);
        return describePod(parsePod(found), namespace, parseList(events).items);
      }),
    podLog: (id, pod, { previous, lines, since }) =>
      call(id, `reading the log of ${pod}`, 'reads', async ({ core, options }, { namespace, container }, signal) => {
        const request = {
          name: pod,
          namespace,
          container,
          previous,
          tailLines: lines,
          limitBytes: LOG_BYTES_MAX,
          ...(since === undefined ? {} : { sinceSeconds: Math.max(1, Math.ceil(since / 1_000)) }),
        };
        try {
          const log: unknown = await core.readNamespacedPodLog(request, options(signal));
          return typeof log === 'string' ? log : '';
        } catch (error) {
          const code = refusalOf(error)?.code;
          // 400: no such container yet, or no previous one. 404: the pod is gone. Neither is a failure of ours.
          if (code === 400 || code === 404) return undefined;
          throw error;
        }
      }),
    evict: (id, pod, uid) =>
      call(id, `evicting ${pod}`, 'writes', (apis, { namespace }, signal) => evict(apis, namespace, pod, uid, signal)),
    forceDelete: (id, pod, uid) =>
      call(id, `taking ${pod} out of the API`, 'writes', async (apis, { namespace }, signal) => {
        const body = { gracePeriodSeconds: 0, preconditions: { uid } };
        try {
          acknowledge(await apis.core.deleteNamespacedPod({ name: pod, namespace, body }, apis.options(signal)));
          return 'deleted';
        } catch (error) {
          const code = refusalOf(error)?.code;
          if (code === 404) return 'gone';
          if (code === 409 && (await isGone(apis, namespace, pod, uid, signal))) return 'gone';
          throw error;
        }
      }),
    raise: (id, replicas, version) =>
      changeAt(id, `raising ${id} to ${replicas}`, version, (apis, application, found, signal) =>
        found.autoscaler === undefined
          ? scale(apis, application, found, replicas, signal)
          : setFloor(apis, application, found.autoscaler, { floor: replicas, former: found.autoscaler.min }, signal),
      ),
    restoreFloor: (id, floor, version) =>
      changeAt(id, `giving ${id} its former floor`, version, async (apis, application, { autoscaler }, signal) => {
        if (autoscaler === undefined) throw new PortError('permanent', 'noAutoscaler', `giving ${id} its former floor`);
        await setFloor(apis, application, autoscaler, { floor, former: null }, signal);
      }),
    scale: (id, replicas, version) =>
      changeAt(id, `scaling ${id} to ${replicas}`, version, (apis, application, found, signal) =>
        scale(apis, application, found, replicas, signal),
      ),
  };
}

async function look(
  { apps, autoscaling, options }: ClusterApis,
  { namespace, deployment }: WorkloadPlace,
  signal: AbortSignal,
): Promise<Scaled> {
  const [found, autoscalers] = await Promise.all([
    apps.readNamespacedDeployment({ name: deployment, namespace }, options(signal)),
    autoscaling.listNamespacedHorizontalPodAutoscaler({ namespace, limit: AUTOSCALERS_MAX }, options(signal)),
  ]);
  return { deployment: parseDeployment(found), autoscaler: autoscalerOf(deployment, parseList(autoscalers).items) };
}

async function scale(
  { apps, autoscaling, options }: ClusterApis,
  { namespace, deployment: name }: WorkloadPlace,
  { deployment, autoscaler }: Scaled,
  replicas: number,
  signal: AbortSignal,
): Promise<void> {
  const fieldManager = FIELD_MANAGER;
  if (autoscaler !== undefined && lastsInAutoscaler(replicas, deployment, autoscaler)) {
    const body = { metadata: { resourceVersion: autoscaler.version }, spec: { minReplicas: replicas } };
    const request = { name: autoscaler.name, namespace, body, fieldManager };
    acknowledge(await autoscaling.patchNamespacedHorizontalPodAutoscaler(request, options(signal, MERGE_PATCH)));
    return;
  }
  const body = { metadata: { resourceVersion: deployment.metadata.resourceVersion }, spec: { replicas } };
  acknowledge(
    await apps.patchNamespacedDeploymentScale({ name, namespace, body, fieldManager }, options(signal, MERGE_PATCH)),
  );
}

/** K4. `former`: what is remembered of the floor before; `null` forgets it. */
async function setFloor(
  { autoscaling, options }: ClusterApis,
  { namespace }: WorkloadPlace,
  { name, version }: Autoscaler,
  { floor, former }: { readonly floor: number; readonly former: number | null },
  signal: AbortSignal,
): Promise<void> {
  const annotations = { [FORMER_FLOOR]: former === null ? null : String(former) };
  const body = { metadata: { resourceVersion: version, annotations }, spec: { minReplicas: floor } };
  const request = { name, namespace, body, fieldManager: FIELD_MANAGER };
  acknowledge(await autoscaling.patchNamespacedHorizontalPodAutoscaler(request, options(signal, MERGE_PATCH)));
}

/**
 * K2: whether the number has to stand in the autoscaler. Below its floor too, or the floor would bring the pods back.
 */
function lastsInAutoscaler(replicas: number, deployment: Deployment, autoscaler: Autoscaler): boolean {
  const current = deployment.spec.replicas ?? 1;
  return replicas > 0 && current > 0 && (replicas > current || replicas < autoscaler.min);
}

async function evict(
  { core, options }: ClusterApis,
  namespace: string,
  pod: string,
  uid: string,
  signal: AbortSignal,
): Promise<EvictionOutcome> {
  const body = {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name: pod, namespace },
    deleteOptions: { preconditions: { uid } },
  };
  try {
    acknowledge(await core.createNamespacedPodEviction({ name: pod, namespace, body }, options(signal)));
    return { kind: 'evicted' };
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal?.code === 404) return { kind: 'gone' };
    // An API server that is merely busy answers 429 too, without that cause.
    if (refusal?.code === 429 && refusal.causes.includes('DisruptionBudget'))
      return { kind: 'budgetWouldBreak', detail: refusal.message };
    // 409 is the uid, or somebody who changes the same budget; only looking tells.
    if (refusal?.code === 409 && (await isGone({ core, options }, namespace, pod, uid, signal)))
      return { kind: 'gone' };
    throw error;
  }
}

async function isGone(
  { core, options }: Pick<ClusterApis, 'core' | 'options'>,
  namespace: string,
  pod: string,
  uid: string,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    return parsePod(await core.readNamespacedPod({ name: pod, namespace }, options(signal))).metadata.uid !== uid;
  } catch (error) {
    return refusalOf(error)?.code === 404;
  }
}
