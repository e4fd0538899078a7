import { ApiError, type Principal } from './kernel.ts';
import type { SqlFleet } from './sql-fleet.ts';
import type { SqlOperation } from './sql-operations.ts';

// What brings data back into an instance, and the databases in it.

/** Which backup goes into an instance. */
export interface RestoreDraft {
  readonly backup: string;
  /** The instance that the backup was taken of; it may be gone by the time of the call only as long as its backups are there. */
  readonly source: string;
}

/** Restoring, and databases. */
export class SqlRestore {
  readonly #fleet: SqlFleet;

  constructor(fleet: SqlFleet) {
    this.#fleet = fleet;
  }

  /** Replaces everything in the instance by what the backup holds: rows, databases, users. */
  restoreBackup(name: string, { backup, source }: RestoreDraft, user: Principal): SqlOperation {
    const fleet = this.#fleet;
    const target = fleet.instance(name);
    const run = fleet.backups.find(({ id, instance }) => id === backup && instance === source);
    const snapshot = fleet.snapshots.get(`${source}/${backup}`);
    if (run === undefined) throw invalid('ERROR_BACKUP_NOT_FOUND', 'The backup run does not exist.');
    if (run.status !== 'SUCCESSFUL' || snapshot === undefined)
      throw invalid('ERROR_BACKUP_NOT_FOUND', 'The backup run was not successful.');
    if (target.instanceType === 'READ_REPLICA_INSTANCE')
      throw invalid('invalidOperation', 'Restore is not supported for read replica instances.');
    if (fleet.replicasOf(name).length > 0)
      throw invalid('invalidOperation', 'An instance that has read replicas can not be restored.');
    if (target.databaseVersion !== run.databaseVersion)
      throw invalid('invalidOperation', 'The backup is of another database version than the instance.');
    return fleet.operations.submit({
      type: 'RESTORE_VOLUME',
      target: name,
      user,
      steps: {
        start: () => {
          fleet.server(name).halt('down');
          return undefined;
        },
        end: () => {
          const server = fleet.server(name);
          server.history = snapshot.copy();
          server.timeline += 1;
          return fleet.bringUp(name)
            ? undefined
            : { code: 'INTERNAL_ERROR', message: 'The instance could not be started after the restore.' };
        },
      },
    });
  }

  /** The databases of an instance, `postgres` included, which every one has. */
  databases(name: string): readonly string[] {
    this.#fleet.instance(name);
    return [...this.#fleet.server(name).history.databases];
  }

  createDatabase(name: string, database: string, user: Principal): SqlOperation {
    const fleet = this.#fleet;
    const { instanceType } = fleet.instance(name);
    if (instanceType === 'READ_REPLICA_INSTANCE')
      throw invalid('invalidOperation', 'A database can not be created in a read replica instance.');
    if (!/^[A-Za-z_][\w-]{0,62}$/.test(database)) throw invalid('invalid', `Invalid database name: ${database}.`);
    if (this.databases(name).includes(database))
      throw invalid('invalid', `Invalid request: failed to create database ${database}. Detail: already exists.`);
    return fleet.operations.submit({
      type: 'CREATE_DATABASE',
      target: name,
      user,
      steps: {
        end: () => {
          if (!fleet.server(name).up()) return { code: 'INTERNAL_ERROR', message: 'The instance is not available.' };
          fleet.server(name).history.databases.add(database);
          return undefined;
        },
      },
    });
  }
}

const invalid = (reason: string, message: string): ApiError => new ApiError(400, reason, message);
