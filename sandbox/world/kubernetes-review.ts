import type { Caller } from './caller.ts';
import type { ApiOutcome, Iam, Kernel, Principal } from './kernel.ts';
import { decodeBody } from './kubernetes-admission.ts';
import { askFor, askPath, DISCOVER, permissionOf, resourcePath } from './kubernetes-calls.ts';
import { isPlainObject } from './kubernetes-decode.ts';
import { badRequest, type FieldFault, invalid } from './kubernetes-errors.ts';
import { SCALE_DOWN } from './kubernetes-policy.ts';
import { RESOURCES } from './kubernetes-resources.ts';

// authorization.k8s.io/v1: who may do what, answered from the roles by which the door decides. Everybody may ask of himself; to ask of
// others takes the right to create a review, in one namespace or in the whole cluster. Validation as pkg/apis/authorization/validation has it.

/** What can be asked. */
export const REVIEWS = [
  { kind: 'LocalSubjectAccessReview', plural: 'localsubjectaccessreviews', namespaced: true },
  { kind: 'SelfSubjectAccessReview', plural: 'selfsubjectaccessreviews', namespaced: false },
  { kind: 'SelfSubjectRulesReview', plural: 'selfsubjectrulesreviews', namespaced: false },
  { kind: 'SubjectAccessReview', plural: 'subjectaccessreviews', namespaced: false },
] as const;

export type ReviewKind = (typeof REVIEWS)[number]['kind'];

/** Group and version of all of them. */
export const REVIEW_GROUP = 'authorization.k8s.io';

/** A review, answered. */
export type Review = Readonly<Record<string, unknown>>;

type Part = Readonly<Record<string, unknown>>;

/** Answers a review. `namespace` is that of the path, empty for one of the whole cluster. */
export function review(
  kernel: Pick<Kernel, 'door' | 'iam'>,
  caller: Caller,
  kind: ReviewKind,
  namespace: string,
  body: unknown,
): ApiOutcome<Review> {
  const answer = (): Review => {
    const { value } = decodeBody(kind, body, 'Warn');
    const spec = partOf(value, 'spec');
    return {
      apiVersion: `${REVIEW_GROUP}/v1`,
      kind,
      metadata: namespace === '' ? {} : { namespace },
      spec,
      status: statusOf(kernel.iam, caller, kind, namespace, spec),
    };
  };
  switch (kind) {
    case 'SelfSubjectAccessReview':
    case 'SelfSubjectRulesReview':
      // The role `system:basic-user` of every cluster.
      return askPath(kernel, caller, `/apis/${REVIEW_GROUP}/v1/${pluralOf(kind)}`, answer, [DISCOVER]);
    case 'LocalSubjectAccessReview':
    case 'SubjectAccessReview': {
      const resource = { group: REVIEW_GROUP, plural: pluralOf(kind) };
      return askFor(kernel, caller, { verb: 'create', resource, namespace, writes: false }, answer);
    }
  }
}

/** Whether a caller may act as somebody else, as `kubectl --as` asks to. */
export function impersonate(
  kernel: Pick<Kernel, 'door'>,
  caller: Caller,
  { user, groups }: { readonly user: Principal; readonly groups: readonly string[] },
): ApiOutcome<void> {
  const names = [{ plural: 'users', name: user }, ...groups.map((name) => ({ plural: 'groups', name }))];
  const asked = names.map(({ plural, name }) =>
    askFor(
      kernel,
      caller,
      { verb: 'impersonate', resource: { group: '', plural }, namespace: '', name, writes: false },
      () => undefined,
    ),
  );
  return asked.find(({ kind }) => kind !== 'answer') ?? { kind: 'answer', value: undefined };
}

function statusOf(iam: Iam, { principal }: Caller, kind: ReviewKind, namespace: string, spec: Part): Review {
  if (kind === 'SelfSubjectRulesReview') {
    const asked = textOf(spec, 'namespace');
    if (asked === '') throw badRequest('no namespace on request');
    return { ...rulesOf(iam, principal, asked), incomplete: false };
  }
  const isOfSelf = kind === 'SelfSubjectAccessReview';
  const faults = faultsOf(kind, namespace, spec, isOfSelf);
  if (faults.length > 0) throw invalid(kind, '', faults);
  const who = isOfSelf ? principal : textOf(spec, 'user');
  return { allowed: allows(iam, who, spec) };
}

/** `*` is allowed to whoever may do anything of that kind, and to nobody else. */
function allows(iam: Iam, who: Principal, spec: Part): boolean {
  const path = partOf(spec, 'nonResourceAttributes');
  if (spec['nonResourceAttributes'] !== undefined)
    return textOf(path, 'verb') === 'get' && iam.allows(who, DISCOVER, textOf(path, 'path'));
  const asked = partOf(spec, 'resourceAttributes');
  const resource = { group: textOf(asked, 'group'), plural: textOf(asked, 'resource') };
  const subresource = textOf(asked, 'subresource');
  const permission = permissionOf(resource, textOf(asked, 'verb'), subresource);
  // The direction of a scaling is no verb of any role.
  if (permission === SCALE_DOWN) return false;
  const at = { namespace: textOf(asked, 'namespace'), name: textOf(asked, 'name'), subresource };
  return iam.allows(who, permission, resourcePath(resource, at));
}

function faultsOf(kind: ReviewKind, namespace: string, spec: Part, isOfSelf: boolean): readonly FieldFault[] {
  const [ofResource, ofPath] = [spec['resourceAttributes'], spec['nonResourceAttributes']];
  const fault = (field: string, value: unknown, why: string): FieldFault => ({
    field: `spec.${field}`,
    type: 'FieldValueInvalid',
    message: `Invalid value: ${JSON.stringify(value ?? null)}: ${why}`,
  });
  const found: FieldFault[] = [];
  if (ofResource !== undefined && ofPath !== undefined)
    found.push(fault('nonResourceAttributes', ofPath, 'cannot be specified in combination with resourceAttributes'));
  if (ofResource === undefined && ofPath === undefined) {
    const why = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
    found.push(fault('resourceAttributes', null, why));
  }
  const groups = spec['groups'];
  const isNobody = textOf(spec, 'user') === '' && !(Array.isArray(groups) && groups.length > 0);
  if (!isOfSelf && isNobody) found.push(fault('user', '', 'at least one of user or group must be specified'));
  if (kind !== 'LocalSubjectAccessReview') return found;
  if (ofPath !== undefined) found.push(fault('nonResourceAttributes', ofPath, 'disallowed on this kind of request'));
  const asked = textOf(partOf(spec, 'resourceAttributes'), 'namespace');
  if (asked !== namespace) found.push(fault('resourceAttributes.namespace', asked, 'must match metadata.namespace'));
  return found;
}

const ALL = ['*'];

/** What somebody may do in a namespace, as `kubectl auth can-i --list` shows it. */
function rulesOf(iam: Iam, principal: Principal, namespace: string): Review {
  const grants = (iam.granted().get(principal) ?? []).filter(
    ({ permission, on }) =>
      permission.startsWith('k8s.') &&
      permission !== SCALE_DOWN &&
      (on === undefined || on.test(`namespaces/${namespace}/`)),
  );
  const rules = new Map<string, { apiGroups: readonly string[]; resources: readonly string[]; verbs: string[] }>();
  for (const { permission } of grants) {
    if (permission === DISCOVER) continue;
    const [, ...parts] = permission.split('.');
    const verb = parts.pop() ?? '';
    const [group, resource] = parts.length > 1 ? parts : ['', parts[0]];
    const key = `${group ?? ''}/${resource ?? '*'}`;
    const own = rules.get(key) ?? {
      apiGroups: resource === undefined ? ALL : [fullGroup(group ?? '')],
      resources: resource === undefined ? ALL : [resource],
      verbs: [],
    };
    own.verbs.push(verb);
    rules.set(key, own);
  }
  const isLetIn = iam.allows(principal, DISCOVER);
  return {
    resourceRules: [...rules.values()],
    nonResourceRules: isLetIn ? [{ verbs: ['get'], nonResourceURLs: ['/api', '/apis', '/healthz', '/version'] }] : [],
  };
}

/** A group's whole name; permissions carry its first part only. */
const fullGroup = (short: string): string =>
  RESOURCES.find(({ group }) => group.split('.')[0] === short)?.group ?? short;

const pluralOf = (kind: ReviewKind): string => REVIEWS.find((one) => one.kind === kind)?.plural ?? '';

const partOf = (value: Part, name: string): Part => {
  const part = value[name];
  return isPlainObject(part) ? part : {};
};

const textOf = (value: Part, name: string): string => {
  const text = value[name];
  return typeof text === 'string' ? text : '';
};
