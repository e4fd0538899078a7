import { unreachable } from '../../shared/core/assert.ts';
import type { Instant } from '../../shared/core/time.ts';
import type { WatchEvent } from '../world/kubernetes-reads.ts';
import type { Kind, KubernetesObject } from '../world/kubernetes-objects.ts';
import { type Resource, apiVersionOf } from '../world/kubernetes-resources.ts';
import type { AnswerForm } from './kubernetes-request.ts';
import { statusOf } from './kubernetes-status.ts';
import { tableOf } from './kubernetes-table.ts';

// The events of a watch, one JSON object a line.

/** Calls back after that many wall milliseconds; returns a function that cancels it. A watch's limits are the connection's. */
export type StartTimer = (ms: number, what: () => void) => () => void;

/** The machine's timer. It keeps no process alive. */
export const machineTimer: StartTimer = (ms, what) => {
  const timer = setTimeout(what, ms);
  timer.unref();
  return () => clearTimeout(timer);
};

/** What the lines of one watch look like. */
export interface WatchForm {
  readonly kind: Kind;
  readonly resource: Pick<Resource, 'group' | 'version'>;
  readonly form: AnswerForm;
  /** An object as this API shows it. */
  readonly show: (object: KubernetesObject) => unknown;
  readonly now: () => Instant;
}

/** Returns the function that writes an event as a line. Only the first table says what its columns are. */
export function createLineWriter(shape: WatchForm): (event: WatchEvent) => string {
  let headers = true;
  const line = (type: string, object: unknown): string => `${JSON.stringify({ type, object })}\n`;
  return (event) => {
    switch (event.type) {
      case 'ERROR':
        return line('ERROR', statusOf(event.error));
      case 'BOOKMARK':
        return line('BOOKMARK', bookmark(shape, event.resourceVersion));
      case 'ADDED':
      case 'MODIFIED':
      case 'DELETED': {
        const text = line(event.type, shown(shape, event.object, headers));
        headers = false;
        return text;
      }
      default:
        return unreachable(event);
    }
  };
}

function shown({ kind, form, show, now }: WatchForm, object: KubernetesObject, headers: boolean): unknown {
  switch (form.kind) {
    case 'table':
      return tableOf(kind, [object], { now: now(), include: form.include, metadata: {}, headers });
    case 'metadata':
      return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata };
    case 'object':
      return show(object);
    default:
      return unreachable(form);
  }
}

function bookmark({ kind, resource, form }: WatchForm, resourceVersion: string): unknown {
  const metadata = { resourceVersion, creationTimestamp: null };
  if (form.kind !== 'table') return { kind, apiVersion: apiVersionOf(resource), metadata };
  const row = { cells: [], object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata } };
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: { resourceVersion },
    columnDefinitions: null,
    rows: [row],
  };
}
