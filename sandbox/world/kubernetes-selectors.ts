import { show } from './kubernetes-decode.ts';
import { badRequest } from './kubernetes-errors.ts';
import type { KubernetesObject, LabelSelector, Labels } from './kubernetes-objects.ts';

/** Whether labels satisfy a selector. */
export type LabelTest = (labels: Labels) => boolean;

const valueOf = (labels: Labels, key: string): string | undefined =>
  Object.hasOwn(labels, key) ? labels[key] : undefined;

/** The test that an object's own selector states. An empty or missing one selects nothing here, as it does in a budget. */
export function testOf(selector: LabelSelector | undefined): LabelTest {
  const labels = Object.entries(selector?.matchLabels ?? {});
  const expressions = selector?.matchExpressions ?? [];
  if (labels.length === 0 && expressions.length === 0) return () => false;
  const tests = [
    ...labels.map(
      ([key, value]): LabelTest =>
        (own) =>
          valueOf(own, key) === value,
    ),
    ...expressions.map(({ key, operator, values = [] }) => requirement(key, operator, values)),
  ];
  return (own) => tests.every((test) => test(own));
}

function requirement(key: string, operator: string, values: readonly string[]): LabelTest {
  const has = (own: Labels): boolean => values.includes(valueOf(own, key) ?? '\0');
  switch (operator) {
    case 'In':
      return has;
    case 'NotIn':
      return (own) => !has(own);
    case 'Exists':
      return (own) => valueOf(own, key) !== undefined;
    case 'DoesNotExist':
      return (own) => valueOf(own, key) === undefined;
    default:
      throw badRequest(`"${operator}" is not a valid label selector operator`);
  }
}

const LABEL_KEY = String.raw`[A-Za-z0-9](?:[\w./-]*[A-Za-z0-9])?`;
const SET = new RegExp(String.raw`^(${LABEL_KEY})\s+(in|notin)\s*\(([^()]*)\)$`);
const EQUALITY = new RegExp(String.raw`^(${LABEL_KEY})\s*(==|=|!=)\s*([\w.-]*)$`);
const PRESENCE = new RegExp(String.raw`^(!?)\s*(${LABEL_KEY})$`);

/** Reads a `labelSelector` parameter: `a=b,c!=d,e in (f,g),h notin (i),j,!k`. Throws 400. */
export function parseLabelSelector(text: string): LabelTest {
  const tests = splitOutsideParentheses(text).map((part) => {
    const set = SET.exec(part);
    if (set !== null) {
      const values = (set[3] ?? '').split(',').map((value) => value.trim());
      return requirement(set[1] ?? '', set[2] === 'in' ? 'In' : 'NotIn', values);
    }
    const equality = EQUALITY.exec(part);
    if (equality !== null) {
      return requirement(equality[1] ?? '', equality[2] === '!=' ? 'NotIn' : 'In', [equality[3] ?? '']);
    }
    const presence = PRESENCE.exec(part);
    if (presence === null) throw badRequest(`unable to parse requirement: found '${part}', expected: a label selector`);
    return requirement(presence[2] ?? '', presence[1] === '!' ? 'DoesNotExist' : 'Exists', []);
  });
  return (own) => tests.every((test) => test(own));
}

function splitOutsideParentheses(text: string): readonly string[] {
  return text
    .split(/,(?![^()]*\))/)
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** Whether an object satisfies a field selector. */
export type FieldTest = (object: KubernetesObject) => boolean;

/** The fields that can be selected, besides `metadata.name` and `metadata.namespace`. */
const SELECTABLE: Readonly<Record<string, readonly string[]>> = {
  Pod: [
    'spec.nodeName',
    'spec.restartPolicy',
    'spec.schedulerName',
    'spec.serviceAccountName',
    'status.phase',
    'status.podIP',
  ],
  Event: [
    ...['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'].map(
      (f) => `involvedObject.${f}`,
    ),
    'reason',
    'reportingComponent',
    'source',
    'type',
  ],
  Namespace: ['status.phase'],
  Node: ['spec.unschedulable'],
  ReplicaSet: ['status.replicas'],
  Secret: ['type'],
};

/** Reads a `fieldSelector` parameter: `a=b,c==d,e!=f` over the fields that the kind lets select. Throws 400. */
export function parseFieldSelector(kind: string, text: string): FieldTest {
  const tests = text
    .split(',')
    .filter((part) => part !== '')
    .map((part): FieldTest => {
      const match = /^([\w.]+)(==|=|!=)(.*)$/.exec(part);
      if (match === null) throw badRequest(`invalid field selector: ${part}`);
      const [field = '', wanted = ''] = [match[1], match[3]];
      if (field !== 'metadata.name' && field !== 'metadata.namespace' && !SELECTABLE[kind]?.includes(field)) {
        throw badRequest(`field label not supported: ${field}`);
      }
      const equal: FieldTest = (object) => fieldText(object, field) === wanted;
      return match[2] === '!=' ? (object) => !equal(object) : equal;
    });
  return (object) => tests.every((test) => test(object));
}

function fieldText(object: unknown, path: string): string {
  if (path === 'source') return fieldText(object, 'source.component');
  let value: unknown = object;
  for (const name of path.split('.')) {
    // Members are looked up by their own names only, so a selector can't reach a prototype.
    value =
      typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
  }
  return value === undefined || value === null ? '' : show(value);
}
