import type { Caller } from './caller.ts';
import type { ApiOutcome, Kernel } from './kernel.ts';
import { decodeBody } from './kubernetes-admission.ts';
import { askPath, permissionOf } from './kubernetes-calls.ts';
import { isPlainObject } from './kubernetes-decode.ts';

/** authorization.k8s.io/v1 `SelfSubjectAccessReview`, answered. */
export type AccessReview = Readonly<Record<string, unknown>>;

/** Answers what `kubectl auth can-i` asks: whether the caller's roles allow one verb on one resource. */
export function reviewAccess(
  kernel: Pick<Kernel, 'door' | 'iam'>,
  caller: Caller,
  body: unknown,
): ApiOutcome<AccessReview> {
  return askPath(kernel, caller, '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', () => {
    const { value } = decodeBody('SelfSubjectAccessReview', body, 'Warn');
    const spec = isPlainObject(value['spec']) ? value['spec'] : {};
    const attributes = isPlainObject(spec['resourceAttributes']) ? spec['resourceAttributes'] : {};
    const text = (name: string): string => (typeof attributes[name] === 'string' ? attributes[name] : '');
    const resource = { group: text('group'), plural: text('resource') };
    const allowed = kernel.iam.allows(caller.principal, permissionOf(resource, text('verb'), text('subresource')));
    return {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      metadata: {},
      spec,
      status: { allowed },
    };
  });
}
