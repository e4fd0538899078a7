import { assert } from '../core/assert.ts';
import { toIso } from '../core/time.ts';
import { PortError } from '../ports/port-error.ts';
import type { Rollouts } from '../ports/rollouts.ts';
import type { GkeApplication } from '../system/system.ts';
import type { GoogleAccess } from './google-call.ts';
import { type ClusterApis, createClusters } from './kubernetes-connection.ts';
import {
  CHANGE_CAUSE,
  parseRolled,
  RESTARTED_FOR,
  rolloutOf,
  wholeRevision,
  type WholeRevision,
} from './kubernetes-rollout-wire.ts';
import { acknowledge, parseDeployment, parseList, selectorOf } from './kubernetes-wire.ts';

// Rollouts of Deployments on GKE through `@kubernetes/client-node` (facts.md 6.2).
//
// R1. Every change names the version that it was decided on, in the request: JSON patches replace `resourceVersion` by it, which
//     the API server compares.
// R2. A revision is written back as it was sent, byte for byte in its meaning, and replaces the template: merging would keep what
//     the failing revision had added. This is what `kubectl rollout undo` does.

/** Named in the API server's audit and in `managedFields`. */
const FIELD_MANAGER = 'dr-autopilot';

/** ReplicaSets of one Deployment, and budgets of a namespace, that are listed. `revisionHistoryLimit` is 10 by default. */
const LIST_MAX = 500;

/** Revisions that a reading keeps. */
const REVISIONS_MAX = 12;

const JSON_PATCH = 'application/json-patch+json';
const STRATEGIC_PATCH = 'application/strategic-merge-patch+json';

/** What `kubectl rollout restart` writes, so that people find it where they look. */
const RESTARTED_AT = 'kubectl.kubernetes.io/restartedAt';

/** The GKE applications of the system, by their id. */
export function createKubernetesRollouts(access: GoogleAccess, applications: readonly GkeApplication[]): Rollouts {
  const clusters = createClusters(access);
  const find = (id: string): GkeApplication => {
    const application = applications.find((candidate) => candidate.id === id);
    assert(application !== undefined, `${id} is no GKE application of this system`);
    return application;
  };
  return {
    inspect: (id) => {
      const application = find(id);
      const doing = `inspecting the rollout of ${id}`;
      return clusters.call(application, { doing, effect: 'reads' }, async (apis, signal) => {
        const { namespace, deployment: name, container } = application;
        const found: unknown = await apis.apps.readNamespacedDeployment({ name, namespace }, apis.options(signal));
        const labelSelector = selectorOf(parseDeployment(found));
        const [sets, budgets] = await Promise.all([
          apis.apps.listNamespacedReplicaSet({ namespace, labelSelector, limit: LIST_MAX }, apis.options(signal)),
          apis.policy.listNamespacedPodDisruptionBudget({ namespace, limit: LIST_MAX }, apis.options(signal)),
        ]);
        const [setList, budgetList] = [parseList(sets), parseList(budgets)];
        if (setList.more || budgetList.more) throw new PortError('permanent', 'tooMany', doing);
        const rollout = rolloutOf(parseRolled(found), setList.items, budgetList.items, container);
        return { ...rollout, revisions: rollout.revisions.slice(0, REVISIONS_MAX) };
      });
    },
    undo: (id, revision, version) => {
      const application = find(id);
      const doing = `giving ${id} a former revision again`;
      return clusters.change(
        application,
        { doing, effect: 'writesIfUnchanged' },
        async (apis, signal) => {
          const { namespace, deployment: name } = application;
          const deployment = parseRolled(
            await apis.apps.readNamespacedDeployment({ name, namespace }, apis.options(signal)),
          );
          if (deployment.metadata.resourceVersion !== version) throw new PortError('conflict', 'stale', doing);
          const whole = await readWhole(apis, application, revision, selectorOf(parseDeployment(deployment)), signal);
          if (whole === undefined) throw new PortError('permanent', 'noSuchRevision', doing);
          return { whole, hasCause: deployment.metadata.annotations?.[CHANGE_CAUSE] !== undefined };
        },
        async ({ apps, options }, { whole, hasCause }, signal) => {
          const { namespace, deployment: name } = application;
          const body = [
            { op: 'replace', path: '/metadata/resourceVersion', value: version },
            { op: 'replace', path: '/spec/template', value: whole.template },
            ...causeOf(whole, hasCause),
          ];
          const request = { name, namespace, body, fieldManager: FIELD_MANAGER };
          acknowledge(await apps.patchNamespacedDeployment(request, options(signal, JSON_PATCH)));
        },
      );
    },
    restart: (id, version, { incident, at }) => {
      const application = find(id);
      const doing = `restarting every pod of ${id}`;
      return clusters.call(application, { doing, effect: 'writesIfUnchanged' }, async ({ apps, options }, signal) => {
        const { namespace, deployment: name } = application;
        const annotations = { [RESTARTED_AT]: toIso(at), [RESTARTED_FOR]: incident };
        const body = { metadata: { resourceVersion: version }, spec: { template: { metadata: { annotations } } } };
        const request = { name, namespace, body, fieldManager: FIELD_MANAGER };
        acknowledge(await apps.patchNamespacedDeployment(request, options(signal, STRATEGIC_PATCH)));
      });
    },
  };
}

/** The revision as the API server has it, and not as the client's objects have it. */
async function readWhole(
  { apps, listening }: ClusterApis,
  { namespace }: GkeApplication,
  revision: string,
  labelSelector: string,
  signal: AbortSignal,
): Promise<WholeRevision | undefined> {
  let text = '';
  const hear = (heard: string): void => {
    text = heard;
  };
  await apps.listNamespacedReplicaSet({ namespace, labelSelector, limit: LIST_MAX }, listening(signal, hear));
  return wholeRevision(text, revision);
}

/** The history of changes goes with the template, as `kubectl` takes it along. */
function causeOf({ changeCause }: WholeRevision, hasCause: boolean): readonly object[] {
  const path = `/metadata/annotations/${CHANGE_CAUSE.replace('/', '~1')}`;
  if (changeCause !== undefined) return [{ op: 'add', path, value: changeCause }];
  return hasCause ? [{ op: 'remove', path }] : [];
}
