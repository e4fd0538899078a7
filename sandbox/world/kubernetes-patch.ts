import { unreachable } from '../../shared/core/assert.ts';
import { canonicalJson } from '../../shared/core/json.ts';
import { isPlainObject } from './kubernetes-decode.ts';
import { badRequest, unprocessable } from './kubernetes-errors.ts';
import { strategicMerge } from './kubernetes-strategic-merge.ts';

/** The ways of patching that this API server takes, by media type. Server-side apply is refused (415). */
export const PATCH_TYPES = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
} as const;

export type PatchType = (typeof PATCH_TYPES)[keyof typeof PATCH_TYPES];

/** A patch as it was sent. */
export interface Patch {
  readonly type: PatchType;
  readonly body: unknown;
}

type Members = Readonly<Record<string, unknown>>;

/** Operations that one JSON patch may hold; the API server's own limit. */
const OPERATIONS_MAX = 10_000;

/** The object after the patch. `typeName`: the type by which a strategic merge finds its merge keys. Throws 400 or 422. */
export function applyPatch(typeName: string, target: Members, patch: Patch): Members {
  switch (patch.type) {
    case 'json':
      return applyOperations(target, patch.body);
    case 'merge':
      return asObject(mergePatch(target, patchObject(patch.body)));
    case 'strategic':
      return strategicMerge(typeName, target, patchObject(patch.body));
    default:
      return unreachable(patch.type);
  }
}

function patchObject(body: unknown): Members {
  if (isPlainObject(body)) return body;
  const found = Array.isArray(body) ? 'array' : typeof body;
  throw badRequest(
    `error decoding patch: json: cannot unmarshal ${found} into Go value of type map[string]interface {}`,
  );
}

function asObject(value: unknown): Members {
  if (!isPlainObject(value)) throw unprocessable('the patched object is not an object');
  return value;
}

/** RFC 7386. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isPlainObject(patch)) return patch;
  const merged = new Map<string, unknown>(isPlainObject(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) merged.delete(name);
    else merged.set(name, mergePatch(merged.get(name), value));
  }
  return Object.fromEntries(merged);
}

/** RFC 6902. Throws 400 when the patch has not its form and 422 when it can't be applied. */
function applyOperations(target: Members, body: unknown): Members {
  if (!Array.isArray(body)) {
    throw badRequest('error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch');
  }
  if (body.length > OPERATIONS_MAX) throw unprocessable(`the patch has more than ${OPERATIONS_MAX} operations`);
  let document: unknown = structuredClone(target);
  for (const operation of body) document = applyOperation(document, operation);
  return asObject(document);
}

function applyOperation(document: unknown, operation: unknown): unknown {
  if (!isPlainObject(operation) || typeof operation['op'] !== 'string')
    throw badRequest('json patch operation without op');
  const { op, value } = { op: operation['op'], value: operation['value'] };
  const path = pointer(operation['path']);
  const source = op === 'move' || op === 'copy' ? pointer(operation['from']) : [];
  switch (op) {
    case 'add':
      return edit(document, path, { kind: 'add', value });
    case 'replace':
      return edit(document, path, { kind: 'replace', value });
    case 'remove':
      return edit(document, path, { kind: 'remove' });
    case 'copy':
      return edit(document, path, { kind: 'add', value: structuredClone(valueAt(document, source)) });
    case 'move': {
      const moved = valueAt(document, source);
      return edit(edit(document, source, { kind: 'remove' }), path, { kind: 'add', value: moved });
    }
    case 'test':
      if (canonicalJson(valueAt(document, path)) === canonicalJson(value ?? null)) return document;
      throw unprocessable(`testing value ${String(operation['path'])} failed`);
    default:
      throw badRequest(`json patch has an unknown operation: ${op}`);
  }
}

function pointer(path: unknown): readonly string[] {
  if (typeof path !== 'string' || (path !== '' && !path.startsWith('/')))
    throw badRequest('json patch has an invalid path');
  return path
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

const missing = (path: readonly string[]): Error =>
  unprocessable(`the server rejected our request due to an error in our request: no value at /${path.join('/')}`);

function valueAt(document: unknown, path: readonly string[]): unknown {
  let value = document;
  for (const part of path) {
    const own = typeof value === 'object' && value !== null && Object.hasOwn(value, part);
    if (!own) throw missing(path);
    value = Reflect.get(Object(value), part);
  }
  return value;
}

type Edit = { readonly kind: 'add' | 'replace'; readonly value: unknown } | { readonly kind: 'remove' };

/** The document with one place changed; everything on the way to it is copied. */
function edit(document: unknown, path: readonly string[], change: Edit): unknown {
  const [head, ...rest] = path;
  if (head === undefined) return change.kind === 'remove' ? {} : change.value;
  if (Array.isArray(document)) return editList(document, head, rest, change);
  if (!isPlainObject(document)) throw missing(path);
  const members = new Map<string, unknown>(Object.entries(document));
  if (rest.length > 0 || change.kind !== 'add') {
    if (!members.has(head)) throw missing(path);
  }
  if (rest.length > 0) members.set(head, edit(members.get(head), rest, change));
  else if (change.kind === 'remove') members.delete(head);
  else members.set(head, change.value);
  return Object.fromEntries(members);
}

function editList(list: readonly unknown[], head: string, rest: readonly string[], change: Edit): unknown {
  const index = head === '-' && rest.length === 0 && change.kind === 'add' ? list.length : Number(head);
  const last = change.kind === 'add' && rest.length === 0 ? list.length : list.length - 1;
  if (!/^(\d+|-)$/.test(head) || !(index >= 0 && index <= last)) throw missing([head, ...rest]);
  if (rest.length > 0) return list.with(index, edit(list[index], rest, change));
  if (change.kind === 'remove') return list.toSpliced(index, 1);
  return change.kind === 'add' ? list.toSpliced(index, 0, change.value) : list.with(index, change.value);
}
