/** What JSON can carry; what the log stores. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A JSON object. */
export type JsonObject = { readonly [key: string]: Json };

/**
 * Canonical JSON (RFC 8785): keys in UTF-16 order, no white space, numbers as ECMAScript writes them, so that equal values
 * have equal text and digests can be compared. `undefined` members are left out. Throws on NaN, infinities and functions.
 */
export function canonicalJson(value: unknown): string {
  // What was read from canonical text is canonical already, which is most of what passes here.
  if (typeof value === 'object' && value !== null && isInOrder(value)) return JSON.stringify(value);
  return written(value);
}

/** Whether `JSON.stringify` writes the value as canonical JSON: keys in order all the way down, and nothing that it would mend. */
function isInOrder(value: object): boolean {
  if (Array.isArray(value)) return value.every((item) => isPlain(item));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  const members = value as Readonly<Record<string, unknown>>; // an object's own keys, read below
  let before = '';
  for (const key of Object.keys(members)) {
    if (key < before || key === 'toJSON' || !isPlain(members[key])) return false;
    before = key;
  }
  return true;
}

function isPlain(value: unknown): boolean {
  if (typeof value === 'object') return value === null || isInOrder(value);
  return (
    typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))
  );
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
