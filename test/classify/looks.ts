import { diagnose } from '../../shared/classify/diagnose.ts';
import type { Inquiry } from '../../shared/classify/evidence.ts';
import type { ApplicationFacts, DatabaseFacts, Facts, ReplicaWord } from '../../shared/classify/facts.ts';
import { after, type Instant, instant } from '../../shared/core/time.ts';
import type { Diagnosis } from '../../shared/incident/diagnosis.ts';
import type { DeepHealth } from '../../shared/ports/applications.ts';
import type { InstanceStatus, OperationStatus } from '../../shared/ports/databases.ts';
import type { Revision, Rollout } from '../../shared/ports/rollouts.ts';
import type { PodStatus } from '../../shared/ports/workloads.ts';
import { instanceName, targetId } from '../../shared/system/names.ts';
import { reference } from '../system/reference.ts';

// Looks at the reference system, well and ill, for tests to change in one place.

export const SYSTEM = reference();
const [DATABASE] = SYSTEM.databases;
if (DATABASE === undefined) throw new Error('the reference system has a database');
export const database = DATABASE;

export const PRIMARY = instanceName('coditect-dms-db');
export const REPLICA = instanceName('coditect-dms-db-replica');
export const EAST = instanceName('coditect-dms-db-east');

/** When the failure began. */
export const T0 = instant(Date.parse('2026-01-05T10:00:00.000Z'));
/** A moment so many seconds after it. */
export const at = (seconds: number): Instant => after(T0, seconds * 1_000);

/** An instance of the fleet; the primary unless `upstream` says otherwise. */
export function instance(change: Partial<InstanceStatus> = {}): InstanceStatus {
  return {
    instance: PRIMARY,
    role: change.upstream === undefined ? 'primary' : 'replica',
    upstream: undefined,
    replicas: change.upstream === undefined ? [REPLICA, EAST] : [],
    state: 'runnable',
    activation: 'always',
    availability: 'zonal',
    region: 'us-central1',
    databaseVersion: 'POSTGRES_15',
    tier: 'db-custom-4-16384',
    address: '10.20.0.3',
    version: '7',
    backupsEnabled: true,
    pointInTimeRecovery: true,
    deletionProtection: true,
    ...change,
  };
}

export const replica = (change: Partial<InstanceStatus> = {}): InstanceStatus =>
  instance({ instance: REPLICA, upstream: PRIMARY, address: '10.20.0.4', ...change });

export const east = (change: Partial<InstanceStatus> = {}): InstanceStatus =>
  instance({ instance: EAST, upstream: PRIMARY, address: '10.20.0.5', region: 'us-east1', ...change });

/** A replica's word: whether it receives, and the newest heartbeat that it shows. */
export function word(name: typeof REPLICA, receiving: boolean, heartbeatAt: Instant, position = 1_000): ReplicaWord {
  const heartbeat = { sequence: Math.floor(heartbeatAt / 5_000), at: heartbeatAt };
  return { instance: name, status: { role: 'replica', receiving, heartbeat, position }, lagMetricSeconds: 0.4 };
}

/** An operation that runs since a moment. */
export function operation(type: string, since: Instant, change: Partial<OperationStatus> = {}): OperationStatus {
  return {
    name: `op-${type}`,
    instance: PRIMARY,
    type,
    state: 'running',
    error: undefined,
    insertedAt: since,
    endedAt: undefined,
    user: undefined,
    ...change,
  };
}

/** The reference database as a look at `seconds` finds it when it is well. */
export function wellDatabase(seconds: number, change: Partial<DatabaseFacts> = {}): DatabaseFacts {
  return {
    database,
    primaryName: PRIMARY,
    primary: instance(),
    replicas: [replica(), east()],
    operations: [],
    up: [{ at: at(seconds - 100), value: 1 }],
    replication: [word(REPLICA, true, at(seconds - 2)), word(EAST, true, at(seconds - 2))],
    contact: { vantage: 'dr-autopilot', at: at(seconds), outcome: { kind: 'written' }, control: 'ok' },
    watch: undefined,
    ...change,
  };
}

/** The same when its primary died at 0: Monitoring says so late, nothing is received, and we are refused. */
export function deadDatabase(seconds: number, change: Partial<DatabaseFacts> = {}): DatabaseFacts {
  const points = [0, 60, 120, 180, 240]
    .filter((point) => point + 60 <= seconds)
    .map((point) => ({ at: at(point), value: 0 }));
  return wellDatabase(seconds, {
    up: [...points.toReversed(), { at: at(-30), value: 1 }],
    replication: [word(REPLICA, false, at(-2)), word(EAST, false, at(-2))],
    contact: { vantage: 'dr-autopilot', at: at(seconds), outcome: { kind: 'connectionRefused' }, control: 'ok' },
    ...change,
  });
}

const health = (kind: DeepHealth['kind'], writable: boolean): DeepHealth => ({
  kind,
  detail: kind === 'serving' ? 'ok' : kind === 'failing' ? 'connection refused' : 'timeout',
  instance: 'one',
  database:
    kind === 'silent' ? undefined : { address: '10.20.0.3:5432', epoch: undefined, inRecovery: false, writable },
});

/** A pod of the API that has long been ready. */
export function pod(name: string, change: Partial<PodStatus> = {}): PodStatus {
  return {
    name,
    uid: `uid-${name}`,
    version: '1',
    node: 'node-1',
    startedAt: at(-86_400),
    ready: true,
    terminating: false,
    endsBy: undefined,
    finalizers: [],
    ownVolume: false,
    restarts: 0,
    container: { kind: 'running' },
    lastTermination: undefined,
    template: 'a1',
    ...change,
  };
}

/** A revision of the API that has run for a week and has three ready pods. */
export function revision(number: number, change: Partial<Revision> = {}): Revision {
  return {
    name: `coditect-dms-api-a${number}`,
    uid: `set-${number}`,
    revision: number,
    template: `a${number}`,
    createdAt: at(-7 * 86_400),
    replicas: 3,
    ready: 3,
    image: `api:1.${number}`,
    ...change,
  };
}

/** The API's rollout: of one revision, and complete, unless told otherwise. The first revision is the current one. */
export function rollout(revisions: readonly Revision[] = [revision(1)], change: Partial<Rollout> = {}): Rollout {
  return {
    version: '1',
    replicas: 3,
    total: 3,
    updated: 3,
    available: 3,
    observed: true,
    paused: false,
    keepsAvailable: 3,
    gaveUpAt: undefined,
    current: revisions[0]?.uid,
    restartedFor: undefined,
    revisions,
    budget: { name: 'api', desiredHealthy: 2, currentHealthy: 3 },
    ...change,
  };
}

/** The API on GKE; `kind` is what its deep health answers. */
export function gke(kind: DeepHealth['kind'], change: Partial<ApplicationFacts> = {}): ApplicationFacts {
  return {
    application: 'api-gke',
    health: health(kind, kind === 'serving'),
    workload: {
      replicas: 3,
      ready: 3,
      available: 3,
      updated: 3,
      settled: true,
      version: '1',
      autoscaler: { min: 3, max: 10 },
    },
    pods: [pod('a'), pod('b'), pod('c')],
    rollout: rollout(),
    service: undefined,
    load: undefined,
    workloadLoad: undefined,
    ...change,
  };
}

/** The API on Cloud Run. */
export function run(kind: DeepHealth['kind'], change: Partial<ApplicationFacts> = {}): ApplicationFacts {
  return {
    application: 'api-run',
    health: health(kind, kind === 'serving'),
    workload: undefined,
    pods: undefined,
    rollout: undefined,
    service: {
      scaling: { kind: 'automatic', min: 1, max: 4 },
      revisionMax: 10,
      ready: true,
      settled: true,
      etag: 'e',
      revision: 'r',
      url: undefined,
    },
    load: undefined,
    workloadLoad: undefined,
    ...change,
  };
}

/** One look; the round follows from the moment. */
export function look(
  seconds: number,
  databases: readonly DatabaseFacts[],
  applications: readonly ApplicationFacts[],
): Facts {
  return { version: 1, at: at(seconds), round: Math.max(1, Math.round(seconds / 20)), databases, applications };
}

/** Everything is well. */
export const wellLook = (seconds: number): Facts =>
  look(seconds, [wellDatabase(seconds)], [gke('serving'), run('serving')]);

/** The primary died at 0. */
export const deadLook = (seconds: number, change: Partial<DatabaseFacts> = {}): Facts =>
  look(seconds, [deadDatabase(seconds, change)], [gke('failing'), run('failing')]);

/** A pod of the API does `change`; everything else is well. */
export const podLook = (seconds: number, change: Partial<PodStatus>, more: Partial<ApplicationFacts> = {}): Facts =>
  look(
    seconds,
    [wellDatabase(seconds)],
    [gke('serving', { pods: [pod('a', change), pod('b'), pod('c')], ...more }), run('serving')],
  );

/** Looks every 20 s from `first` to `last` seconds. */
export function every20(first: number, last: number, make: (seconds: number) => Facts): readonly Facts[] {
  const seconds: number[] = [];
  for (let next = first; next <= last; next += 20) seconds.push(next);
  return seconds.map(make);
}

/** Asks for a diagnosis of looks whose last one is the present; signalled at 0 for the database unless told otherwise. */
export function ask(
  rounds: readonly Facts[],
  state: Partial<Inquiry['state']> = {},
  more: Partial<Inquiry> = {},
): Diagnosis {
  const target = targetId('database/coditect-dms-db');
  return diagnose({
    system: SYSTEM,
    rounds,
    state: {
      target,
      targets: [target],
      requested: null,
      openedAt: at(20),
      firstSignalAt: T0,
      signals: 1,
      diagnosis: undefined,
      ...state,
    },
    now: rounds.at(-1)?.at ?? T0,
    ...more,
  });
}

/** The state of an incident that a signal on the API opened. */
export const ABOUT_API: Partial<Inquiry['state']> = {
  target: targetId('application/api-gke'),
  targets: [targetId('application/api-gke')],
};

/** What is written down of a region that went on elsewhere. */
export const WENT_ELSEWHERE = {
  version: 1,
  incident: 'inc-aaaaaaaaaa',
  region: 'us-central1',
  former: PRIMARY,
  promoted: EAST,
  standby: 'api-east',
  before: { min: 1, max: 4 },
  wanted: { min: 3, max: 4 },
  recordedAtMs: 0,
} as const;
