import { DecodeError, type Decoded, decode, isPlainObject, show } from './kubernetes-decode.ts';
import { withDefaults } from './kubernetes-defaults.ts';
import { badRequest, conflict, invalid, modified, unprocessable } from './kubernetes-errors.ts';
import type { Draft, Kind, Kinds, NewMeta, ObjectMeta } from './kubernetes-objects.ts';
import { apiVersionOf, resourceOf } from './kubernetes-resources.ts';
import { changeFaults, missingFields, nameFaults, objectFaults } from './kubernetes-validation.ts';

// From what a client sent to an object that can be stored.
//
// A1. Unknown fields never reach the store; by `fieldValidation` they are refused, warned of, or dropped in silence.
// A2. A client sets neither status nor identity: those of the stored object stay, whatever the body says.
// A3. A body that carries a uid or a resourceVersion means that very object in that very version.

/** What is done about unknown fields; `Warn` is Kubernetes' default. */
export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

/** A decoded body and what the client is warned of. */
interface Body {
  readonly value: Decoded['value'];
  readonly warnings: readonly string[];
}

/** Decodes a body as a type of the field table. A patched object is refused with 422, everything else with 400. */
export function decodeBody(type: string, body: unknown, validation: FieldValidation, patched = false): Body {
  let decoded: Decoded;
  try {
    decoded = decode(type, body);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    if (patched) throw unprocessable(error.message);
    throw badRequest(`${type} in version "v1" cannot be handled as a ${type}: ${error.message}`);
  }
  const warnings = decoded.unknown.map((path) => `unknown field "${path}"`);
  if (validation === 'Strict' && warnings.length > 0) {
    const text = `strict decoding error: ${warnings.join(', ')}`;
    throw patched ? unprocessable(text) : badRequest(`${type} in version "v1" cannot be handled as a ${type}: ${text}`);
  }
  return { value: decoded.value, warnings: validation === 'Ignore' ? [] : warnings };
}

function checkType(kind: Kind, value: Decoded['value']): void {
  const apiVersion = apiVersionOf(resourceOf(kind));
  const given = { apiVersion: value['apiVersion'] ?? apiVersion, kind: value['kind'] ?? kind };
  if (given.apiVersion === apiVersion && given.kind === kind) return;
  const found = `${show(given.apiVersion)}, Kind=${show(given.kind)}`;
  throw badRequest(`the object provided is unrecognized (must be of type ${kind}): it is of ${found}`);
}

function checkNamespace(metadata: Readonly<Record<string, unknown>>, namespace: string): void {
  const given = metadata['namespace'];
  if (given === undefined || given === namespace) return;
  const text = `the namespace of the provided object does not match the namespace sent on the request`;
  throw badRequest(text);
}

/** What a client may say about an object in its metadata. */
function ownMeta(metadata: Readonly<Record<string, unknown>>): Partial<NewMeta> {
  const named = ['labels', 'annotations', 'ownerReferences', 'finalizers', 'generateName'];
  // Decoded against the field table: each of these has the type that `NewMeta` gives it.
  return Object.fromEntries(Object.entries(metadata).filter(([name]) => named.includes(name))) as Partial<NewMeta>;
}

const metadataOf = (value: Decoded['value']): Readonly<Record<string, unknown>> =>
  isPlainObject(value['metadata']) ? value['metadata'] : {};

/** Kinds whose object is more than metadata and data. */
const WITHOUT_SPEC: ReadonlySet<Kind> = new Set(['Secret', 'ConfigMap', 'Event', 'Endpoints', 'Namespace']);

/** A decoded body as a draft of its kind, defaults filled in and checked. Throws 422. */
function draftOf<K extends Kind>(kind: K, value: Decoded['value'], metadata: NewMeta): Draft<K> {
  const apiVersion = apiVersionOf(resourceOf(kind));
  const full = WITHOUT_SPEC.has(kind) ? value : { spec: {}, ...value };
  const missing = missingFields(kind, full);
  if (missing.length > 0) throw invalid(kind, metadata.name, missing);
  // Its fields were decoded against the field table and the required ones are there: it is a draft of its kind.
  const draft = withDefaults(kind, { ...full, apiVersion, kind, metadata } as unknown as Draft<K>);
  const faults = objectFaults(kind, draft);
  if (faults.length > 0) throw invalid(kind, metadata.name, faults);
  return draft;
}

/** A checked draft, and what the client is warned of. */
export interface Admitted<T> {
  readonly object: T;
  readonly warnings: readonly string[];
}

/** What a POST makes. `nameFrom` makes a name of a `generateName`. Throws 400 or 422. */
export function admitNew<K extends Kind>(
  kind: K,
  namespace: string,
  body: unknown,
  options: { readonly validation: FieldValidation; readonly nameFrom: (prefix: string) => string },
): Admitted<Draft<K>> {
  const { value, warnings } = decodeBody(kind, body, options.validation);
  checkType(kind, value);
  const metadata = metadataOf(value);
  checkNamespace(metadata, namespace);
  if (metadata['resourceVersion'] !== undefined)
    throw badRequest('resourceVersion should not be set on objects to be created');
  const own = ownMeta(metadata);
  const given = metadata['name'];
  const name =
    typeof given === 'string' ? given : own.generateName === undefined ? '' : options.nameFrom(own.generateName);
  const faults = nameFaults(name);
  if (faults.length > 0) throw invalid(kind, name, faults);
  const place = resourceOf(kind).namespaced ? { namespace } : {};
  return { object: draftOf(kind, value, { ...own, name, ...place }), warnings };
}

/** What a PUT or a PATCH makes of a stored object. Throws 400, 409 or 422. */
export function admitChange<K extends Kind>(
  kind: K,
  current: Kinds[K],
  body: unknown,
  options: { readonly validation: FieldValidation; readonly patched: boolean },
): Admitted<Kinds[K]> {
  const { value, warnings } = decodeBody(kind, body, options.validation, options.patched);
  checkType(kind, value);
  const { metadata: stored }: { readonly metadata: ObjectMeta } = current;
  checkIdentity(kind, stored, metadataOf(value));
  const { labels: _l, annotations: _a, ownerReferences: _o, finalizers: _f, ...identity } = stored;
  const draft = draftOf(kind, value, { ...ownMeta(metadataOf(value)), ...identity });
  const status = 'status' in current ? { status: current.status } : {};
  // The draft of a kind with the stored identity and status is an object of that kind (A2).
  const object = { ...draft, ...status } as unknown as Kinds[K];
  const faults = changeFaults(kind, current, object);
  if (faults.length > 0) throw invalid(kind, stored.name, faults);
  return { object, warnings };
}

/** A3. */
function checkIdentity(kind: Kind, stored: ObjectMeta, given: Readonly<Record<string, unknown>>): void {
  const { name, namespace, uid, resourceVersion } = stored;
  if (given['name'] !== undefined && given['name'] !== name) {
    throw badRequest(`the name of the object (${show(given['name'])}) does not match the name on the URL (${name})`);
  }
  checkNamespace(given, namespace ?? '');
  if (given['uid'] !== undefined && given['uid'] !== uid) {
    throw conflict(
      kind,
      name,
      `Precondition failed: UID in precondition: ${show(given['uid'])}, UID in object meta: ${uid}`,
    );
  }
  if (given['resourceVersion'] !== undefined && given['resourceVersion'] !== resourceVersion)
    throw modified(kind, name);
}
