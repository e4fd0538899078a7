import type { Instant } from '../../shared/core/time.ts';
import type { Caller } from './caller.ts';
import { type ApiDoor, ApiError, type ApiOutcome, type WorldClock } from './kernel.ts';

// Google Kubernetes Engine's own API, as far as a client needs it to find a cluster: where its API server is, and whom to trust
// there. RUNNING says nothing about the applications, and DEGRADED or RECONCILING nothing about them either (facts.md 6.1).

/** google.container.v1.Cluster.Status. */
export type ClusterStatus = 'PROVISIONING' | 'RUNNING' | 'RECONCILING' | 'STOPPING' | 'ERROR' | 'DEGRADED';

/** A cluster as its project's directory knows it. */
export interface Cluster {
  readonly name: string;
  /** Region or zone. */
  readonly location: string;
  readonly status: ClusterStatus;
  /** Host, and port where it isn't 443, of the API server by address. */
  readonly endpoint: string;
  /** PEM of the authority that signed the API server's certificate, base64. */
  readonly caCertificate: string;
  /** Name by which the API server is reached through Google's front end. */
  readonly dnsEndpoint: { readonly endpoint: string; readonly allowExternalTraffic: boolean };
  readonly version: string;
  readonly nodes: number;
  readonly createdAt: Instant;
}

/** The clusters of a project. */
export interface Clusters {
  /** 404 when there is none. */
  cluster(location: string, name: string): Cluster;
  setStatus(location: string, name: string, status: ClusterStatus): void;
  /** What the callers of the API get. */
  readonly api: ClustersApi;
}

/** The directory as its callers reach it, with `container.clusters.get` and `.list`. */
export interface ClustersApi {
  /** `-` lists every location. */
  listClusters(caller: Caller, location: string): ApiOutcome<readonly Cluster[]>;
  getCluster(caller: Caller, location: string, name: string): ApiOutcome<Cluster>;
}

/** What must be said of a cluster; the rest has usual values. */
export type ClusterSeed = Pick<Cluster, 'name' | 'location' | 'endpoint' | 'caCertificate'> & Partial<Cluster>;

/** A directory of running clusters. */
export function createClusters(options: {
  readonly clock: WorldClock;
  readonly door: ApiDoor;
  readonly clusters: readonly ClusterSeed[];
}): Clusters {
  const { clock, door } = options;
  const all = options.clusters.map((seed): Cluster => {
    const dnsEndpoint = { endpoint: `gke-${seed.name}.${seed.location}.gke.goog`, allowExternalTraffic: false };
    return { status: 'RUNNING', version: '1.32.4-gke.1106000', nodes: 3, createdAt: clock.now(), dnsEndpoint, ...seed };
  });

  const cluster = (location: string, name: string): Cluster => {
    const found = all.find((each) => each.location === location && each.name === name);
    if (found) return found;
    throw new ApiError(404, 'notFound', `Not found: locations/${location}/clusters/${name}.`);
  };

  const call = (caller: Caller, verb: string, resource: string) =>
    ({ api: 'container', permission: `container.clusters.${verb}`, resource, writes: false, ...caller }) as const;

  return {
    cluster,
    setStatus(location, name, status) {
      all[all.indexOf(cluster(location, name))] = { ...cluster(location, name), status };
    },
    api: {
      listClusters: (caller, location) =>
        door.call(call(caller, 'list', 'clusters'), () =>
          all.filter((each) => location === '-' || each.location === location),
        ),
      getCluster: (caller, location, name) =>
        door.call(call(caller, 'get', `clusters/${name}`), () => cluster(location, name)),
    },
  };
}
