import { parseInstant } from '../../shared/core/time.ts';
import { FIELDS } from './kubernetes-fields.ts';

/** What came of decoding: the value with its known fields only, and the paths of the unknown ones. */
export interface Decoded {
  readonly value: Readonly<Record<string, unknown>>;
  readonly unknown: readonly string[];
}

/** A value that its type can't hold. The message is the Go decoder's. */
export class DecodeError extends Error {}

const GO_TYPES: Readonly<Record<string, string>> = {
  s: 'string',
  n: 'int64',
  b: 'bool',
  t: 'Time',
  y: '[]uint8',
  q: 'intstr.IntOrString',
};

const SCALARS: Readonly<Record<string, (value: unknown) => boolean>> = {
  s: (value) => typeof value === 'string',
  n: (value) => typeof value === 'number' && Number.isInteger(value),
  b: (value) => typeof value === 'boolean',
  t: (value) => typeof value === 'string' && parseInstant(value) !== undefined,
  y: (value) => typeof value === 'string' && /^[A-Za-z0-9+/]*={0,2}$/.test(value) && value.length % 4 === 0,
  q: (value) => typeof value === 'string' || typeof value === 'number',
  '*': () => true,
};

/** Decodes `value` as a type of the field table. `null` is absent, as Go reads it. Throws `DecodeError`. */
export function decode(type: string, value: unknown): Decoded {
  const unknown: string[] = [];
  const decoded = decodeStruct(type, value, '', unknown);
  return { value: decoded, unknown };
}

function decodeStruct(type: string, value: unknown, path: string, unknown: string[]): Record<string, unknown> {
  const fields = FIELDS.get(type);
  if (fields === undefined) throw new Error(`the field table has no ${type}`);
  if (!isPlainObject(value)) throw mismatch(value, type, path);
  const known: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) {
    const code = fields.get(name);
    const memberPath = path === '' ? name : `${path}.${name}`;
    if (code === undefined) unknown.push(memberPath);
    else if (member !== null && member !== undefined) known[name] = decodeValue(code, member, memberPath, unknown);
  }
  return known;
}

function decodeValue(code: string, value: unknown, path: string, unknown: string[]): unknown {
  if (code.endsWith('[]')) {
    if (!Array.isArray(value)) throw mismatch(value, code, path);
    return value.map((item: unknown, index) => decodeValue(code.slice(0, -2), item, `${path}[${index}]`, unknown));
  }
  if (code.endsWith('{}')) {
    if (!isPlainObject(value)) throw mismatch(value, code, path);
    const members = Object.entries(value).map(([key, member]) => {
      return [key, decodeValue(code.slice(0, -2), member ?? '', `${path}.${key}`, unknown)];
    });
    return Object.fromEntries(members);
  }
  const scalar = SCALARS[code];
  if (scalar === undefined) return decodeStruct(code, value, path, unknown);
  if (!scalar(value)) throw mismatch(value, code, path);
  return value;
}

function mismatch(value: unknown, code: string, path: string): DecodeError {
  const found = Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value;
  const inner = code.replace(/(\[\]|\{\})$/, '');
  const type = GO_TYPES[inner] ?? `v1.${inner}`;
  const wanted = code.endsWith('[]') ? `[]${type}` : code.endsWith('{}') ? `map[string]${type}` : type;
  return new DecodeError(`json: cannot unmarshal ${found} into Go struct field ${path || '.'} of type ${wanted}`);
}

/** A value in a message: a text as it stands, everything else as JSON. */
export function show(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

/** A JSON object: not `null`, not a list. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
