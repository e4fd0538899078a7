import { ApiError, type Principal } from './kernel.ts';
import { REFERENCE } from './reference-system.ts';
import type { SqlFleet } from './sql-fleet.ts';
import type { SqlOperation } from './sql-operations.ts';

// Users of an instance, and their passwords.
//
// U1. A password is a row of the log like any other: a replica has it once it has replayed it, a copy or a backup has that of its moment.
// U2. It is asked for when a session begins. Sessions that are open go on, whatever becomes of it (PostgreSQL; facts.md 3.5).

/** The superuser that Cloud SQL makes, and the application's. */
const USERS: readonly string[] = [REFERENCE.databaseUser, 'postgres'];

/** The users of the fleet's instances. Methods throw `ApiError` as the API refuses. */
export class SqlUsers {
  readonly #fleet: SqlFleet;

  constructor(fleet: SqlFleet) {
    this.#fleet = fleet;
  }

  /** In order of their names. */
  list(instance: string): readonly string[] {
    this.#checkRunning(instance);
    return USERS;
  }

  /** Gives a user another password. The operation is done once it is in force; it refuses nobody who is logged in (U2). */
  setPassword(instance: string, name: string, password: string, user: Principal): SqlOperation {
    const fleet = this.#fleet;
    if (fleet.instance(instance).instanceType === 'READ_REPLICA_INSTANCE')
      throw new ApiError(400, 'invalidOperation', 'The operation is not supported for read replica instances.');
    this.#checkRunning(instance);
    if (!USERS.includes(name)) throw new ApiError(404, 'userDoesNotExist', 'The user does not exist.');
    if (password === '') throw new ApiError(400, 'invalid', 'Invalid request: the password must not be empty.');
    return fleet.operations.submit({
      type: 'UPDATE_USER',
      target: instance,
      user,
      steps: {
        end: () => {
          const server = fleet.server(instance);
          if (!server.up() || !server.acceptsWrites())
            return { code: 'INTERNAL_ERROR', message: 'The instance is not available.' };
          fleet.servers.commit(server, { kind: 'password', user: name, password });
          return undefined;
        },
      },
    });
  }

  #checkRunning(instance: string): void {
    if (this.#fleet.instance(instance).settings.activationPolicy !== 'NEVER') return;
    throw new ApiError(400, 'invalidRequest', 'Invalid request since instance is not running.');
  }
}
