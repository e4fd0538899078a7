import { after, type Instant, instant, minutes, toIso } from '../../shared/core/time.ts';
import { ApiError, type Principal } from './kernel.ts';
import { serviceAccountOf, type SqlFleet } from './sql-fleet.ts';
import { type BackupRun, type InstanceDraft, NO_BACKUPS, patched, type SqlInstance } from './sql-instance.ts';
import type { OperationError, SqlOperation } from './sql-operations.ts';
import { History } from './sql-rows.ts';
import { SqlServer } from './sql-server.ts';

// Instances and backups that come and go.

/** Instance names as Cloud SQL allows them. */
const NAME = /^[a-z]([-a-z0-9]{0,96}[a-z0-9])?$/;

const SOURCE_DOWN: OperationError = { code: 'INTERNAL_ERROR', message: 'The source instance is not available.' };

const DAY_MS = 86_400_000;

/** How often the log is archived [K: PostgreSQL archives a file when it is full, and Cloud SQL at least every few minutes]. */
const ARCHIVED_EVERY = minutes(1);

/** Moments between which data can be recovered, both included. */
export interface RecoveryWindow {
  readonly earliest: Instant;
  readonly latest: Instant;
}

/** Creating, cloning, deleting, backing up. */
export class SqlProvisioning {
  readonly #fleet: SqlFleet;

  constructor(fleet: SqlFleet) {
    this.#fleet = fleet;
  }

  insert(draft: InstanceDraft, user: Principal): SqlOperation {
    return draft.primary === undefined
      ? this.#insertPrimary(draft, user)
      : this.#insertReplica(draft, draft.primary, user);
  }

  /** A new instance with the rows of `source`, as they are now or were at a moment. */
  clone(source: string, name: string, pointInTime: Instant | undefined, user: Principal): SqlOperation {
    const fleet = this.#fleet;
    const original = fleet.instance(source);
    this.#checkNew(name);
    fleet.operations.checkIdle(source);
    if (pointInTime !== undefined && !original.settings.backupConfiguration.pointInTimeRecoveryEnabled) {
      throw invalid('Point-in-time recovery is not enabled on the source instance.');
    }
    if (pointInTime !== undefined && pointInTime > fleet.clock.now()) {
      throw invalid('The requested point in time is in the future.');
    }
    if (pointInTime !== undefined) this.#checkWindow(source, pointInTime);
    this.#addPending({ ...original, name, instanceType: 'CLOUD_SQL_INSTANCE', primary: undefined });
    return fleet.operations.submit({
      type: 'CLONE',
      target: name,
      user,
      steps: {
        end: () => {
          const from = fleet.servers.server(source);
          // A recovery reads the archived log; a plain clone reads the running instance.
          if (from === undefined || (pointInTime === undefined && !from.up())) return this.#fail(name, SOURCE_DOWN);
          fleet.server(name).history = from.history.copy(
            pointInTime === undefined ? undefined : from.history.countAt(pointInTime),
          );
          this.#ready(name);
          return undefined;
        },
      },
    });
  }

  /**
   * Between which moments an instance can be cloned: from its oldest backup within the retention of the log, to the last log that was
   * archived, a file a minute. Both stay known while the instance is down. Throws 400 without point-in-time recovery.
   */
  recoveryWindow(name: string): RecoveryWindow {
    const fleet = this.#fleet;
    const { pointInTimeRecoveryEnabled, transactionLogRetentionDays } =
      fleet.instance(name).settings.backupConfiguration;
    const history = fleet.servers.server(name)?.history;
    if (!pointInTimeRecoveryEnabled) throw invalid('Point-in-time recovery is not enabled on the instance.');
    const kept = after(fleet.clock.now(), -transactionLogRetentionDays * DAY_MS);
    const backups = fleet.backups.flatMap(({ instance, endedAt, status }) =>
      instance === name && status === 'SUCCESSFUL' && endedAt !== undefined ? [endedAt] : [],
    );
    const newest = history?.newestAt();
    if (backups.length === 0 || newest === undefined) throw invalid('The instance has no point in time to recover to.');
    const oldest = instant(Math.min(...backups));
    return {
      earliest: oldest > kept ? oldest : kept,
      latest: instant(Math.floor(newest / ARCHIVED_EVERY) * ARCHIVED_EVERY),
    };
  }

  delete(name: string, user: Principal): SqlOperation {
    const fleet = this.#fleet;
    const instance = fleet.instance(name);
    if (instance.settings.deletionProtectionEnabled) {
      throw invalid('The instance is protected. Please disable the deletion protection and try again.');
    }
    const replicas = fleet.replicasOf(name);
    if (replicas.length > 0) {
      throw invalid(`You cannot delete an instance that has read replicas: ${replicas.join(', ')}.`);
    }
    return fleet.operations.submit({
      type: 'DELETE',
      target: name,
      user,
      steps: {
        start: () => {
          fleet.put({ ...fleet.instance(name), state: 'PENDING_DELETE' });
          fleet.server(name).halt('stopped');
          return undefined;
        },
        end: () => {
          fleet.remove(name);
          return undefined;
        },
      },
    });
  }

  insertBackup(name: string, description: string, user: Principal): SqlOperation {
    const fleet = this.#fleet;
    if (fleet.instance(name).instanceType === 'READ_REPLICA_INSTANCE') {
      throw invalid('Backups can not be taken of read replica instances.');
    }
    const enqueuedAt = fleet.clock.now();
    const id = String(enqueuedAt);
    const change = (part: Partial<BackupRun>): void => {
      const index = fleet.backups.findIndex((run) => run.id === id && run.instance === name);
      const run = fleet.backups[index];
      if (run !== undefined) fleet.backups[index] = { ...run, ...part };
    };
    let held = fleet.server(name).history;
    const operation = fleet.operations.submit({
      type: 'BACKUP_VOLUME',
      target: name,
      user,
      steps: {
        start: () => {
          change({ status: 'RUNNING', startedAt: fleet.clock.now() });
          held = fleet.server(name).history.copy();
          return undefined;
        },
        end: () => {
          const up = fleet.server(name).up();
          if (up) fleet.snapshots.set(`${name}/${id}`, held);
          change({ status: up ? 'SUCCESSFUL' : 'FAILED', endedAt: fleet.clock.now() });
          return up ? undefined : SOURCE_DOWN;
        },
      },
    });
    fleet.backups.push({
      id,
      instance: name,
      databaseVersion: fleet.instance(name).databaseVersion,
      status: 'ENQUEUED',
      type: 'ON_DEMAND',
      description,
      enqueuedAt,
      startedAt: undefined,
      endedAt: undefined,
    });
    return operation;
  }

  /** Newest first. */
  backups(name: string): readonly BackupRun[] {
    this.#fleet.instance(name);
    return this.#fleet.backups.filter(({ instance }) => instance === name).toReversed();
  }

  #insertPrimary(draft: InstanceDraft, user: Principal): SqlOperation {
    this.#checkNew(draft.name);
    this.#addPending(this.#drafted(draft, undefined), new History('empty'));
    return this.#fleet.operations.submit({
      type: 'CREATE',
      target: draft.name,
      user,
      steps: {
        end: () => {
          this.#ready(draft.name);
          return undefined;
        },
      },
    });
  }

  #insertReplica(draft: InstanceDraft, primary: string, user: Principal): SqlOperation {
    const fleet = this.#fleet;
    const upstream = fleet.instance(primary);
    this.#checkNew(draft.name);
    fleet.operations.checkIdle(primary);
    if (upstream.instanceType === 'CLOUD_SQL_INSTANCE' && !upstream.settings.backupConfiguration.enabled) {
      throw invalid('The primary needs automated backups before a read replica of it can be created.');
    }
    if (draft.databaseVersion !== upstream.databaseVersion) {
      throw invalid('A read replica needs the same database version as its primary.');
    }
    this.#addPending(this.#drafted(draft, upstream));
    return fleet.operations.submit({
      type: 'CREATE_REPLICA',
      target: draft.name,
      user,
      steps: {
        end: () => {
          const from = fleet.servers.server(primary);
          if (from?.up() !== true) return this.#fail(draft.name, SOURCE_DOWN);
          const server = fleet.server(draft.name);
          server.history = from.history.copy();
          server.follow(from, fleet.replicationTiming(fleet.instance(draft.name), upstream), fleet.clock.now());
          this.#ready(draft.name);
          return undefined;
        },
      },
    });
  }

  #drafted(draft: InstanceDraft, upstream: SqlInstance | undefined): SqlInstance {
    const fleet = this.#fleet;
    const { name, region } = draft;
    const base: SqlInstance = {
      name,
      instanceType: upstream === undefined ? 'CLOUD_SQL_INSTANCE' : 'READ_REPLICA_INSTANCE',
      primary: upstream?.name,
      state: 'PENDING_CREATE',
      databaseVersion: draft.databaseVersion,
      region,
      zone: draft.zone ?? `${region}-b`,
      address: '',
      serviceAccount: serviceAccountOf(fleet.project, name),
      createdAt: fleet.clock.now(),
      settings: {
        settingsVersion: 0,
        tier: upstream?.settings.tier ?? 'db-custom-1-3840',
        activationPolicy: 'ALWAYS',
        availabilityType: 'ZONAL',
        deletionProtectionEnabled: false,
        backupConfiguration: NO_BACKUPS,
        userLabels: {},
        other: {},
      },
    };
    const settings = patched(base.settings, draft.settings);
    if (upstream !== undefined && settings.backupConfiguration.enabled) {
      throw invalid('Backups can not be enabled for read replicas.');
    }
    return { ...base, settings };
  }

  #checkWindow(source: string, moment: Instant): void {
    const { earliest, latest } = this.recoveryWindow(source);
    if (moment >= earliest && moment <= latest) return;
    throw invalid(`The requested point in time is outside of ${toIso(earliest)} to ${toIso(latest)}.`);
  }

  #checkNew(name: string): void {
    if (!NAME.test(name)) throw invalid(`Invalid instance name: ${name}.`);
    if (this.#fleet.find(name) === undefined) return;
    throw new ApiError(409, 'instanceAlreadyExists', 'The Cloud SQL instance already exists.');
  }

  #addPending(instance: SqlInstance, history = new History()): void {
    const fleet = this.#fleet;
    const address = fleet.freeAddress();
    fleet.put({ ...instance, state: 'PENDING_CREATE', address, createdAt: fleet.clock.now() });
    const server = new SqlServer(instance.name, history);
    server.halt('down');
    fleet.servers.add(server);
  }

  #ready(name: string): void {
    this.#fleet.put({ ...this.#fleet.instance(name), state: 'RUNNABLE' });
    this.#fleet.bringUp(name);
  }

  #fail(name: string, error: OperationError): OperationError {
    this.#fleet.put({ ...this.#fleet.instance(name), state: 'FAILED' });
    return error;
  }
}

const invalid = (message: string): ApiError => new ApiError(400, 'invalidRequest', message);
