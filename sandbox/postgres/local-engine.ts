import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, cpSync, mkdirSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import { z } from 'zod';
import type { DumpRequest } from '../world/sql-contents.ts';
import { REFERENCE } from '../world/reference-system.ts';
import {
  type Engine,
  type EngineImage,
  type EngineKind,
  type EngineRow,
  type EngineSession,
  ROLES,
  type SessionIdentity,
  SqlError,
} from './engine.ts';
import { folderOfPrograms, type ServerUser, userForPostgres } from './local-programs.ts';
import { isAnswered, startup } from './wire.ts';

// A PostgreSQL server of this machine for each instance, in a folder of its own. It listens on no port: only a socket in that folder,
// where nobody but us connects. Passwords are asked for before that (client-connection.ts).

/** The version that Cloud SQL runs in the reference system. */
const MAJOR = 15;
const PROGRAMS = ['initdb', 'postgres', 'pg_isready', 'pg_dump', 'pg_restore'] as const;

/** The number in the socket's name. */
const PORT = 5432;

/** Whether local servers can be had, and if not, why. */
export type LocalPostgres =
  | { readonly kind: 'found'; readonly programs: string; readonly user: ServerUser }
  | { readonly kind: 'missing'; readonly because: string };

/** Looks for PostgreSQL 15 on this machine. */
export function findLocalPostgres(): LocalPostgres {
  const programs = folderOfPrograms(PROGRAMS, MAJOR);
  if (programs === undefined) return { kind: 'missing', because: `PostgreSQL ${MAJOR} is not installed` };
  const user = userForPostgres();
  if (user === undefined) return { kind: 'missing', because: 'PostgreSQL refuses root, and there is no other user' };
  return { kind: 'found', programs, user };
}

/**
 * Runs its arguments and kills them when its input ends: a server never outlives us, even when we are killed. When the server ends
 * first, the watch ends too, so that no other process is ever killed under a number that was given anew.
 */
const WATCHED = `exec 3<&0
"$@" 3<&- </dev/null &
server=$!
{ cat >/dev/null; kill -QUIT "$server"; } <&3 >/dev/null 2>&1 &
watch=$!
wait "$server"
kill "$watch"`;

/** Servers of this machine, all below one folder, which is theirs. */
export class LocalKind implements EngineKind {
  readonly name = `PostgreSQL ${MAJOR}`;
  readonly #found: LocalPostgres & { readonly kind: 'found' };
  readonly #folder: string;
  #made = 0;
  #template: string | undefined;

  constructor(found: LocalPostgres & { readonly kind: 'found' }, folder: string) {
    this.#found = found;
    this.#folder = folder;
    this.#own(folder);
  }

  async start(image: EngineImage | undefined): Promise<Engine> {
    this.#template ??= this.#initialise();
    const data = join(this.#folder, `data-${++this.#made}`);
    cpSync(this.#template, data, { recursive: true, preserveTimestamps: true });
    chmodSync(data, 0o700); // a copied folder has the mode of any new one
    this.#ownAll(data);
    const sockets = join(this.#folder, `socket-${this.#made}`);
    this.#own(sockets);
    const server = await this.#serve(data, sockets);
    const engine = await LocalEngine.open(server, sockets, (args, input) => this.#program(args, input));
    if (image !== undefined) await engine.restore(image);
    return engine;
  }

  async close(): Promise<void> {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #own(folder: string): void {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const { user } = this.#found;
    if ('uid' in user && user.uid !== undefined) chownSync(folder, user.uid, user.gid);
  }

  #ownAll(folder: string): void {
    const { user } = this.#found;
    if ('uid' in user && user.uid !== undefined) spawnSync('chown', ['-R', `${user.uid}:${user.gid}`, folder]);
  }

  #initialise(): string {
    const folder = join(this.#folder, 'template');
    this.#own(folder);
    const args = ['--pgdata', folder, `--username=${ROLES.administrator}`, '--auth=trust', '--encoding=UTF8'];
    const made = spawnSync(
      join(this.#found.programs, 'initdb'),
      [...args, '--locale=C', '--no-instructions', '--no-sync'],
      {
        ...this.#found.user,
        cwd: folder,
        encoding: 'utf8',
      },
    );
    if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr.trim()}`);
    return folder;
  }

  async #serve(data: string, sockets: string): Promise<ChildProcess> {
    // Nothing here has to survive the machine: an engine is made again from the history.
    const settings = ['fsync=off', 'listen_addresses=', `unix_socket_directories=${sockets}`, 'shared_buffers=16MB'];
    const args = ['-D', data, '-p', String(PORT), ...settings.flatMap((setting) => ['-c', setting])];
    const { programs, user } = this.#found;
    const command = ['-c', WATCHED, 'sh', join(programs, 'postgres'), ...args];
    const server = spawn('sh', command, { ...user, cwd: data, stdio: ['pipe', 'ignore', 'pipe'] });
    let said = '';
    await new Promise<void>((done, fail) => {
      server.stderr?.on('data', (text: Buffer) => {
        said = `${said}${text.toString()}`.slice(-10_000);
        if (said.includes('ready to accept connections')) done();
      });
      server.once('exit', () => fail(new Error(`PostgreSQL did not start: ${said}`)));
    });
    return server;
  }

  /** Runs one of PostgreSQL's programs; what it wrote. */
  async #program([name = '', ...args]: readonly string[], input?: Uint8Array): Promise<Uint8Array> {
    const child = spawn(join(this.#found.programs, name), args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const [out, err]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on('data', (part: Buffer) => out.push(part));
    child.stderr.on('data', (part: Buffer) => err.push(part));
    child.stdin.end(input ?? '');
    const [status] = z
      .tuple([z.number().nullable()])
      .rest(z.unknown())
      .parse(await once(child, 'close'));
    if (status !== 0) throw new SqlError('XX000', `${name}: ${Buffer.concat(err).toString().trim()}`);
    return Buffer.concat(out);
  }
}

type Run = (args: readonly string[], input?: Uint8Array) => Promise<Uint8Array>;

const driverError = z.object({ code: z.string(), message: z.string() });

class LocalEngine implements Engine {
  readonly #server: ChildProcess;
  readonly #sockets: string;
  readonly #client: pg.Client;
  readonly #run: Run;

  private constructor(server: ChildProcess, sockets: string, client: pg.Client, run: Run) {
    this.#server = server;
    this.#sockets = sockets;
    this.#client = client;
    this.#run = run;
  }

  static async open(server: ChildProcess, sockets: string, run: Run): Promise<LocalEngine> {
    const options = { host: sockets, port: PORT, user: ROLES.administrator };
    const first = new pg.Client({ ...options, database: 'postgres' });
    await first.connect();
    await first.query(`create role ${ROLES.application} login`);
    await first.query(`create database ${REFERENCE.database} owner ${ROLES.application}`);
    await first.end();
    const client = new pg.Client({ ...options, database: REFERENCE.database });
    // Without a listener the end of the server would end us.
    client.on('error', () => {});
    await client.connect();
    return new LocalEngine(server, sockets, client, run);
  }

  async query(sql: string, parameters: readonly string[] = []): Promise<readonly EngineRow[]> {
    return await this.#asked(async () => (await this.#client.query(sql, [...parameters])).rows);
  }

  async execute(sql: string): Promise<void> {
    await this.#asked(() => this.#client.query(sql));
  }

  async connect(identity: SessionIdentity): Promise<EngineSession> {
    const socket = connect(join(this.#sockets, `.s.PGSQL.${PORT}`));
    const session = new LocalSession(socket);
    const { user, application, settings } = identity;
    await session.send(startup({ user, database: REFERENCE.database, application_name: application, ...settings }));
    return session;
  }

  image(): Promise<EngineImage> {
    return this.#run(['pg_dump', '--format=custom', ...this.#where()]);
  }

  async dump({ tables, what }: Extract<DumpRequest, { readonly kind: 'sql' }>): Promise<string> {
    const only = { everything: [], schemaOnly: ['--schema-only'], dataOnly: ['--data-only'] }[what];
    const wanted = tables.map((table) => `--table=${table}`);
    const options = ['--no-owner', '--no-privileges', ...only, ...wanted];
    return Buffer.from(await this.#run(['pg_dump', ...options, ...this.#where()])).toString('utf8');
  }

  async restore(image: EngineImage): Promise<void> {
    await this.#run(['pg_restore', ...this.#where()], image);
  }

  async close(): Promise<void> {
    if (this.#server.exitCode !== null || this.#server.signalCode !== null) return;
    const gone = once(this.#server, 'exit');
    this.#server.stdin?.end();
    await gone;
  }

  #where(): readonly string[] {
    return ['-h', this.#sockets, '-p', String(PORT), '-U', ROLES.administrator, '-d', REFERENCE.database];
  }

  async #asked<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      const told = driverError.safeParse(error);
      throw told.success ? new SqlError(told.data.code, told.data.message) : error;
    }
  }
}

/** A client's own connection to the server. */
class LocalSession implements EngineSession {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => {});
  }

  send(messages: Uint8Array): Promise<Uint8Array> {
    return new Promise((done, fail) => {
      const parts: Buffer[] = [];
      const ended = (): void => fail(new SqlError('57P01', 'the server has ended the connection'));
      const heard = (part: Buffer): void => {
        parts.push(part);
        const said = Buffer.concat(parts.slice(-2));
        if (!isAnswered(said)) return;
        this.#socket.off('data', heard).off('close', ended);
        done(Buffer.concat(parts));
      };
      this.#socket.on('data', heard).once('close', ended);
      this.#socket.write(messages);
    });
  }

  async end(): Promise<void> {
    // The server rolls back what was open; a moment later its locks are free.
    this.#socket.destroy();
  }
}
