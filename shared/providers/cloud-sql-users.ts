import type { SqlUsersServiceClient } from '@google-cloud/sql';
import { z } from 'zod';
import type { DatabaseUsers } from '../ports/database-users.ts';
import { isPortError } from '../ports/port-error.ts';
import { parseStarted } from './cloud-sql-wire.ts';
import { callGoogle, type GoogleAccess, lazyClient } from './google-call.ts';
import { connect } from './postgres-rows.ts';
import type { ServerAddress } from './row-servers.ts';

// Users of Cloud SQL for PostgreSQL: their names and passwords by the Admin API (v1, REST), and whether a server lets one in by a
// connection of our own, which asks nothing and ends at once.

const usersWire = z.object({ items: z.array(z.object({ name: z.string() })).nullish() });

/** The users of one project's instances. */
export function createCloudSqlUsers(access: GoogleAccess, addressOf: ServerAddress): DatabaseUsers {
  const { project } = access;
  const client = lazyClient(access, 'sqladmin', async (options): Promise<SqlUsersServiceClient> => {
    const { SqlUsersServiceClient: Client } = await import('./sql-client.ts');
    return new Client(options);
  });
  return {
    list: (instance) =>
      callGoogle(
        access,
        { doing: `listing the users of ${instance}`, effect: 'reads' },
        client,
        async (users, options) =>
          (usersWire.parse((await users.list({ project, instance }, options))[0]).items ?? []).map(({ name }) => name),
      ),
    setPassword: (instance, user, password) => {
      const doing = `setting the password of ${user} on ${instance}`;
      return callGoogle(access, { doing, effect: 'writes' }, client, async (users, options) => {
        const body = { password: password.reveal() };
        return parseStarted((await users.update({ project, instance, name: user, body }, options))[0]);
      });
    },
    logsIn: createLogins(addressOf),
  };
}

/** Logins that ask nothing and end at once. */
export function createLogins(addressOf: ServerAddress): DatabaseUsers['logsIn'] {
  return async (instance, { user, password, database }) => {
    const doing = `logging in to ${instance} as ${user}`;
    const server = { ...(await addressOf(instance)), user, password };
    try {
      // It was let in, which is all that was asked: how the connection ends says nothing of it.
      await (await connect(server, database, doing)).end().catch(() => undefined);
      return true;
    } catch (error) {
      if (isPortError(error) && error.code === 'passwordRefused') return false;
      throw error;
    }
  };
}
