import { after, seconds } from '../../shared/core/time.ts';
import type { Caller } from './caller.ts';
import type { ApiOutcome, Kernel, Place } from './kernel.ts';
import { ask } from './kubernetes-calls.ts';
import { KubernetesError, badRequest, expired, invalid } from './kubernetes-errors.ts';
import type { Kind, Kinds, KubernetesObject } from './kubernetes-objects.ts';
import { resourceOf } from './kubernetes-resources.ts';
import { parseFieldSelector, parseLabelSelector } from './kubernetes-selectors.ts';
import type { Change, Store } from './kubernetes-store.ts';

/** Which objects of a kind are meant. */
export interface Selection {
  /** All namespaces when missing or empty. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/** A list: whole when `limit` is missing. */
export interface ListOptions extends Selection {
  readonly limit?: number;
  /** Where a limited list goes on. */
  readonly continue?: string;
  readonly resourceVersion?: string;
}

/** A part of a list, or all of it. */
export interface Listed<K extends Kind> {
  readonly items: readonly Kinds[K][];
  /** The revision from which a watch misses nothing. */
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remaining?: number;
}

/** What a watcher hears. After `ERROR` nothing follows. */
export type WatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: KubernetesObject }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string }
  | { readonly type: 'ERROR'; readonly error: KubernetesError };

/** A watch that runs. */
export interface Watch {
  /** Tells the watcher how far it has seen. */
  readonly bookmark: () => void;
  readonly close: () => void;
}

export interface WatchOptions extends Selection {
  /** Only what happened after it; everything that there is first when it is missing, empty or `0`. */
  readonly resourceVersion?: string;
}

/** The reading half of the API. */
export interface Reads {
  get<K extends Kind>(caller: Caller, kind: K, namespace: string, name: string): ApiOutcome<Kinds[K]>;
  list<K extends Kind>(caller: Caller, kind: K, options?: ListOptions): ApiOutcome<Listed<K>>;
  /** The listener isn't called before this returns. A watcher that the network cuts off hears nothing until it is mended. */
  watch(caller: Caller, kind: Kind, options: WatchOptions, listener: (event: WatchEvent) => void): ApiOutcome<Watch>;
}

type Matches = (object: KubernetesObject) => boolean;

/** The reading half of one cluster's API; `place` is where its API server is. */
export function createReads(kernel: Kernel, store: Store, place: Place): Reads {
  return {
    get: (caller, kind, namespace, name) =>
      ask(kernel, caller, { verb: 'get', kind, namespace, name, writes: false }, () =>
        store.read(kind, namespace, name),
      ),
    list: (caller, kind, options = {}) => {
      const request = { verb: 'list', kind, namespace: options.namespace ?? '', writes: false };
      return ask(kernel, caller, request, () => listed(store, kind, options));
    },
    watch: (caller, kind, options, listener) => {
      const request = { verb: 'watch', kind, namespace: options.namespace ?? '', writes: false };
      return ask(kernel, caller, request, () => startWatch({ kernel, store, place }, caller, kind, options, listener));
    },
  };
}

function matcher(kind: Kind, { namespace = '', labelSelector, fieldSelector }: Selection): Matches {
  const labels = parseLabelSelector(labelSelector ?? '');
  const fields = parseFieldSelector(kind, fieldSelector ?? '');
  return (object) =>
    object.kind === kind &&
    (namespace === '' || object.metadata.namespace === namespace) &&
    labels(object.metadata.labels ?? {}) &&
    fields(object);
}

const keyOf = ({ metadata }: KubernetesObject): string => `${metadata.namespace ?? ''}/${metadata.name}`;

function listed<K extends Kind>(store: Store, kind: K, options: ListOptions): Listed<K> {
  const { namespace = '', limit = 0 } = options;
  const token = options.continue === undefined || options.continue === '' ? undefined : readToken(options.continue);
  const resourceVersion = token?.revision ?? String(store.revision());
  if (token !== undefined && store.since(Number(token.revision)) === undefined) {
    throw expired(
      'The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.',
    );
  }
  checkNotAhead(store, options.resourceVersion);
  const matches = matcher(kind, options);
  const all = store.list(kind, namespace === '' ? undefined : namespace).filter(matches);
  const left = token === undefined ? all : all.filter((object) => keyOf(object) > token.after);
  const items = limit > 0 ? left.slice(0, limit) : left;
  const last = items.at(-1);
  const remaining = left.length - items.length;
  if (remaining === 0 || last === undefined) return { items, resourceVersion };
  return { items, resourceVersion, continue: writeToken({ revision: resourceVersion, after: keyOf(last) }), remaining };
}

interface Token {
  readonly revision: string;
  readonly after: string;
}

const writeToken = ({ revision, after: key }: Token): string =>
  Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: Number(revision), start: key })).toString('base64url');

function readToken(text: string): Token {
  try {
    const { rv, start }: { rv?: unknown; start?: unknown } = JSON.parse(Buffer.from(text, 'base64url').toString());
    if (typeof rv === 'number' && typeof start === 'string') return { revision: String(rv), after: start };
  } catch {
    // Not JSON: refused below like any other token that isn't ours.
  }
  throw badRequest('continue key is not valid: the continue token could not be decoded');
}

function checkNotAhead(store: Store, resourceVersion: string | undefined): void {
  if (resourceVersion === undefined || resourceVersion === '') return;
  if (!/^\d+$/.test(resourceVersion)) {
    throw badRequest(
      `Invalid value: "${resourceVersion}": strconv.ParseUint: parsing "${resourceVersion}": invalid syntax`,
    );
  }
  if (Number(resourceVersion) <= store.revision()) return;
  const text = `Timeout: Too large resource version: ${resourceVersion}, current: ${store.revision()}`;
  throw new KubernetesError(504, 'Timeout', text, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });
}

/** How often a cut-off watch looks whether the network is mended. */
const MENDED_CHECK = seconds(1);

/** Events that wait for a cut-off watcher; past that its connection would have ended long ago. */
const BACKLOG_MAX = 10_000;

function startWatch(
  { kernel, store, place }: { readonly kernel: Kernel; readonly store: Store; readonly place: Place },
  caller: Caller,
  kind: Kind,
  options: WatchOptions,
  listener: (event: WatchEvent) => void,
): Watch {
  const { clock, network } = kernel;
  const matches = matcher(kind, options);
  const from = options.resourceVersion ?? '';
  checkNotAhead(store, from);
  const backlog: WatchEvent[] = [];
  let closed = false;
  let cancel: (() => void) | undefined;

  const flush = (): void => {
    cancel?.();
    cancel = undefined;
    if (!network.reaches(place, caller.from) || !network.reaches(caller.from, place)) {
      cancel = clock.schedule(after(clock.now(), MENDED_CHECK), flush);
      return;
    }
    while (!closed) {
      const event = backlog.shift();
      if (event === undefined) return;
      listener(event);
      if (event.type === 'ERROR') close();
    }
  };

  const tell = (event: WatchEvent): void => {
    if (closed || backlog.length >= BACKLOG_MAX) return;
    backlog.push(event);
    // Later, so that a listener may do what it likes to the store.
    cancel ??= clock.schedule(clock.now(), flush);
  };

  const hear = (change: Change): void => {
    const event = seenBy(matches, change);
    if (event !== undefined) tell(event);
  };

  const unsubscribe = store.subscribe(hear);
  const close = (): void => {
    closed = true;
    unsubscribe();
    cancel?.();
  };

  if (from === '' || from === '0') {
    for (const object of store.list(kind).filter(matches)) tell({ type: 'ADDED', object });
  } else {
    const past = store.since(Number(from));
    if (past === undefined)
      tell({ type: 'ERROR', error: expired(`too old resource version: ${from} (${store.revision()})`) });
    else for (const change of past) hear(change);
  }
  return {
    bookmark: () => {
      tell({ type: 'BOOKMARK', resourceVersion: String(store.revision()) });
      flush();
    },
    close,
  };
}

/** What a change is to a watcher of a selection: an object may enter or leave it without being made or deleted. */
function seenBy(matches: Matches, { type, object, previous }: Change): WatchEvent | undefined {
  const was = previous !== undefined && matches(previous);
  const is = type !== 'DELETED' && matches(object);
  if (is) return { type: was ? 'MODIFIED' : 'ADDED', object };
  return was ? { type: 'DELETED', object } : undefined;
}

/** 422: the streaming form of a list, which this API server doesn't have. Clients fall back to list and watch. */
export function refuseInitialEvents(kind: Kind): KubernetesError {
  const message = 'Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled';
  return invalid(resourceOf(kind).kind, '', [{ field: 'sendInitialEvents', type: 'FieldValueForbidden', message }]);
}
