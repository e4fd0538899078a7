import type { WorldClock } from '../world/kernel.ts';
import type { Kubernetes } from '../world/kubernetes.ts';
import { noSuchPath } from '../world/kubernetes-errors.ts';
import { coreVersions, groupList, groupOf, resourceList, versionInfo } from './kubernetes-discovery.ts';
import { REVIEW_GROUP, REVIEWS } from '../world/kubernetes-review.ts';
import { callerOf, impersonated, reviewOf } from './kubernetes-request.ts';
import { type Face, readCollection, readObject, refuseMethod, remove, targetOf, write } from './kubernetes-resource.ts';
import { replyOf } from './kubernetes-status.ts';
import { subresource } from './kubernetes-subresource.ts';
import { type StartTimer, machineTimer } from './kubernetes-watch.ts';
import { type HttpReply, type HttpRequest, type Route, json } from './router.ts';

// The face of a Kubernetes API server: the paths of the core group and of apps, autoscaling, events, networking and policy.
// Serve it with `startServer({ routes, refuse: kubernetesRefusal, … })`, so that the HTTP kernel's refusals are `Status` too.

/** The routes of one cluster. Every path answers; one that names nothing with 404. */
export function kubernetesRoutes(parts: {
  readonly cluster: Kubernetes;
  readonly clock: WorldClock;
  /** Wall time of watches; replaced in tests. */
  readonly startTimer?: StartTimer;
}): readonly Route[] {
  const face: Face = { startTimer: machineTimer, ...parts };
  return [...discoveryRoutes(face), ...resourceRoutes(face)].map((route) => asWhomever(face, route));
}

/** Whoever asks to be taken for somebody else (`kubectl --as`) is, if he may. */
function asWhomever(face: Face, route: Route): Route {
  return {
    ...route,
    handle: (request, params) => {
      const as = impersonated(request);
      if (as === undefined) return route.handle(request, params);
      const asked = face.cluster.api.impersonate(callerOf(request), as);
      if (asked.kind !== 'answer') return replyOf(asked, () => json({}));
      return route.handle({ ...request, principal: as.user }, params);
    },
  };
}

function discoveryRoutes(face: Face): readonly Route[] {
  const get = (pattern: RegExp, body: (params: Readonly<Record<string, string>>) => unknown): Route => ({
    method: 'GET',
    pattern,
    handle: (request, params) => {
      const found = body(params);
      if (found === undefined) throw noSuchPath();
      const visited = face.cluster.api.visit(callerOf(request), request.path);
      return replyOf(visited, () => (typeof found === 'string' ? text(found) : json(found)));
    },
  });
  return [
    get(/\/version\/?/, () => versionInfo(face.cluster.version)),
    get(/\/(?:healthz|livez|readyz)/, () => 'ok'),
    get(/\/api\/?/, () => coreVersions),
    get(/\/apis\/?/, () => groupList),
    get(/\/api\/v1\/?/, () => resourceList('', 'v1')),
    get(/\/apis\/(?<group>[^/]+)\/?/, ({ group = '' }) => groupOf(group)),
    get(/\/apis\/(?<group>[^/]+)\/(?<version>[^/]+)\/?/, ({ group = '', version = '' }) =>
      resourceList(group, version),
    ),
    ...REVIEWS.map(
      ({ kind, plural, namespaced }): Route => ({
        method: 'POST',
        pattern: new RegExp(
          `/apis/${REVIEW_GROUP.replaceAll('.', '\\.')}/v1${namespaced ? '/namespaces/(?<namespace>[^/]+)' : ''}/${plural}`,
        ),
        handle: (request, { namespace = '' }) =>
          replyOf(face.cluster.api.review(callerOf(request), kind, namespace, reviewOf(kind, request)), (said) =>
            json(said, 201),
          ),
      }),
    ),
  ];
}

const text = (body: string): HttpReply => ({
  kind: 'text',
  status: 200,
  body,
  contentType: 'text/plain; charset=utf-8',
});

/** A collection, an object, or a subresource of one, in a namespace or in the cluster. */
const RESOURCE_PATH =
  /\/(?:api\/v1|apis\/(?<group>[^/]+)\/(?<version>[^/]+))(?:\/namespaces\/(?<namespace>[^/]+))?\/(?<plural>[^/]+)(?:\/(?<name>[^/]+)(?:\/(?<sub>.+))?)?/;

function resourceRoutes(face: Face): readonly Route[] {
  const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
  return methods.flatMap((method): readonly Route[] => [
    { method, pattern: RESOURCE_PATH, handle: (request, params) => answer(face, request, params) },
    {
      method,
      pattern: /.*/,
      handle: () => {
        throw noSuchPath();
      },
    },
  ]);
}

function answer(face: Face, request: HttpRequest, params: Readonly<Record<string, string>>): HttpReply {
  const target = targetOf(params);
  const { served, name } = target;
  if (target.subresource !== '') return subresource(face, request, target);
  const { method } = request;
  const collection = name === '';
  if (method === 'GET') return collection ? readCollection(face, request, target) : readObject(face, request, target);
  const needed = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' }[method] ?? '';
  if (!served.resource.verbs.includes(needed) || collection !== (method === 'POST'))
    return refuseMethod(target, needed);
  return method === 'DELETE' ? remove(face, request, target) : write(face, request, target);
}
