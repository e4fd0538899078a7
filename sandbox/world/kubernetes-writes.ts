import type { Caller } from './caller.ts';
import type { ApiOutcome } from './kernel.ts';
import { type FieldValidation, admitChange, admitNew, decodeBody } from './kubernetes-admission.ts';
import { ask } from './kubernetes-calls.ts';
import type { ClusterContext, WriteOptions } from './kubernetes-context.ts';
import { isPlainObject } from './kubernetes-decode.ts';
import { type Propagation, deleteObject, deletePod, finalize } from './kubernetes-deletion.ts';
import { type DeleteConditions, checkPreconditions, evict } from './kubernetes-disruption.ts';
import { badRequest, invalid, methodNotAllowed, notFound } from './kubernetes-errors.ts';
import type { Kind, Kinds, KubernetesObject } from './kubernetes-objects.ts';
import { type Patch, applyPatch } from './kubernetes-patch.ts';
import { checkScaling } from './kubernetes-policy.ts';
import { resourceOf } from './kubernetes-resources.ts';
import { SAFE_LETTERS } from './kubernetes-rollout.ts';

/** What a write made, and what its client is warned of. */
export interface Written<K extends Kind> {
  readonly object: Kinds[K];
  readonly warnings: readonly string[];
}

/** The options of a deletion (`DeleteOptions`). */
export interface DeleteOptions extends DeleteConditions, WriteOptions {
  readonly propagationPolicy?: Propagation;
}

/** The writing half of the API. */
export interface Writes {
  create<K extends Kind>(
    caller: Caller,
    kind: K,
    namespace: string,
    body: unknown,
    options?: WriteOptions,
  ): ApiOutcome<Written<K>>;
  update<K extends Kind>(
    caller: Caller,
    kind: K,
    at: { readonly namespace: string; readonly name: string },
    body: unknown,
    options?: WriteOptions,
  ): ApiOutcome<Written<K>>;
  patch<K extends Kind>(
    caller: Caller,
    kind: K,
    at: { readonly namespace: string; readonly name: string },
    patch: Patch,
    options?: WriteOptions,
  ): ApiOutcome<Written<K>>;
  /** The object as it is then: marked, or as it last was. */
  delete<K extends Kind>(
    caller: Caller,
    kind: K,
    namespace: string,
    name: string,
    options?: DeleteOptions,
  ): ApiOutcome<Kinds[K]>;
  /** The eviction subresource; `body` is a policy/v1 `Eviction`. */
  evict(caller: Caller, namespace: string, name: string, body: unknown, options?: WriteOptions): ApiOutcome<void>;
}

/** The writing half of one cluster's API. */
export function createWrites(context: ClusterContext): Writes {
  const { kernel, parts } = context;
  const { store } = parts;
  return {
    create(caller, kind, namespace, body, options = {}) {
      const request = { verb: 'create', kind, namespace, writes: options.dryRun !== true };
      return ask(kernel, caller, request, () => {
        allowVerb(kind, 'create');
        if (namespace !== '' && store.get('Namespace', '', namespace) === undefined)
          throw notFound('Namespace', namespace);
        const how = {
          validation: options.fieldValidation ?? 'Warn',
          nameFrom: (prefix: string) => nameFrom(context, prefix),
        };
        const { object, warnings } = admitNew(kind, namespace, body, how);
        return {
          object: options.dryRun === true ? context.pretend(kind, object) : store.create(kind, object),
          warnings,
        };
      });
    },
    update(caller, kind, { namespace, name }, body, options = {}) {
      const request = { verb: 'update', kind, namespace, name, writes: options.dryRun !== true };
      return ask(kernel, caller, request, () => {
        allowVerb(kind, 'update');
        return change(context, caller, kind, store.read(kind, namespace, name), body, { ...options, patched: false });
      });
    },
    patch(caller, kind, { namespace, name }, patch, options = {}) {
      const request = { verb: 'patch', kind, namespace, name, writes: options.dryRun !== true };
      return ask(kernel, caller, request, () => {
        allowVerb(kind, 'patch');
        const current = store.read(kind, namespace, name);
        const patched = applyPatch(kind, { ...current }, patch);
        return change(context, caller, kind, current, patched, { ...options, patched: true });
      });
    },
    delete(caller, kind, namespace, name, options = {}) {
      const request = { verb: 'delete', kind, namespace, name, writes: options.dryRun !== true };
      return ask(kernel, caller, request, () => {
        allowVerb(kind, 'delete');
        return remove(context, kind, store.read(kind, namespace, name), options);
      });
    },
    evict(caller, namespace, name, body, options = {}) {
      const { conditions, dryRun } = readEviction(name, body, options);
      const subresource = 'eviction';
      const request = { verb: 'create', kind: 'Pod', subresource, namespace, name, writes: !dryRun } as const;
      return ask(kernel, caller, request, () => {
        evict(parts, store.read('Pod', namespace, name), conditions(), context.evictionRetryAfterSeconds, dryRun);
      });
    },
  };
}

/** A name of a `generateName`: five safe letters behind it. */
function nameFrom({ nameChance }: ClusterContext, prefix: string): string {
  const letter = (): string => SAFE_LETTERS[nameChance.between(0, SAFE_LETTERS.length - 1)] ?? '';
  return prefix + Array.from({ length: 5 }, letter).join('');
}

function change<K extends Kind>(
  { kernel, parts }: ClusterContext,
  caller: Caller,
  kind: K,
  current: Kinds[K],
  body: unknown,
  how: WriteOptions & { readonly patched: boolean },
): Written<K> {
  const { patched, fieldValidation: validation = 'Warn' } = how;
  const { object, warnings } = admitChange(kind, current, body, { validation, patched });
  checkScaling(kernel.iam, parts.store, caller, current, object);
  if (how.dryRun === true) return { object, warnings };
  return { object: finished(parts, kind, parts.store.replace(kind, object)), warnings };
}

/** An object that waited for its finalizers goes with the last of them. */
function finished<K extends Kind>(parts: ClusterContext['parts'], kind: K, object: Kinds[K]): Kinds[K] {
  const { metadata }: KubernetesObject = object;
  const waits = (metadata.finalizers?.length ?? 0) > 0 || (metadata.deletionGracePeriodSeconds ?? 0) > 0;
  return metadata.deletionTimestamp === undefined || waits ? object : finalize(parts, kind, object);
}

function remove<K extends Kind>(
  { parts }: ClusterContext,
  kind: K,
  object: Kinds[K],
  options: DeleteOptions,
): Kinds[K] {
  const any: KubernetesObject = object;
  checkPreconditions(any, options);
  if (options.dryRun === true) return object;
  // The kind of the object is the kind that was asked for; TypeScript can't see it in the union.
  if (any.kind === 'Pod') return deletePod(parts, any, options.gracePeriodSeconds) as Kinds[K];
  return deleteObject(parts, kind, object, options.propagationPolicy ?? 'Background');
}

function allowVerb(kind: Kind, verb: string): void {
  if (!resourceOf(kind).verbs.includes(verb)) throw methodNotAllowed(kind, verb);
}

/** Reads an `Eviction`. What is wrong with it is told by `conditions`, behind the door. */
function readEviction(
  name: string,
  body: unknown,
  { dryRun = false, fieldValidation = 'Warn' }: WriteOptions,
): { readonly conditions: () => DeleteConditions; readonly dryRun: boolean } {
  const options: unknown = isPlainObject(body) ? body['deleteOptions'] : undefined;
  const asked = isPlainObject(options) && Array.isArray(options['dryRun']) && options['dryRun'].length > 0;
  const conditions = (): DeleteConditions => {
    const { value } = decodeBody('Eviction', body ?? {}, fieldValidation);
    const metadata = isPlainObject(value['metadata']) ? value['metadata'] : {};
    if (metadata['name'] !== name) throw badRequest('name in URL does not match name in Eviction object');
    return readDeleteOptions(value['deleteOptions'] ?? {}, fieldValidation);
  };
  return { conditions, dryRun: dryRun || asked };
}

/** Reads `DeleteOptions`, as the body of a DELETE or inside of an `Eviction`. Throws 400 or 422. */
export function readDeleteOptions(body: unknown, validation: FieldValidation = 'Warn'): DeleteOptions {
  const { value } = decodeBody('DeleteOptions', body ?? {}, validation);
  const preconditions = isPlainObject(value['preconditions']) ? value['preconditions'] : {};
  const { uid, resourceVersion } = { uid: preconditions['uid'], resourceVersion: preconditions['resourceVersion'] };
  const {
    gracePeriodSeconds: grace,
    propagationPolicy,
    dryRun,
  } = value as Readonly<Record<'gracePeriodSeconds' | 'propagationPolicy' | 'dryRun', unknown>>;
  return {
    ...(typeof uid === 'string' ? { uid } : {}),
    ...(typeof resourceVersion === 'string' ? { resourceVersion } : {}),
    ...(typeof grace === 'number' ? { gracePeriodSeconds: grace } : {}),
    ...(propagationPolicy === undefined ? {} : { propagationPolicy: readPropagation(propagationPolicy) }),
    ...(Array.isArray(dryRun) && dryRun.length > 0 ? { dryRun: true } : {}),
  };
}

/** Reads a propagation policy. Throws 422. */
export function readPropagation(value: unknown): Propagation {
  if (value === 'Background' || value === 'Foreground' || value === 'Orphan') return value;
  const message = `Unsupported value: "${String(value)}": supported values: "Background", "Foreground", "Orphan"`;
  throw invalid('Eviction', '', [{ field: 'propagationPolicy', type: 'FieldValueInvalid', message }]);
}
