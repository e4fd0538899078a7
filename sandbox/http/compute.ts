import { z } from 'zod';
import { toIso } from '../../shared/core/time.ts';
import type { ComputeOperation, LoadBalancersApi, UrlMap } from '../world/load-balancer.ts';
import type { Project } from '../world/project.ts';
import { answer, invalidArgument } from './google-error.ts';
import { bodyOf, callerOf, checkProject, queryOf } from './google-request.ts';
import type { Route } from './router.ts';

// Compute v1, global URL maps, backend services and operations, as our adapter and `gcloud compute url-maps describe` call it.

const GLOBAL = String.raw`/compute/v1/projects/(?<project>[^/]+)/global`;

/** What a patch of a URL map may say here. Rules by host or path are not changed by anybody, and are refused. */
const patchWire = z.strictObject({
  fingerprint: z.string().optional(),
  defaultService: z.string().optional(),
});

/** An update sends all of it back, as gcloud does; only the default service is taken from it, since nothing else can differ here. */
const updateWire = z.strictObject({
  kind: z.literal('compute#urlMap').optional(),
  id: z.union([z.string(), z.number()]).optional(),
  creationTimestamp: z.string().optional(),
  name: z.string().optional(),
  selfLink: z.string().optional(),
  fingerprint: z.string().optional(),
  defaultService: z.string(),
  hostRules: z.array(z.unknown()).optional(),
  pathMatchers: z.array(z.unknown()).optional(),
});

/** The routes of Compute v1. */
export function computeRoutes({
  project,
  api,
}: {
  readonly project: Project;
  readonly api: LoadBalancersApi;
}): readonly Route[] {
  return [
    {
      method: 'GET',
      pattern: new RegExp(String.raw`/compute/v1/projects/(?<project>[^/]+)/regions/(?<region>[^/]+)`),
      handle(request, { project: named, region = '' }) {
        checkProject(project, named);
        queryOf(request, []);
        return answer(api.getRegion(callerOf(request), region), ({ quotas }) => ({
          kind: 'compute#region',
          name: region,
          status: 'UP',
          quotas,
          selfLink: `https://www.googleapis.com/compute/v1/projects/${project.id}/regions/${region}`,
        }));
      },
    },
    {
      method: 'GET',
      pattern: new RegExp(`${GLOBAL}/urlMaps`),
      handle(request, { project: named }) {
        checkProject(project, named);
        queryOf(request, ['maxResults', 'pageToken']);
        return answer(api.listUrlMaps(callerOf(request)), (all) => ({
          kind: 'compute#urlMapList',
          items: all.map((map) => urlMapJson(project, map)),
        }));
      },
    },
    {
      method: 'GET',
      pattern: new RegExp(`${GLOBAL}/urlMaps/(?<name>[^/]+)`),
      handle(request, { project: named, name = '' }) {
        checkProject(project, named);
        queryOf(request, []);
        return answer(api.getUrlMap(callerOf(request), name), (map) => urlMapJson(project, map));
      },
    },
    {
      method: 'PATCH',
      pattern: new RegExp(`${GLOBAL}/urlMaps/(?<name>[^/]+)`),
      handle(request, { project: named, name = '' }) {
        checkProject(project, named);
        queryOf(request, ['requestId']);
        const { fingerprint, defaultService } = bodyOf(patchWire, request);
        const change = {
          fingerprint,
          ...(defaultService === undefined ? {} : { defaultService: backendNamed(project, defaultService) }),
        };
        return answer(api.patchUrlMap(callerOf(request), name, change), (found) => operationJson(project, found));
      },
    },
    {
      method: 'PUT',
      pattern: new RegExp(`${GLOBAL}/urlMaps/(?<name>[^/]+)`),
      handle(request, { project: named, name = '' }) {
        checkProject(project, named);
        queryOf(request, ['requestId']);
        const { fingerprint, defaultService } = bodyOf(updateWire, request);
        const change = { fingerprint, defaultService: backendNamed(project, defaultService) };
        return answer(api.patchUrlMap(callerOf(request), name, change), (found) => operationJson(project, found));
      },
    },
    {
      method: 'GET',
      pattern: new RegExp(`${GLOBAL}/backendServices/(?<name>[^/]+)`),
      handle(request, { project: named, name = '' }) {
        checkProject(project, named);
        queryOf(request, []);
        return answer(api.getBackendService(callerOf(request), name), (found) => ({
          kind: 'compute#backendService',
          name: found.name,
          loadBalancingScheme: 'EXTERNAL_MANAGED',
          selfLink: linkOf(project, `backendServices/${found.name}`),
        }));
      },
    },
    {
      // It may answer before the operation is done (docs: "might return before"), and gcloud then asks again.
      method: 'POST',
      pattern: new RegExp(`${GLOBAL}/operations/(?<name>[^/]+)/wait`),
      handle(request, { project: named, name = '' }) {
        checkProject(project, named);
        queryOf(request, []);
        return answer(api.getOperation(callerOf(request), name), (found) => operationJson(project, found));
      },
    },
    {
      method: 'GET',
      pattern: new RegExp(`${GLOBAL}/operations/(?<name>[^/]+)`),
      handle(request, { project: named, name = '' }) {
        checkProject(project, named);
        queryOf(request, []);
        return answer(api.getOperation(callerOf(request), name), (found) => operationJson(project, found));
      },
    },
  ];
}

const linkOf = (project: Project, resource: string): string =>
  `https://www.googleapis.com/compute/v1/projects/${project.id}/global/${resource}`;

/** A full or partial URL of a backend service; anything else is refused, as Compute refuses a bare name. */
function backendNamed(project: Project, url: string): string {
  const named = /(?:^|\/)projects\/([^/]+)\/global\/backendServices\/([^/]+)$/.exec(url);
  if (named?.[1] === project.id && named[2] !== undefined) return named[2];
  throw invalidArgument(`Invalid value for field 'resource.defaultService': '${url}'. The URL is malformed.`);
}

function urlMapJson(
  project: Project,
  { name, id, defaultService, hostRules, fingerprint, createdAt }: UrlMap,
): unknown {
  const service = (backend: string): string => linkOf(project, `backendServices/${backend}`);
  return {
    kind: 'compute#urlMap',
    id,
    creationTimestamp: toIso(createdAt),
    name,
    selfLink: linkOf(project, `urlMaps/${name}`),
    defaultService: service(defaultService),
    fingerprint,
    ...(hostRules.length === 0
      ? {}
      : {
          hostRules: hostRules.map(({ host }, index) => ({ hosts: [host], pathMatcher: `matcher-${index}` })),
          pathMatchers: hostRules.map((rule, index) => ({
            name: `matcher-${index}`,
            defaultService: service(rule.service),
          })),
        }),
  };
}

function operationJson(project: Project, { name, target, status, insertedAt }: ComputeOperation): unknown {
  return {
    kind: 'compute#operation',
    name,
    operationType: 'patch',
    status,
    progress: status === 'DONE' ? 100 : 0,
    targetLink: linkOf(project, target),
    insertTime: toIso(insertedAt),
    selfLink: linkOf(project, `operations/${name}`),
  };
}
