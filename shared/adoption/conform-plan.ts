import { instanceName } from '../system/names.ts';
import type { System } from '../system/system.ts';
import type { InstanceDraft, ServiceDraft } from '../ports/throwaways.ts';
import { EXPERIMENTS, type Provable } from './conform.ts';

// What `./dr conform` would make, for how long and for how much, before it makes anything.

/** Names that it makes, and the only ones that it ever deletes. */
const PREFIX = 'dr-conform-';

/** One processor and 3.75 GiB: the least with dedicated ones. */
const TIER = { name: 'db-custom-1-3840', processors: 1, gib: 3.75, diskGib: 10 } as const;

/** Google's own greeting for those who try Cloud Run out. */
const IMAGE = 'us-docker.pkg.dev/cloudrun/container/hello';

/** What it is made with where the system has no PostgreSQL instance that says otherwise. */
const DATABASE_VERSION = 'POSTGRES_15';

/** Estimates in minutes, longer than most: nothing is promised. */
const MINUTES = { primary: 10, standby: 15, replica: 12, service: 1, deletion: 10 } as const;

/**
 * List prices in US dollars, us-central1. Processor and memory of Cloud SQL Enterprise as usage.ai quotes cloud.google.com/sql/pricing in
 * May 2026; disk, address and Cloud Run (cloud.google.com/run/pricing) from memory, November 2026. Estimates: other regions cost more.
 */
const PRICES = {
  processorHour: 0.0413,
  gibHour: 0.007,
  diskGibMonth: 0.17,
  addressHour: 0.01,
  runSecond: 0.000024 + 0.5 * 0.0000025,
} as const;

/** Where they are from, in a few words. */
export const PRICES_FROM =
  'list prices of us-central1 as known in 2026; look them up at cloud.google.com/sql/pricing and cloud.google.com/run/pricing';

const HOURS_OF_MONTH = 730;

/** Everything that is decided before anything is made. */
export interface ConformPlan {
  /** Of this run. */
  readonly run: string;
  readonly proves: readonly Provable[];
  readonly instances: readonly InstanceDraft[];
  readonly service: ServiceDraft | undefined;
  readonly minutes: number;
  readonly cost: readonly CostLine[];
}

/** What one thing costs, with its arithmetic. */
export interface CostLine {
  readonly what: string;
  readonly arithmetic: string;
  readonly dollars: number;
}

/** Where the things are made, and what the protected database runs. */
export interface ConformPlace {
  readonly region: string;
  readonly serviceRegion: string;
  readonly databaseVersion: string;
}

/** Beside what is protected: in its region, so that what is seen there is what a failover meets. `running`: the version that its database has. */
export function placeOf(system: System, running: string | undefined): ConformPlace {
  const region = system.databases[0]?.region ?? system.protectedRegions[0] ?? 'us-central1';
  const service = system.applications.find(({ kind }) => kind === 'cloudRun');
  return {
    region,
    serviceRegion: service?.kind === 'cloudRun' ? service.region : region,
    databaseVersion: running?.startsWith('POSTGRES_') === true ? running : DATABASE_VERSION,
  };
}

/** The plan of a run. `run`: lower-case letters and digits. */
export function planConform(run: string, proves: readonly Provable[], place: ConformPlace): ConformPlan {
  const needs = new Set(proves.flatMap((id) => EXPERIMENTS[id].needs));
  const availability = needs.has('standby') ? 'REGIONAL' : 'ZONAL';
  const { region, databaseVersion } = place;
  const shared = { region, databaseVersion, tier: TIER.name, run } as const;
  const name = instanceName(`${PREFIX}${run}`);
  const primary: InstanceDraft = { ...shared, name, availability, primary: undefined };
  const replica: InstanceDraft = {
    ...shared,
    name: instanceName(`${name}-replica`),
    availability: 'ZONAL',
    primary: name,
  };
  const instances = needs.has('replica')
    ? [primary, replica]
    : needs.has('primary') || needs.has('standby')
      ? [primary]
      : [];
  const service = needs.has('service') ? { name, region: place.serviceRegion, image: IMAGE, run } : undefined;
  const minutes = minutesOf(proves, needs);
  return { run, proves, instances, service, minutes, cost: costOf(instances, service, minutes) };
}

function minutesOf(proves: readonly Provable[], needs: ReadonlySet<string>): number {
  const making = [
    needs.has('standby') ? MINUTES.standby : needs.has('primary') ? MINUTES.primary : 0,
    needs.has('replica') ? MINUTES.replica : 0,
    needs.has('service') ? MINUTES.service : 0,
    needs.size > 0 ? MINUTES.deletion : 0,
  ];
  return [...making, ...proves.map((id) => EXPERIMENTS[id].minutes)].reduce((sum, each) => sum + each, 0);
}

function costOf(
  instances: readonly InstanceDraft[],
  service: ServiceDraft | undefined,
  minutes: number,
): readonly CostLine[] {
  const hours = minutes / 60;
  const { processorHour, gibHour, diskGibMonth, addressHour, runSecond } = PRICES;
  const databases = instances.map(({ name, availability }): CostLine => {
    const copies = availability === 'REGIONAL' ? 2 : 1;
    const { processors, gib, diskGib } = TIER;
    const hourly = processors * processorHour + gib * gibHour + (diskGib * diskGibMonth) / HOURS_OF_MONTH;
    return {
      what: name,
      arithmetic: `${hours.toFixed(2)} h × (${copies} × (${processors} × ${processorHour} + ${gib} GiB × ${gibHour} + ${diskGib} GiB × ${diskGibMonth} / ${HOURS_OF_MONTH}) + address ${addressHour})`,
      dollars: hours * (copies * hourly + addressHour),
    };
  });
  if (service === undefined) return databases;
  const seconds = minutes * 60;
  const line = {
    what: `${service.name} (service)`,
    arithmetic: `at most ${seconds} s × ${runSecond} for one instance`,
    dollars: seconds * runSecond,
  };
  return [...databases, line];
}

/** Where a run may have made anything. */
export const regionsOf = (system: System): readonly string[] => [
  ...new Set([...system.protectedRegions, ...system.controlRegions, placeOf(system, undefined).serviceRegion]),
];

/** Names that `dr.yaml` says anything about. */
export function namesOf(system: System): ReadonlySet<string> {
  return new Set([
    ...system.databases.flatMap(({ instance, replicas, spares, restore, recovery }) => [
      instance,
      ...[...replicas, ...spares].map((one) => one.instance),
      ...(restore === undefined ? [] : [restore.instance]),
      ...(recovery?.instances ?? []),
    ]),
    ...system.applications.flatMap((application) => (application.kind === 'cloudRun' ? [application.service] : [])),
  ]);
}

/** Whether a name is one of ours, and nobody else's: anything else is never changed. */
export const isOurs = (name: string, named: ReadonlySet<string>): boolean =>
  name.startsWith(PREFIX) && name.length > PREFIX.length && !named.has(name);
