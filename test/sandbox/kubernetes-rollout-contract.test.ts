import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { AppsV1Api, CoreV1Api, type KubeConfig, PatchStrategy, setHeaderOptions } from '@kubernetes/client-node';
import { connect, load, refusal, type SeenDeployment, settledAt, type Subject } from './kubernetes-subject.ts';

// What we rely on when a Deployment is given another template: like kubernetes-contract.test.ts, of the sandbox always, and of any
// cluster with DR_CONTRACT_KUBECONFIG.

jest.setTimeout(120_000);

const IMAGE = process.env['DR_CONTRACT_IMAGE'] ?? 'registry.k8s.io/pause:3.10';
let subject: Subject;
let config: KubeConfig;
let core: CoreV1Api;
let apps: AppsV1Api;
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
      spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'app', image: IMAGE }] },
    },
  },
};

beforeAll(async () => {
  subject = await connect();
  config = load(subject.kubeconfig);
  [core, apps] = [config.makeApiClient(CoreV1Api), config.makeApiClient(AppsV1Api)];
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

const runningPods = async () =>
  (await core.listNamespacedPod({ namespace, labelSelector: `app=${app}` })).items.filter(
    ({ metadata }) => metadata?.deletionTimestamp === undefined,
  );
const mergePatch = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
const strategicPatch = setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch);

describe('rollouts', () => {
  const revisionNow = async () => {
    const { metadata } = await apps.readNamespacedDeployment({ namespace, name: app });
    return Number(metadata?.annotations?.['deployment.kubernetes.io/revision']);
  };
  const sets = async () =>
    (await apps.listNamespacedReplicaSet({ namespace, labelSelector: `app=${app}` })).items.map(
      ({ metadata, spec }) => ({
        uid: metadata?.uid,
        revision: Number(metadata?.annotations?.['deployment.kubernetes.io/revision']),
        hash: metadata?.labels?.['pod-template-hash'],
        template: spec?.template,
      }),
    );
  const jsonPatch = async (resourceVersion: string | undefined, template: unknown) => {
    const body = [
      { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion },
      { op: 'replace', path: '/spec/template', value: template },
    ];
    return await apps.patchNamespacedDeployment({ namespace, name: app, body });
  };

  it('use the ReplicaSet of a template again, under the highest revision, when that template is written back whole', async () => {
    const before = await revisionNow();
    const [former] = (await sets()).filter(({ revision }) => revision === before);
    const { labels: kept = {} } = former?.template?.metadata ?? {};
    const template = { spec: former?.template?.spec, metadata: { labels: { app: kept['app'] ?? '' } } };
    const body = { spec: { template: { metadata: { annotations: { added: randomUUID() } } } } };
    await apps.patchNamespacedDeployment({ namespace, name: app, body }, strategicPatch);
    await available(2);
    expect(await revisionNow()).toBe(before + 1);
    const { metadata } = await apps.readNamespacedDeployment({ namespace, name: app });

    await jsonPatch(metadata?.resourceVersion, template);

    await available(2);
    expect(await revisionNow()).toBe(before + 2);
    const [again] = (await sets()).filter(({ revision }) => revision === before + 2);
    expect(again).toMatchObject({ uid: former?.uid, hash: former?.hash });
    expect(new Set((await runningPods()).map((pod) => pod.metadata?.labels?.['pod-template-hash']))).toEqual(
      new Set([former?.hash]),
    );
  });

  it('that are written at a stale version are refused with 409, as lists of operations too', async () => {
    const old = await apps.readNamespacedDeployment({ namespace, name: app });
    const body = { metadata: { labels: { ...labels, touched: randomUUID() } } };
    await apps.patchNamespacedDeployment({ namespace, name: app, body }, mergePatch);

    const refused = await refusal(jsonPatch(old.metadata?.resourceVersion, old.spec?.template));

    expect(refused).toMatchObject({ code: 409, status: { reason: 'Conflict' } });
  });
});

describe('a deletion with no grace', () => {
  it('means the pod with that uid, and takes it out of the API at once', async () => {
    const [pod] = await runningPods();
    const { name = '', uid = '' } = pod?.metadata ?? {};
    const remove = (wanted: string) =>
      core.deleteNamespacedPod({ name, namespace, body: { gracePeriodSeconds: 0, preconditions: { uid: wanted } } });

    expect(await refusal(remove(randomUUID()))).toMatchObject({ code: 409, status: { reason: 'Conflict' } });
    await remove(uid);

    await available(2);
    expect((await runningPods()).map(({ metadata }) => metadata?.uid)).not.toContain(uid);
  });
});
