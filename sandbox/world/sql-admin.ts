import type { Instant } from '../../shared/core/time.ts';
import type { Caller } from './caller.ts';
import { type ApiDoor, ApiError, type ApiOutcome } from './kernel.ts';
import type { SqlChanges } from './sql-changes.ts';
import type { SqlFleet } from './sql-fleet.ts';
import type { BackupRun, InstanceDraft, SettingsPatch, SqlInstance } from './sql-instance.ts';
import type { SqlOperation } from './sql-operations.ts';
import type { RecoveryWindow, SqlProvisioning } from './sql-provisioning.ts';
import type { RestoreDraft, SqlRestore } from './sql-restore.ts';
import type { ExportDraft, ImportDraft, SqlTransfers } from './sql-transfers.ts';
import type { SqlUsers } from './sql-users.ts';

/** An instance together with the names of its replicas, as the API answers it. */
export interface SqlInstanceView {
  readonly instance: SqlInstance;
  readonly replicaNames: readonly string[];
}

/** What the API is made of, besides the fleet. */
export interface SqlAdminParts {
  readonly changes: SqlChanges;
  readonly provisioning: SqlProvisioning;
  readonly restore: SqlRestore;
  readonly transfers: SqlTransfers;
  readonly users: SqlUsers;
}

/** The Cloud SQL Admin API of one project: every call passes the door. Permissions are those of facts.md and Google's IAM pages. */
export class SqlAdmin {
  readonly #door: ApiDoor;
  readonly #fleet: SqlFleet;
  readonly #changes: SqlChanges;
  readonly #provisioning: SqlProvisioning;
  readonly #restore: SqlRestore;
  readonly #transfers: SqlTransfers;
  readonly #users: SqlUsers;

  constructor(door: ApiDoor, fleet: SqlFleet, { changes, provisioning, restore, transfers, users }: SqlAdminParts) {
    this.#door = door;
    this.#fleet = fleet;
    this.#changes = changes;
    this.#provisioning = provisioning;
    this.#restore = restore;
    this.#transfers = transfers;
    this.#users = users;
  }

  get(caller: Caller, name: string): ApiOutcome<SqlInstanceView> {
    return this.#read(caller, 'cloudsql.instances.get', `instances/${name}`, () =>
      this.#view(this.#fleet.instance(name)),
    );
  }

  list(caller: Caller): ApiOutcome<readonly SqlInstanceView[]> {
    return this.#read(caller, 'cloudsql.instances.list', 'instances', () =>
      this.#fleet.all().map((one) => this.#view(one)),
    );
  }

  operation(caller: Caller, name: string): ApiOutcome<SqlOperation> {
    return this.#read(caller, 'cloudsql.instances.get', `operations/${name}`, () => {
      const operation = this.#fleet.operations.get(name);
      if (operation === undefined) throw new ApiError(404, 'operationDoesNotExist', 'The operation does not exist.');
      return operation;
    });
  }

  /** Newest first; of one instance, or of all. */
  operations(caller: Caller, instance: string | undefined): ApiOutcome<readonly SqlOperation[]> {
    const resource = instance === undefined ? 'operations' : `instances/${instance}/operations`;
    return this.#read(caller, 'cloudsql.instances.get', resource, () => this.#fleet.operations.list(instance));
  }

  patch(caller: Caller, name: string, patch: SettingsPatch): ApiOutcome<SqlOperation> {
    const change = (): SqlOperation => this.#changes.patch(name, patch, caller.principal);
    return this.#write(caller, 'cloudsql.instances.update', `instances/${name}`, change);
  }

  promoteReplica(caller: Caller, name: string, failover = false): ApiOutcome<SqlOperation> {
    const change = (): SqlOperation => this.#changes.promoteReplica(name, caller.principal, failover);
    return this.#write(caller, 'cloudsql.instances.promoteReplica', `instances/${name}:promoteReplica`, change);
  }

  restart(caller: Caller, name: string): ApiOutcome<SqlOperation> {
    const change = (): SqlOperation => this.#changes.restart(name, caller.principal);
    return this.#write(caller, 'cloudsql.instances.restart', `instances/${name}:restart`, change);
  }

  failover(caller: Caller, name: string, settingsVersion: number | undefined): ApiOutcome<SqlOperation> {
    const change = (): SqlOperation => this.#changes.failover(name, settingsVersion, caller.principal);
    return this.#write(caller, 'cloudsql.instances.failover', `instances/${name}:failover`, change);
  }

  switchover(caller: Caller, name: string): ApiOutcome<SqlOperation> {
    const change = (): SqlOperation => this.#changes.switchover(name, caller.principal);
    return this.#write(caller, 'cloudsql.instances.switchover', `instances/${name}:switchover`, change);
  }

  insert(caller: Caller, draft: InstanceDraft): ApiOutcome<SqlOperation> {
    const change = (): SqlOperation => this.#provisioning.insert(draft, caller.principal);
    return this.#write(caller, 'cloudsql.instances.create', `instances/${draft.name}`, change);
  }

  clone(caller: Caller, source: string, name: string, pointInTime: Instant | undefined): ApiOutcome<SqlOperation> {
    const change = (): SqlOperation => this.#provisioning.clone(source, name, pointInTime, caller.principal);
    return this.#write(caller, 'cloudsql.instances.clone', `instances/${source}:clone`, change);
  }

  recoveryWindow(caller: Caller, name: string): ApiOutcome<RecoveryWindow> {
    const resource = `instances/${name}:latestRecoveryTime`;
    return this.#read(caller, 'cloudsql.instances.get', resource, () => this.#provisioning.recoveryWindow(name));
  }

  delete(caller: Caller, name: string): ApiOutcome<SqlOperation> {
    const change = (): SqlOperation => this.#provisioning.delete(name, caller.principal);
    return this.#write(caller, 'cloudsql.instances.delete', `instances/${name}`, change);
  }

  insertBackup(caller: Caller, name: string, description: string): ApiOutcome<SqlOperation> {
    const change = (): SqlOperation => this.#provisioning.insertBackup(name, description, caller.principal);
    return this.#write(caller, 'cloudsql.backupRuns.create', `instances/${name}/backupRuns`, change);
  }

  /** Newest first. */
  backups(caller: Caller, name: string): ApiOutcome<readonly BackupRun[]> {
    const resource = `instances/${name}/backupRuns`;
    return this.#read(caller, 'cloudsql.backupRuns.list', resource, () => this.#provisioning.backups(name));
  }

  backup(caller: Caller, name: string, id: string): ApiOutcome<BackupRun> {
    return this.#read(caller, 'cloudsql.backupRuns.get', `instances/${name}/backupRuns/${id}`, () => {
      const run = this.#provisioning.backups(name).find((candidate) => candidate.id === id);
      if (run === undefined) throw new ApiError(404, 'backupRunDoesNotExist', 'The backup run does not exist.');
      return run;
    });
  }

  /** Replaces what is in `name`; needs to read the backup as well. */
  restoreBackup(caller: Caller, name: string, draft: RestoreDraft): ApiOutcome<SqlOperation> {
    const change = (): SqlOperation => this.#restore.restoreBackup(name, draft, caller.principal);
    return this.#write(caller, 'cloudsql.instances.restoreBackup', `instances/${name}:restoreBackup`, change);
  }

  export(caller: Caller, name: string, draft: ExportDraft): ApiOutcome<SqlOperation> {
    const change = (): SqlOperation => this.#transfers.export(name, draft, caller.principal);
    return this.#write(caller, 'cloudsql.instances.export', `instances/${name}:export`, change);
  }

  import(caller: Caller, name: string, draft: ImportDraft): ApiOutcome<SqlOperation> {
    const change = (): SqlOperation => this.#transfers.import(name, draft, caller.principal);
    return this.#write(caller, 'cloudsql.instances.import', `instances/${name}:import`, change);
  }

  databases(caller: Caller, name: string): ApiOutcome<readonly string[]> {
    const resource = `instances/${name}/databases`;
    return this.#read(caller, 'cloudsql.databases.list', resource, () => this.#restore.databases(name));
  }

  createDatabase(caller: Caller, name: string, database: string): ApiOutcome<SqlOperation> {
    const change = (): SqlOperation => this.#restore.createDatabase(name, database, caller.principal);
    return this.#write(caller, 'cloudsql.databases.create', `instances/${name}/databases/${database}`, change);
  }

  /** In order of their names. */
  users(caller: Caller, name: string): ApiOutcome<readonly string[]> {
    return this.#read(caller, 'cloudsql.users.list', `instances/${name}/users`, () => this.#users.list(name));
  }

  updateUser(caller: Caller, name: string, user: string, password: string): ApiOutcome<SqlOperation> {
    const change = (): SqlOperation => this.#users.setPassword(name, user, password, caller.principal);
    return this.#write(caller, 'cloudsql.users.update', `instances/${name}/users/${user}`, change);
  }

  #view(instance: SqlInstance): SqlInstanceView {
    return { instance, replicaNames: this.#fleet.replicasOf(instance.name) };
  }

  #read<T>(caller: Caller, permission: string, resource: string, effect: () => T): ApiOutcome<T> {
    return this.#door.call({ ...caller, api: 'sqladmin', permission, resource, writes: false }, effect);
  }

  #write<T>(caller: Caller, permission: string, resource: string, effect: () => T): ApiOutcome<T> {
    return this.#door.call({ ...caller, api: 'sqladmin', permission, resource, writes: true }, effect);
  }
}
