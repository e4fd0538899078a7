import { type Instant, between, parseInstant } from '../../shared/core/time.ts';
import type { Kind, Kinds, KubernetesObject } from '../world/kubernetes-objects.ts';
import { CELLS, type Column } from './kubernetes-cells.ts';

// Answers in the form `Table` (meta.k8s.io/v1): the server chooses the columns, kubectl prints them.

/** How much of each object comes with its row. */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

type Body = Readonly<Record<string, unknown>>;

/** A table of objects of one kind. Without `headers` as in the later events of a watch. */
export function tableOf(
  kind: Kind,
  objects: readonly KubernetesObject[],
  options: {
    readonly now: Instant;
    readonly include: IncludeObject;
    readonly metadata: Body;
    readonly headers?: boolean;
  },
): Body {
  const { columns, cells } = printerOf(kind);
  const rows = objects.map((object) => ({ cells: cells(object, options.now), ...included(object, options.include) }));
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: options.metadata,
    columnDefinitions: options.headers === false ? null : columns.map(definition),
    rows,
  };
}

interface Printer {
  readonly columns: readonly Column[];
  readonly cells: (object: KubernetesObject, now: Instant) => readonly unknown[];
}

function printerOf<K extends Kind>(kind: K): Printer {
  const { columns, cells } = CELLS[kind];
  // The caller hands objects of that kind only; TypeScript can't follow it through the table.
  return { columns, cells: (object, now) => cells(object as unknown as Kinds[K], (time) => age(time, now)) };
}

function definition({ name, type = 'string', wide }: Column): Body {
  return { name, type, format: name === 'Name' ? 'name' : '', description: name, priority: wide === true ? 1 : 0 };
}

function included(object: KubernetesObject, include: IncludeObject): Body {
  if (include === 'None') return {};
  if (include === 'Object') return { object };
  return { object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata } };
}

/** The time since a timestamp as kubectl shows it. */
function age(timestamp: string | undefined, now: Instant): string {
  const since = timestamp === undefined ? undefined : parseInstant(timestamp);
  return since === undefined ? '<unknown>' : humanDuration(between(since, now));
}

/** apimachinery's `duration.HumanDuration`: two units at most, the second only while it says something. */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1_000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const [minutes, hours] = [Math.trunc(seconds / 60), Math.trunc(seconds / 3_600)];
  if (minutes < 10) return two(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  if (hours < 8) return two(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  if (hours < 24 * 8) return two(Math.trunc(hours / 24), 'd', hours % 24, 'h');
  if (hours < 24 * 365 * 2) return `${Math.trunc(hours / 24)}d`;
  if (hours < 24 * 365 * 8) return two(Math.trunc(hours / 8_760), 'y', Math.trunc(hours / 24) % 365, 'd');
  return `${Math.trunc(hours / 8_760)}y`;
}

const two = (large: number, unit: string, small: number, smallUnit: string): string =>
  small === 0 ? `${large}${unit}` : `${large}${unit}${small}${smallUnit}`;
