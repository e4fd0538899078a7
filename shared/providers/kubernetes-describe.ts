import { z } from 'zod';
import { instant, toIso } from '../core/time.ts';
import type { Pod } from './kubernetes-wire.ts';

// A pod as `kubectl describe pod` shows it, without the environment of its containers: values in clear have no place in
// evidence.

const eventWire = z.object({
  type: z.string().optional(),
  reason: z.string().optional(),
  message: z.string().optional(),
  count: z.number().optional(),
  lastTimestamp: z.date().nullish(),
  eventTime: z.date().nullish(),
  source: z.object({ component: z.string().optional() }).optional(),
});

/** Events at the end of the text; a crash loop has a handful, which count up. */
const EVENTS_MAX = 50;

/** Describes a pod with its newest events, the oldest of them first. Throws `z.ZodError` when an event is none. */
export function describePod(pod: Pod, namespace: string, events: readonly unknown[]): string {
  const { metadata, status } = pod;
  const lines = [
    `Name:         ${metadata.name}`,
    `Namespace:    ${namespace}`,
    `Node:         ${pod.spec?.nodeName ?? '<none>'}`,
    `Start Time:   ${timeOf(status?.startTime)}`,
    `Labels:       ${Object.entries(metadata.labels ?? {})
      .map(([key, value]) => `${key}=${value}`)
      .join(',')}`,
    `Status:       ${phaseOf(pod)}`,
    ...(status?.reason === undefined ? [] : [`Reason:       ${status.reason}`]),
    ...(status?.message === undefined ? [] : [`Message:      ${status.message}`]),
    `IP:           ${status?.podIP ?? '<none>'}`,
    'Containers:',
    ...(status?.containerStatuses ?? []).flatMap((container) => [
      `  ${container.name}:`,
      `    Image:          ${container.image ?? '<none>'}`,
      `    State:          ${stateOf(container.state)}`,
      `    Last State:     ${stateOf(container.lastState)}`,
      `    Ready:          ${container.ready}`,
      `    Restart Count:  ${container.restartCount}`,
    ]),
    'Conditions:',
    ...(status?.conditions ?? []).map(
      ({ type, status: met, reason }) => `  ${type.padEnd(26)}${met}${reason === undefined ? '' : ` (${reason})`}`,
    ),
    'Events:',
    ...eventLines(events),
  ];
  return `${lines.join('\n')}\n`;
}

const phaseOf = ({ metadata: { deletionTimestamp }, status }: Pod): string =>
  deletionTimestamp === undefined ? (status?.phase ?? 'Unknown') : `Terminating since ${timeOf(deletionTimestamp)}`;

function eventLines(events: readonly unknown[]): readonly string[] {
  const parsed = events.map((event) => eventWire.parse(event));
  const at = (event: (typeof parsed)[number]): number => (event.lastTimestamp ?? event.eventTime)?.getTime() ?? 0;
  const newest = parsed.sort((a, b) => at(a) - at(b)).slice(-EVENTS_MAX);
  if (newest.length === 0) return ['  <none>'];
  return newest.map((event) => {
    const when = timeOf(event.lastTimestamp ?? event.eventTime ?? undefined);
    const times = event.count !== undefined && event.count > 1 ? ` (x${event.count})` : '';
    const { type = '<none>', reason = '<none>', message = '' } = event;
    return `  ${type}  ${reason}  ${when}${times}  ${event.source?.component ?? '<none>'}  ${message}`;
  });
}

type ContainerState = NonNullable<NonNullable<Pod['status']>['containerStatuses']>[number]['state'];

function stateOf(state: ContainerState): string {
  if (state?.running !== undefined) return `Running since ${timeOf(state.running.startedAt)}`;
  if (state?.waiting !== undefined) {
    const { reason = 'unknown', message } = state.waiting;
    return `Waiting (${reason})${message === undefined ? '' : `: ${message}`}`;
  }
  if (state?.terminated !== undefined)
    return `Terminated (${state.terminated.reason ?? 'unknown'}), exit code ${state.terminated.exitCode ?? 'unknown'}`;
  return '<none>';
}

const timeOf = (date: Date | undefined): string => (date === undefined ? '<unknown>' : toIso(instant(date.getTime())));
