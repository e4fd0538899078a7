import { canonicalJson } from '../../shared/core/json.ts';
import { isPlainObject } from './kubernetes-decode.ts';
import type { FieldFault } from './kubernetes-errors.ts';
import type { Container, Deployment, Draft, Kind, Kinds, PodSpec } from './kubernetes-objects.ts';
import { testOf } from './kubernetes-selectors.ts';

// What the API server refuses as invalid (422), as far as a client of ours could run into it (pkg/apis/*/validation).

const required = (field: string, why = ''): FieldFault => ({
  field,
  type: 'FieldValueRequired',
  message: `Required value${why === '' ? '' : `: ${why}`}`,
});

const wrong = (field: string, value: unknown, why: string): FieldFault => ({
  field,
  type: 'FieldValueInvalid',
  message: `Invalid value: ${canonicalJson(value ?? null)}: ${why}`,
});

/** Fields without which an object of that kind has no meaning, by path. */
const REQUIRED: { readonly [K in Kind]?: readonly string[] } = {
  Pod: ['spec.containers'],
  Deployment: ['spec.selector', 'spec.template.spec.containers'],
  ReplicaSet: ['spec.selector', 'spec.template.spec.containers'],
  HorizontalPodAutoscaler: ['spec.scaleTargetRef', 'spec.maxReplicas'],
};

/** The required fields that a decoded object lacks. Only an object without such faults may be taken for one of its kind. */
export function missingFields(kind: Kind, value: unknown): readonly FieldFault[] {
  return (REQUIRED[kind] ?? []).flatMap((path) => {
    const found = path.split('.').reduce<unknown>((at, name) => (isPlainObject(at) ? at[name] : undefined), value);
    if (found === undefined || (Array.isArray(found) && found.length === 0)) return [required(path)];
    return Array.isArray(found) ? found.flatMap((item, index) => containerLacks(item, `${path}[${index}]`)) : [];
  });
}

function containerLacks(container: unknown, path: string): readonly FieldFault[] {
  const lacks = (name: string): boolean => !isPlainObject(container) || !container[name];
  return ['name', 'image'].flatMap((name) => (lacks(name) ? [required(`${path}.${name}`)] : []));
}

const DNS_LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** Whether a name may name an object. */
export function nameFaults(name: string): readonly FieldFault[] {
  if (name === '') return [required('metadata.name', 'name or generateName is required')];
  if (DNS_SUBDOMAIN.test(name) && name.length <= 253) return [];
  const rule =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
  return [wrong('metadata.name', name, rule)];
}

type Checks = { readonly [K in Kind]?: (draft: Draft<K>) => readonly FieldFault[] };

const CHECKS: Checks = {
  Pod: ({ spec }) => podSpecFaults(spec, 'spec'),
  Deployment: ({ spec }) => [
    ...countFaults(spec.replicas, 'spec.replicas'),
    ...templateFaults(spec),
    ...strategyFaults(spec.strategy),
  ],
  ReplicaSet: ({ spec }) => [...countFaults(spec.replicas, 'spec.replicas'), ...templateFaults(spec)],
  HorizontalPodAutoscaler: ({ spec }) => {
    const { minReplicas = 1, maxReplicas } = spec;
    const low = minReplicas < 1 ? [wrong('spec.minReplicas', minReplicas, 'must be greater than or equal to 1')] : [];
    const none = maxReplicas < 1 ? [wrong('spec.maxReplicas', maxReplicas, 'must be greater than 0')] : [];
    const below = maxReplicas < minReplicas;
    return [
      ...low,
      ...none,
      ...(below ? [wrong('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`')] : []),
    ];
  },
  PodDisruptionBudget: ({ spec }) =>
    spec.minAvailable !== undefined && spec.maxUnavailable !== undefined
      ? [wrong('spec', spec, 'minAvailable and maxUnavailable cannot be both set')]
      : [],
};

/** Why an object with its defaults filled in can't be stored. */
export function objectFaults<K extends Kind>(kind: K, draft: Draft<K>): readonly FieldFault[] {
  const check: ((draft: Draft<K>) => readonly FieldFault[]) | undefined = CHECKS[kind];
  return check === undefined ? [] : check(draft);
}

function countFaults(count: number, field: string): readonly FieldFault[] {
  return count < 0 ? [wrong(field, count, 'must be greater than or equal to 0')] : [];
}

function templateFaults({
  selector,
  template,
}: Pick<Deployment['spec'], 'selector' | 'template'>): readonly FieldFault[] {
  const labels = template.metadata?.labels ?? {};
  const apart = testOf(selector)(labels)
    ? []
    : [wrong('spec.template.metadata.labels', labels, '`selector` does not match template `labels`')];
  const policy = template.spec.restartPolicy;
  const restarts =
    policy === 'Always'
      ? []
      : [wrong('spec.template.spec.restartPolicy', policy, 'Unsupported value: supported values: "Always"')];
  return [...apart, ...restarts, ...podSpecFaults(template.spec, 'spec.template.spec')];
}

function strategyFaults({ type, rollingUpdate }: Deployment['spec']['strategy']): readonly FieldFault[] {
  if (type !== 'RollingUpdate' && type !== 'Recreate') return [wrong('spec.strategy.type', type, 'Unsupported value')];
  const { maxSurge, maxUnavailable } = rollingUpdate ?? {};
  const zero = (value: unknown): boolean => value === 0 || value === '0%';
  if (type === 'Recreate' || !zero(maxSurge) || !zero(maxUnavailable)) return [];
  return [wrong('spec.strategy.rollingUpdate.maxUnavailable', maxUnavailable, 'may not be 0 when `maxSurge` is 0')];
}

function podSpecFaults(spec: PodSpec, path: string): readonly FieldFault[] {
  const names = new Set<string>();
  return spec.containers.flatMap(({ name, env = [] }: Container, index) => {
    const at = `${path}.containers[${index}]`;
    const twice = names.has(name);
    names.add(name);
    return [
      ...(DNS_LABEL.test(name) ? [] : [wrong(`${at}.name`, name, 'a lowercase RFC 1123 label is required')]),
      ...(twice ? [wrong(`${at}.name`, name, 'Duplicate value')] : []),
      ...env.flatMap((one, at2) => (one.name ? [] : [required(`${at}.env[${at2}].name`)])),
    ];
  });
}

/** Why one stored object can't become another: what may never change. */
export function changeFaults<K extends Kind>(kind: K, before: Kinds[K], after: Kinds[K]): readonly FieldFault[] {
  const [old, next]: readonly [Kinds[Kind], Kinds[Kind]] = [before, after];
  if ((old.kind === 'Deployment' || old.kind === 'ReplicaSet') && next.kind === old.kind) {
    const same = canonicalJson(old.spec.selector) === canonicalJson(next.spec.selector);
    return same ? [] : [wrong('spec.selector', next.spec.selector, 'field is immutable')];
  }
  if (old.kind === 'Pod' && next.kind === 'Pod') {
    const rest = ({ spec }: Kinds['Pod']): string => {
      const containers = spec.containers.map((container) => ({ ...container, image: '' }));
      return canonicalJson({
        ...spec,
        containers,
        activeDeadlineSeconds: 0,
        tolerations: [],
        terminationGracePeriodSeconds: 0,
      });
    };
    if (rest(old) === rest(next)) return [];
    const message =
      'Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';
    return [{ field: 'spec', type: 'FieldValueForbidden', message }];
  }
  return [];
}
