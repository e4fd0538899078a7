import { toIso } from '../../shared/core/time.ts';
import type { Cluster, ClustersApi } from '../world/cluster-directory.ts';
import type { Project } from '../world/project.ts';
import { answer } from './google-error.ts';
import { callerOf, checkProject, queryOf } from './google-request.ts';
import type { Route } from './router.ts';

const CLUSTERS = String.raw`/v1/projects/(?<project>[^/]+)/locations/(?<location>[^/]+)/clusters`;

/** Container v1 getCluster and listClusters, for @google-cloud/container and `gcloud container clusters describe` and `get-credentials`. */
export function containerRoutes({ project, api }: { project: Project; api: ClustersApi }): readonly Route[] {
  return [
    {
      method: 'GET',
      pattern: new RegExp(CLUSTERS),
      handle(request, { project: named, location = '' }) {
        checkProject(project, named);
        queryOf(request, ['projectId', 'zone', 'parent']);
        return answer(api.listClusters(callerOf(request), location), (all) => ({
          clusters: all.map((cluster) => clusterJson(project, cluster)),
        }));
      },
    },
    {
      method: 'GET',
      pattern: new RegExp(String.raw`${CLUSTERS}/(?<cluster>[^/:]+)`),
      handle(request, { project: named, location = '', cluster = '' }) {
        checkProject(project, named);
        queryOf(request, ['projectId', 'zone', 'clusterId']);
        return answer(api.getCluster(callerOf(request), location, cluster), (found) => clusterJson(project, found));
      },
    },
  ];
}

function clusterJson(project: Project, cluster: Cluster): unknown {
  const { name, location, dnsEndpoint, endpoint } = cluster;
  return {
    name,
    location,
    zone: location,
    endpoint,
    status: cluster.status,
    masterAuth: { clusterCaCertificate: cluster.caCertificate },
    controlPlaneEndpointsConfig: {
      dnsEndpointConfig: dnsEndpoint,
      ipEndpointsConfig: { enabled: true, publicEndpoint: endpoint },
    },
    currentMasterVersion: cluster.version,
    currentNodeVersion: cluster.version,
    currentNodeCount: cluster.nodes,
    network: 'default',
    createTime: toIso(cluster.createdAt),
    selfLink: `https://container.googleapis.com/v1/projects/${project.id}/locations/${location}/clusters/${name}`,
  };
}
