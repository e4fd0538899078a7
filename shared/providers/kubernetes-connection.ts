import type {
  ApiConstructor,
  ApiType,
  AppsV1Api,
  AutoscalingV2Api,
  ConfigurationOptions,
  CoreV1Api,
  ObservableMiddleware,
  NetworkingV1Api,
  PolicyV1Api,
  RequestContext,
} from '@kubernetes/client-node';
import { z } from 'zod';
import { assert } from '../core/assert.ts';
import { isPortError, PortError } from '../ports/port-error.ts';
import { isLoopback } from '../core/loopback.ts';
import { CONTROL_PLANE_LIMIT, callWithin, shorter } from './deadline.ts';
import type { Call } from './deadline.ts';
import { callGoogle, lazyClient, limited } from './google-call.ts';
import type { GoogleAccess } from './google-call.ts';

// How a cluster's API server is reached (facts.md 6.1): by its DNS endpoint where that is open to us, else by its
// address with its own certificate authority; with the token of our identity, the same as for Google's APIs.
//
// C1. TLS is verified always. The one exception is plain http on loopback, which the client calls `skipTLSVerify`.
// C2. The token is looked at before every call: a client with an old one is thrown away.
// C3. The calls of one client share its connections. The library makes a new agent for each call (@kubernetes/client-node 2.0.1), and so a
//     handshake for each question; a connection that died under a question goes with the client (`MOVED`).

/** A cluster of `dr.yaml`. */
export interface ClusterName {
  readonly cluster: string;
  readonly location: string;
}

/** The APIs of one cluster that the product uses. */
export interface ClusterApis {
  readonly core: CoreV1Api;
  readonly apps: AppsV1Api;
  readonly autoscaling: AutoscalingV2Api;
  readonly policy: PolicyV1Api;
  readonly networking: NetworkingV1Api;
  /** An API of the cluster that few need. */
  readonly make: <T extends ApiType>(api: ApiConstructor<T>) => T;
  /** Options of one call: its signal, since the client has no time limit, the content type of a patch, and as whom it is made if not as us. */
  readonly options: (
    signal: AbortSignal,
    contentType?: PatchType,
    as?: string,
  ) => ConfigurationOptions<ObservableMiddleware>;
  /**
   * Options of one call whose answer is wanted as it was sent too: the client's objects lack every field that is newer than the
   * client, and what is written back must lack none.
   */
  readonly listening: (signal: AbortSignal, hear: (text: string) => void) => ConfigurationOptions<ObservableMiddleware>;
}

/** How a change is written. */
export type PatchType =
  | 'application/json-patch+json'
  | 'application/merge-patch+json'
  | 'application/strategic-merge-patch+json';

/**
 * Calls of clusters: each within our deadline, rejecting with `PortError` only. `look` reads what a change is based on.
 */
export interface Clusters {
  call<T>(name: ClusterName, call: Call, send: (apis: ClusterApis, signal: AbortSignal) => Promise<T>): Promise<T>;
  change<L, T>(
    name: ClusterName,
    call: Call,
    look: (apis: ClusterApis, signal: AbortSignal) => Promise<L>,
    send: (apis: ClusterApis, looked: L, signal: AbortSignal) => Promise<T>,
  ): Promise<T>;
}

interface Server {
  readonly server: string;
  /** Base64 PEM of the cluster's own authority; `undefined` where a public one signs. */
  readonly caData: string | undefined;
}

const wire = z.object({
  endpoint: z.string().nullish(),
  masterAuth: z.object({ clusterCaCertificate: z.string().nullish() }).nullish(),
  controlPlaneEndpointsConfig: z
    .object({
      dnsEndpointConfig: z
        .object({ endpoint: z.string().nullish(), allowExternalTraffic: z.boolean().nullish() })
        .nullish(),
    })
    .nullish(),
});

/** Where a cluster's API server is, from Container's description of it; `undefined` when it names no address. */
export function parseServer(answer: unknown): Server | undefined {
  const { endpoint, masterAuth, controlPlaneEndpointsConfig } = wire.parse(answer);
  const dns = controlPlaneEndpointsConfig?.dnsEndpointConfig;
  if (dns?.allowExternalTraffic === true && dns.endpoint)
    return { server: `https://${dns.endpoint}`, caData: undefined };
  const caData = masterAuth?.clusterCaCertificate;
  return endpoint && caData ? { server: `https://${endpoint}`, caData } : undefined;
}

/** The clusters of one project. Throws when the configuration names an address that C1 rules out. */
export function createClusters(access: GoogleAccess): Clusters {
  for (const address of Object.values(access.endpoints.kubernetes)) {
    const safe = address.startsWith('https:') || isLoopback(address);
    assert(safe, `a cluster is reached by https, or by http on loopback only: ${address}`);
  }
  const container = lazyClient(access, 'container', async (options) => {
    const { ClusterManagerClient } = await import('./container-client.ts');
    return new ClusterManagerClient(options);
  });
  const known = new Map<string, { readonly token: string; readonly apis: ClusterApis }>();
  const servers = new Map<string, Server>();
  /** Calls that begin side by side look a cluster up once. */
  const finding = new Map<string, Promise<Server>>();

  const find = ({ cluster, location }: ClusterName): Promise<Server> => {
    const given = access.endpoints.kubernetes[cluster];
    if (given !== undefined) return Promise.resolve({ server: given, caData: undefined });
    const doing = `looking up the cluster ${cluster}`;
    return callGoogle(access, { doing, effect: 'reads' }, container, async (client, options) => {
      const [answer] = await client.getCluster(
        { name: `projects/${access.project}/locations/${location}/clusters/${cluster}` },
        options,
      );
      const server = parseServer(answer);
      if (server === undefined) throw new PortError('permanent', 'noEndpoint', doing);
      return server;
    });
  };
  const findOnce = (name: ClusterName, key: string): Promise<Server> => {
    const found = finding.get(key) ?? find(name).finally(() => finding.delete(key));
    finding.set(key, found);
    return found;
  };
  const connect = async (name: ClusterName, key: string): Promise<ClusterApis> => {
    const token = await access.identity.token();
    const before = known.get(key);
    if (before?.token === token) return before.apis;
    const server = servers.get(key) ?? (await findOnce(name, key));
    servers.set(key, server);
    const apis = await apisOf(server, token);
    const meanwhile = known.get(key);
    if (meanwhile?.token === token) return meanwhile.apis;
    known.set(key, { token, apis });
    return apis;
  };

  const change: Clusters['change'] = async (name, call, look, send) => {
    const key = `${name.location}/${name.cluster}`;
    const prepare = async (signal: AbortSignal) => {
      const apis = await connect(name, key);
      return { apis, looked: await look(apis, signal) };
    };
    const within = limited(access, call);
    // What a first call takes to load the client and to find the cluster says nothing of the control plane.
    const question = { ...within, limit: shorter(CONTROL_PLANE_LIMIT, within.limit) };
    try {
      return await callWithin(within, prepare, ({ apis, looked }, signal) =>
        call.effect === 'reads'
          ? callWithin(
              question,
              () => apis,
              (ready, own) => send(ready, looked, AbortSignal.any([signal, own])),
            )
          : send(apis, looked, signal),
      );
    } catch (error) {
      if (isPortError(error) && MOVED.has(error.code)) servers.delete(key);
      if (isPortError(error) && (MOVED.has(error.code) || error.code === 'unauthenticated')) known.delete(key);
      if (isPortError(error) && error.code === 'unauthenticated') access.identity.forget();
      throw error;
    }
  };
  const nothing = () => Promise.resolve(undefined);
  return { change, call: (name, call, send) => change(name, call, nothing, (apis, _, signal) => send(apis, signal)) };
}

/** After these the address is looked up again: an API server's address and authority may change. */
const MOVED: ReadonlySet<string> = new Set(['connectionRefused', 'unreachable', 'untrustedCertificate', 'timeout']);

async function apisOf({ server, caData }: Server, token: string): Promise<ClusterApis> {
  const kubernetes = await import('./kubernetes-client.ts');
  const plain = server.startsWith('http:');
  const config = new kubernetes.KubeConfig();
  config.loadFromOptions({
    clusters: [{ name: 'cluster', server, skipTLSVerify: plain, ...(caData === undefined ? {} : { caData }) }],
    users: [{ name: 'us', token }],
    contexts: [{ name: 'context', cluster: 'cluster', user: 'us' }],
    currentContext: 'context',
  });
  const now = <T>(value: T) => new kubernetes.Observable(Promise.resolve(value));
  let shared: ReturnType<RequestContext['getDispatcher']>;
  const prepare = (request: RequestContext, signal: AbortSignal): void => {
    request.setSignal(signal);
    shared ??= request.getDispatcher();
    if (shared !== undefined) request.setDispatcher(shared);
  };
  return {
    core: config.makeApiClient(kubernetes.CoreV1Api),
    apps: config.makeApiClient(kubernetes.AppsV1Api),
    autoscaling: config.makeApiClient(kubernetes.AutoscalingV2Api),
    policy: config.makeApiClient(kubernetes.PolicyV1Api),
    networking: config.makeApiClient(kubernetes.NetworkingV1Api),
    listening: (signal, hear) => ({
      middlewareMergeStrategy: 'append',
      middleware: [
        {
          pre: (request) => {
            prepare(request, signal);
            return now(request);
          },
          post: ({ httpStatusCode, headers, body }) => {
            const heard = body.text().then((text) => {
              hear(text);
              const again = new kubernetes.SelfDecodingBody(Promise.resolve(Buffer.from(text)));
              return new kubernetes.ResponseContext(httpStatusCode, headers, again);
            });
            return new kubernetes.Observable(heard);
          },
        },
      ],
    }),
    make: (api) => config.makeApiClient(api),
    options: (signal, contentType, as) => ({
      middlewareMergeStrategy: 'append',
      middleware: [
        {
          pre: (request) => {
            prepare(request, signal);
            if (contentType !== undefined) request.setHeaderParam('Content-Type', contentType);
            if (as !== undefined) request.setHeaderParam('Impersonate-User', as);
            return now(request);
          },
          post: now,
        },
      ],
    }),
  };
}
