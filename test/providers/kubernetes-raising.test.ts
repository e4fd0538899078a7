import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Workloads } from '../../shared/ports/workloads.ts';
import { createKubernetesWorkloads } from '../../shared/providers/kubernetes-workloads.ts';
import { endpointsAt, identity, startVendorServer } from './vendor-server.ts';
import type { Reply, Seen, VendorServer } from './vendor-server.ts';

// Raising a Deployment and giving its floor back, with the real client, over a server that answers as an API server does.

const application = {
  kind: 'gke',
  id: 'api-gke',
  cluster: 'c',
  location: 'us-central1-a',
  namespace: 'dms',
  deployment: 'api',
  container: 'api',
  urlMap: undefined,
  maxReplicas: 10,
  databaseSecret: undefined,
  dependsOn: [],
  probes: { deepHealth: 'https://x/', canary: 'https://x/', vantage: undefined },
} as const;

let server: VendorServer;
let workloads: Workloads;

beforeAll(async () => {
  server = await startVendorServer();
  const endpoints = { ...endpointsAt(server.base), kubernetes: { c: server.base } };
  workloads = createKubernetesWorkloads({ project: 'p', endpoints, identity: identity() }, [application]);
});
afterAll(() => server.close());

const meta = (name: string, resourceVersion: string) => ({ name, uid: `uid-${name}`, resourceVersion });
const deployment = (replicas: number) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { ...meta('api', '100'), generation: 2 },
  spec: { replicas, selector: { matchLabels: { app: 'api' } }, template: {} },
  status: { observedGeneration: 2, replicas },
});
const autoscaler = (min: number) => ({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: meta('hpa', '55'),
  spec: {
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'api' },
    minReplicas: min,
    maxReplicas: 10,
  },
});

/** A namespace with one Deployment and perhaps an autoscaler, which takes changes. */
function namespaceWith(found: unknown, autoscalers: readonly unknown[]): (request: Seen) => Reply {
  return ({ method, url }) => {
    if (method === 'PATCH')
      return {
        status: 200,
        body: { kind: url.includes('/scale') ? 'Scale' : 'HorizontalPodAutoscaler', metadata: meta('x', '101') },
      };
    if (!url.includes('horizontalpodautoscalers')) return { status: 200, body: found };
    const list = { apiVersion: 'v1', kind: 'HorizontalPodAutoscalerList', metadata: {}, items: autoscalers };
    return { status: 200, body: list };
  };
}

const written = (): readonly unknown[] =>
  server.seen
    .filter(({ method }) => method !== 'GET')
    .map(({ method, url, body, headers }) => ({
      what: `${method} ${url.split('?')[0]}`,
      type: headers['content-type'],
      body: JSON.parse(body),
    }));

describe('raising', () => {
  const floorPatch = (minReplicas: number, former: string | null) => [
    {
      what: 'PATCH /apis/autoscaling/v2/namespaces/dms/horizontalpodautoscalers/hpa',
      type: 'application/merge-patch+json',
      body: {
        metadata: { resourceVersion: '55', annotations: { 'dr-autopilot-former-min-replicas': former } },
        spec: { minReplicas },
      },
    },
  ];

  it('goes to the floor of the autoscaler, which remembers what it was, and back', async () => {
    server.answer(namespaceWith(deployment(3), [autoscaler(3)]));
    await workloads.raise('api-gke', 6, '100/55');
    expect(written()).toEqual(floorPatch(6, '3'));

    server.answer(namespaceWith(deployment(6), [autoscaler(6)]));
    await workloads.restoreFloor('api-gke', 3, '100/55');
    expect(written()).toEqual(floorPatch(3, null));
  });

  it('goes to the Deployment where no autoscaler would undo it', async () => {
    server.answer(namespaceWith(deployment(3), []));
    await workloads.raise('api-gke', 6, '100');

    expect(written()).toMatchObject([{ what: expect.stringMatching(/deployments\/api\/scale$/) }]);
  });

  it('writes nothing over what has changed', async () => {
    server.answer(namespaceWith(deployment(3), [autoscaler(3)]));

    await expect(workloads.raise('api-gke', 6, '99/55')).rejects.toMatchObject({ kind: 'conflict' });
    expect(written()).toEqual([]);
  });
});
