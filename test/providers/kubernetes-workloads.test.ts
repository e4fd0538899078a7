import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Workloads } from '../../shared/ports/workloads.ts';
import { CONTROL_PLANE_LIMIT } from '../../shared/providers/deadline.ts';
import { parseServer } from '../../shared/providers/kubernetes-connection.ts';
import { createKubernetesWorkloads } from '../../shared/providers/kubernetes-workloads.ts';
import { DEPLOYMENT, endpointsAt, identity, nobodyListens, startVendorServer } from './vendor-server.ts';
import type { Reply, Seen, VendorServer } from './vendor-server.ts';

// The adapter with the real client, over a server that answers as an API server does.

let server: VendorServer;
let workloads: Workloads;
const us = identity();

beforeAll(async () => {
  server = await startVendorServer();
  const endpoints = { ...endpointsAt(server.base), kubernetes: { c: server.base } };
  workloads = createKubernetesWorkloads({ project: 'p', endpoints, identity: us }, [DEPLOYMENT]);
});
afterAll(() => server.close());

const meta = (name: string, resourceVersion: string) => ({
  name,
  namespace: 'dms',
  uid: `uid-${name}`,
  resourceVersion,
});
const deployment = (replicas: number, generation = 2) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { ...meta('api', '100'), generation },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'api' }, matchExpressions: [{ key: 'tier', operator: 'In', values: ['a', 'b'] }] },
    template: {},
  },
  status: {
    observedGeneration: 2,
    replicas,
    updatedReplicas: replicas,
    readyReplicas: replicas,
    availableReplicas: replicas,
  },
});
const autoscaler = (min: number, target = 'api') => ({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: meta('hpa', '55'),
  spec: {
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: target },
    minReplicas: min,
    maxReplicas: 10,
  },
});
const list = (kind: string, items: readonly unknown[]) => ({
  apiVersion: 'v1',
  kind,
  metadata: { resourceVersion: '1' },
  items,
});
const status = (code: number, reason: string, causes: readonly { reason: string; message: string }[] = []): Reply => ({
  status: code,
  body: {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: 'in words',
    reason,
    details: { causes },
    code,
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
    if (url.includes('horizontalpodautoscalers'))
      return { status: 200, body: list('HorizontalPodAutoscalerList', autoscalers) };
    return { status: 200, body: found };
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

describe('a workload', () => {
  it('is read with its autoscaler, and called settled by the rule of kubectl rollout status', async () => {
    server.answer(namespaceWith(deployment(3), [autoscaler(9, 'another'), autoscaler(3)]));
    expect(await workloads.inspect('api-gke')).toEqual({
      replicas: 3,
      ready: 3,
      available: 3,
      updated: 3,
      settled: true,
      version: '100/55',
      autoscaler: { min: 3, max: 10 },
    });
    server.answer(namespaceWith(deployment(3, 3), []));
    expect(await workloads.inspect('api-gke')).toMatchObject({ settled: false, version: '100', autoscaler: undefined });
  });

  it('is asked for with our token', async () => {
    server.answer(namespaceWith(deployment(3), []));
    await workloads.inspect('api-gke');
    expect(server.seen[0]?.headers.authorization).toBe('Bearer a-token');
  });

  it('is not believed when a page in between answers for it', async () => {
    server.answer({ status: 200, text: '<html>sign in</html>' });
    await expect(workloads.inspect('api-gke')).rejects.toMatchObject({ kind: 'permanent', code: 'unreadable' });
  });
});

describe('scaling', () => {
  const scalePatch = (replicas: number) => [
    {
      what: 'PATCH /apis/apps/v1/namespaces/dms/deployments/api/scale',
      type: 'application/merge-patch+json',
      body: { metadata: { resourceVersion: '100' }, spec: { replicas } },
    },
  ];
  const floorPatch = (minReplicas: number) => [
    {
      what: 'PATCH /apis/autoscaling/v2/namespaces/dms/horizontalpodautoscalers/hpa',
      type: 'application/merge-patch+json',
      body: { metadata: { resourceVersion: '55' }, spec: { minReplicas } },
    },
  ];

  const cases: readonly (readonly [string, number, number | undefined, number, unknown])[] = [
    ['up without an autoscaler goes to the Deployment', 3, undefined, 5, scalePatch(5)],
    ['up with an autoscaler raises its floor', 3, 3, 5, floorPatch(5)],
    ['back down below a raised floor lowers it', 5, 5, 3, floorPatch(3)],
    ['to zero goes to the Deployment, which switches the autoscaler off', 3, 3, 0, scalePatch(0)],
    ['up from zero goes to the Deployment, which switches it on again', 0, 3, 3, scalePatch(3)],
    ['down above the floor goes to the Deployment', 8, 3, 5, scalePatch(5)],
  ];

  it.each(cases)('%s', async (_, current, floor, wanted, expected) => {
    server.answer(namespaceWith(deployment(current), floor === undefined ? [] : [autoscaler(floor)]));
    await workloads.scale('api-gke', wanted, floor === undefined ? '100' : '100/55');
    expect(written()).toEqual(expected);
  });

  it('changes nothing when the version is stale, whoever notices', async () => {
    server.answer(namespaceWith(deployment(3), []));
    await expect(workloads.scale('api-gke', 5, '99')).rejects.toMatchObject({ kind: 'conflict', code: 'stale' });
    expect(written()).toEqual([]);
    const quiet = namespaceWith(deployment(3), []);
    server.answer((request) => (request.method === 'PATCH' ? status(409, 'Conflict') : quiet(request)));
    await expect(workloads.scale('api-gke', 5, '100')).rejects.toMatchObject({ kind: 'conflict' });
  });

  it('is in doubt only when the change itself got no answer', async () => {
    const quiet = namespaceWith(deployment(3), []);
    server.answer((request) => (request.method === 'PATCH' ? 'reset' : quiet(request)));
    await expect(workloads.scale('api-gke', 0, '100')).rejects.toMatchObject({ kind: 'ambiguous' });
    expect(written()).toHaveLength(1);
    server.answer('reset');
    await expect(workloads.scale('api-gke', 0, '100')).rejects.toMatchObject({ kind: 'retryable' });
  });
});

describe('an eviction', () => {
  const evict = () => workloads.evict('api-gke', 'api-1', 'uid-api-1');
  const success: Reply = {
    status: 201,
    body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 },
  };
  const budget = [{ reason: 'DisruptionBudget', message: 'The disruption budget api needs 2 healthy pods' }];

  it('names the pod by its uid', async () => {
    server.answer(success);
    expect(await evict()).toEqual({ kind: 'evicted' });
    expect(written()).toEqual([
      {
        what: 'POST /api/v1/namespaces/dms/pods/api-1/eviction',
        type: 'application/json',
        body: {
          apiVersion: 'policy/v1',
          kind: 'Eviction',
          metadata: { name: 'api-1', namespace: 'dms' },
          deleteOptions: { preconditions: { uid: 'uid-api-1' } },
        },
      },
    ]);
  });

  it('that would break a budget is an answer, and a busy API server is not', async () => {
    server.answer(status(429, 'TooManyRequests', budget));
    expect(await evict()).toEqual({ kind: 'budgetWouldBreak', detail: 'in words' });
    server.answer(status(429, 'TooManyRequests'));
    await expect(evict()).rejects.toMatchObject({ kind: 'retryable', code: 'throttled' });
  });

  it('of a pod that has gone, or was replaced under its name, finds it gone', async () => {
    server.answer(status(404, 'NotFound'));
    expect(await evict()).toEqual({ kind: 'gone' });
    const replaced: Reply = { status: 200, body: { kind: 'Pod', metadata: { ...meta('api-1', '7'), uid: 'another' } } };
    server.answer(({ method }) => (method === 'POST' ? status(409, 'Conflict') : replaced));
    expect(await evict()).toEqual({ kind: 'gone' });
  });

  it('that conflicts over something else than the uid is a conflict', async () => {
    server.answer(({ method }) =>
      method === 'POST'
        ? status(409, 'Conflict')
        : { status: 200, body: { kind: 'Pod', metadata: meta('api-1', '7') } },
    );
    await expect(evict()).rejects.toMatchObject({ kind: 'conflict' });
  });

  it('that a page in between answers for is in doubt', async () => {
    server.answer({ status: 200, text: '<html>' });
    await expect(evict()).rejects.toMatchObject({ kind: 'ambiguous' });
  });
});

describe('a pod', () => {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...meta('api-1', '7'), labels: { app: 'api', 'pod-template-hash': 'abc' } },
    spec: {
      nodeName: 'node-1',
      containers: [{ name: 'api', env: [{ name: 'DATABASE_URL', value: 'postgresql://dms:hunter2@x/dms' }] }],
    },
    status: {
      phase: 'Running',
      podIP: '10.1.0.9',
      startTime: '2026-11-22T10:00:00Z',
      conditions: [{ type: 'Ready', status: 'False', reason: 'ContainersNotReady' }],
      containerStatuses: [
        {
          name: 'sidecar',
          image: 's',
          imageID: 's',
          ready: true,
          restartCount: 0,
          state: { running: { startedAt: '2026-11-22T10:00:01Z' } },
        },
        {
          name: 'api',
          image: 'api:1',
          imageID: 'x',
          ready: false,
          restartCount: 4,
          state: { waiting: { reason: 'CrashLoopBackOff' } },
          lastState: { terminated: { reason: 'OOMKilled', exitCode: 137 } },
        },
      ],
    },
  };

  it('is listed by the selector of its Deployment, with the state of its main container', async () => {
    server.answer(({ url }) => ({ status: 200, body: url.includes('/pods') ? list('PodList', [pod]) : deployment(1) }));
    expect(await workloads.pods('api-gke')).toEqual([
      {
        name: 'api-1',
        uid: 'uid-api-1',
        version: '7',
        node: 'node-1',
        startedAt: Date.parse('2026-11-22T10:00:00Z'),
        ready: false,
        terminating: false,
        endsBy: undefined,
        finalizers: [],
        ownVolume: false,
        restarts: 4,
        container: { kind: 'waiting', reason: 'CrashLoopBackOff' },
        lastTermination: 'OOMKilled',
        template: 'abc',
      },
    ]);
    expect(decodeURIComponent(server.seen.at(-1)?.url.replaceAll('+', ' ') ?? '')).toContain(
      'labelSelector=app=api,tier in (a,b)',
    );
  });

  it('is described with its events, and without the environment of its containers', async () => {
    const event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: meta('e', '1'),
      involvedObject: {},
      type: 'Warning',
      reason: 'BackOff',
      message: 'Back-off restarting failed container',
      count: 7,
      lastTimestamp: '2026-11-22T10:05:00Z',
      source: { component: 'kubelet' },
    };
    server.answer(({ url }) => ({ status: 200, body: url.includes('/events') ? list('EventList', [event]) : pod }));
    const text = await workloads.describePod('api-gke', 'api-1');
    expect(text).toContain('Waiting (CrashLoopBackOff)');
    expect(text).toContain('Terminated (OOMKilled), exit code 137');
    expect(text).toContain(
      'Warning  BackOff  2026-11-22T10:05:00.000Z (x7)  kubelet  Back-off restarting failed container',
    );
    expect(text).not.toContain('hunter2');
  });

  it('has its log read, from the container before too, and no log when there was none', async () => {
    server.answer({ status: 200, text: 'first\nsecond\n', headers: { 'content-type': 'text/plain' } });
    expect(await workloads.podLog('api-gke', 'api-1', { previous: true, lines: 200 })).toBe('first\nsecond\n');
    expect(server.seen.at(-1)?.url).toMatch(
      /\/pods\/api-1\/log\?container=api&limitBytes=\d+&previous=true&tailLines=200$/,
    );
    server.answer(status(400, 'BadRequest'));
    expect(await workloads.podLog('api-gke', 'api-1', { previous: true, lines: 200 })).toBeUndefined();
  });
});

describe('a cluster', () => {
  const cluster = {
    endpoint: '192.0.2.9',
    masterAuth: { clusterCaCertificate: 'UEVN' },
    controlPlaneEndpointsConfig: {
      dnsEndpointConfig: { endpoint: 'uid.us-central1.gke.goog', allowExternalTraffic: true },
    },
  };

  it('is reached by its DNS endpoint where that is open, else by its address with its own authority', () => {
    expect(parseServer(cluster)).toEqual({ server: 'https://uid.us-central1.gke.goog', caData: undefined });
    const closed = {
      ...cluster,
      controlPlaneEndpointsConfig: {
        dnsEndpointConfig: { endpoint: 'uid.us-central1.gke.goog', allowExternalTraffic: false },
      },
    };
    expect(parseServer(closed)).toEqual({ server: 'https://192.0.2.9', caData: 'UEVN' });
    expect(parseServer({ ...closed, masterAuth: null })).toBeUndefined();
  });

  it('is looked up by its name in Container when no address is configured', async () => {
    const looked = createKubernetesWorkloads({ project: 'p', endpoints: endpointsAt(server.base), identity: us }, [
      DEPLOYMENT,
    ]);
    server.answer({ status: 404, body: { error: { code: 404, status: 'NOT_FOUND', message: 'no cluster' } } });
    await expect(looked.inspect('api-gke')).rejects.toMatchObject({ kind: 'permanent', code: 'notFound' });
    expect(server.seen[0]?.url).toMatch(/^\/v1\/projects\/p\/locations\/us-central1-a\/clusters\/c\?/);
  });

  it('is never reached by plain http beyond loopback', () => {
    const endpoints = { ...endpointsAt(server.base), kubernetes: { c: 'http://192.0.2.9' } };
    expect(() => createKubernetesWorkloads({ project: 'p', endpoints, identity: us }, [DEPLOYMENT])).toThrow(
      'loopback',
    );
  });

  it('that refuses the connection was sent nothing', async () => {
    const endpoints = { ...endpointsAt(server.base), kubernetes: { c: await nobodyListens() } };
    const gone = createKubernetesWorkloads({ project: 'p', endpoints, identity: us }, [DEPLOYMENT]);
    await expect(gone.evict('api-gke', 'api-1', 'u')).rejects.toMatchObject({
      kind: 'retryable',
      code: 'connectionRefused',
    });
  });
});

describe('the time that a first call takes to get ready', () => {
  beforeEach(() => {
    // Only our own deadlines stand still; sockets go on.
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask', 'performance', 'Date', 'hrtime'] });
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('is not taken for a control plane that does not answer', async () => {
    const ready = Promise.withResolvers<string>();
    const slow = { ...identity(), token: () => ready.promise };
    const endpoints = { ...endpointsAt(server.base), kubernetes: { c: server.base } };
    const first = createKubernetesWorkloads({ project: 'p', endpoints, identity: slow }, [DEPLOYMENT]);
    server.answer({ status: 200, text: 'a line\n', headers: { 'content-type': 'text/plain' } });

    const log = first.podLog('api-gke', 'api-1', { previous: false, lines: 1 });
    await jest.advanceTimersByTimeAsync(CONTROL_PLANE_LIMIT + 1_000);
    ready.resolve('a-token');

    expect(await log).toBe('a line\n');
  });
});
