import { assert } from '../../shared/core/assert.ts';
import { instant, toIso } from '../../shared/core/time.ts';
import { PortError } from '../../shared/ports/port-error.ts';
import type { Revision, Rollout, Rollouts } from '../../shared/ports/rollouts.ts';
import {
  conditionOf,
  controllerOf,
  type Deployment,
  type PodDisruptionBudget,
  type ReplicaSet,
} from '../world/kubernetes-objects.ts';
import { limitsOf, REVISION, revisionOf, TEMPLATE_HASH } from '../world/kubernetes-rollout.ts';
import { REFERENCE } from '../world/reference-system.ts';
import type { World } from '../world/world.ts';
import { type Crossing, cross } from './crossing.ts';

const RESTARTED_FOR = 'dr-autopilot-restarted-for';

/** The rollout of the reference Deployment for one identity. */
export function inProcessRollouts(world: World, crossing: Crossing): Rollouts {
  const { api } = world.kubernetes;
  const { caller } = crossing;
  const { namespace, api: name } = REFERENCE;
  const deploymentNow = (): Promise<Deployment> =>
    cross(crossing, `reading ${name}`, 'reads', () => api.get(caller, 'Deployment', namespace, name));
  const setsOf = async ({ metadata }: Deployment): Promise<readonly ReplicaSet[]> => {
    const { items } = await cross(crossing, `listing ReplicaSets of ${name}`, 'reads', () =>
      api.list(caller, 'ReplicaSet', { namespace }),
    );
    return items.filter((set) => controllerOf(set) === metadata.uid);
  };
  return {
    inspect: async () => {
      const deployment = await deploymentNow();
      const [sets, budgets] = await Promise.all([
        setsOf(deployment),
        cross(crossing, 'listing budgets', 'reads', () => api.list(caller, 'PodDisruptionBudget', { namespace })),
      ]);
      return rolloutOf(deployment, sets, budgets.items[0]);
    },
    undo: async (_workload, uid, version) => {
      const doing = `giving ${name} a former revision again`;
      const deployment = await deploymentNow();
      if (deployment.metadata.resourceVersion !== version) throw new PortError('conflict', 'stale', doing);
      const set = (await setsOf(deployment)).find((known) => known.metadata.uid === uid);
      if (set === undefined) throw new PortError('permanent', 'noSuchRevision', doing);
      const { [TEMPLATE_HASH]: _, ...labels } = set.spec.template.metadata?.labels ?? {};
      const template = { ...set.spec.template, metadata: { ...set.spec.template.metadata, labels } };
      const body = [
        { op: 'replace', path: '/metadata/resourceVersion', value: version },
        { op: 'replace', path: '/spec/template', value: template },
      ];
      await cross(crossing, doing, 'writesIfUnchanged', () =>
        api.patch(caller, 'Deployment', { namespace, name }, { type: 'json', body }),
      );
    },
    restart: async (_workload, version, { incident, at }) => {
      const annotations = { 'kubectl.kubernetes.io/restartedAt': toIso(at), [RESTARTED_FOR]: incident };
      const body = { metadata: { resourceVersion: version }, spec: { template: { metadata: { annotations } } } };
      await cross(crossing, `restarting every pod of ${name}`, 'writesIfUnchanged', () =>
        api.patch(caller, 'Deployment', { namespace, name }, { type: 'strategic', body }),
      );
    },
  };
}

/** As the adapter reads it. */
function rolloutOf(
  { metadata, spec, status }: Deployment,
  sets: readonly ReplicaSet[],
  budget: PodDisruptionBudget | undefined,
): Rollout {
  const observed = (status.observedGeneration ?? 0) >= (metadata.generation ?? 0);
  const revisions = sets.map(revisionIn).toSorted((a, b) => b.revision - a.revision);
  const progress = conditionOf(status.conditions, 'Progressing');
  const current = revisions.find(({ revision }) => String(revision) === metadata.annotations?.[REVISION]);
  return {
    version: metadata.resourceVersion,
    replicas: spec.replicas,
    total: status.replicas ?? 0,
    updated: status.updatedReplicas ?? 0,
    available: status.availableReplicas ?? 0,
    observed,
    paused: spec.paused ?? false,
    keepsAvailable: Math.max(0, spec.replicas - limitsOf(spec).missing),
    gaveUpAt: progress?.reason === 'ProgressDeadlineExceeded' ? progress.lastUpdateTime : undefined,
    current: observed ? current?.uid : undefined,
    restartedFor: spec.template.metadata?.annotations?.[RESTARTED_FOR],
    revisions,
    budget:
      budget === undefined
        ? undefined
        : {
            name: budget.metadata.name,
            desiredHealthy: budget.status.desiredHealthy,
            currentHealthy: budget.status.currentHealthy,
          },
  };
}

function revisionIn(set: ReplicaSet): Revision {
  const { name, uid, labels, creationTimestamp } = set.metadata;
  const template = labels?.[TEMPLATE_HASH];
  assert(template !== undefined, `${name} has no template hash`);
  return {
    name,
    uid,
    revision: revisionOf(set),
    template,
    createdAt: instant(Date.parse(creationTimestamp)),
    replicas: set.spec.replicas,
    ready: set.status.readyReplicas ?? 0,
    image: set.spec.template.spec.containers[0]?.image,
  };
}
