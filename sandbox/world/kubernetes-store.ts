import type { Chance, WorldClock } from './kernel.ts';
import { alreadyExists, notFound } from './kubernetes-errors.ts';
import {
  type Draft,
  type Kind,
  type Kinds,
  type KubernetesObject,
  type ObjectMeta,
  stamp,
} from './kubernetes-objects.ts';
import { RESOURCES, resourceOf } from './kubernetes-resources.ts';

// What etcd and the watch cache are to a cluster: all objects, one revision for all of them, and the recent past.
//
// S1. Every change takes the next revision; an object's `resourceVersion` is the revision of its last change.
// S2. A replacement that changes nothing is no change: no revision, no event.
// S3. Objects are never changed in place; who holds one holds what it was.
// S4. Listeners hear of changes in order, after they happened; they must not change the store before they return.

/** One change, as watchers hear of it. */
export interface Change {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: KubernetesObject;
  /** The object before; `undefined` for an addition. */
  readonly previous: KubernetesObject | undefined;
  readonly revision: number;
}

/** The objects of one cluster. */
export interface Store {
  /** The revision of the newest change. */
  revision(): number;
  get<K extends Kind>(kind: K, namespace: string, name: string): Kinds[K] | undefined;
  /** Like `get`; throws 404. */
  read<K extends Kind>(kind: K, namespace: string, name: string): Kinds[K];
  /** In order of namespace and name; of every namespace when none is given. */
  list<K extends Kind>(kind: K, namespace?: string): readonly Kinds[K][];
  /** Gives the draft identity and version. Throws 409 `AlreadyExists`. */
  create<K extends Kind>(kind: K, draft: Draft<K>): Kinds[K];
  /** Replaces what has that name, whatever its version. Throws 404. */
  replace<K extends Kind>(kind: K, object: Kinds[K]): Kinds[K];
  /** Removes at once; `undefined` when there was nothing. */
  remove<K extends Kind>(kind: K, namespace: string, name: string): Kinds[K] | undefined;
  /** Hears of every later change; returns a function that ends it. */
  subscribe(listener: (change: Change) => void): () => void;
  /** The changes after a revision, oldest first; `undefined` when they are no longer all kept. */
  since(revision: number): readonly Change[] | undefined;
}

/** Changes that are kept for watchers by default: some minutes of a busy namespace. */
const HISTORY_MAX = 2_000;

type Tables = { readonly [K in Kind]: Map<string, Kinds[K]> };

const keyOf = (namespace: string, name: string): string => `${namespace}/${name}`;

/** An empty store. `historyMax`: how many changes can be watched from the past. */
export function createStore(clock: WorldClock, chance: Chance, historyMax = HISTORY_MAX): Store {
  return new ObjectStore(clock, chance, historyMax);
}

class ObjectStore implements Store {
  readonly #clock: WorldClock;
  readonly #chance: Chance;
  readonly #historyMax: number;
  // The table's members are exactly the kinds, each with an empty map of its own type.
  readonly #tables = Object.fromEntries(RESOURCES.map(({ kind }) => [kind, new Map()])) as unknown as Tables;
  readonly #listeners = new Set<(change: Change) => void>();
  #history: Change[] = [];
  #revision = 1;

  constructor(clock: WorldClock, chance: Chance, historyMax: number) {
    this.#clock = clock;
    this.#chance = chance;
    this.#historyMax = historyMax;
  }

  revision(): number {
    return this.#revision;
  }

  get<K extends Kind>(kind: K, namespace: string, name: string): Kinds[K] | undefined {
    return this.#tables[kind].get(keyOf(namespace, name));
  }

  read<K extends Kind>(kind: K, namespace: string, name: string): Kinds[K] {
    const found = this.get(kind, namespace, name);
    if (found === undefined) throw notFound(kind, name);
    return found;
  }

  list<K extends Kind>(kind: K, namespace?: string): readonly Kinds[K][] {
    const prefix = namespace === undefined ? '' : `${namespace}/`;
    const entries = [...this.#tables[kind]].filter(([key]) => key.startsWith(prefix));
    return entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
  }

  create<K extends Kind>(kind: K, draft: Draft<K>): Kinds[K] {
    const key = keyOf(draft.metadata.namespace ?? '', draft.metadata.name);
    if (this.#tables[kind].has(key)) throw alreadyExists(kind, draft.metadata.name);
    const identity = { uid: this.#newUid(), creationTimestamp: stamp(this.#clock.now()), resourceVersion: '' };
    const counted = resourceOf(kind).counts ? { generation: 1 } : {};
    // A draft with its missing metadata is the object; TypeScript can't compute that for a generic kind.
    const object = { ...draft, metadata: { ...draft.metadata, ...counted, ...identity } } as unknown as Kinds[K];
    const created = this.#versioned(object, {});
    this.#tables[kind].set(key, created);
    this.#tell({ type: 'ADDED', object: created, previous: undefined });
    return created;
  }

  replace<K extends Kind>(kind: K, object: Kinds[K]): Kinds[K] {
    const { namespace = '', name } = object.metadata;
    const previous = this.read(kind, namespace, name);
    if (sameContent(previous, object)) return previous;
    const { generation } = previous.metadata;
    const counts = generation !== undefined && !sameValue(specOf(previous), specOf(object));
    const next = this.#versioned(object, generation === undefined ? {} : { generation: generation + (counts ? 1 : 0) });
    this.#tables[kind].set(keyOf(namespace, name), next);
    this.#tell({ type: 'MODIFIED', object: next, previous });
    return next;
  }

  remove<K extends Kind>(kind: K, namespace: string, name: string): Kinds[K] | undefined {
    const previous = this.get(kind, namespace, name);
    if (previous === undefined) return undefined;
    this.#tables[kind].delete(keyOf(namespace, name));
    const last = this.#versioned(previous, {});
    this.#tell({ type: 'DELETED', object: last, previous });
    return last;
  }

  subscribe(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  since(revision: number): readonly Change[] | undefined {
    const kept = this.#history.slice(-this.#historyMax);
    const oldest = kept[0]?.revision ?? this.#revision + 1;
    return revision < oldest - 1 ? undefined : kept.filter((change) => change.revision > revision);
  }

  #versioned<K extends Kind>(object: Kinds[K], changes: Partial<ObjectMeta>): Kinds[K] {
    this.#revision += 1;
    return { ...object, metadata: { ...object.metadata, ...changes, resourceVersion: String(this.#revision) } };
  }

  #tell(change: Omit<Change, 'revision'>): void {
    const full = { ...change, revision: this.#revision };
    this.#history.push(full);
    // Cut in large pieces: dropping one at a time would copy the array at each change.
    if (this.#history.length > 2 * this.#historyMax) this.#history = this.#history.slice(-this.#historyMax);
    for (const listener of Array.from(this.#listeners)) listener(full);
  }

  #newUid(): string {
    const hex = (length: number): string =>
      Array.from({ length }, () => this.#chance.between(0, 15).toString(16)).join('');
    return `${hex(8)}-${hex(4)}-4${hex(3)}-${this.#chance.pick(['8', '9', 'a', 'b'])}${hex(3)}-${hex(12)}`;
  }
}

const specOf = (object: KubernetesObject): unknown => ('spec' in object ? object.spec : undefined);

/** Whether two objects say the same, apart from what the store writes into them. */
function sameContent(a: KubernetesObject, b: KubernetesObject): boolean {
  if (a === b) return true;
  const { metadata: metaA, ...restA } = a;
  const { metadata: metaB, ...restB } = b;
  const own = { resourceVersion: '', generation: 0 };
  return sameValue(restA, restB) && sameValue({ ...metaA, ...own }, { ...metaB, ...own });
}

/** Equality of JSON values; what is shared isn't looked into. An absent member is one that is `undefined`. */
function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  for (const name of Object.keys(a)) if (!sameValue(Reflect.get(a, name), Reflect.get(b, name))) return false;
  return Object.keys(b).every((name) => Object.hasOwn(a, name) || Reflect.get(b, name) === undefined);
}
