import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { instant } from '../../shared/core/time.ts';
import type { Rollouts } from '../../shared/ports/rollouts.ts';
import { createKubernetesRollouts } from '../../shared/providers/kubernetes-rollouts.ts';
import { DEPLOYMENT, endpointsAt, identity, startVendorServer } from './vendor-server.ts';
import type { Reply, Seen, VendorServer } from './vendor-server.ts';

// The adapter with the real client, over a server that answers as an API server does.

let server: VendorServer;
let rollouts: Rollouts;

beforeAll(async () => {
  server = await startVendorServer();
  const endpoints = { ...endpointsAt(server.base), kubernetes: { c: server.base } };
  rollouts = createKubernetesRollouts({ project: 'p', endpoints, identity: identity() }, [DEPLOYMENT]);
});
afterAll(() => server.close());

const CREATED = '2026-01-05T09:00:00Z';
const REVISION = 'deployment.kubernetes.io/revision';
const CAUSE = 'kubernetes.io/change-cause';

const meta = (name: string, resourceVersion: string, more: object = {}) => ({
  name,
  namespace: 'dms',
  uid: `uid-${name}`,
  resourceVersion,
  creationTimestamp: CREATED,
  ...more,
});

const template = (image: string, hash?: string) => ({
  metadata: {
    creationTimestamp: null,
    labels: { app: 'api', ...(hash === undefined ? {} : { 'pod-template-hash': hash }) },
    annotations: { note: image },
  },
  spec: {
    containers: [{ name: 'api', image, somethingNewerThanTheClient: { kept: true } }],
    somethingNewer: ['kept', 'too'],
  },
});

const deployment = (
  more: { readonly strategy?: object; readonly status?: object; readonly generation?: number } = {},
) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: meta('api', '100', {
    generation: more.generation ?? 5,
    annotations: { [REVISION]: '5', [CAUSE]: 'release' },
  }),
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: 'api' } },
    template: template('api:2'),
    strategy: more.strategy ?? { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
  },
  status: { observedGeneration: 5, replicas: 4, updatedReplicas: 1, availableReplicas: 3, ...more.status },
});

const replicaSet = (
  name: string,
  revision: number,
  more: { readonly cause?: string; readonly owner?: string } = {},
) => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: meta(name, '90', {
    labels: { app: 'api', 'pod-template-hash': `hash-${revision}` },
    annotations: { [REVISION]: String(revision), ...(more.cause === undefined ? {} : { [CAUSE]: more.cause }) },
    ownerReferences: [
      { apiVersion: 'apps/v1', kind: 'Deployment', name: 'api', uid: more.owner ?? 'uid-api', controller: true },
    ],
  }),
  spec: {
    replicas: revision === 5 ? 1 : 3,
    selector: { matchLabels: { app: 'api' } },
    template: template(`api:${revision}`, `hash-${revision}`),
  },
  status: { replicas: 3, readyReplicas: revision === 5 ? 0 : 3 },
});

const budget = (name: string, labels: object, desiredHealthy: number) => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: meta(name, '80'),
  spec: { minAvailable: desiredHealthy, selector: { matchLabels: labels } },
  status: { currentHealthy: 3, desiredHealthy, disruptionsAllowed: 1, expectedPods: 3 },
});

const list = (kind: string, items: readonly unknown[]) => ({
  apiVersion: 'v1',
  kind,
  metadata: { resourceVersion: '1' },
  items,
});

const SETS = [replicaSet('old', 4, { cause: 'the release before' }), replicaSet('new', 5)];
const BUDGETS = [budget('other', { app: 'other' }, 9), budget('loose', {}, 1), budget('api', { app: 'api' }, 2)];

function namespaceWith(found: unknown = deployment(), sets: readonly unknown[] = SETS): (request: Seen) => Reply {
  return ({ method, url }) => {
    if (method === 'PATCH') return { status: 200, body: { kind: 'Deployment', metadata: meta('api', '101') } };
    if (url.includes('replicasets')) return { status: 200, body: list('ReplicaSetList', sets) };
    if (url.includes('poddisruptionbudgets')) return { status: 200, body: list('PodDisruptionBudgetList', BUDGETS) };
    return { status: 200, body: found };
  };
}

const written = () => server.seen.filter(({ method }) => method === 'PATCH');

describe('a rollout', () => {
  it('is read with its revisions, the newest first, and with the strictest budget over its pods', async () => {
    server.answer(namespaceWith(deployment(), [...SETS, replicaSet('foreign', 9, { owner: 'somebody' })]));

    expect(await rollouts.inspect('api-gke')).toMatchObject({
      version: '100',
      replicas: 3,
      total: 4,
      updated: 1,
      available: 3,
      observed: true,
      current: 'uid-new',
      revisions: [
        { uid: 'uid-new', revision: 5, template: 'hash-5', ready: 0, replicas: 1, image: 'api:5' },
        { uid: 'uid-old', revision: 4, template: 'hash-4', ready: 3, image: 'api:4' },
      ],
      budget: { name: 'api', desiredHealthy: 2, currentHealthy: 3 },
    });
  });

  it.each<[string, object, number]>([
    ['a quarter, rounded down, may be missing', {}, 3],
    ['one may be missing', { rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } }, 2],
    ['a half may be missing', { rollingUpdate: { maxUnavailable: '50%' } }, 2],
    [
      'neither may be missing nor added, so that one is missing',
      { rollingUpdate: { maxUnavailable: 0, maxSurge: 0 } },
      2,
    ],
    ['all go before the new ones come', { type: 'Recreate' }, 0],
  ])('keeps pods available by its strategy: %s', async (_, strategy, keepsAvailable) => {
    server.answer(namespaceWith(deployment({ strategy: { type: 'RollingUpdate', ...strategy } })));

    expect(await rollouts.inspect('api-gke')).toMatchObject({ keepsAvailable });
  });

  it('says when the controller gave up on it, and nothing of its revision while the controller has not seen it', async () => {
    const conditions = [
      { type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded', lastUpdateTime: CREATED },
    ];
    server.answer(namespaceWith(deployment({ status: { conditions }, generation: 6 })));

    expect(await rollouts.inspect('api-gke')).toMatchObject({
      observed: false,
      current: undefined,
      gaveUpAt: '2026-01-05T09:00:00.000Z',
    });
  });
});

describe('restarting every pod', () => {
  it('writes what kubectl rollout restart writes, and the incident, at the version that was looked at', async () => {
    server.answer(namespaceWith());

    await rollouts.restart('api-gke', '100', { incident: 'inc-a', at: instant(Date.parse(CREATED)) });

    const [patch] = written();
    expect(patch?.headers['content-type']).toBe('application/strategic-merge-patch+json');
    const annotations = {
      'kubectl.kubernetes.io/restartedAt': '2026-01-05T09:00:00.000Z',
      'dr-autopilot-restarted-for': 'inc-a',
    };
    expect(JSON.parse(patch?.body ?? '')).toEqual({
      metadata: { resourceVersion: '100' },
      spec: { template: { metadata: { annotations } } },
    });
  });
});

describe('undoing a rollout', () => {
  it('writes the former template back as the API server sent it, fields that our client does not know included', async () => {
    server.answer(namespaceWith());

    await rollouts.undo('api-gke', 'uid-old', '100');

    const [patch] = written();
    expect(patch?.url.split('?')[0]).toBe('/apis/apps/v1/namespaces/dms/deployments/api');
    expect(patch?.headers['content-type']).toBe('application/json-patch+json');
    expect(JSON.parse(patch?.body ?? '')).toEqual([
      { op: 'replace', path: '/metadata/resourceVersion', value: '100' },
      { op: 'replace', path: '/spec/template', value: template('api:4') },
      { op: 'add', path: '/metadata/annotations/kubernetes.io~1change-cause', value: 'the release before' },
    ]);
  });

  it('forgets what the failing change was called when the former one had no name', async () => {
    server.answer(namespaceWith(deployment(), [replicaSet('old', 4), replicaSet('new', 5)]));

    await rollouts.undo('api-gke', 'uid-old', '100');

    expect(JSON.parse(written()[0]?.body ?? '')).toContainEqual({
      op: 'remove',
      path: '/metadata/annotations/kubernetes.io~1change-cause',
    });
  });

  it('writes nothing over a Deployment that has changed, and nothing that is no longer remembered', async () => {
    server.answer(namespaceWith());

    await expect(rollouts.undo('api-gke', 'uid-old', '99')).rejects.toMatchObject({ kind: 'conflict' });
    await expect(rollouts.undo('api-gke', 'uid-gone', '100')).rejects.toMatchObject({
      kind: 'permanent',
      code: 'noSuchRevision',
    });
    expect(written()).toEqual([]);
  });
});
