import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { ApiException, KubeConfig, Watch } from '@kubernetes/client-node';
import { createScaledClock } from '../../sandbox/world/clock.ts';
import { instant } from '../../shared/core/time.ts';
import { type ClusterServer, startCluster } from './kubernetes-server.ts';

/** Clock time of the sandbox runs so much faster: a pod takes a fifth of a second. */
const RATE = 60;

/** The cluster that a contract is asked of. */
export interface Subject {
  readonly kubeconfig: string;
  close(): Promise<void>;
  /** The sandbox's, for what only it can show: another user, plain http. */
  readonly sandbox?: ClusterServer;
}

/** The cluster of DR_CONTRACT_KUBECONFIG, or a sandbox of our own. */
export async function connect(): Promise<Subject> {
  const file = process.env['DR_CONTRACT_KUBECONFIG'];
  if (file !== undefined) return { kubeconfig: readFileSync(file, 'utf8'), close: () => Promise.resolve() };
  const clock = createScaledClock(RATE, instant(Date.parse('2026-01-05T10:00:00Z')));
  const sandbox = await startCluster(clock, { tls: true, historyMax: 60 });
  const close = async (): Promise<void> => {
    clock.close();
    await sandbox.close();
  };
  return { kubeconfig: sandbox.kubeconfig(), close, sandbox };
}

/** Reads a kubeconfig. */
export function load(text: string): KubeConfig {
  const loaded = new KubeConfig();
  loaded.loadFromString(text);
  return loaded;
}

/** The refusal of a call: its code, and the `Status` in its body. */
export async function refusal(call: Promise<unknown>) {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ApiException)) throw new Error(`not refused: ${String(error)}`);
  const status: unknown = typeof error.body === 'string' ? JSON.parse(error.body) : error.body;
  return { code: error.code, status, headers: error.headers };
}

/** Watches a path until an object satisfies `holds`, and resolves with it. */
export function seen<T>(
  config: KubeConfig,
  path: string,
  query: Record<string, string>,
  holds: (object: T, type: string) => boolean,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let stop = (): void => undefined;
    const onEvent = (type: string, object: T): void => {
      if (!holds(object, type)) return;
      stop();
      resolve(object);
    };
    void new Watch(config)
      .watch(path, query, onEvent, (error: unknown) => reject(error ?? new Error('the watch ended before it was seen')))
      .then((controller) => {
        stop = () => controller.abort();
      }, reject);
  });
}

/** A GET as it is, with the trust and the token of the configuration. */
export async function raw(config: KubeConfig, path: string, headers: Record<string, string>) {
  const options = { headers };
  await config.applyToHTTPSOptions(options);
  return new Promise<{ status: number | undefined; body: unknown }>((resolve, reject) => {
    const sent = request(`${config.getCurrentCluster()?.server}${path}`, options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode, body: JSON.parse(Buffer.concat(chunks).toString()) }),
      );
    });
    sent.on('error', reject).end();
  });
}

/** What is read of a Deployment while it rolls out. */
export interface SeenDeployment {
  readonly spec: { readonly replicas: number };
  readonly metadata: { readonly generation: number };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly availableReplicas?: number;
    readonly updatedReplicas?: number;
    readonly replicas?: number;
  };
}

/** Resolves with the Deployment once it has that many pods, all of them new and available. */
export const settledAt = (
  config: KubeConfig,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  count: number,
): Promise<SeenDeployment> =>
  seen<SeenDeployment>(
    config,
    `/apis/apps/v1/namespaces/${namespace}/deployments`,
    { fieldSelector: `metadata.name=${name}` },
    ({ metadata, status }) =>
      (status?.observedGeneration ?? 0) >= metadata.generation &&
      [status?.availableReplicas, status?.updatedReplicas, status?.replicas].every((found) => (found ?? 0) === count),
  );
