import { createServer, type Server, type Socket } from 'node:net';
import { after, seconds } from '../../shared/core/time.ts';
import type { Place, WorldClock } from '../world/kernel.ts';
import type { SqlServers } from '../world/sql-servers.ts';
import { type Gatekeeper, type Login, serveClient } from './client-connection.ts';
import { ROLES } from './engine.ts';
import type { InstanceDatabase } from './instance-database.ts';

// PostgreSQL's own port of one instance, on loopback: the host that it stands for, as a client of PostgreSQL meets it.
//
// Q1. While the instance refuses connections nothing listens, and open connections are cut.
// Q2. While it swallows packets, or the client's place is cut off, a connection is accepted and nothing ever comes.
// Q3. The port's number stays the same for the life of the sandbox, as an address does.
// Q4. A client's session is one of the server's: it counts where sessions are counted, and ends when the server goes down.

/** Where those are who type `psql`. */
const CLIENTS: Place = 'internet';

/** How often the port is opened or closed after its instance, clock time. */
const LOOK_EVERY = seconds(1);

/** An instance's port. */
export interface PostgresPort {
  readonly port: number;
  /** Makes the port what its instance is now; also happens by itself within a second of clock time. */
  readonly settle: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** What a port is made with. */
export interface PostgresPortOptions {
  readonly clock: WorldClock;
  readonly servers: SqlServers;
  readonly instance: string;
  readonly database: InstanceDatabase;
  /** Hears of what went wrong while the port was opened or closed, or a session was ended, with nobody there to be told. */
  readonly onBug?: (bug: unknown) => void;
}

/** Opens the port of an instance, on a free port number. */
export async function openPostgresPort(options: PostgresPortOptions): Promise<PostgresPort> {
  const { clock, servers, instance } = options;
  const sockets = new Map<Socket, Gatekeeper>();
  let closed = false;
  let clients = 0;

  const serve = (socket: Socket): void => {
    const client = `psql-${++clients}`;
    const gate = gatekeeper(options, client);
    sockets.set(socket, gate);
    socket.on('close', () => sockets.delete(socket));
    socket.setNoDelay(true);
    void serveClient(socket, gate)
      .catch((bug: unknown) => options.onBug?.(bug))
      .finally(() => servers.close(instance, client));
  };
  const listen = (number: number): Promise<Server> =>
    new Promise((done, fail) => {
      const server = createServer(serve);
      server.once('error', fail);
      server.listen(number, '127.0.0.1', () => done(server));
    });
  const end = async (server: Server): Promise<void> => {
    const ended = new Promise<void>((done) => server.close(() => done()));
    for (const socket of sockets.keys()) socket.destroy();
    await ended;
  };

  let server: Server | undefined = await listen(0);
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  const { port } = address;
  let settling: Promise<void> = Promise.resolve();
  const settleOnce = async (): Promise<void> => {
    const open = !closed && servers.contact(CLIENTS, instance) !== 'connectionRefused';
    if (open && server === undefined) server = await listen(port);
    if (open || server === undefined) return;
    const ending = server;
    server = undefined;
    await end(ending);
  };
  const settle = (): Promise<void> => {
    // A port that somebody else took meanwhile is tried again at the next look.
    settling = settling.then(settleOnce).catch((bug: unknown) => options.onBug?.(bug));
    return settling;
  };

  let cancel = (): void => {};
  const look = (): void => {
    for (const [socket, gate] of sockets) if (gate.state() === 'connectionRefused') socket.destroy();
    void settle();
    cancel = clock.schedule(after(clock.now(), LOOK_EVERY), look);
  };
  look();
  await settling;
  return {
    port,
    settle,
    async close() {
      closed = true;
      cancel();
      await settle();
    },
  };
}

function gatekeeper({ servers, instance, database }: PostgresPortOptions, client: string): Gatekeeper {
  let isOpen = false;
  return {
    state: () => {
      const contact = servers.contact(CLIENTS, instance);
      if (contact !== 'ok' || !isOpen) return contact;
      // A server that went down and came up again has forgotten it.
      return servers.server(instance)?.sessions.has(client) === true ? 'ok' : 'connectionRefused';
    },
    refuses: (login) =>
      refusal(
        login,
        servers.passwordOf(instance, login.user),
        servers.server(instance)?.history.databases ?? new Set(),
      ),
    open: async ({ user, application }) => {
      const session = await database.connect({ user, application });
      servers.open(CLIENTS, instance, client);
      isOpen = true;
      return session;
    },
    parameters: async () => {
      const rows = await database.work((engine) =>
        engine.query(`select name, setting from pg_settings where name = any (string_to_array($1, ' '))`, [REPORTED]),
      );
      const told = Object.fromEntries(rows.map(({ name, setting }) => [String(name), String(setting)]));
      const replica = servers.server(instance)?.role() === 'replica';
      return {
        ...told,
        is_superuser: 'off',
        in_hot_standby: replica ? 'on' : 'off',
        default_transaction_read_only: replica ? 'on' : 'off',
      };
    },
  };
}

/** What a server reports of its settings to drivers. */
const REPORTED =
  'server_version server_encoding client_encoding DateStyle IntervalStyle TimeZone integer_datetimes standard_conforming_strings';

function refusal(
  { user, password, database }: Login,
  known: string | undefined,
  databases: ReadonlySet<string>,
): { readonly code: string; readonly message: string } | undefined {
  if (known === undefined || known !== password)
    return { code: '28P01', message: `password authentication failed for user "${user}"` };
  if (!databases.has(database)) return { code: '3D000', message: `database "${database}" does not exist` };
  if (database === ROLES.administrator)
    return { code: '0A000', message: 'the sandbox serves the database of the application only: connect to "dms"' };
  return undefined;
}
