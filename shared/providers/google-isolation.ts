import type { protos, ServicesClient } from '@google-cloud/run';
import { z } from 'zod';
import { assert } from '../core/assert.ts';
import { canonicalJson } from '../core/json.ts';
import type { Ingress, Isolation, IsolationStatus } from '../ports/isolation.ts';
import type { CloudRunApplication, GkeApplication, System } from '../system/system.ts';
import { callGoogle, type GoogleAccess, lazyClient } from './google-call.ts';
import { createClusters } from './kubernetes-connection.ts';
import { acknowledge, refusalOf } from './kubernetes-wire.ts';

// Isolating applications: a NetworkPolicy in front of the pods of a Deployment (networking.k8s.io/v1), the ingress setting of a Cloud Run
// service (Cloud Run v2). Whether a cluster enforces policies nothing here can tell: GKE without Dataplane V2 takes and ignores them.

/** One policy for each Deployment, whichever incident it is about. */
const policyName = ({ deployment }: GkeApplication): string => `dr-isolate-${deployment}`.slice(0, 253);

const INCIDENT = 'dr-incident';
const FIELD_MANAGER = 'dr-autopilot';

const policyWire = z.object({
  metadata: z.object({
    uid: z.string().min(1),
    resourceVersion: z.string().min(1),
    labels: z.record(z.string(), z.string()).nullish(),
    deletionTimestamp: z.date().nullish(),
  }),
  spec: z.object({
    podSelector: z.looseObject({}),
    policyTypes: z.array(z.string()).nullish(),
    ingress: z.array(z.unknown()).nullish(),
    egress: z.array(z.unknown()).nullish(),
  }),
});

const deploymentWire = z.object({ spec: z.object({ selector: z.looseObject({}) }) });

const BOTH = ['Ingress', 'Egress'] as const;

/** A policy of ours as the client returns it, beside the selector of the Deployment that it is for. Throws `z.ZodError`. */
export function parsePolicy(
  answer: unknown,
  selector: unknown,
): NonNullable<(IsolationStatus & { kind: 'gke' })['policy']> {
  const { metadata, spec } = policyWire.parse(answer);
  const { podSelector, policyTypes, ingress, egress } = spec;
  const isNone = (rules: readonly unknown[] | null | undefined): boolean => (rules?.length ?? 0) === 0;
  return {
    uid: metadata.uid,
    version: metadata.resourceVersion,
    incident: metadata.labels?.[INCIDENT] ?? null,
    deniesAll:
      BOTH.every((type) => policyTypes?.includes(type) === true) &&
      isNone(ingress) &&
      isNone(egress) &&
      canonicalJson(podSelector) === canonicalJson(selector),
  };
}

const WORDS: Readonly<Record<string, Ingress>> = {
  INGRESS_TRAFFIC_ALL: 'all',
  INGRESS_TRAFFIC_INTERNAL_ONLY: 'internal',
  INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER: 'internalAndLoadBalancing',
};
const NAMES = {
  all: 'INGRESS_TRAFFIC_ALL',
  internal: 'INGRESS_TRAFFIC_INTERNAL_ONLY',
  internalAndLoadBalancing: 'INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER',
} as const satisfies Readonly<Record<Ingress, keyof typeof protos.google.cloud.run.v2.IngressTraffic>>;

const serviceWire = z.object({
  ingress: z.string().transform((word, context): Ingress => {
    const known = WORDS[word];
    if (known !== undefined) return known;
    context.addIssue('an ingress setting that is not known');
    return z.NEVER;
  }),
  etag: z.string().min(1),
  reconciling: z.boolean().default(false),
});

const startedWire = z.object({ name: z.string().min(1) });

/** The applications of the system, by their id. */
export function createGoogleIsolation(access: GoogleAccess, { applications }: Pick<System, 'applications'>): Isolation {
  const clusters = createClusters(access);
  const services = lazyClient(access, 'run', async (options): Promise<ServicesClient> => {
    const run = await import('./run-client.ts');
    return new run.ServicesClient(options);
  });
  const find = (id: string) => {
    const application = applications.find((known) => known.id === id);
    assert(application !== undefined, `${id} is no application of this system`);
    return application;
  };
  const onGke = (id: string): GkeApplication => {
    const application = find(id);
    assert(application.kind === 'gke', `${id} is not on GKE`);
    return application;
  };
  const nameOf = ({ region, service }: CloudRunApplication): string =>
    `projects/${access.project}/locations/${region}/services/${service}`;
  return {
    inspect: async (id) => {
      const application = find(id);
      const call = { doing: `looking whether ${id} is isolated`, effect: 'reads' } as const;
      if (application.kind === 'cloudRun')
        return await callGoogle(access, call, services, async (client, options): Promise<IsolationStatus> => {
          const [answer] = await client.getService({ name: nameOf(application) }, options);
          const { ingress, etag, reconciling } = serviceWire.parse(answer);
          return { kind: 'cloudRun', ingress, etag, settled: !reconciling };
        });
      return await clusters.call(application, call, async (apis, signal): Promise<IsolationStatus> => {
        const { namespace, deployment } = application;
        const about = { namespace, name: policyName(application) };
        const [found, policy] = await Promise.all([
          apis.apps.readNamespacedDeployment({ namespace, name: deployment }, apis.options(signal)),
          apis.networking.readNamespacedNetworkPolicy(about, apis.options(signal)).catch((error: unknown) => {
            if (refusalOf(error)?.code === 404) return undefined;
            throw error;
          }),
        ]);
        const { selector } = deploymentWire.parse(found).spec;
        return { kind: 'gke', policy: policy === undefined ? null : parsePolicy(policy, selector) };
      });
    },
    deny: async (id, incident) => {
      const application = onGke(id);
      const { namespace, deployment } = application;
      await clusters.change(
        application,
        { doing: `isolating the pods of ${id}`, effect: 'writesIfUnchanged' },
        async (apis, signal) => {
          const found = await apis.apps.readNamespacedDeployment({ namespace, name: deployment }, apis.options(signal));
          return found.spec?.selector;
        },
        async ({ networking, options }, selector, signal) => {
          assert(selector !== undefined, `${deployment} selects no pods`);
          const metadata = { name: policyName(application), namespace, labels: { [INCIDENT]: incident } };
          const body = { metadata, spec: { podSelector: selector, policyTypes: [...BOTH] } };
          const request = { namespace, body, fieldManager: FIELD_MANAGER };
          acknowledge(await networking.createNamespacedNetworkPolicy(request, options(signal)));
        },
      );
    },
    admit: async (id, { uid, version }) => {
      const application = onGke(id);
      await clusters.call(
        application,
        { doing: `lifting the isolation of the pods of ${id}`, effect: 'writesIfUnchanged' },
        async ({ networking, options }, signal) => {
          const about = { namespace: application.namespace, name: policyName(application) };
          const body = { preconditions: { uid, resourceVersion: version } };
          acknowledge(await networking.deleteNamespacedNetworkPolicy({ ...about, body }, options(signal)));
        },
      );
    },
    setIngress: async (id, ingress, etag) => {
      const application = find(id);
      assert(application.kind === 'cloudRun', `${id} is not on Cloud Run`);
      const call = { doing: `setting the ingress of ${id} to ${ingress}`, effect: 'writesIfUnchanged' } as const;
      return await callGoogle(access, call, services, async (client, options) => {
        const service = { name: nameOf(application), etag, ingress: NAMES[ingress] };
        const [operation] = await client.updateService({ service, updateMask: { paths: ['ingress'] } }, options);
        return startedWire.parse(operation).name;
      });
    },
  };
}
