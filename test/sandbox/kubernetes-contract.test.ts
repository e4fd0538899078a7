import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  AppsV1Api,
  CoreV1Api,
  KubeConfig,
  PatchStrategy,
  PolicyV1Api,
  setHeaderOptions,
  VersionApi,
  Watch,
} from '@kubernetes/client-node';
import { makeServerCertificate } from '../../sandbox/http/kubernetes-certificate.ts';
import { createScaledClock } from '../../sandbox/world/clock.ts';
import { instant } from '../../shared/core/time.ts';
import { startCluster } from './kubernetes-server.ts';
import {
  connect,
  load,
  raw,
  refusal,
  seen,
  type SeenDeployment,
  settledAt,
  type Subject,
} from './kubernetes-subject.ts';

// What we rely on in a Kubernetes API server, asked with the real client: of the sandbox always, and of any cluster with
// DR_CONTRACT_KUBECONFIG=<file> (its current context; everything happens in that context's namespace, under names that begin
// with dr-contract-, and is removed again; DR_CONTRACT_IMAGE names an image that stays up by itself).

// Pods of a real cluster take their time; the sandbox needs a second or two altogether.
jest.setTimeout(120_000);

const IMAGE = process.env['DR_CONTRACT_IMAGE'] ?? 'registry.k8s.io/pause:3.10';
let subject: Subject;
let config: KubeConfig;
let core: CoreV1Api;
let apps: AppsV1Api;
let policy: PolicyV1Api;
let namespace: string;
const app = `dr-contract-${randomUUID().slice(0, 8)}`;
const labels = { app };

const deployment = {
  metadata: { name: app, labels },
  spec: {
    replicas: 2,
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [{ name: 'app', image: IMAGE, env: [{ name: 'A', value: '1' }] }],
      },
    },
  },
};

beforeAll(async () => {
  subject = await connect();
  config = load(subject.kubeconfig);
  [core, apps, policy] = [
    config.makeApiClient(CoreV1Api),
    config.makeApiClient(AppsV1Api),
    config.makeApiClient(PolicyV1Api),
  ];
  namespace = config.getContextObject(config.getCurrentContext())?.namespace ?? 'default';
  await apps.createNamespacedDeployment({ namespace, body: deployment });
  await available(2);
});

afterAll(async () => {
  await apps.deleteNamespacedDeployment({ namespace, name: app });
  await subject.close();
});

/** Waits until the Deployment has that many pods, all of them new and available. */
const available = (count: number): Promise<SeenDeployment> => settledAt(config, { namespace, name: app }, count);

const pods = () => core.listNamespacedPod({ namespace, labelSelector: `app=${app}` });
const runningPods = async () =>
  (await pods()).items.filter(({ metadata }) => metadata?.deletionTimestamp === undefined);
const mergePatch = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
const strategicPatch = setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch);

describe('an API server', () => {
  it('says its version, to those who trust its authority and to nobody else', async () => {
    expect((await config.makeApiClient(VersionApi).getCode()).gitVersion).toMatch(/^v1\.\d+/);
    const { sandbox } = subject;
    if (sandbox === undefined) return;
    const { cert: authority } = makeServerCertificate('another');
    const distrusting = load(sandbox.kubeconfig({ authority }));
    await expect(distrusting.makeApiClient(VersionApi).getCode()).rejects.toThrow('fetch failed');
  });

  it('refuses strangers with 401', async () => {
    const stranger = load(subject.kubeconfig);
    stranger.users = stranger.users.map(({ name }) => ({ name, token: 'nobody' }));
    // The client keeps the Status of a 401 to itself.
    expect((await refusal(stranger.makeApiClient(CoreV1Api).listNamespacedPod({ namespace }))).code).toBe(401);
  });

  it('answers for what is not there with 404, its kind and its name', async () => {
    expect(await refusal(core.readNamespacedPod({ namespace, name: 'nobody' }))).toMatchObject({
      code: 404,
      status: { reason: 'NotFound', message: 'pods "nobody" not found', details: { name: 'nobody', kind: 'pods' } },
    });
  });
});

describe('concurrent writes', () => {
  it('of a stale version are refused with 409, by PUT and by PATCH', async () => {
    const old = await apps.readNamespacedDeployment({ namespace, name: app });
    const body = { metadata: { labels: { ...labels, touched: randomUUID() } } };
    await apps.patchNamespacedDeployment({ namespace, name: app, body }, mergePatch);
    expect(await refusal(apps.replaceNamespacedDeployment({ namespace, name: app, body: old }))).toMatchObject({
      code: 409,
      status: { reason: 'Conflict', details: { name: app, group: 'apps', kind: 'deployments' } },
    });
    const { resourceVersion } = old.metadata ?? {};
    const patch = { metadata: { resourceVersion, labels } };
    const refused = await refusal(apps.patchNamespacedDeployment({ namespace, name: app, body: patch }, mergePatch));
    expect(refused.code).toBe(409);
  });

  it('of a scale mean the version that they name', async () => {
    const scale = await apps.readNamespacedDeploymentScale({ namespace, name: app });
    const body = { metadata: { resourceVersion: '1' }, spec: { replicas: 2 } };
    expect((await refusal(apps.patchNamespacedDeploymentScale({ namespace, name: app, body }, mergePatch))).code).toBe(
      409,
    );
    const same = { metadata: { resourceVersion: scale.metadata?.resourceVersion }, spec: { replicas: 2 } };
    const patched = await apps.patchNamespacedDeploymentScale({ namespace, name: app, body: same }, mergePatch);
    expect(patched.spec?.replicas).toBe(2);
    expect(patched.status?.selector).toBe(`app=${app}`);
  });
});

describe('patches', () => {
  const environment = async () =>
    (await apps.readNamespacedDeployment({ namespace, name: app })).spec?.template.spec?.containers[0]?.env;
  const envPatch = (env: readonly object[]) => ({
    spec: { template: { spec: { containers: [{ name: 'app', env }] } } },
  });

  it('merge lists by their keys when they are strategic, and count as a new generation', async () => {
    const before = await apps.readNamespacedDeployment({ namespace, name: app });
    const body = envPatch([{ name: 'B', value: '2' }]);
    await apps.patchNamespacedDeployment({ namespace, name: app, body }, strategicPatch);
    expect((await environment())?.map(({ name }) => name).toSorted()).toEqual(['A', 'B']);
    const after = await apps.readNamespacedDeployment({ namespace, name: app });
    expect(after.metadata?.generation).toBe((before.metadata?.generation ?? 0) + 1);
    const remove = envPatch([{ name: 'B', $patch: 'delete' }]);
    await apps.patchNamespacedDeployment({ namespace, name: app, body: remove }, strategicPatch);
    expect((await environment())?.map(({ name }) => name)).toEqual(['A']);
    await available(2);
  });

  it('are lists of operations when nothing else is said, so that an object is refused', async () => {
    const operations = [{ op: 'replace', path: '/metadata/labels/app', value: app }];
    await apps.patchNamespacedDeployment({ namespace, name: app, body: operations });
    expect((await refusal(apps.patchNamespacedDeployment({ namespace, name: app, body: { spec: {} } }))).code).toBe(
      400,
    );
    const lost = [{ op: 'test', path: '/metadata/name', value: 'other' }];
    expect((await refusal(apps.patchNamespacedDeployment({ namespace, name: app, body: lost }))).code).toBe(422);
  });

  it('of invalid content are refused with 422 and the field', async () => {
    const body = { spec: { replicas: -1 } };
    expect(await refusal(apps.patchNamespacedDeployment({ namespace, name: app, body }, mergePatch))).toMatchObject({
      code: 422,
      status: { reason: 'Invalid', details: { causes: [{ field: 'spec.replicas', reason: 'FieldValueInvalid' }] } },
    });
  });

  it('with unknown fields are warned of, or refused when they have to be strict', async () => {
    const body = { spec: { unheardOf: 1 } };
    const strict = { namespace, name: app, body, fieldValidation: 'Strict' };
    expect((await refusal(apps.patchNamespacedDeployment(strict, mergePatch))).code).toBe(422);
    const warned = await apps.patchNamespacedDeploymentWithHttpInfo({ namespace, name: app, body }, mergePatch);
    expect(warned.headers['warning']).toContain('unknown field \\"spec.unheardOf\\"');
  });

  it('that are a dry run change nothing', async () => {
    const body = { spec: { replicas: 7 } };
    const dry = await apps.patchNamespacedDeployment({ namespace, name: app, body, dryRun: 'All' }, mergePatch);
    expect(dry.spec?.replicas).toBe(7);
    expect((await apps.readNamespacedDeployment({ namespace, name: app })).spec?.replicas).toBe(2);
  });
});

describe('lists and watches', () => {
  it('come in parts when they are limited', async () => {
    const first = await core.listNamespacedPod({ namespace, labelSelector: `app=${app}`, limit: 1 });
    expect(first.items).toHaveLength(1);
    const _continue = first.metadata?._continue ?? '';
    const second = await core.listNamespacedPod({ namespace, labelSelector: `app=${app}`, limit: 10, _continue });
    expect(second.items.length).toBeGreaterThanOrEqual(1);
    expect(second.metadata?._continue ?? '').toBe('');
    expect(second.items.map(({ metadata }) => metadata?.name)).not.toContain(first.items[0]?.metadata?.name);
  });

  it('come as tables for whoever asks', async () => {
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
    const { status, body } = await raw(config, `/api/v1/namespaces/${namespace}/pods?labelSelector=app%3D${app}`, {
      accept,
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      kind: 'Table',
      apiVersion: 'meta.k8s.io/v1',
      columnDefinitions: expect.arrayContaining([expect.objectContaining({ name: 'Ready' })]),
      rows: expect.arrayContaining([{ cells: expect.arrayContaining(['1/1', 'Running']), object: expect.anything() }]),
    });
  });

  it('lead from one to the other: a watch from a list tells what came after it', async () => {
    const { metadata } = await pods();
    const name = (await runningPods())[0]?.metadata?.name ?? '';
    const query = { labelSelector: `app=${app}`, resourceVersion: metadata?.resourceVersion ?? '' };
    const deleted = seen<{ readonly metadata: { readonly name: string } }>(
      config,
      `/api/v1/namespaces/${namespace}/pods`,
      query,
      (object, type) => type === 'DELETED' && object.metadata.name === name,
    );
    await core.deleteNamespacedPod({ namespace, name });
    await deleted;
    await available(2);
  });

  it('end when their time is over, without an error', async () => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const query = { timeoutSeconds: '1', resourceVersion: (await pods()).metadata?.resourceVersion ?? '' };
    await new Watch(config).watch(`/api/v1/namespaces/${namespace}/pods`, query, () => undefined, resolve);
    expect(await promise).toBeNull();
  });

  it('say 410 for a past that is no longer kept', async () => {
    const event = await new Promise<unknown>((resolve, reject) => {
      const done = (error: unknown): void => reject(error ?? new Error('the watch ended'));
      const onEvent = (type: string, object: unknown): void => resolve({ type, object });
      // A server may also refuse the request itself.
      const refused = (error: unknown): void =>
        resolve({ type: 'ERROR', object: { code: Reflect.get(Object(error), 'statusCode') } });
      new Watch(config)
        .watch(`/api/v1/namespaces/${namespace}/pods`, { resourceVersion: '1' }, onEvent, done)
        .catch(refused);
    });
    expect(event).toMatchObject({ type: 'ERROR', object: { code: 410 } });
  });
});

describe('evictions', () => {
  const budget = { metadata: { name: app }, spec: { minAvailable: 2, selector: { matchLabels: labels } } };
  const evict = (name: string, preconditions: object = {}) =>
    core.createNamespacedPodEviction({
      namespace,
      name,
      body: {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name, namespace },
        deleteOptions: { preconditions },
      },
    });

  it('mean the pod with that uid', async () => {
    const name = (await runningPods())[0]?.metadata?.name ?? '';
    expect(await refusal(evict(name, { uid: randomUUID() }))).toMatchObject({
      code: 409,
      status: { reason: 'Conflict' },
    });
  });

  it('are refused with 429 and the cause while the budget allows none, and granted when it does', async () => {
    await policy.createNamespacedPodDisruptionBudget({ namespace, body: budget });
    const settled = (allowed: number) =>
      seen<{ readonly status?: { readonly disruptionsAllowed: number; readonly expectedPods: number } }>(
        config,
        `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets`,
        { fieldSelector: `metadata.name=${app}` },
        ({ status }) => status?.disruptionsAllowed === allowed && status.expectedPods === 2,
      );
    await settled(0);
    const [pod] = await runningPods();
    const { name = '', uid = '' } = pod?.metadata ?? {};
    expect(await refusal(evict(name, { uid }))).toMatchObject({
      code: 429,
      status: { reason: 'TooManyRequests', details: { causes: [{ reason: 'DisruptionBudget' }] } },
    });
    const body = { spec: { minAvailable: 1 } };
    await policy.patchNamespacedPodDisruptionBudget({ namespace, name: app, body }, mergePatch);
    await settled(1);
    await evict(name, { uid });
    await policy.deleteNamespacedPodDisruptionBudget({ namespace, name: app });
    await available(2);
    expect((await runningPods()).map(({ metadata }) => metadata?.uid)).not.toContain(uid);
  });
});

describe('pods', () => {
  it('have a log, and none of a run that never was', async () => {
    const name = (await runningPods())[0]?.metadata?.name ?? '';
    expect(typeof (await core.readNamespacedPodLog({ namespace, name, container: 'app', tailLines: 5 }))).toMatch(
      /string|undefined/,
    );
    expect(
      await refusal(core.readNamespacedPodLog({ namespace, name, container: 'app', previous: true })),
    ).toMatchObject({
      code: 400,
      status: { reason: 'BadRequest', message: expect.stringContaining('previous terminated container "app"') },
    });
    expect((await refusal(core.readNamespacedPodLog({ namespace, name, container: 'none' }))).code).toBe(400);
  });

  it('have events that can be found by them', async () => {
    const name = (await runningPods())[0]?.metadata?.name ?? '';
    const fieldSelector = `involvedObject.kind=Pod,involvedObject.name=${name}`;
    const { items } = await core.listNamespacedEvent({ namespace, fieldSelector });
    expect(items.map(({ reason }) => reason)).toEqual(expect.arrayContaining(['Scheduled', 'Started']));
  });

  it('follow the wished number', async () => {
    await apps.patchNamespacedDeploymentScale({ namespace, name: app, body: { spec: { replicas: 3 } } }, mergePatch);
    await available(3);
    expect(await runningPods()).toHaveLength(3);
    await apps.patchNamespacedDeploymentScale({ namespace, name: app, body: { spec: { replicas: 0 } } }, mergePatch);
    await available(0);
    await apps.patchNamespacedDeploymentScale({ namespace, name: app, body: { spec: { replicas: 2 } } }, mergePatch);
    await available(2);
  });
});

describe('plain http', () => {
  it('is taken by the client when it need not verify TLS', async () => {
    if (subject.sandbox === undefined) return;
    const clock = createScaledClock(1, instant(0));
    const server = await startCluster(clock);
    const plain = load(server.kubeconfig());
    const { items } = await plain.makeApiClient(CoreV1Api).listNamespacedPod({ namespace: 'coditect-dms' });
    expect(items).toBeDefined();
    clock.close();
    await server.close();
  });
});
