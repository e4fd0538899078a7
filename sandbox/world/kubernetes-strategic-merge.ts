import { canonicalJson } from '../../shared/core/json.ts';
import { isPlainObject } from './kubernetes-decode.ts';
import { badRequest } from './kubernetes-errors.ts';
import { FIELDS } from './kubernetes-fields.ts';

// Strategic merge patch: a merge patch that knows which lists are maps in disguise.
//
// M1. A list with a merge key is merged item by item; items that the patch doesn't name stay.
// M2. `$patch: delete` removes an item or a member, `$patch: replace` replaces a whole object or list.
// M3. `$setElementOrder/x` puts the items of x into that order; items that it doesn't name keep their place relative to it.
// M4. `$deleteFromPrimitiveList/x` and `$retainKeys` do what their names say.
// M5. Every other list is replaced.

/** Merge keys by type and field: the `patchMergeKey` tags of k8s.io/api (read 2026-07). Empty: a list of plain values that merges. */
const MERGE_KEYS: Readonly<Record<string, string>> = {
  'Container.env': 'name',
  'Container.ports': 'containerPort',
  'Container.volumeDevices': 'devicePath',
  'Container.volumeMounts': 'mountPath',
  'DeploymentStatus.conditions': 'type',
  'ObjectMeta.finalizers': '',
  'ObjectMeta.ownerReferences': 'uid',
  'PodSpec.containers': 'name',
  'PodSpec.hostAliases': 'ip',
  'PodSpec.imagePullSecrets': 'name',
  'PodSpec.initContainers': 'name',
  'PodSpec.resourceClaims': 'name',
  'PodSpec.schedulingGates': 'name',
  'PodSpec.topologySpreadConstraints': 'topologyKey',
  'PodSpec.volumes': 'name',
  'PodStatus.conditions': 'type',
  'PodStatus.podIPs': 'ip',
  'ReplicaSetStatus.conditions': 'type',
  'ServiceSpec.ports': 'port',
};

/** Objects that a patch always replaces: the `patchStrategy: replace` tags. */
const REPLACED: ReadonlySet<string> = new Set(['PodDisruptionBudgetSpec.selector']);

type Members = Readonly<Record<string, unknown>>;

const ORDER = '$setElementOrder/';
const DROP = '$deleteFromPrimitiveList/';

/** The object after the patch. Throws 400 for a patch that names no merge key. */
export function strategicMerge(type: string, target: Members, patch: Members): Members {
  if (patch['$patch'] === 'replace') return without(patch, '$patch');
  if (patch['$patch'] === 'delete') return {};
  const merged = new Map<string, unknown>(Object.entries(target));
  const retained = patch['$retainKeys'];
  if (Array.isArray(retained)) for (const name of merged.keys()) if (!retained.includes(name)) merged.delete(name);
  for (const [name, value] of Object.entries(patch)) {
    if (name.startsWith('$')) continue;
    if (value === null) merged.delete(name);
    else merged.set(name, mergeMember(type, name, merged.get(name), value));
  }
  for (const [directive, value] of Object.entries(patch)) {
    if (!Array.isArray(value)) continue;
    if (directive.startsWith(DROP)) dropItems(merged, directive.slice(DROP.length), value);
    if (directive.startsWith(ORDER)) orderItems(type, merged, directive.slice(ORDER.length), value);
  }
  return Object.fromEntries(merged);
}

function mergeMember(type: string, name: string, current: unknown, value: unknown): unknown {
  const code = FIELDS.get(type)?.get(name) ?? '*';
  if (Array.isArray(value)) {
    const key = MERGE_KEYS[`${type}.${name}`];
    if (key === undefined) return value;
    const items: readonly unknown[] = Array.isArray(current) ? current : [];
    return key === '' ? mergePlain(items, value) : mergeItems(code.slice(0, -2), key, items, value);
  }
  if (!isPlainObject(value) || REPLACED.has(`${type}.${name}`)) return value;
  return strategicMerge(code, isPlainObject(current) ? current : {}, value);
}

function mergePlain(current: readonly unknown[], added: readonly unknown[]): readonly unknown[] {
  return [...current, ...added.filter((item) => !current.includes(item))];
}

function mergeItems(
  type: string,
  key: string,
  current: readonly unknown[],
  patch: readonly unknown[],
): readonly unknown[] {
  const items = patch.map((item) => {
    if (isPlainObject(item)) return item;
    throw badRequest('unable to find api field in struct: a list with a merge key takes objects only');
  });
  if (items.some((item) => item['$patch'] === 'replace')) return items.filter((item) => item['$patch'] !== 'replace');
  let merged = [...current];
  for (const item of items) {
    if (item[key] === undefined)
      throw badRequest(`map: ${canonicalJson(item)} does not contain declared merge key: ${key}`);
    const index = merged.findIndex((one) => isPlainObject(one) && one[key] === item[key]);
    const old = merged[index];
    if (item['$patch'] === 'delete') merged = merged.filter((_, at) => at !== index);
    else if (isPlainObject(old)) merged[index] = strategicMerge(type, old, item);
    else merged.push(strategicMerge(type, {}, item));
  }
  return merged;
}

function dropItems(merged: Map<string, unknown>, name: string, dropped: readonly unknown[]): void {
  const current = merged.get(name);
  if (Array.isArray(current))
    merged.set(
      name,
      current.filter((item) => !dropped.includes(item)),
    );
}

function orderItems(type: string, merged: Map<string, unknown>, name: string, order: readonly unknown[]): void {
  const current: unknown = merged.get(name);
  const key = MERGE_KEYS[`${type}.${name}`];
  if (!Array.isArray(current) || key === undefined) return;
  const idOf = (item: unknown): unknown => (key === '' || !isPlainObject(item) ? item : item[key]);
  const ranks = new Map(order.map((item, rank) => [idOf(item), rank]));
  // What the order doesn't name follows the nearest item before it that it does name.
  let before = -1;
  const placed = current.map((item: unknown, index) => {
    before = ranks.get(idOf(item)) ?? before;
    return { item, rank: before, named: ranks.has(idOf(item)) ? 0 : 1, index };
  });
  placed.sort((a, b) => a.rank - b.rank || a.named - b.named || a.index - b.index);
  merged.set(
    name,
    placed.map(({ item }) => item),
  );
}

function without(members: Members, name: string): Members {
  return Object.fromEntries(Object.entries(members).filter(([key]) => key !== name));
}
