import { after, instant, parseInstant } from '../../shared/core/time.ts';
import {
  type Kind,
  type Kinds,
  type KubernetesObject,
  type ObjectMeta,
  type Pod,
  stamp,
} from './kubernetes-objects.ts';
import { type ClusterParts, createQueue } from './kubernetes-parts.ts';
import { RESOURCES } from './kubernetes-resources.ts';

// How objects go.
//
// D1. An object with finalizers is marked and stays until the last of them is taken away.
// D2. A pod on a node is marked and stays until its containers have ended, or its grace is cut to nothing.
// D3. What an owner made goes after it (Background), before it (Foreground), or not at all (Orphan).

type Deleting = Pick<ClusterParts, 'clock' | 'store'>;

/** The finalizer of an owner that waits for what it made. */
const FOREGROUND = 'foregroundDeletion';

/** How an owner's deletion concerns what it made. */
export type Propagation = 'Background' | 'Foreground' | 'Orphan';

/** Removes the object, or marks it when finalizers hold it (D1). Returns it as it is then. */
export function finalize<K extends Kind>({ clock, store }: Deleting, kind: K, object: Kinds[K]): Kinds[K] {
  const { metadata }: { readonly metadata: ObjectMeta } = object;
  const { namespace = '', name, finalizers = [], deletionTimestamp } = metadata;
  if (finalizers.length === 0) return store.remove(kind, namespace, name) ?? object;
  if (deletionTimestamp !== undefined) return object;
  const marked = { ...metadata, deletionTimestamp: stamp(clock.now()), deletionGracePeriodSeconds: 0 };
  return store.replace(kind, { ...object, metadata: marked });
}

/** Deletes an object that isn't a pod (D3). */
export function deleteObject<K extends Kind>(
  parts: Deleting,
  kind: K,
  object: Kinds[K],
  propagation: Propagation,
): Kinds[K] {
  if (propagation === 'Orphan') orphanDependents(parts, object);
  if (propagation !== 'Foreground') return finalize(parts, kind, object);
  const { metadata }: { readonly metadata: ObjectMeta } = object;
  const finalizers = [...new Set([...(metadata.finalizers ?? []), FOREGROUND])];
  return finalize(parts, kind, { ...object, metadata: { ...metadata, finalizers } });
}

/** Deletes a pod (D2). A second deletion can only shorten the first. Throws 404. */
export function deletePod(parts: Deleting, given: Pod, grace?: number): Pod {
  const { clock, store } = parts;
  const { namespace = '', name } = given.metadata;
  const pod = store.read('Pod', namespace, name);
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = pod.metadata;
  // A negative grace counts as one second (apiserver pkg/registry/rest/delete.go).
  const seconds = grace === undefined ? (pod.spec.terminationGracePeriodSeconds ?? 30) : grace < 0 ? 1 : grace;
  if (seconds === 0 || pod.spec.nodeName === undefined) return finalize(parts, 'Pod', pod);
  const marked = deletionTimestamp === undefined ? undefined : parseInstant(deletionTimestamp);
  if (marked !== undefined && (grace === undefined || seconds >= deletionGracePeriodSeconds)) return pod;
  const begun = marked === undefined ? clock.now() : after(marked, -deletionGracePeriodSeconds * 1_000);
  const end = instant(Math.max(after(begun, seconds * 1_000), clock.now()));
  const metadata = { ...pod.metadata, deletionTimestamp: stamp(end), deletionGracePeriodSeconds: seconds };
  return store.replace('Pod', { ...pod, metadata });
}

/** Kinds that can be left behind by an owner. */
const OWNED: readonly Kind[] = RESOURCES.map(({ kind }) => kind).filter((kind) => kind !== 'Event' && kind !== 'Node');

/** Cuts the tie between an owner and what it made. */
function orphanDependents({ store }: Deleting, owner: KubernetesObject): void {
  for (const kind of OWNED) {
    for (const object of store.list(kind, owner.metadata.namespace)) {
      const { ownerReferences = [], ...metadata } = object.metadata;
      const kept = ownerReferences.filter(({ uid }) => uid !== owner.metadata.uid);
      if (kept.length === ownerReferences.length) continue;
      store.replace(kind, { ...object, metadata: { ...metadata, ownerReferences: kept } });
    }
  }
}

/** Starts the garbage collector: it deletes what is left of owners that are gone or wait for it. */
export function runGarbageCollector(parts: ClusterParts): void {
  const { store } = parts;

  const dependentsOf = (uid: string): readonly KubernetesObject[] =>
    OWNED.flatMap((kind) => store.list(kind)).filter(({ metadata }) =>
      metadata.ownerReferences?.some((owner) => owner.uid === uid),
    );

  const waitsForDependents = ({ metadata }: KubernetesObject): boolean =>
    metadata.deletionTimestamp !== undefined && metadata.finalizers?.includes(FOREGROUND) === true;

  /** What an owner in the foreground waits for is deleted in the foreground itself, down to the pods. */
  const collect = (object: KubernetesObject, uid: string, propagation: Propagation): void => {
    const others = object.metadata.ownerReferences?.filter((owner) => owner.uid !== uid) ?? [];
    if (others.length > 0) return;
    if (object.kind === 'Pod') deletePod(parts, object);
    else deleteObject(parts, object.kind, object, propagation);
  };

  const release = (object: KubernetesObject): void => {
    const finalizers = object.metadata.finalizers?.filter((name) => name !== FOREGROUND) ?? [];
    const metadata = { ...object.metadata, finalizers };
    finalize(parts, object.kind, store.replace(object.kind, { ...object, metadata }));
  };

  const queue = createQueue(parts, (uid) => {
    const owner = OWNED.flatMap((kind) => store.list(kind)).find(({ metadata }) => metadata.uid === uid);
    if (owner !== undefined && !waitsForDependents(owner)) return;
    const dependents = dependentsOf(uid);
    for (const object of dependents) collect(object, uid, owner === undefined ? 'Background' : 'Foreground');
    if (owner !== undefined && dependents.length === 0) release(owner);
  });

  store.subscribe(({ type, object }) => {
    if (object.kind === 'Event') return;
    if (type === 'DELETED' || waitsForDependents(object)) queue.add(object.metadata.uid);
    if (type === 'DELETED') for (const { uid } of object.metadata.ownerReferences ?? []) queue.add(uid);
  });
}
