import { unreachable } from '../../shared/core/assert.ts';
import type { Instant, Millis } from '../../shared/core/time.ts';
import type { Assumptions } from './assumptions.ts';
import type { Chance, Network, Place, WorldClock } from './kernel.ts';
import type { Row, RowContent } from './sql-rows.ts';
import { SqlServer } from './sql-server.ts';

// The data plane of the fleet: who reaches which server, what a server answers, and which rows are where.
//
// S1. A row is readable on a server only after it was committed there or replayed there.
// S2. A server's answer depends on its own state and the network alone, never on what the management API believes.
// S3. Two servers that both accept writes are possible: that is the split brain which the product must prevent.

/** What a connection attempt meets. `connectionRefused`: the host answers that nobody listens. `timeout`: nothing answers. */
export type Contact = 'ok' | 'connectionRefused' | 'timeout';

/** What came of a write. */
export type WriteOutcome =
  | { readonly kind: 'written'; readonly row: Row }
  | { readonly kind: 'refusedByServer'; readonly message: string }
  | { readonly kind: 'connectionRefused' | 'timeout' };

/** What came of a read. */
export type ReadOutcome<T> =
  | { readonly kind: 'read'; readonly value: T }
  | { readonly kind: 'connectionRefused' | 'timeout' };

/** Replication as the server itself tells it. */
export interface Replication {
  readonly role: 'primary' | 'replica';
  /** Whether the receiver is connected to its upstream; `false` on a primary. */
  readonly receiving: boolean;
  readonly heartbeat: { readonly sequence: number; readonly at: Instant } | undefined;
  /** Replayed (replica) or written (primary), bytes. */
  readonly position: number;
}

/** What PostgreSQL says to a write on a server in recovery. */
export const READ_ONLY_MESSAGE = 'cannot execute INSERT in a read-only transaction';

/** Bytes that one commit takes in the log, least and most. */
const ROW_BYTES = [160, 900] as const;

/** What the servers are made with. */
export interface SqlServersParts {
  readonly clock: WorldClock;
  readonly chance: Chance;
  readonly network: Network;
  readonly assumptions: Assumptions;
}

/** All servers by instance name. */
export class SqlServers {
  readonly #parts: SqlServersParts;
  readonly #servers = new Map<string, SqlServer>();
  /** Users, and the passwords with which the fleet began. */
  readonly logins = new Map<string, string>();

  constructor(parts: SqlServersParts) {
    this.#parts = parts;
  }

  add(server: SqlServer): void {
    this.#servers.set(server.name, server);
  }

  remove(name: string): void {
    this.#servers.delete(name);
  }

  names(): readonly string[] {
    return [...this.#servers.keys()];
  }

  /** The server of an instance, with replication moved on to now; `undefined` when there is none. */
  server(name: string): SqlServer | undefined {
    const server = this.#servers.get(name);
    if (server !== undefined) this.#settle(server);
    return server;
  }

  /** Servers that follow `name`, directly. */
  followers(name: string): readonly SqlServer[] {
    return [...this.#servers.values()].filter((server) => server.link?.upstream === name);
  }

  /** Whether what a server says of itself gets to Google's monitoring. */
  isHeardOf(name: string): boolean {
    const server = this.#servers.get(name);
    return server !== undefined && server.zone !== 'hangs' && this.#parts.network.reaches(server.place, 'google');
  }

  contact(from: Place, name: string): Contact {
    const server = this.#servers.get(name);
    if (server === undefined || !this.#parts.network.reaches(from, server.place)) return 'timeout';
    switch (server.zone) {
      case 'hangs':
        return 'timeout';
      case 'refuses':
        return 'connectionRefused';
      case 'usable':
        return this.#contactByPower(server);
      default:
        return unreachable(server.zone);
    }
  }

  /** Commits a row. A write to a server that the caller does not reach never happens. */
  write(from: Place, name: string, content: RowContent): WriteOutcome {
    const contact = this.contact(from, name);
    const server = this.server(name);
    if (contact !== 'ok') return { kind: contact };
    if (server === undefined) return { kind: 'timeout' };
    if (!server.acceptsWrites()) return { kind: 'refusedByServer', message: READ_ONLY_MESSAGE };
    const refusal = server.history.refusal(content);
    if (refusal !== undefined) return { kind: 'refusedByServer', message: refusal };
    return { kind: 'written', row: this.commit(server, content) };
  }

  /** Adds what a server has committed to its history, whoever may reach it now. */
  commit(server: SqlServer, content: RowContent): Row {
    // Followers first move on to now: the new row must not be seen by a settling that belongs to the time before it.
    for (const follower of this.followers(server.name)) this.#settle(follower);
    const row: Row = {
      position: server.history.position() + this.#parts.chance.between(...ROW_BYTES),
      committedAt: this.#parts.clock.now(),
      timeline: server.timeline,
      content,
    };
    server.history.append(row);
    return row;
  }

  /** Reads from a server that accepts connections, primary or replica. */
  read<T>(from: Place, name: string, query: (server: SqlServer) => T): ReadOutcome<T> {
    const contact = this.contact(from, name);
    const server = this.server(name);
    if (contact !== 'ok') return { kind: contact };
    return server === undefined ? { kind: 'timeout' } : { kind: 'read', value: query(server) };
  }

  replication(from: Place, name: string): ReadOutcome<Replication> {
    return this.read(from, name, (server) => ({
      role: server.role(),
      receiving: this.receiving(name),
      heartbeat: server.history.heartbeat(),
      position: server.history.position(),
    }));
  }

  /** Whether a replica's receiver believes that it is connected, seen from outside of the network. */
  receiving(name: string): boolean {
    const server = this.server(name);
    const upstream = this.#upstreamOf(server);
    if (server === undefined || upstream === undefined) return false;
    return server.receiving(upstream, this.#linkReaches(server, upstream), this.#parts.clock.now());
  }

  /** How far a replica is behind: the age of the oldest row of its upstream that it has not replayed; 0 when it has all. */
  lag(name: string): Millis | undefined {
    const server = this.server(name);
    const upstream = this.#upstreamOf(server);
    if (server === undefined || upstream === undefined) return undefined;
    const next = upstream.history.row(server.history.count());
    const age = next === undefined ? 0 : this.#parts.clock.now() - next.committedAt;
    return Math.max(age, 0) as Millis; // a difference of two instants
  }

  /** Opens a session that is held until it is closed or the server goes down. */
  open(from: Place, name: string, client: string): Contact {
    const contact = this.contact(from, name);
    if (contact === 'ok') this.#servers.get(name)?.sessions.set(client, { client, place: from });
    return contact;
  }

  /** Whether a client has a session there: it is asked for no password again. */
  holds(name: string, client: string): boolean {
    return this.#servers.get(name)?.sessions.has(client) ?? false;
  }

  /** The password of a user as a server knows it now; `undefined` for a user that it does not know. */
  passwordOf(name: string, user: string): string | undefined {
    return this.server(name)?.history.passwordOf(user) ?? this.logins.get(user);
  }

  close(name: string, client: string): void {
    this.#servers.get(name)?.sessions.delete(client);
  }

  #contactByPower(server: SqlServer): Contact {
    switch (server.power) {
      case 'running':
        return 'ok';
      case 'down':
        return 'connectionRefused';
      case 'stopped':
        return this.#parts.assumptions.stoppedInstanceRefuses ? 'connectionRefused' : 'timeout';
      default:
        return unreachable(server.power);
    }
  }

  #upstreamOf(server: SqlServer | undefined): SqlServer | undefined {
    return server?.link === undefined ? undefined : this.#servers.get(server.link.upstream);
  }

  #linkReaches(server: SqlServer, upstream: SqlServer): boolean {
    return this.#parts.network.reaches(server.place, upstream.place);
  }

  #settle(server: SqlServer): void {
    const upstream = this.#upstreamOf(server);
    if (upstream === undefined) return;
    this.#settle(upstream);
    server.settle(upstream, this.#linkReaches(server, upstream), this.#parts.clock.now());
  }
}
