import type { Caller } from './caller.ts';
import type { ApiOutcome } from './kernel.ts';
import { decodeBody } from './kubernetes-admission.ts';
import { ask } from './kubernetes-calls.ts';
import type { ClusterContext, WriteOptions } from './kubernetes-context.ts';
import { isPlainObject, show } from './kubernetes-decode.ts';
import { conflict, invalid, modified } from './kubernetes-errors.ts';
import type { Deployment, LabelSelector, ReplicaSet } from './kubernetes-objects.ts';
import { type Patch, applyPatch } from './kubernetes-patch.ts';
import { checkScaling } from './kubernetes-policy.ts';

/** Kinds that can be scaled through their `scale` subresource. */
export type Scalable = 'Deployment' | 'ReplicaSet';

/** autoscaling/v1 `Scale`. A count of zero is left out, as Kubernetes leaves it out. */
export interface Scale {
  readonly apiVersion: 'autoscaling/v1';
  readonly kind: 'Scale';
  readonly metadata: Readonly<Record<string, string>>;
  readonly spec: { readonly replicas?: number };
  readonly status: { readonly replicas: number; readonly selector: string };
}

/** The scale subresource. */
export interface Scales {
  readScale(caller: Caller, kind: Scalable, namespace: string, name: string): ApiOutcome<Scale>;
  updateScale(
    caller: Caller,
    kind: Scalable,
    at: { readonly namespace: string; readonly name: string },
    body: unknown,
    options?: WriteOptions,
  ): ApiOutcome<Scale>;
  patchScale(
    caller: Caller,
    kind: Scalable,
    at: { readonly namespace: string; readonly name: string },
    patch: Patch,
    options?: WriteOptions,
  ): ApiOutcome<Scale>;
}

function selectorText({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const labels = Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`);
  const others = matchExpressions.map(
    ({ key, operator, values = [] }) => `${key} ${operator.toLowerCase()} (${values.join(',')})`,
  );
  return [...labels, ...others].join(',');
}

function scaleOf({ metadata, spec, status }: Deployment | ReplicaSet): Scale {
  const { name, namespace = '', uid, resourceVersion, creationTimestamp } = metadata;
  return {
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: spec.replicas === 0 ? {} : { replicas: spec.replicas },
    status: { replicas: status.replicas ?? 0, selector: selectorText(spec.selector) },
  };
}

/** The replicas that a `Scale` wishes for, and the version that it means. Throws 400, 409, 422. */
function wished(current: Deployment | ReplicaSet, body: unknown, options: WriteOptions, patched: boolean): number {
  const { name, uid, resourceVersion } = current.metadata;
  const { value } = decodeBody('Scale', body, options.fieldValidation ?? 'Warn', patched);
  const metadata = isPlainObject(value['metadata']) ? value['metadata'] : {};
  if (metadata['resourceVersion'] !== undefined && metadata['resourceVersion'] !== resourceVersion)
    throw modified(current.kind, name);
  if (metadata['uid'] !== undefined && metadata['uid'] !== uid) {
    throw conflict(
      current.kind,
      name,
      `Precondition failed: UID in precondition: ${show(metadata['uid'])}, UID in object meta: ${uid}`,
    );
  }
  const replicas = isPlainObject(value['spec']) ? (value['spec']['replicas'] ?? 0) : 0;
  if (typeof replicas === 'number' && replicas >= 0) return replicas;
  const message = `Invalid value: ${show(replicas)}: must be greater than or equal to 0`;
  throw invalid('Scale', name, [{ field: 'spec.replicas', type: 'FieldValueInvalid', message }]);
}

/** The scale subresource of one cluster's API. */
export function createScales({ kernel, parts }: ClusterContext): Scales {
  const { store } = parts;

  const write = (
    caller: Caller,
    kind: Scalable,
    current: Deployment | ReplicaSet,
    replicas: number,
    dryRun = false,
  ): Scale => {
    const next = { ...current, spec: { ...current.spec, replicas } } as Deployment & ReplicaSet; // its own kind with one member changed
    checkScaling(kernel.iam, store, caller, current, next);
    return scaleOf(dryRun ? next : store.replace(kind, next));
  };

  const request = (
    verb: string,
    kind: Scalable,
    at: { readonly namespace: string; readonly name: string },
    writes: boolean,
  ) => ({
    verb,
    kind,
    subresource: 'scale',
    writes,
    ...at,
  });

  return {
    readScale: (caller, kind, namespace, name) =>
      ask(kernel, caller, request('get', kind, { namespace, name }, false), () =>
        scaleOf(store.read(kind, namespace, name)),
      ),
    updateScale: (caller, kind, at, body, options = {}) =>
      ask(kernel, caller, request('update', kind, at, options.dryRun !== true), () => {
        const current = store.read(kind, at.namespace, at.name);
        return write(caller, kind, current, wished(current, body, options, false), options.dryRun);
      }),
    patchScale: (caller, kind, at, patch, options = {}) =>
      ask(kernel, caller, request('patch', kind, at, options.dryRun !== true), () => {
        const current = store.read(kind, at.namespace, at.name);
        const patched = applyPatch('Scale', { ...scaleOf(current) }, patch);
        return write(caller, kind, current, wished(current, patched, options, true), options.dryRun);
      }),
  };
}
