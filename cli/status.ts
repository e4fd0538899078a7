import { z } from 'zod';
import { between, type Instant, toIso } from '../shared/core/time.ts';
import { type Overview, overview } from '../shared/flows/status.ts';
import type { DeepHealth } from '../shared/ports/applications.ts';
import type { InstanceStatus, OperationStatus } from '../shared/ports/databases.ts';
import type { CacheInstance, DisruptionBudget } from '../shared/ports/lookout.ts';
import type { ServiceStatus } from '../shared/ports/services.ts';
import { parseWatchReading, watchKey, type WatchReading } from '../shared/ports/watch-reading.ts';
import type { PodStatus, WorkloadStatus } from '../shared/ports/workloads.ts';
import { type Mode, RUNBOOKS } from '../shared/system/names.ts';
import type { Application, System } from '../shared/system/system.ts';
import { modeFor } from '../shared/system/topology.ts';
import { loadSystem } from '../shared/wiring/environment.ts';
import type { Ending } from './config.ts';
import { isUnknown, known, type Operator, operatorOf, type Unknown } from './operator.ts';
import { type OpenedStore, openForReading } from './read-incidents.ts';
import type { Facts } from './sandbox-facts.ts';
import { showStatus } from './show-status.ts';

// `./dr status`: everything at a glance, as appendix A of the runbook asks for, plus our own state. Everything is asked side by
// side, each thing for itself: what can't be read is `unknown` with its reason, and hides nothing else. Reads only.

/** A Cloud SQL instance: what the API says, what is being done to it, and its own word. */
export interface DatabaseView {
  readonly status: InstanceStatus;
  readonly running: readonly OperationStatus[] | Unknown;
  /** How old the newest heartbeat is that can be read there: on a replica, at most that much is missing. `null`: it gave no word. */
  readonly heartbeatAgeMs: number | null;
  /** What the watch knows of a primary; `null` for what it does not watch. */
  readonly watch: WatchReading | Unknown | null;
}

/** An application: how its platform describes it, and what it says of itself. */
export type ApplicationView = { readonly id: string; readonly health: DeepHealth | Unknown } & (
  | {
      readonly kind: 'gke';
      readonly workload: WorkloadStatus | Unknown;
      readonly pods: readonly PodStatus[] | Unknown;
      readonly budgets: readonly DisruptionBudget[] | Unknown;
    }
  | { readonly kind: 'cloudRun'; readonly service: ServiceStatus | Unknown }
);

/** Everything at a glance; what `--json` prints. */
export interface StatusView {
  readonly at: string;
  readonly system: string;
  readonly databases: readonly DatabaseView[] | Unknown;
  readonly applications: readonly ApplicationView[];
  readonly caches: readonly CacheInstance[] | Unknown;
  readonly control: (Overview & { readonly modesInForce: Readonly<Record<string, Mode>> }) | Unknown;
}

/** Reads and shows. Ends with 4 when something could not be read, which is shown as such; else with 0. */
export async function statusCommand(facts: Facts, { json }: { readonly json: boolean }): Promise<Ending> {
  const system = loadSystem(facts.config);
  const store = openForReading(facts.store);
  try {
    const view = await readStatus(system, operatorOf(facts, system), store);
    const text = json ? JSON.stringify(view) : showStatus(view);
    return { exitCode: hasUnknown(view) ? 4 : 0, stdout: `${text}\n`, stderr: '' };
  } finally {
    await store.close();
  }
}

/** Reads everything side by side. */
export async function readStatus(system: System, operator: Operator, store: OpenedStore): Promise<StatusView> {
  const { world, lookout, clock } = operator;
  const [databases, applications, caches, control] = await Promise.all([
    readDatabases(operator, store),
    Promise.all(system.applications.map((application) => readApplication(application, operator))),
    known(lookout.caches()),
    known(overview(store)),
  ]);
  const now = clock.now();
  return {
    at: toIso(now),
    system: system.name,
    databases: isUnknown(databases)
      ? databases
      : await Promise.all(databases.map((instance) => viewOf(instance, world, now))),
    applications,
    caches,
    control: isUnknown(control) ? control : { ...control, modesInForce: modesOf(system, control.modes) },
  };
}

type Watched = Pick<DatabaseView, 'status' | 'running' | 'watch'>;

async function readDatabases({ world }: Operator, { documents }: OpenedStore): Promise<readonly Watched[] | Unknown> {
  const fleet = await known(world.databases.fleet());
  if (isUnknown(fleet)) return fleet;
  return await Promise.all(
    fleet.map(async (status): Promise<Watched> => {
      const [operations, watch] = await Promise.all([
        known(world.databases.operations(status.instance)),
        known(documents.get(watchKey(status.instance))),
      ]);
      return {
        status,
        running: isUnknown(operations) ? operations : operations.filter(({ state }) => state !== 'done'),
        watch: isUnknown(watch) ? watch : readingOf(watch?.value),
      };
    }),
  );
}

function readingOf(stored: unknown): DatabaseView['watch'] {
  if (stored === undefined) return null;
  try {
    return parseWatchReading(stored);
  } catch (error) {
    if (error instanceof z.ZodError) return { unknown: 'unreadable' };
    throw error;
  }
}

async function viewOf(instance: Watched, { dataPlane }: Operator['world'], now: Instant): Promise<DatabaseView> {
  const heartbeat = (await dataPlane.replication(instance.status.instance))?.heartbeat;
  return { ...instance, heartbeatAgeMs: heartbeat === undefined ? null : Math.max(0, between(heartbeat.at, now)) };
}

async function readApplication(application: Application, { world, lookout }: Operator): Promise<ApplicationView> {
  const { id } = application;
  const health = known(world.applications.deepHealth(id));
  if (application.kind === 'cloudRun') {
    const service = await known(world.services.inspect(id));
    return { id, kind: 'cloudRun', service, health: await health };
  }
  const [workload, pods, budgets] = await Promise.all([
    known(world.workloads.inspect(id)),
    known(world.workloads.pods(id)),
    known(lookout.budgets(id)),
  ]);
  return { id, kind: 'gke', workload, pods, budgets, health: await health };
}

const modeWire = z.object({ mode: z.enum(['observe', 'approve', 'auto']) });

/** How far each runbook may go now: an operator's change, else the file's. */
function modesOf(system: System, changed: Overview['modes']): Readonly<Record<string, Mode>> {
  const changes = z.record(z.string(), z.unknown()).safeParse(changed).data ?? {};
  return Object.fromEntries(
    RUNBOOKS.map((runbook) => [runbook, modeWire.safeParse(changes[runbook]).data?.mode ?? modeFor(system, runbook)]),
  );
}

/** Whether anything in it could not be read. */
function hasUnknown({ databases, applications, caches, control }: StatusView): boolean {
  const parts: readonly unknown[] = [
    databases,
    caches,
    control,
    ...(isUnknown(databases) ? [] : databases.flatMap(({ running, watch }) => [running, watch])),
    ...applications.flatMap((application) => Object.values(application)),
  ];
  return parts.some(isUnknown);
}
