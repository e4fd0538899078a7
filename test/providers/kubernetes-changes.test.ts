import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Workloads } from '../../shared/ports/workloads.ts';
import { createKubernetesWorkloads } from '../../shared/providers/kubernetes-workloads.ts';
import { DEPLOYMENT, endpointsAt, identity, startVendorServer } from './vendor-server.ts';
import type { Reply, Seen, VendorServer } from './vendor-server.ts';

// Raising a Deployment, giving its floor back, and deleting a pod that does not go, with the real client, over a server that answers as an API server does.

let server: VendorServer;
let workloads: Workloads;

beforeAll(async () => {
  server = await startVendorServer();
  const endpoints = { ...endpointsAt(server.base), kubernetes: { c: server.base } };
  workloads = createKubernetesWorkloads({ project: 'p', endpoints, identity: identity() }, [DEPLOYMENT]);
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

describe('a pod that does not go', () => {
  const ending = (volumes: readonly object[]) => ({
    metadata: {
      ...meta('a', '7'),
      deletionTimestamp: '2026-01-05T09:00:00Z',
      finalizers: ['dms/drain'],
      labels: { app: 'api' },
    },
    spec: { nodeName: 'node-1', containers: [{ name: 'api', image: 'api:1' }], volumes },
  });
  const read = async (...volumes: readonly object[]) => {
    const list = { apiVersion: 'v1', kind: 'PodList', metadata: {}, items: [ending(volumes)] };
    server.answer(({ url }) => ({ status: 200, body: url.includes('/pods') ? list : deployment(1) }));
    return (await workloads.pods('api-gke'))[0];
  };

  it('is read with its end, with what keeps it, and with whether it has a volume of its own', async () => {
    const token = { name: 'token', projected: { sources: [] } };
    const scratch = { name: 'scratch', emptyDir: {} };

    expect(await read(token, scratch)).toMatchObject({
      terminating: true,
      endsBy: Date.parse('2026-01-05T09:00:00Z'),
      finalizers: ['dms/drain'],
      ownVolume: false,
    });
    for (const own of [{ persistentVolumeClaim: { claimName: 'data' } }, { csi: { driver: 'disk' } }])
      expect(await read(token, { name: 'data', ...own })).toMatchObject({ ownVolume: true });
  });

  it('is deleted by its uid, and its node is left no time', async () => {
    server.answer({ status: 200, body: { kind: 'Pod', metadata: meta('a', '101') } });
    expect(await workloads.forceDelete('api-gke', 'a', 'uid-a')).toBe('deleted');
    expect(written()).toMatchObject([
      {
        what: 'DELETE /api/v1/namespaces/dms/pods/a',
        body: { gracePeriodSeconds: 0, preconditions: { uid: 'uid-a' } },
      },
    ]);

    server.answer({ status: 404, body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: 404 } });
    expect(await workloads.forceDelete('api-gke', 'a', 'uid-a')).toBe('gone');
  });
});
