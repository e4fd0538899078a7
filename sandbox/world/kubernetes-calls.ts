import type { Caller } from './caller.ts';
import { type ApiCall, type ApiError, type ApiOutcome, type Kernel } from './kernel.ts';
import { KubernetesError, forbidden } from './kubernetes-errors.ts';
import type { Kind } from './kubernetes-objects.ts';
import { type Resource, resourceOf } from './kubernetes-resources.ts';

/** What is asked of the API server, before it is known who may. */
export interface Request extends Asked {
  readonly kind: Kind;
}

/** What is asked, but for of what. */
interface Asked {
  /** Kubernetes' verb: get, list, watch, create, update, patch, delete. */
  readonly verb: string;
  /** `log`, `eviction`, `scale`, `exec`. */
  readonly subresource?: string;
  /** Empty for objects of the cluster, and for a list over all namespaces. */
  readonly namespace: string;
  readonly name?: string;
  /** Whether it may change something; a dry run does not. */
  readonly writes: boolean;
}

/** How a resource is named. */
type Named = Pick<Resource, 'group' | 'plural'>;

/**
 * The name of a permission: `k8s.pods.get`, `k8s.pods/eviction.create`, `k8s.apps.deployments/scale.patch`. The group is
 * its first part (`k8s.networking.networkpolicies.get`), the core group has none.
 */
export function permissionOf(resource: Named, verb: string, subresource = ''): string {
  const group = resource.group.split('.')[0] ?? '';
  const sub = subresource === '' ? '' : `/${subresource}`;
  return `k8s.${group === '' ? '' : `${group}.`}${resource.plural}${sub}.${verb}`;
}

/** What everybody needs who talks to the API server at all: versions, groups, resources, health. */
export const DISCOVER = 'k8s.discovery.get';

/** Asks through the door, as Kubernetes: what the door refuses is worded as the API server words it. */
export function ask<T>(kernel: Pick<Kernel, 'door'>, caller: Caller, request: Request, effect: () => T): ApiOutcome<T> {
  return askFor(kernel, caller, { ...request, resource: resourceOf(request.kind) }, effect);
}

/** `ask` for a resource that holds no objects, such as a review. */
export function askFor<T>(
  kernel: Pick<Kernel, 'door'>,
  caller: Caller,
  request: Asked & { readonly resource: Named },
  effect: () => T,
): ApiOutcome<T> {
  const { verb, resource, subresource = '', writes } = request;
  const call: ApiCall = {
    api: 'kubernetes',
    permission: permissionOf(resource, verb, subresource),
    resource: resourcePath(resource, request),
    writes,
    ...caller,
  };
  const outcome = kernel.door.call(call, effect);
  if (outcome.kind !== 'error') return outcome;
  return { ...outcome, error: worded(outcome.error, () => forbiddenCall(caller, request, resource)) };
}

/** What a role is narrowed to, such as `namespaces/coditect-dms/pods/NAME`. */
export function resourcePath(
  { plural }: Named,
  { namespace, name = '', subresource = '' }: Pick<Asked, 'namespace' | 'name' | 'subresource'>,
): string {
  const parts = [namespace === '' ? '' : `namespaces/${namespace}`, plural, name, subresource];
  return parts.filter((part) => part !== '').join('/');
}

/** Asks for something that is no resource: discovery, version, health. `granted`: what everybody has, whom the server has let in. */
export function askPath<T>(
  kernel: Pick<Kernel, 'door'>,
  caller: Caller,
  path: string,
  effect: () => T,
  granted: readonly string[] = [],
): ApiOutcome<T> {
  const call: ApiCall = { api: 'kubernetes', permission: DISCOVER, resource: path, writes: false, ...caller };
  const outcome = kernel.door.call(call, effect, granted);
  if (outcome.kind !== 'error') return outcome;
  const refused = (): KubernetesError =>
    new KubernetesError(403, 'Forbidden', `forbidden: User "${caller.principal}" cannot get path "${path}"`, {});
  return { ...outcome, error: worded(outcome.error, refused) };
}

function forbiddenCall({ principal }: Caller, request: Asked, resource: Named): KubernetesError {
  const { verb, subresource = '', namespace, name = '' } = request;
  const what = `${resource.plural}${subresource === '' ? '' : `/${subresource}`}`;
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace "${namespace}"`;
  const why = `User "${principal}" cannot ${verb} resource "${what}" in API group "${resource.group}" ${where}`;
  return forbidden(resource, name, why);
}

/** Seconds that a server which has too much to do asks its callers to wait (apiserver priority and fairness). */
const BUSY_SECONDS = 1;

function worded(error: ApiError, refused: () => KubernetesError): KubernetesError {
  if (error instanceof KubernetesError) return error;
  switch (error.status) {
    case 403:
      return refused();
    case 429: {
      const text = 'the server has received too many requests and has asked us to try again later';
      return new KubernetesError(429, 'TooManyRequests', text, { retryAfterSeconds: BUSY_SECONDS });
    }
    case 503:
      return new KubernetesError(503, 'ServiceUnavailable', 'the server is currently unable to handle the request');
    default:
      return new KubernetesError(error.status, 'InternalError', error.message);
  }
}
