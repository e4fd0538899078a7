import { parseInstant } from '../../shared/core/time.ts';
import { isPortError, PortError } from '../../shared/ports/port-error.ts';
import type { PodStatus, Workloads, WorkloadStatus } from '../../shared/ports/workloads.ts';
import type { Deployment, HorizontalPodAutoscaler, Pod } from '../world/kubernetes-objects.ts';
import { REFERENCE } from '../world/reference-system.ts';
import type { World } from '../world/world.ts';
import { type Crossing, cross } from './crossing.ts';

/** The reference Deployment for one identity; the only workload of the reference system is `api-gke`. */
export function inProcessWorkloads(world: World, crossing: Crossing): Workloads {
  const { api } = world.kubernetes;
  const { caller } = crossing;
  const { namespace, api: name } = REFERENCE;
  const deployment = (): Promise<Deployment> =>
    cross(crossing, `reading ${name}`, 'reads', () => api.get(caller, 'Deployment', namespace, name));
  const autoscaler = (): Promise<HorizontalPodAutoscaler> =>
    cross(crossing, `reading the autoscaler of ${name}`, 'reads', () =>
      api.get(caller, 'HorizontalPodAutoscaler', namespace, name),
    );
  const pods = async (): Promise<readonly Pod[]> => {
    const { items } = await cross(crossing, `listing pods of ${name}`, 'reads', () =>
      api.list(caller, 'Pod', { namespace }),
    );
    return items.filter((pod) => pod.metadata.name.startsWith(`${name}-`));
  };
  return {
    inspect: async () => statusOf(await deployment(), await autoscaler()),
    pods: async () => (await pods()).map(podOf),
    describePod: async (_workload, pod) =>
      JSON.stringify(await cross(crossing, `describing ${pod}`, 'reads', () => api.get(caller, 'Pod', namespace, pod))),
    podLog: async (_workload, pod, { previous, lines }) => {
      try {
        return await cross(crossing, `reading the log of ${pod}`, 'reads', () =>
          api.log(caller, namespace, pod, { previous, tailLines: lines }),
        );
      } catch (error) {
        if (isPortError(error) && error.kind === 'permanent') return undefined;
        throw error;
      }
    },
    evict: async (_workload, pod, uid) => {
      const body = {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name: pod, namespace },
        deleteOptions: { preconditions: { uid } },
      };
      try {
        await cross(crossing, `evicting ${pod}`, 'versioned', () => api.evict(caller, namespace, pod, body));
        return { kind: 'evicted' };
      } catch (error) {
        if (!(error instanceof PortError)) throw error;
        if (error.code === 'http 429')
          return { kind: 'budgetWouldBreak', detail: 'the PodDisruptionBudget allows none' };
        if (error.code === 'http 404' || error.code === 'http 409') return { kind: 'gone' };
        throw error;
      }
    },
    scale: async (_workload, replicas, version) => {
      const patch = {
        type: 'merge',
        body: { metadata: { resourceVersion: version }, spec: { replicas } },
      } as const;
      await cross(crossing, `scaling ${name} to ${replicas}`, 'versioned', () =>
        api.patchScale(caller, 'Deployment', { namespace, name }, patch),
      );
    },
  };
}

function statusOf({ metadata, spec, status }: Deployment, scaler: HorizontalPodAutoscaler): WorkloadStatus {
  const ready = status.readyReplicas ?? 0;
  const updated = status.updatedReplicas ?? 0;
  return {
    replicas: spec.replicas,
    ready,
    available: status.availableReplicas ?? 0,
    updated,
    settled:
      (status.observedGeneration ?? 0) >= (metadata.generation ?? 0) &&
      updated >= spec.replicas &&
      (status.replicas ?? 0) <= updated,
    version: metadata.resourceVersion,
    autoscaler: { min: scaler.spec.minReplicas ?? 1, max: scaler.spec.maxReplicas },
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
    ready: container?.ready === true,
    terminating: metadata.deletionTimestamp !== undefined,
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
