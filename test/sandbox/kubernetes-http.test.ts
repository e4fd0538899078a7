import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { VirtualClock } from '../../sandbox/world/clock.ts';
import { createVirtualClock } from '../../sandbox/world/clock.ts';
import { humanDuration } from '../../sandbox/http/kubernetes-table.ts';
import { instant } from '../../shared/core/time.ts';
import { type ClusterServer, startCluster } from './kubernetes-server.ts';

// The API face by plain HTTP, on a clock that the test moves: what clients don't show of it.

const PODS = '/api/v1/namespaces/coditect-dms/pods';
const DEPLOYMENT = '/apis/apps/v1/namespaces/coditect-dms/deployments/coditect-dms-api';
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';

let clock: VirtualClock;
let server: ClusterServer;

beforeEach(async () => {
  clock = createVirtualClock(instant(Date.parse('2026-01-05T10:00:00Z')));
  server = await startCluster(clock);
  clock.advanceBy(60_000);
});
afterEach(() => server.close());

/** What these tests read of a body; which of it is there follows from the request. */
interface Body {
  readonly kind: string;
  readonly message: string;
  readonly metadata: { readonly resourceVersion: string };
  readonly details: { readonly causes: unknown; readonly retryAfterSeconds: unknown };
  readonly groups: readonly { readonly preferredVersion: { readonly groupVersion: string } }[];
  readonly resources: readonly { readonly name: string; readonly verbs: readonly string[] }[];
  readonly rows: readonly { readonly cells: readonly unknown[]; readonly object: unknown }[];
  readonly columnDefinitions: readonly { readonly name: string; readonly priority: number }[];
  readonly items: readonly unknown[];
  readonly spec: unknown;
}

type Answer = { readonly status: number; readonly headers: Headers; readonly body: Body };

async function send(
  method: string,
  path: string,
  options: { body?: unknown; type?: string; accept?: string; token?: string } = {},
): Promise<Answer> {
  const { body, type = 'application/json', accept = 'application/json', token = server.tokens.operator } = options;
  const response = await fetch(`${server.base}${path}`, {
    method,
    headers: {
      accept,
      ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': type }),
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const json = response.headers.get('content-type')?.includes('json') === true;
  return { status: response.status, headers: response.headers, body: (json ? JSON.parse(text) : text) as Body };
}
const get = (path: string, accept?: string) => send('GET', path, accept === undefined ? {} : { accept });
const podNames = (): readonly string[] =>
  server.cluster.store.list('Pod', 'coditect-dms').map(({ metadata }) => metadata.name);
const firstPod = (): string => podNames()[0] ?? '';

describe('a refusal', () => {
  it.each<readonly [string, number, string, () => Promise<Answer>]>([
    ['without a token', 401, 'Unauthorized', () => send('GET', PODS, { token: '' })],
    ['with an old token', 401, 'Unauthorized', () => send('GET', PODS, { token: server.tokens.expired })],
    ['without the permission', 403, 'Forbidden', () => send('DELETE', `${PODS}/x`, { token: server.tokens.heal })],
    ['of an object that is not there', 404, 'NotFound', () => get(`${PODS}/nobody`)],
    ['of a resource that is not served', 404, 'NotFound', () => get('/apis/batch/v1/namespaces/a/jobs')],
    ['of a subresource that is not served', 404, 'NotFound', () => get(`${DEPLOYMENT}/status`)],
    ['of a path that names nothing', 404, 'NotFound', () => get('/nowhere')],
    ['of a namespaced object without its namespace', 404, 'NotFound', () => get('/api/v1/pods/x')],
    ['of a method that is not served', 405, 'MethodNotAllowed', () => send('DELETE', PODS)],
    [
      'of a write to what is read only',
      405,
      'MethodNotAllowed',
      () => send('POST', '/api/v1/namespaces', { body: {} }),
    ],
    ['of a form that nobody writes', 406, 'NotAcceptable', () => get(PODS, 'application/vnd.kubernetes.protobuf')],
    [
      'of a body in another form',
      415,
      'UnsupportedMediaType',
      () => send('POST', PODS, { body: 'a: b', type: 'application/yaml' }),
    ],
    [
      'of a patch in another form',
      415,
      'UnsupportedMediaType',
      () => send('PATCH', DEPLOYMENT, { body: {}, type: 'application/json' }),
    ],
    [
      'of server-side apply',
      415,
      'UnsupportedMediaType',
      () => send('PATCH', DEPLOYMENT, { body: '{}', type: 'application/apply-patch+yaml' }),
    ],
    ['of a body that is no JSON', 400, 'BadRequest', () => send('POST', PODS, { body: '{"a"' })],
    ['of a body that is no object', 400, 'BadRequest', () => send('POST', PODS, { body: [1] })],
    ['of a dry run in part', 400, 'BadRequest', () => send('DELETE', `${DEPLOYMENT}?dryRun=Some`)],
    ['of a senseless limit', 400, 'BadRequest', () => get(`${PODS}?limit=all`)],
    ['of a terminal in a container', 501, 'NotImplemented', () => send('POST', `${PODS}/x/attach`)],
    ['of a command over SPDY', 400, 'BadRequest', () => send('POST', `${PODS}/x/exec?command=ls`)],
  ])('%s is a Status with its code and reason', async (_what, status, reason, ask) => {
    const { body, status: found } = await ask();
    expect(found).toBe(status);
    expect(body).toMatchObject({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      reason,
      code: status,
    });
    expect(body.message).not.toBe('');
  });

  it('of an eviction carries the cause, and the wait only when the budget is computed anew', async () => {
    const evict = (name: string) => send('POST', `${PODS}/${name}/eviction`, { body: { metadata: { name } } });
    const [first = '', second = ''] = podNames();
    expect(await evict(first)).toMatchObject({ status: 201, body: { kind: 'Status', status: 'Success' } });
    const refused = await evict(second);
    expect(refused.body.details.causes).toEqual([
      { reason: 'DisruptionBudget', message: expect.stringContaining('needs 2 healthy pods') },
    ]);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, null]);
    const budget = '/apis/policy/v1/namespaces/coditect-dms/poddisruptionbudgets/coditect-dms-api';
    await send('PATCH', budget, { body: { spec: { maxUnavailable: 2 } }, type: 'application/merge-patch+json' });
    const computing = await evict(second);
    expect([computing.status, computing.headers.get('retry-after'), computing.body.details.retryAfterSeconds]).toEqual([
      429,
      '10',
      10,
    ]);
  });

  it('never comes when the API server is out of reach', async () => {
    server.kernel.network.cut('internet', 'kubernetes/coditect-prod-cluster');
    const signal = AbortSignal.timeout(200);
    const asked = fetch(`${server.base}${PODS}`, {
      signal,
      headers: { authorization: `Bearer ${server.tokens.operator}` },
    });
    await expect(asked).rejects.toThrow('timeout');
  });
});

describe('discovery', () => {
  it('names every resource that the paths serve', async () => {
    expect((await get('/version')).body).toMatchObject({ major: '1', minor: '33' });
    expect((await get('/api')).body).toMatchObject({ kind: 'APIVersions', versions: ['v1'] });
    const { groups } = (await get('/apis')).body;
    const lists = ['/api/v1', ...groups.map((group) => `/apis/${group.preferredVersion.groupVersion}`)];
    expect(lists).toEqual(
      expect.arrayContaining([
        '/apis/apps/v1',
        '/apis/autoscaling/v2',
        '/apis/policy/v1',
        '/apis/networking.k8s.io/v1',
      ]),
    );
    for (const path of lists) {
      const { body } = await get(path);
      expect(body.kind).toBe('APIResourceList');
      for (const { name, verbs } of body.resources) {
        if (name.includes('/') || !verbs.includes('list')) continue;
        expect([name, (await get(`${path}/${name}`)).status]).toEqual([name, 200]);
      }
    }
    expect((await get('/apis/apps')).body).toMatchObject({ kind: 'APIGroup', name: 'apps' });
    expect((await get('/apis/batch')).status).toBe(404);
    expect((await get('/readyz')).body).toBe('ok');
  });

  it('answers plainly to a client that would rather have it aggregated', async () => {
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';
    expect((await get('/apis', accept)).body.kind).toBe('APIGroupList');
  });
});

describe('a table', () => {
  const cells = async (path: string): Promise<readonly (readonly unknown[])[]> =>
    (await get(path, TABLE)).body.rows.map((row) => row.cells);
  const columns = async (path: string): Promise<readonly string[]> =>
    (await get(path, TABLE)).body.columnDefinitions.filter(({ priority }) => priority === 0).map(({ name }) => name);

  it('has the columns that kubectl is known by', async () => {
    expect(await columns(PODS)).toEqual(['Name', 'Ready', 'Status', 'Restarts', 'Age']);
    expect(await columns('/apis/apps/v1/deployments')).toEqual(['Name', 'Ready', 'Up-to-date', 'Available', 'Age']);
    expect(await columns('/api/v1/events')).toEqual(['Last Seen', 'Type', 'Reason', 'Object', 'Message']);
    expect(await columns('/apis/autoscaling/v2/horizontalpodautoscalers')).toEqual(
      'Name,Reference,Targets,MinPods,MaxPods,Replicas,Age'.split(','),
    );
  });

  it('tells the state of pods as kubectl tells it', async () => {
    const name = firstPod();
    const row = async (): Promise<readonly unknown[]> =>
      (await cells(PODS)).find(([first]) => first === name)?.slice(1, 4) ?? [];
    expect(await row()).toEqual(['1/1', 'Running', '0']);
    server.cluster.faults.crashPod({ namespace: 'coditect-dms', name });
    clock.advanceBy(30_000);
    expect(await row()).toEqual(['1/1', 'Running', expect.stringMatching(/^1 \(\d+s ago\)$/)]);
    server.cluster.faults.crashPod({ namespace: 'coditect-dms', name });
    clock.advanceBy(2_000);
    expect(await row()).toEqual(['0/1', 'CrashLoopBackOff', expect.stringMatching(/^1 \(/)]);
    clock.advanceBy(30_000);
    await send('DELETE', `${PODS}/${name}`);
    expect((await row())[1]).toBe('Terminating');
  });

  it('brings of each object what was asked for', async () => {
    const first = async (query: string) => (await get(`${PODS}${query}`, TABLE)).body.rows[0]?.object;
    expect(await first('')).toMatchObject({ kind: 'PartialObjectMetadata', metadata: { namespace: 'coditect-dms' } });
    expect(await first('?includeObject=None')).toBeUndefined();
    expect(await first('?includeObject=Object')).toMatchObject({ kind: 'Pod', spec: {} });
    expect((await get(`${PODS}?includeObject=Some`, TABLE)).status).toBe(400);
    expect((await get(`${DEPLOYMENT}`, TABLE)).body.rows).toHaveLength(1);
  });

  it.each([
    [0, '0s'],
    [119_000, '119s'],
    [120_000, '2m'],
    [125_000, '2m5s'],
    [3_600_000, '60m'],
    [4 * 3_600_000 + 60_000, '4h1m'],
    [9 * 3_600_000, '9h'],
    [50 * 3_600_000, '2d2h'],
    [-5_000, '<invalid>'],
  ])('shows %d ms as %s', (ms, text) => {
    expect(humanDuration(ms)).toBe(text);
  });
});

describe('a write', () => {
  it('warns of unknown fields in a header, and refuses them when asked to be strict', async () => {
    const path = '/api/v1/namespaces/coditect-dms/configmaps';
    const body = { metadata: { name: 'a' }, dat: {}, data: {} };
    const warned = await send('POST', path, { body });
    expect([warned.status, warned.headers.get('warning')]).toEqual([201, '299 - "unknown field \\"dat\\""']);
    expect((await send('POST', `${path}?fieldValidation=Strict`, { body })).status).toBe(400);
    const patch = { body: { dat: {} }, type: 'application/merge-patch+json' };
    expect((await send('PATCH', `${path}/a?fieldValidation=Strict`, patch)).status).toBe(422);
    expect((await send('PATCH', `${path}/a?fieldValidation=Ignore`, patch)).headers.get('warning')).toBeNull();
  });

  it('of a deletion is answered with the pod, and of other kinds with a Status', async () => {
    const pod = await send('DELETE', `${PODS}/${firstPod()}`, { body: { gracePeriodSeconds: 5 } });
    expect(pod.body).toMatchObject({ kind: 'Pod', metadata: { deletionGracePeriodSeconds: 5 } });
    const [, second = ''] = podNames();
    expect((await send('DELETE', `${PODS}/${second}?gracePeriodSeconds=0`)).status).toBe(200);
    expect(podNames()).not.toContain(second);
    const gone = await send('DELETE', DEPLOYMENT);
    expect(gone.body).toMatchObject({
      kind: 'Status',
      status: 'Success',
      details: { group: 'apps', kind: 'deployments' },
    });
  });

  it('of a deletion means the object with that uid, in that version', async () => {
    const { uid, resourceVersion } = server.cluster.store.read(
      'Deployment',
      'coditect-dms',
      'coditect-dms-api',
    ).metadata;
    const remove = (preconditions: object) =>
      send('DELETE', DEPLOYMENT, { body: { kind: 'DeleteOptions', apiVersion: 'v1', preconditions } });
    expect(await remove({ uid: 'another' })).toMatchObject({
      status: 409,
      body: { reason: 'Conflict', details: { kind: 'Deployment' } },
    });
    expect((await remove({ uid, resourceVersion: '1' })).status).toBe(409);
    expect((await remove({ uid, resourceVersion })).status).toBe(200);
  });

  it('shows a scale of zero by leaving it out, as Kubernetes does', async () => {
    const body = { spec: { replicas: 0 } };
    const scaled = await send('PATCH', `${DEPLOYMENT}/scale`, { body, type: 'application/merge-patch+json' });
    expect(scaled.body).toMatchObject({
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      spec: {},
      status: { selector: 'app=coditect-dms-api' },
    });
    expect(scaled.body.spec).toEqual({});
  });
});

describe('a stream', () => {
  /** Reads a stream line by line; `next` waits for the next one, `undefined` at its end. */
  async function open(path: string, accept = 'application/json') {
    const leave = new AbortController();
    const headers = { authorization: `Bearer ${server.tokens.operator}`, accept };
    const response = await fetch(`${server.base}${path}`, { headers, signal: leave.signal });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    const next = async (): Promise<string | undefined> => {
      while (!rest.includes('\n')) {
        const part = await reader?.read();
        if (part === undefined || part.done) return undefined;
        rest += part.value;
      }
      const [line = ''] = rest.split('\n', 1);
      rest = rest.slice(line.length + 1);
      return line;
    };
    const nextEvent = async () => JSON.parse((await next()) ?? 'null');
    return { next, nextEvent, leave: () => leave.abort() };
  }

  it('of a watch has one event a line', async () => {
    const { body } = await get(PODS);
    const { nextEvent, leave } = await open(`${PODS}?watch=true&resourceVersion=${body.metadata.resourceVersion}`);
    const name = firstPod();
    server.cluster.faults.crashPod({ namespace: 'coditect-dms', name });
    clock.advanceBy(1);
    expect(await nextEvent()).toMatchObject({
      type: 'MODIFIED',
      object: { kind: 'Pod', apiVersion: 'v1', metadata: { name } },
    });
    leave();
  });

  it('of tables says what its columns are in the first event only', async () => {
    const { nextEvent, leave } = await open(`${PODS}?watch=true`, TABLE);
    clock.advanceBy(1);
    const [first, second] = [await nextEvent(), await nextEvent()];
    expect(first).toMatchObject({ type: 'ADDED', object: { kind: 'Table', rows: [{}] } });
    expect(first.object.columnDefinitions).toHaveLength(9);
    expect(second.object.columnDefinitions).toBeNull();
    leave();
  });

  it('of a watch ends when its time is over, with a bookmark for whoever wants one', async () => {
    const { nextEvent, next } = await open(
      `${PODS}?watch=1&resourceVersion=${server.cluster.store.revision()}&timeoutSeconds=1&allowWatchBookmarks=true`,
    );
    expect(await nextEvent()).toEqual({
      type: 'BOOKMARK',
      object: {
        kind: 'Pod',
        apiVersion: 'v1',
        metadata: { resourceVersion: String(server.cluster.store.revision()), creationTimestamp: null },
      },
    });
    expect(await next()).toBeUndefined();
  });

  it('of a watch that a client leaves is given up', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    await server.close();
    server = await startCluster(clock, { startTimer: () => resolve });
    const { leave } = await open(`${PODS}?watch=true`);
    leave();
    await promise;
  });

  it('of a log goes on until the container ends', async () => {
    const name = firstPod();
    const { next } = await open(`${PODS}/${name}/log?follow=true`);
    clock.advanceBy(1_000);
    expect([await next(), await next()]).toEqual(['starting', 'serving']);
    server.cluster.faults.crashPod({ namespace: 'coditect-dms', name });
    clock.advanceBy(2_000);
    expect(await next()).toBe('fatal: the process ended with exit code 1');
    expect(await next()).toBeUndefined();
  });

  it('is not opened for a list that streams, which clients then ask for plainly', async () => {
    const path = `${PODS}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`;
    expect((await get(path)).status).toBe(422);
  });
});

describe('events', () => {
  it('are shown in their newer form too', async () => {
    const { body } = await get('/apis/events.k8s.io/v1/namespaces/coditect-dms/events?limit=1');
    expect(body).toMatchObject({ kind: 'EventList', apiVersion: 'events.k8s.io/v1' });
    expect(body.items[0]).toMatchObject({ note: expect.any(String), regarding: { kind: 'Pod' }, deprecatedCount: 1 });
  });
});
