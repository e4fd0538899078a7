import { canonicalJson } from '../../shared/core/json.ts';
import type { Ingress, Isolation, IsolationStatus } from '../../shared/ports/isolation.ts';
import { isPortError } from '../../shared/ports/port-error.ts';
import { REFERENCE } from '../world/reference-system.ts';
import type { ServiceSpec } from '../world/run-spec.ts';
import type { World } from '../world/world.ts';
import { type Crossing, cross } from './crossing.ts';

const NAMES = {
  all: 'INGRESS_TRAFFIC_ALL',
  internal: 'INGRESS_TRAFFIC_INTERNAL_ONLY',
  internalAndLoadBalancing: 'INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER',
} as const satisfies Readonly<Record<Ingress, ServiceSpec['ingress']>>;

const WORDS = {
  INGRESS_TRAFFIC_ALL: 'all',
  INGRESS_TRAFFIC_INTERNAL_ONLY: 'internal',
  INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER: 'internalAndLoadBalancing',
} as const satisfies Readonly<Record<ServiceSpec['ingress'], Ingress>>;

/** The two applications of the reference system, for one identity. */
export function inProcessIsolation(world: World, crossing: Crossing): Isolation {
  const { api } = world.kubernetes;
  const { caller } = crossing;
  const { namespace, api: deployment, region } = REFERENCE;
  const ref = { location: region, service: REFERENCE.api };
  const name = `dr-isolate-${deployment}`;
  const selectorNow = async (doing: string) =>
    (await cross(crossing, doing, 'reads', () => api.get(caller, 'Deployment', namespace, deployment))).spec.selector;
  return {
    inspect: async (application): Promise<IsolationStatus> => {
      const doing = `looking whether ${application} is isolated`;
      if (application === 'api-run') {
        const { spec, etag, settled } = await cross(crossing, doing, 'reads', () =>
          world.runApi.getService(caller, ref),
        );
        return { kind: 'cloudRun', ingress: WORDS[spec.ingress], etag, settled };
      }
      const selector = await selectorNow(doing);
      try {
        const { metadata, spec } = await cross(crossing, doing, 'reads', () =>
          api.get(caller, 'NetworkPolicy', namespace, name),
        );
        const { uid, resourceVersion: version, labels } = metadata;
        const deniesAll =
          spec.policyTypes?.join() === 'Ingress,Egress' &&
          spec.ingress === undefined &&
          spec.egress === undefined &&
          canonicalJson(spec.podSelector) === canonicalJson(selector);
        return { kind: 'gke', policy: { uid, version, incident: labels?.['dr-incident'] ?? null, deniesAll } };
      } catch (error) {
        if (isPortError(error) && error.code === 'notFound') return { kind: 'gke', policy: null };
        throw error;
      }
    },
    deny: async (application, incident) => {
      const podSelector = await selectorNow(`reading ${deployment}`);
      const body = {
        metadata: { name, labels: { 'dr-incident': incident } },
        spec: { podSelector, policyTypes: ['Ingress', 'Egress'] },
      };
      await cross(crossing, `isolating the pods of ${application}`, 'writesIfUnchanged', () =>
        api.create(caller, 'NetworkPolicy', namespace, body),
      );
    },
    admit: async (application, { uid, version: resourceVersion }) => {
      await cross(crossing, `lifting the isolation of the pods of ${application}`, 'writesIfUnchanged', () =>
        api.delete(caller, 'NetworkPolicy', namespace, name, { uid, resourceVersion }),
      );
    },
    setIngress: async (application, ingress, etag) =>
      (
        await cross(crossing, `setting the ingress of ${application}`, 'writesIfUnchanged', () =>
          world.runApi.updateService(caller, {
            ref,
            etag,
            validateOnly: false,
            edit: (present) => ({ ...present, ingress: NAMES[ingress] }),
          }),
        )
      ).operation.name,
  };
}
