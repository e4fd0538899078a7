/** What JSON can carry; what the log stores. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A JSON object. */
export type JsonObject = { readonly [key: string]: Json };

/**
 * Canonical JSON (RFC 8785): keys in UTF-16 order, no white space, numbers as ECMAScript writes them, so that equal values
 * have equal text and digests can be compared. `undefined` members are left out. Throws on NaN, infinities and functions.
 */
export function canonicalJson(value: unknown): string {
  // Every event, digest and stored value passes here: what can be is written in one go, and most of it is in order already.
  const ordered = inOrder(value);
  return ordered === undefined ? written(value) : JSON.stringify(ordered);
}

/**
 * The value as `JSON.stringify` has to get it, with keys in order all the way down: itself where it is so, else a copy.
 * `undefined` when no object holds its keys in that order.
 */
function inOrder(value: unknown): unknown {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (typeof value !== 'object') return undefined; // `written` says what is wrong with it
  return Array.isArray(value) ? itemsInOrder(value) : membersInOrder(value);
}

function itemsInOrder(items: readonly unknown[]): unknown {
  let copy: unknown[] | undefined;
  for (let index = 0; index < items.length; index += 1) {
    const item = items[index];
    const ordered = inOrder(item ?? null);
    if (ordered === undefined) return undefined;
    if (copy === undefined && ordered !== item) copy = items.slice(0, index);
    copy?.push(ordered);
  }
  return copy ?? items;
}

function membersInOrder(value: object): unknown {
  const members = value as Readonly<Record<string, unknown>>; // an object's own keys, read below
  const keys = Object.keys(members);
  const prototype: unknown = Object.getPrototypeOf(value);
  const isSame = (prototype === Object.prototype || prototype === null) && isAscending(keys);
  if (!isSame) keys.sort();
  let copy: Record<string, unknown> | undefined = isSame ? undefined : {};
  for (const key of keys) {
    const member = members[key];
    const ordered = member === undefined ? undefined : inOrder(member);
    if (ordered === undefined && member !== undefined) return undefined;
    if (copy === undefined && ordered === member && member !== undefined) continue;
    copy ??= before(key, keys, members);
    if (ordered === undefined) continue;
    if (UNORDERED.test(key)) return undefined;
    copy[key] = ordered;
  }
  return copy ?? value;
}

/** Keys that don't stand where they are put: an object has its indices first, and its prototype nowhere. */
const UNORDERED = /^(?:[0-9]|__proto__$)/;

/** A copy of the members that stand before `key`. */
const before = (
  key: string,
  keys: readonly string[],
  members: Readonly<Record<string, unknown>>,
): Record<string, unknown> =>
  Object.fromEntries(keys.slice(0, keys.indexOf(key)).map((earlier) => [earlier, members[earlier]]));

function isAscending(keys: readonly string[]): boolean {
  let before = '';
  for (const key of keys) {
    if (key < before) return false;
    before = key;
  }
  return true;
}

function written(value: unknown): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`canonical JSON has no ${value}`);
    return JSON.stringify(value);
  }
  if (typeof value !== 'object') throw new TypeError(`canonical JSON has no ${typeof value}`);
  // Built by one text that grows: every event, digest and stored value passes here.
  let text = '';
  if (Array.isArray(value)) {
    for (const item of value) text += `${text === '' ? '' : ','}${written(item ?? null)}`;
    return `[${text}]`;
  }
  const members = value as Readonly<Record<string, unknown>>; // an object's own keys, read below
  for (const key of Object.keys(members).sort()) {
    const member = members[key];
    if (member !== undefined) text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${written(member)}`;
  }
  return `{${text}}`;
}

/** How deep JSON may nest. Deeper is nobody's data, and recursion over it would end the process. */
const DEPTH_MAX = 100;

/** Whether JSON can carry the value as it is: no `undefined`, no NaN, no class, not nested deeper than 100. */
export function isJson(value: unknown): value is Json {
  return isJsonAt(value, 0);
}

/** Whether the value is a JSON object, and not an array or a scalar. */
export function isJsonObject(value: unknown): value is JsonObject {
  return isJson(value) && typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isJsonAt(value: unknown, depth: number): boolean {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || depth >= DEPTH_MAX) return false;
  if (Array.isArray(value)) return value.every((item) => isJsonAt(item, depth + 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) return false;
  return Object.values(value).every((member) => isJsonAt(member, depth + 1));
}
