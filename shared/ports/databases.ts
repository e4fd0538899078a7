import type { Instant } from '../core/time.ts';
import type { InstanceName } from '../system/names.ts';

/** An instance as the management API describes it. Says nothing about whether it serves: RUNNABLE proves nothing (facts.md 3.3). */
export interface InstanceStatus {
  readonly instance: InstanceName;
  readonly role: 'primary' | 'replica';
  /** The instance that a replica follows now. */
  readonly upstream: InstanceName | undefined;
  readonly replicas: readonly InstanceName[];
  readonly state: 'runnable' | 'suspended' | 'pendingCreate' | 'pendingDelete' | 'maintenance' | 'failed' | 'unknown';
  /** Stopped means `activationPolicy: NEVER`, which is a wish that an operation carries out. */
  readonly activation: 'always' | 'never';
  readonly availability: 'zonal' | 'regional';
  readonly region: string;
  readonly databaseVersion: string;
  readonly tier: string;
  /** Private or public address that clients connect to, `host` only. */
  readonly address: string | undefined;
  /** `settingsVersion`: stale on a write is refused. */
  readonly version: string;
  readonly backupsEnabled: boolean;
  readonly pointInTimeRecovery: boolean;
  readonly deletionProtection: boolean;
}

/** One management operation. `done` with `error` is a failure (facts.md 3.3). */
export interface OperationStatus {
  readonly name: string;
  readonly instance: InstanceName;
  /** Google's name: `PROMOTE_REPLICA`, `UPDATE`, `RESTART`, `MAINTENANCE`, … */
  readonly type: string;
  readonly state: 'pending' | 'running' | 'done';
  readonly error: string | undefined;
  readonly insertedAt: Instant;
  readonly endedAt: Instant | undefined;
  /** The e-mail of who asked for it, when the API says. */
  readonly user: string | undefined;
}

/**
 * What the product asks of a managed SQL fleet. Changes return the name of a long operation, which is polled with `operation`.
 * Every method may reject with `PortError`; an `ambiguous` rejection of a change never says whether it happened.
 */
export interface Databases {
  inspect(instance: InstanceName): Promise<InstanceStatus>;
  /** All instances of the project: the topology as it is now. */
  fleet(): Promise<readonly InstanceStatus[]>;
  /** Newest first, at most 100. */
  operations(instance: InstanceName): Promise<readonly OperationStatus[]>;
  operation(name: string): Promise<OperationStatus>;
  /** Terminal: a promoted instance refuses a second promotion. Can't be undone. */
  promote(instance: InstanceName): Promise<string>;
  /** Starts or stops; refused with `conflict` when `version` is stale. */
  setActivation(instance: InstanceName, activation: 'always' | 'never', version: string): Promise<string>;
}

/**
 * What brings a primary back as what it is, without another taking its place. Same rules as `Databases`. Neither absorbs a repeat:
 * a second call is a second outage.
 */
export interface DatabaseRemedies {
  /** Refused while the instance is stopped, or busy with another operation (`conflict`). */
  restart(instance: InstanceName): Promise<string>;
  /** HA failover to the standby, of REGIONAL instances only; refused with `conflict` when `version` is stale. */
  failover(instance: InstanceName, version: string): Promise<string>;
}

/** Redundancy after a promotion (facts.md 3.4, point 6). Same rules as `Databases`. */
export interface DatabaseRedundancy {
  /** Turns on HA, backups, point-in-time recovery and deletion protection. */
  protect(instance: InstanceName, version: string): Promise<string>;
  /** Named: creating a replica under a name that exists is `conflict`. */
  createReplica(primary: InstanceName, replica: InstanceName, region: string): Promise<string>;
  takeBackup(instance: InstanceName, description: string): Promise<string>;
  backups(instance: InstanceName): Promise<
    readonly {
      readonly id: string;
      readonly description: string;
      readonly successful: boolean;
      readonly endedAt: Instant | undefined;
    }[]
  >;
}
