import { after, parseInstant } from '../../shared/core/time.ts';
import { isPortError, PortError } from '../../shared/ports/port-error.ts';
import type { EvictionOutcome, PodStatus, Workloads, WorkloadStatus } from '../../shared/ports/workloads.ts';
import { KubernetesError } from '../world/kubernetes-errors.ts';
import type { Deployment, HorizontalPodAutoscaler, Pod } from '../world/kubernetes-objects.ts';
import { REFERENCE } from '../world/reference-system.ts';
import type { World } from '../world/world.ts';
import { type Crossing, cross } from './crossing.ts';

/** The Deployments of the reference system for one identity: the API, and the bulk import, which is only looked at and scaled. */
export function inProcessWorkloads(world: World, crossing: Crossing): Workloads {
  const api = apiWorkload(world, crossing);
  const job = jobWorkload(world, crossing);
  const of = (workload: string): Pick<Workloads, 'inspect' | 'pods' | 'scale'> =>
    workload === BULK_IMPORT ? job : api;
  return {
    ...api,
    inspect: (workload) => of(workload).inspect(workload),
    pods: (workload) => of(workload).pods(workload),
    scale: (workload, ...rest) => of(workload).scale(workload, ...rest),
  };
}

/** The bulk import as dr.yaml names it. */
const BULK_IMPORT = 'bulk-import';

/** A Deployment without an autoscaler. */
function jobWorkload(world: World, crossing: Crossing): Pick<Workloads, 'inspect' | 'pods' | 'scale'> {
  const { api } = world.kubernetes;
  const { caller } = crossing;
  const { namespace, bulkImport: name } = REFERENCE;
  return {
    inspect: async () => {
      const deployment = await cross(crossing, `reading ${name}`, 'reads', () =>
        api.get(caller, 'Deployment', namespace, name),
      );
      return statusOf({ deployment, autoscaler: undefined });
    },
    pods: async () => {
      const { items } = await cross(crossing, `listing pods of ${name}`, 'reads', () =>
        api.list(caller, 'Pod', { namespace }),
      );
      return items.filter((pod) => pod.metadata.name.startsWith(`${name}-`)).map(podOf);
    },
    scale: async (_workload, replicas, version) => {
      const body = { metadata: { resourceVersion: version.split('/')[0] }, spec: { replicas } };
      await cross(crossing, `scaling ${name} to ${replicas}`, 'writesIfUnchanged', () =>
        api.patchScale(caller, 'Deployment', { namespace, name }, { type: 'merge', body }),
      );
    },
  };
}

function apiWorkload(world: World, crossing: Crossing): Workloads {
  const { api } = world.kubernetes;
  const { caller } = crossing;
  const { namespace, api: name } = REFERENCE;
  const look = async (): Promise<Scaled> => {
    const doing = `reading the autoscaler of ${name}`;
    const [deployment, { items }] = await Promise.all([
      cross(crossing, `reading ${name}`, 'reads', () => api.get(caller, 'Deployment', namespace, name)),
      cross(crossing, doing, 'reads', () => api.list(caller, 'HorizontalPodAutoscaler', { namespace })),
    ]);
    const autoscaler = items.find(({ metadata }) => metadata.name === name);
    if (autoscaler === undefined) throw new PortError('permanent', 'notFound', doing);
    return { deployment, autoscaler };
  };
  const pods = async (): Promise<readonly Pod[]> => {
    const { items } = await cross(crossing, `listing pods of ${name}`, 'reads', () =>
      api.list(caller, 'Pod', { namespace }),
    );
    return items.filter((pod) => pod.metadata.name.startsWith(`${name}-`));
  };
  const isGone = async (pod: string, uid: string): Promise<boolean> => {
    try {
      const found = await cross(crossing, `reading ${pod}`, 'reads', () => api.get(caller, 'Pod', namespace, pod));
      return found.metadata.uid !== uid;
    } catch (error) {
      return isPortError(error) && error.code === 'notFound';
    }
  };
  const unchanged = async (version: string, doing: string): Promise<Scaled> => {
    const found = await look();
    if (versionOf(found) !== version) throw new PortError('conflict', 'stale', doing);
    return found;
  };
  const setFloor = async (
    { metadata }: HorizontalPodAutoscaler,
    minReplicas: number,
    former: string | null,
  ): Promise<void> => {
    const annotations = { [FORMER_FLOOR]: former };
    const body = { metadata: { resourceVersion: metadata.resourceVersion, annotations }, spec: { minReplicas } };
    const about = { namespace, name: metadata.name };
    await cross(crossing, `setting the floor of ${name}`, 'writesIfUnchanged', () =>
      api.patch(caller, 'HorizontalPodAutoscaler', about, { type: 'merge', body }),
    );
  };
  return {
    inspect: async () => statusOf(await look()),
    pods: async () => (await pods()).map(podOf),
    describePod: async (_workload, pod) =>
      JSON.stringify(await cross(crossing, `describing ${pod}`, 'reads', () => api.get(caller, 'Pod', namespace, pod))),
    podLog: async (_workload, pod, { previous, lines, since }) => {
      try {
        return await cross(crossing, `reading the log of ${pod}`, 'reads', () =>
          api.log(caller, namespace, pod, {
            previous,
            tailLines: lines,
            ...(since === undefined ? {} : { since: after(crossing.clock.now(), -since) }),
          }),
        );
      } catch (error) {
        if (isPortError(error) && (error.code === 'invalid' || error.code === 'notFound')) return undefined;
        throw error;
      }
    },
    evict: async (_workload, pod, uid): Promise<EvictionOutcome> => {
      const body = {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name: pod, namespace },
        deleteOptions: { preconditions: { uid } },
      };
      try {
        await cross(crossing, `evicting ${pod}`, 'writes', () => api.evict(caller, namespace, pod, body));
        return { kind: 'evicted' };
      } catch (error) {
        if (!isPortError(error)) throw error;
        if (error.code === 'notFound') return { kind: 'gone' };
        if (isOfBudget(error)) return { kind: 'budgetWouldBreak', detail: 'the PodDisruptionBudget allows none' };
        if (error.code === 'http 409' && (await isGone(pod, uid))) return { kind: 'gone' };
        throw error;
      }
    },
    forceDelete: async (_workload, pod, uid) => {
      try {
        await cross(crossing, `taking ${pod} out of the API`, 'writes', () =>
          api.delete(caller, 'Pod', namespace, pod, { gracePeriodSeconds: 0, uid }),
        );
        return 'deleted';
      } catch (error) {
        if (isPortError(error) && error.code === 'notFound') return 'gone';
        if (isPortError(error) && error.code === 'http 409' && (await isGone(pod, uid))) return 'gone';
        throw error;
      }
    },
    raise: async (_workload, replicas, version) => {
      const { autoscaler } = await unchanged(version, `raising ${name}`);
      await setFloor(autoscaler, replicas, String(autoscaler.spec.minReplicas ?? 1));
    },
    restoreFloor: async (_workload, floor, version) => {
      const { autoscaler } = await unchanged(version, `giving ${name} its former floor`);
      await setFloor(autoscaler, floor, null);
    },
    scale: async (_workload, replicas, version) => {
      const doing = `scaling ${name} to ${replicas}`;
      const found = await look();
      if (versionOf(found) !== version) throw new PortError('conflict', 'stale', doing);
      const { deployment, autoscaler } = found;
      if (lastsInAutoscaler(replicas, found)) {
        const body = {
          metadata: { resourceVersion: autoscaler.metadata.resourceVersion },
          spec: { minReplicas: replicas },
        };
        const about = { namespace, name: autoscaler.metadata.name };
        await cross(crossing, doing, 'writesIfUnchanged', () =>
          api.patch(caller, 'HorizontalPodAutoscaler', about, { type: 'merge', body }),
        );
        return;
      }
      const body = { metadata: { resourceVersion: deployment.metadata.resourceVersion }, spec: { replicas } };
      await cross(crossing, doing, 'writesIfUnchanged', () =>
        api.patchScale(caller, 'Deployment', { namespace, name }, { type: 'merge', body }),
      );
    },
  };
}

const FORMER_FLOOR = 'dr-autopilot-former-min-replicas';

interface Scaled {
  readonly deployment: Deployment;
  readonly autoscaler: HorizontalPodAutoscaler;
}

/** A Deployment that may have no autoscaler. */
interface Found {
  readonly deployment: Deployment;
  readonly autoscaler: HorizontalPodAutoscaler | undefined;
}

/** As the adapter makes it: a scaling may go to either. */
const versionOf = ({ deployment, autoscaler }: Found): string =>
  `${deployment.metadata.resourceVersion}/${autoscaler?.metadata.resourceVersion ?? ''}`;

/** Whether the number has to stand in the autoscaler to last, by the adapter's rule. */
function lastsInAutoscaler(replicas: number, { deployment, autoscaler }: Scaled): boolean {
  const current = deployment.spec.replicas;
  return replicas > 0 && current > 0 && (replicas > current || replicas < (autoscaler.spec.minReplicas ?? 1));
}

/** An API server that is merely busy answers 429 too, without that cause. */
const isOfBudget = ({ cause }: PortError): boolean =>
  cause instanceof KubernetesError &&
  cause.details?.causes?.some(({ reason }) => reason === 'DisruptionBudget') === true;

function statusOf(found: Found): WorkloadStatus {
  const { metadata, spec, status } = found.deployment;
  const [updated, available] = [status.updatedReplicas ?? 0, status.availableReplicas ?? 0];
  return {
    replicas: spec.replicas,
    ready: status.readyReplicas ?? 0,
    available,
    updated,
    settled:
      (status.observedGeneration ?? 0) >= (metadata.generation ?? 0) &&
      updated >= spec.replicas &&
      (status.replicas ?? 0) <= updated &&
      available >= updated,
    version: versionOf(found),
    autoscaler:
      found.autoscaler === undefined
        ? undefined
        : { min: found.autoscaler.spec.minReplicas ?? 1, max: found.autoscaler.spec.maxReplicas },
  };
}

function podOf({ metadata, spec, status }: Pod): PodStatus {
  const container = status.containerStatuses?.[0];
  const { waiting, running, terminated } = container?.state ?? {};
  return {
    name: metadata.name,
    uid: metadata.uid,
    version: metadata.resourceVersion,
    node: spec.nodeName,
    startedAt: status.startTime === undefined ? undefined : parseInstant(status.startTime),
    ready: status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true,
    terminating: metadata.deletionTimestamp !== undefined,
    endsBy: metadata.deletionTimestamp === undefined ? undefined : parseInstant(metadata.deletionTimestamp),
    finalizers: metadata.finalizers ?? [],
    ownVolume: false, // the reference Deployment has none
    restarts: container?.restartCount ?? 0,
    container:
      waiting !== undefined
        ? { kind: 'waiting', reason: waiting.reason ?? '' }
        : running !== undefined
          ? { kind: 'running' }
          : terminated !== undefined
            ? { kind: 'terminated', reason: terminated.reason ?? '' }
            : { kind: 'unknown' },
    lastTermination: container?.lastState?.terminated?.reason,
    template: metadata.labels?.['pod-template-hash'],
  };
}
