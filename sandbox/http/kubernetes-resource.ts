import type { WorldClock } from '../world/kernel.ts';
import type { Kubernetes } from '../world/kubernetes.ts';
import type { WriteOptions } from '../world/kubernetes-context.ts';
import { methodNotAllowed, noSuchPath } from '../world/kubernetes-errors.ts';
import type { Kind, KubernetesObject } from '../world/kubernetes-objects.ts';
import { type WatchEvent, type WatchOptions, refuseInitialEvents } from '../world/kubernetes-reads.ts';
import { type Resource, RESOURCES, findResource } from '../world/kubernetes-resources.ts';
import {
  answerForm,
  bodyOf,
  callerOf,
  deleteOptions,
  flagOf,
  numberOf,
  patchOf,
  writeOptions,
} from './kubernetes-request.ts';
import { type Served, listReply, objectReply, showNewEvent } from './kubernetes-show.ts';
import { kubernetesRefusal, replyOf } from './kubernetes-status.ts';
import { type StartTimer, createLineWriter } from './kubernetes-watch.ts';
import { type HttpReply, type HttpRequest, json } from './router.ts';

// The verbs of ordinary resources.

/** What the face is made of. */
export interface Face {
  readonly cluster: Kubernetes;
  readonly clock: WorldClock;
  readonly startTimer: StartTimer;
}

/** Where a path points to. */
export interface Target {
  readonly served: Served;
  /** Empty for objects of the cluster and for a list over all namespaces. */
  readonly namespace: string;
  /** Empty for a collection. */
  readonly name: string;
  readonly subresource: string;
}

/** Reads the parts of a resource path. Throws 404 when nothing is served there. */
export function targetOf(params: Readonly<Record<string, string>>): Target {
  const { group = '', version = 'v1', namespace = '', plural = '', name = '', sub: subresource = '' } = params;
  const newEvents = group === 'events.k8s.io' && version === 'v1' && plural === 'events';
  const resource = newEvents ? newEventResource() : findResource(group, version, plural);
  if (resource === undefined) throw noSuchPath();
  const misplaced = resource.namespaced ? namespace === '' && name !== '' : namespace !== '';
  if (misplaced) throw noSuchPath();
  return {
    served: { resource, show: newEvents ? showNewEvent : (object) => ({ ...object }) },
    namespace,
    name,
    subresource,
  };
}

function newEventResource(): Resource | undefined {
  const own = RESOURCES.find(({ kind }) => kind === 'Event');
  return own === undefined ? undefined : { ...own, group: 'events.k8s.io', verbs: ['get', 'list', 'watch'] };
}

/** GET of a collection: a list, or a watch. */
export function readCollection(face: Face, request: HttpRequest, target: Target): HttpReply {
  const { query } = request;
  if (flagOf(query, 'watch')) return watch(face, request, target);
  const { served, namespace } = target;
  const form = answerForm(request);
  const limit = numberOf(query, 'limit');
  const listed = face.cluster.api.list(callerOf(request), served.resource.kind, {
    namespace,
    ...texts(query, ['labelSelector', 'fieldSelector', 'continue', 'resourceVersion']),
    ...(limit === undefined ? {} : { limit }),
  });
  return replyOf(listed, (list) => listReply(served, list, form, face.clock.now()));
}

/** The given parameters of the query that are there and not empty. */
function texts<N extends string>(query: URLSearchParams, names: readonly N[]): { readonly [P in N]?: string } {
  const found = names.flatMap((name) => (query.get(name) ? [[name, query.get(name)] as const] : []));
  // The entries are of the given names only.
  return Object.fromEntries(found) as { readonly [P in N]?: string };
}

/** GET of one object. */
export function readObject(face: Face, request: HttpRequest, { served, namespace, name }: Target): HttpReply {
  const form = answerForm(request);
  const found = face.cluster.api.get(callerOf(request), served.resource.kind, namespace, name);
  return replyOf(found, (object) => objectReply(served, object, form, face.clock.now()));
}

/** The API server's own limit of a watch that names none: between 30 and 60 minutes. */
const WATCH_SECONDS = 2_700;
/** Wall milliseconds between bookmarks. */
const BOOKMARK_MS = 60_000;

function watch(face: Face, request: HttpRequest, { served, namespace }: Target): HttpReply {
  const { query } = request;
  const { kind } = served.resource;
  if (flagOf(query, 'sendInitialEvents')) throw refuseInitialEvents(kind);
  const writeLine = createLineWriter({
    kind,
    resource: served.resource,
    form: answerForm(request),
    show: served.show,
    now: () => face.clock.now(),
  });
  const options: WatchOptions = { namespace, ...texts(query, ['labelSelector', 'fieldSelector', 'resourceVersion']) };
  const early: WatchEvent[] = [];
  let listener = (event: WatchEvent): void => void early.push(event);
  const started = face.cluster.api.watch(callerOf(request), kind, options, (event) => listener(event));
  const wantsBookmarks = flagOf(query, 'allowWatchBookmarks');
  const limit = (numberOf(query, 'timeoutSeconds') ?? WATCH_SECONDS) * 1_000;
  return replyOf(started, (running) => ({
    kind: 'stream',
    start(write, end, onClose) {
      const stops: (() => void)[] = [running.close];
      const stop = (): void => stops.forEach((one) => one());
      listener = (event) => {
        write(writeLine(event));
        if (event.type === 'ERROR') end();
      };
      early.forEach(listener);
      onClose(stop);
      stops.push(
        face.startTimer(limit, () => {
          if (wantsBookmarks) running.bookmark();
          stop();
          end();
        }),
      );
      if (wantsBookmarks) stops.push(every(face.startTimer, BOOKMARK_MS, running.bookmark));
    },
  }));
}

function every(startTimer: StartTimer, ms: number, what: () => void): () => void {
  let cancel = startTimer(ms, function again() {
    what();
    cancel = startTimer(ms, again);
  });
  return () => cancel();
}

/** `Warning` headers of a write (RFC 7234: code 299). */
function warned(reply: HttpReply, warnings: readonly string[]): HttpReply {
  if (reply.kind !== 'json' || warnings.length === 0) return reply;
  const warning = warnings.map((text) => `299 - ${JSON.stringify(text)}`).join(', ');
  return { ...reply, headers: { ...reply.headers, warning } };
}

interface Wrote {
  readonly object: KubernetesObject;
  readonly warnings: readonly string[];
}

/** POST, PUT and PATCH of an ordinary resource. */
export function write(face: Face, request: HttpRequest, target: Target): HttpReply {
  const { served, namespace, name } = target;
  const { kind } = served.resource;
  const form = answerForm(request);
  const options = writeOptions(request);
  const outcome = sendWrite(face, request, kind, { namespace, name }, options);
  return replyOf(outcome, ({ object, warnings }: Wrote) => {
    const reply = objectReply(served, object, form, face.clock.now());
    const made = request.method === 'POST' && reply.kind === 'json' ? { ...reply, status: 201 } : reply;
    return warned(made, warnings);
  });
}

function sendWrite(
  { cluster }: Face,
  request: HttpRequest,
  kind: Kind,
  at: { readonly namespace: string; readonly name: string },
  options: WriteOptions,
) {
  const caller = callerOf(request);
  if (request.method === 'POST') return cluster.api.create(caller, kind, at.namespace, bodyOf(request), options);
  if (request.method === 'PUT') return cluster.api.update(caller, kind, at, bodyOf(request), options);
  return cluster.api.patch(caller, kind, at, patchOf(request), options);
}

/** DELETE of one object. A pod, and whatever waits for something, is answered with; of the rest a `Status` says that it is gone. */
export function remove(face: Face, request: HttpRequest, { served, namespace, name }: Target): HttpReply {
  const { resource, show } = served;
  const removed = face.cluster.api.delete(callerOf(request), resource.kind, namespace, name, deleteOptions(request));
  return replyOf(removed, (object: KubernetesObject) => {
    if (object.kind === 'Pod' || object.metadata.deletionTimestamp !== undefined) return json(show(object));
    const { uid } = object.metadata;
    const group = resource.group === '' ? {} : { group: resource.group };
    const details = { name, ...group, kind: resource.plural, uid };
    return json({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details });
  });
}

/** 405, in the form of every refusal. */
export const refuseMethod = ({ served }: Target, method: string): HttpReply =>
  kubernetesRefusal(methodNotAllowed(served.resource, method.toLowerCase()));
