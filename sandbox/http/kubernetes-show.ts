import type { Instant } from '../../shared/core/time.ts';
import type { Event, Kind, KubernetesObject } from '../world/kubernetes-objects.ts';
import type { Listed } from '../world/kubernetes-reads.ts';
import { type Resource, apiVersionOf } from '../world/kubernetes-resources.ts';
import type { AnswerForm } from './kubernetes-request.ts';
import { type HttpReply, json } from './router.ts';
import { tableOf } from './kubernetes-table.ts';

/** A resource as one path of the API serves it, and how that path shows its objects. */
export interface Served {
  readonly resource: Resource;
  readonly show: (object: KubernetesObject) => Readonly<Record<string, unknown>>;
}

/** The newer form of an Event (events.k8s.io/v1), of the same stored object. */
export function showNewEvent(object: KubernetesObject): Readonly<Record<string, unknown>> {
  // Served for Events only.
  const { metadata, reason, message, type, involvedObject, source, count, firstTimestamp, lastTimestamp } =
    object as Event;
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata,
    eventTime: null,
    reason,
    note: message,
    type,
    regarding: involvedObject,
    reportingController: source.component,
    reportingInstance: source.host ?? '',
    deprecatedSource: source,
    deprecatedFirstTimestamp: firstTimestamp,
    deprecatedLastTimestamp: lastTimestamp,
    deprecatedCount: count,
  };
}

/** One object in the form that was asked for. */
export function objectReply(
  { resource, show }: Served,
  object: KubernetesObject,
  form: AnswerForm,
  now: Instant,
): HttpReply {
  if (form.kind === 'object') return json(show(object));
  if (form.kind === 'metadata') return json(partial(object));
  const metadata = { resourceVersion: object.metadata.resourceVersion };
  return json(tableOf(resource.kind, [object], { now, include: form.include, metadata }));
}

/** A list in the form that was asked for. Its items don't repeat their kind, as typed lists don't. */
export function listReply({ resource, show }: Served, list: Listed<Kind>, form: AnswerForm, now: Instant): HttpReply {
  const { items, resourceVersion, remaining } = list;
  const metadata = {
    resourceVersion,
    ...(list.continue === undefined ? {} : { continue: list.continue }),
    ...(remaining === undefined ? {} : { remainingItemCount: remaining }),
  };
  if (form.kind === 'table') return json(tableOf(resource.kind, items, { now, include: form.include, metadata }));
  if (form.kind === 'metadata') {
    const type = { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1' };
    return json({ ...type, metadata, items: items.map(partial) });
  }
  const untyped = items.map((item) => {
    const { kind: _, apiVersion: __, ...rest } = show(item);
    return rest;
  });
  return json({ kind: `${resource.kind}List`, apiVersion: apiVersionOf(resource), metadata, items: untyped });
}

const partial = ({ metadata }: KubernetesObject): unknown => ({
  kind: 'PartialObjectMetadata',
  apiVersion: 'meta.k8s.io/v1',
  metadata,
});
