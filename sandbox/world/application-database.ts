import { unreachable } from '../../shared/core/assert.ts';
import { type Millis, millis, seconds } from '../../shared/core/time.ts';
import type { Place } from './kernel.ts';
import type { RowContent } from './sql-rows.ts';
import type { SqlServer } from './sql-server.ts';
import type { SqlServers } from './sql-servers.ts';

// How an application sees a database: an address out of a URL, a pool with one connection, and the errors of its driver.

/** How the application logs in where no secret says. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** The fleet as applications need it. */
export interface DatabaseNetwork {
  readonly servers: SqlServers;
  /** The instance under an address; `undefined` when no host has it. */
  readonly nameAt: (host: string) => string | undefined;
  readonly credentials: Credentials;
  readonly port: number;
  /** Whether a client may leave the place where it runs; every client may where nothing is said. */
  readonly letsOut?: (client: string) => boolean;
}

/** What a statement came to: its value, or the driver's error. `takes` is how long the caller waited. */
export type StatementOutcome<T> =
  | { readonly kind: 'done'; readonly value: T; readonly takes: Millis }
  | { readonly kind: 'failed'; readonly why: StatementFailure; readonly message: string; readonly takes: Millis };

/** `unreachable`: there is no such host. `refusedByServer`: a server answered and refused. `loginRefused`: it let nobody in by that password. */
export type StatementFailure = 'connectionRefused' | 'timeout' | 'refusedByServer' | 'loginRefused' | 'unreachable';

/** The `connect_timeout` of the application's driver. */
const CONNECT_TIMEOUT = seconds(5);
const ANSWER = millis(5);

/** Where a database URL leads. */
export interface DatabaseTarget {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** The URL that was read last: every process reads the same one, again and again. */
let last: { readonly text: string; readonly target: DatabaseTarget | undefined } | undefined;

/** Reads `postgresql://user:password@host:port/database`; `undefined` for anything else. */
export function parseDatabaseUrl(text: string): DatabaseTarget | undefined {
  if (last?.text !== text) last = { text, target: readDatabaseUrl(text) };
  return last.target;
}

function readDatabaseUrl(text: string): DatabaseTarget | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (!/^postgres(ql)?(\+\w+)?:$/.test(url.protocol) || url.hostname === '') return undefined;
  return {
    host: url.hostname,
    port: url.port === '' ? 5432 : Number(url.port),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: url.pathname.slice(1),
  };
}

/** One client's pool: it connects when it needs to, and holds its session until the server goes down or it is closed. */
export class ConnectionPool {
  readonly target: DatabaseTarget;
  readonly #network: DatabaseNetwork;
  readonly #place: Place;
  readonly #client: string;

  constructor(network: DatabaseNetwork, target: DatabaseTarget, place: Place, client: string) {
    this.#network = network;
    this.target = target;
    this.#place = place;
    this.#client = client;
  }

  write(content: RowContent): StatementOutcome<undefined> {
    return this.#onServer((name) => {
      const outcome = this.#network.servers.write(this.#place, name, content);
      switch (outcome.kind) {
        case 'written':
          return { kind: 'done', value: undefined, takes: ANSWER };
        case 'refusedByServer':
          return { kind: 'failed', why: 'refusedByServer', message: outcome.message, takes: ANSWER };
        case 'connectionRefused':
        case 'timeout':
          return this.#noContact(outcome.kind);
        default:
          return unreachable(outcome);
      }
    });
  }

  read<T>(query: (server: SqlServer) => T): StatementOutcome<T> {
    return this.#onServer((name) => {
      const outcome = this.#network.servers.read(this.#place, name, query);
      return outcome.kind === 'read'
        ? { kind: 'done', value: outcome.value, takes: ANSWER }
        : this.#noContact(outcome.kind);
    });
  }

  close(): void {
    const name = this.#network.nameAt(this.target.host);
    if (name !== undefined) this.#network.servers.close(name, this.#client);
  }

  #onServer<T>(statement: (name: string) => StatementOutcome<T>): StatementOutcome<T> {
    const { host, port, user, password, database } = this.target;
    const name = this.#network.nameAt(host);
    if (name === undefined) {
      return { kind: 'failed', why: 'unreachable', message: `could not connect to "${host}"`, takes: CONNECT_TIMEOUT };
    }
    // Packets that a policy drops are never answered.
    if (this.#network.letsOut?.(this.#client) === false) return this.#noContact('timeout');
    if (port !== this.#network.port) return this.#noContact('connectionRefused');
    const { servers } = this.#network;
    const isOpen = servers.holds(name, this.#client);
    const contact = servers.open(this.#place, name, this.#client);
    if (contact !== 'ok') return this.#noContact(contact);
    const known = this.#network.credentials;
    if (!isOpen && servers.passwordOf(name, user) !== password) {
      return this.#rejected(name, 'loginRefused', `password authentication failed for user "${user}"`);
    }
    if (database !== known.database)
      return this.#rejected(name, 'refusedByServer', `database "${database}" does not exist`);
    return statement(name);
  }

  #rejected<T>(name: string, why: StatementFailure, message: string): StatementOutcome<T> {
    this.#network.servers.close(name, this.#client);
    return { kind: 'failed', why, message, takes: ANSWER };
  }

  #noContact<T>(contact: 'connectionRefused' | 'timeout'): StatementOutcome<T> {
    const where = `connection to server at "${this.target.host}", port ${this.target.port} failed`;
    return contact === 'timeout'
      ? { kind: 'failed', why: contact, message: `${where}: timeout expired`, takes: CONNECT_TIMEOUT }
      : { kind: 'failed', why: contact, message: `${where}: Connection refused`, takes: ANSWER };
  }
}
