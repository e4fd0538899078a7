import { toIso } from '../../shared/core/time.ts';
import type { Project } from '../world/project.ts';
import type { RedisApi, RedisInstance } from '../world/redis.ts';
import { answer } from './google-error.ts';
import { callerOf, checkProject, pageOf, queryOf } from './google-request.ts';
import type { Route } from './router.ts';

const INSTANCES = String.raw`/v1/projects/(?<project>[^/]+)/locations/(?<location>[^/]+)/instances`;

/** Instances in one page at most. */
const PAGE_MAX = 1_000;

/** Redis Admin v1 list and get, for `gcloud redis instances list` and `describe`. */
export function redisRoutes({ project, api }: { project: Project; api: RedisApi }): readonly Route[] {
  return [
    {
      method: 'GET',
      pattern: new RegExp(INSTANCES),
      handle(request, { project: named, location = '' }) {
        checkProject(project, named);
        const { pageSize: size, pageToken: token } = queryOf(request, ['pageSize', 'pageToken']);
        return answer(api.list(callerOf(request), location), (all) => {
          const { items, ...rest } = pageOf(all, { size, token }, PAGE_MAX);
          return { instances: items.map((instance) => instanceJson(project, instance)), ...rest };
        });
      },
    },
    {
      method: 'GET',
      pattern: new RegExp(String.raw`${INSTANCES}/(?<instance>[^/:]+)/authString`),
      handle(request, { project: named, location = '', instance = '' }) {
        checkProject(project, named);
        queryOf(request, []);
        return answer(api.authString(callerOf(request), location, instance), (authString) => ({ authString }));
      },
    },
    {
      method: 'GET',
      pattern: new RegExp(String.raw`${INSTANCES}/(?<instance>[^/:]+)`),
      handle(request, { project: named, location = '', instance = '' }) {
        checkProject(project, named);
        queryOf(request, []);
        return answer(api.get(callerOf(request), location, instance), (found) => instanceJson(project, found));
      },
    },
  ];
}

function instanceJson(project: Project, instance: RedisInstance): unknown {
  const { name, location, zone, tier, memorySizeGb, host, port, authEnabled, caCertificate, state } = instance;
  return {
    name: `projects/${project.id}/locations/${location}/instances/${name}`,
    locationId: zone,
    currentLocationId: zone,
    tier,
    memorySizeGb,
    redisVersion: instance.version,
    host,
    port,
    authEnabled,
    transitEncryptionMode: caCertificate === undefined ? 'DISABLED' : 'SERVER_AUTHENTICATION',
    ...(caCertificate === undefined ? {} : { serverCaCerts: [{ cert: caCertificate }] }),
    connectMode: 'DIRECT_PEERING',
    authorizedNetwork: `projects/${project.id}/global/networks/default`,
    state,
    createTime: toIso(instance.createdAt),
  };
}
