import { z } from 'zod';
import { instant, millis, showDuration, toIso } from '../shared/core/time.ts';
import { stopText } from '../shared/flows/status.ts';
import type { ServiceScaling } from '../shared/ports/services.ts';
import { isUnknown, type Unknown } from './operator.ts';
import { table } from './paint.ts';
import type { ApplicationView, DatabaseView, StatusView } from './status.ts';

/** Everything at a glance, for people. */
export function showStatus(view: StatusView): string {
  return [
    `${view.system} at ${view.at} (clock time)`,
    '',
    'Cloud SQL',
    ...orUnknown(view.databases, (all) => [table(all.map(rowOf))]),
    '',
    'Applications',
    ...view.applications.flatMap(applicationLines),
    '',
    'Redis',
    ...orUnknown(view.caches, (all) => [
      table(
        all.map((cache) => [
          `  ${cache.instance}`,
          cache.state,
          cache.tier,
          cache.region,
          cache.address,
          `${cache.passwordNeeded ? 'AUTH' : 'no AUTH'}, ${cache.encrypted ? 'TLS' : 'no TLS'}`,
        ]),
      ),
    ]),
    '',
    'dr-autopilot',
    ...orUnknown(view.control, controlLines),
  ].join('\n');
}

/** Lines, or one that says that nobody knows. Nothing at all is said too. */
function orUnknown<T>(reading: T | Unknown, lines: (read: T) => readonly string[]): readonly string[] {
  if (isUnknown(reading)) return [`  unknown (${reading.unknown})`];
  const shown = lines(reading).filter((line) => line !== '');
  return shown.length === 0 ? ['  none'] : shown;
}

const why = ({ unknown }: Unknown): string => `unknown (${unknown})`;

function rowOf({ status, running, heartbeatAgeMs, watch }: DatabaseView): readonly string[] {
  const operations = isUnknown(running)
    ? `operations ${why(running)}`
    : running.map(({ type, state, user }) => `${type} ${state}${user === undefined ? '' : ` by ${user}`}`).join(', ');
  const heartbeat = heartbeatAgeMs === null ? 'unknown' : `${showDuration(millis(heartbeatAgeMs))} old`;
  return [
    `  ${status.instance}`,
    status.role,
    status.upstream === undefined ? '' : `of ${status.upstream}`,
    status.activation === 'never' ? 'stopped' : status.state,
    status.availability,
    status.region,
    `heartbeat ${heartbeat}`,
    operations === '' ? 'no operation' : operations,
    watchText(watch),
  ];
}

function watchText(watch: DatabaseView['watch']): string {
  if (watch === null) return '';
  if (isUnknown(watch)) return `watch ${why(watch)}`;
  if (watch.refusedSinceMs !== null) return `refuses writes since ${toIso(instant(watch.refusedSinceMs))}`;
  if (watch.notWrittenSinceMs !== null) return `not written since ${toIso(instant(watch.notWrittenSinceMs))}`;
  return 'watched, takes writes';
}

function applicationLines(application: ApplicationView): readonly string[] {
  const { id, health } = application;
  const told = isUnknown(health)
    ? why(health)
    : `${health.kind}, ${health.database === undefined ? health.detail : `on ${health.database.address}, epoch ${health.database.epoch ?? 'none'}`}`;
  const lines = application.kind === 'cloudRun' ? serviceLines(application) : workloadLines(application);
  return [`  ${id}: ${told}`, ...lines.map((line) => `    ${line}`)];
}

function serviceLines({ service }: Extract<ApplicationView, { readonly kind: 'cloudRun' }>): readonly string[] {
  if (isUnknown(service)) return [`Cloud Run: ${why(service)}`];
  const ready = service.ready ? 'ready' : 'not ready';
  const settled = service.settled ? '' : ', being changed';
  return [`Cloud Run: ${ready}${settled}, ${scalingText(service.scaling)}, ${service.revision ?? 'no revision'}`];
}

const scalingText = (scaling: ServiceScaling): string =>
  scaling.kind === 'manual'
    ? `held at ${scaling.instances} instances by hand`
    : `${scaling.min} to ${scaling.max ?? 'any number of'} instances`;

function workloadLines(gke: Extract<ApplicationView, { readonly kind: 'gke' }>): readonly string[] {
  const { workload, pods, budgets } = gke;
  const lines = [];
  if (isUnknown(workload)) lines.push(`Deployment: ${why(workload)}`);
  else {
    const scaled = workload.autoscaler;
    lines.push(
      `Deployment: ${workload.ready} of ${workload.replicas} replicas ready${workload.settled ? '' : ', rolling out'}, ${scaled === undefined ? 'no autoscaler' : `autoscaler ${scaled.min} to ${scaled.max}`}`,
    );
  }
  if (isUnknown(budgets)) lines.push(`disruption budget: ${why(budgets)}`);
  else if (budgets.length === 0) lines.push('no disruption budget');
  for (const budget of isUnknown(budgets) ? [] : budgets)
    lines.push(
      `disruption budget ${budget.name}: ${budget.allowed} may be evicted (${budget.healthy} healthy, ${budget.wanted} must be)`,
    );
  if (isUnknown(pods)) return [...lines, `pods: ${why(pods)}`];
  const rows = pods.map((pod) => [
    pod.name,
    pod.terminating ? 'ending' : pod.ready ? 'ready' : 'not ready',
    `${pod.restarts} restarts`,
    pod.container.kind === 'waiting' || pod.container.kind === 'terminated' ? pod.container.reason : pod.container.kind,
  ]);
  return rows.length === 0 ? [...lines, 'no pods'] : [...lines, ...table(rows).split('\n')];
}

const summaryWire = z.object({ phase: z.string(), scenario: z.string().nullable(), headline: z.string() });

function controlLines(control: Exclude<StatusView['control'], Unknown>): readonly string[] {
  const stop = stopText(control.killSwitch);
  const open = control.incidents.filter(({ dueAt }) => dueAt !== null);
  const modes = Object.entries(control.modesInForce).map(([runbook, mode]) => `${runbook} ${mode}`);
  return [
    `  kill switch: ${stop === undefined ? 'off' : `ON, ${stop}`}`,
    `  modes: ${modes.join(', ')}`,
    open.length === 0 ? '  open incidents: none' : '  open incidents:',
    ...open.map(({ id, summary }) => {
      const read = summaryWire.safeParse(summary).data;
      return `    ${id}  ${read === undefined ? '' : `${read.phase}  ${read.scenario ?? 'not named yet'}  ${read.headline}`}`;
    }),
    `  messages that could not be read: ${control.refused.length}`,
  ];
}
