import { after, type Instant, type Millis, millis, seconds } from '../../shared/core/time.ts';
import type { Place } from './kernel.ts';
import { History } from './sql-rows.ts';

/**
 * How the zone of a server is. `refuses`: the hosts answer, but no server runs on them. `hangs`: packets vanish. Both keep the
 * server down; what it had committed is on its disk and comes back with the zone.
 */
export type ZoneState = 'usable' | 'refuses' | 'hangs';

/** `running`: the process accepts connections. `down`: it starts or restarts. `stopped`: its owner stopped it. */
export type PowerState = 'running' | 'down' | 'stopped';

/** How a replica follows its upstream. */
export interface Link {
  upstream: string;
  /** How many rows of the upstream's history have arrived; those not replayed yet are not readable, but not lost either. */
  received: number;
  /** From commit to arrival when nothing is wrong. */
  readonly transport: Millis;
  /** From arrival to replay when nothing is wrong. */
  readonly replay: Millis;
  /** Added to `transport` by a fault: what is on the way is lost with the upstream. */
  lag: Millis;
  /** A fault: `replay` stops replaying what arrives, `receiver` stops receiving. */
  frozen: 'no' | 'replay' | 'receiver';
  /** When the receiver last had its upstream. */
  connectedAt: Instant;
}

/** After how long without a word a receiver gives its upstream up (PostgreSQL's `wal_receiver_timeout`, 60 s by default). */
const RECEIVER_TIMEOUT = seconds(60);

/** A connection that a client holds open. */
export interface Session {
  readonly client: string;
  readonly place: Place;
}

/** One database server: its process, its zone, its rows, its sessions. Knows nothing of the management API. */
export class SqlServer {
  readonly name: string;
  readonly place: Place;
  history: History;
  zone: ZoneState = 'usable';
  power: PowerState = 'running';
  /** Its whole region is gone: there is no other zone to fail over to. */
  regionLost = false;
  /** Refuses writes although it is a primary, in the middle of a switchover. */
  readOnly = false;
  timeline = 1;
  /** What it follows; `undefined` on a primary. */
  link: Link | undefined;
  readonly sessions = new Map<string, Session>();

  constructor(name: string, history: History = new History()) {
    this.name = name;
    this.place = `sql/${name}`;
    this.history = history;
  }

  /** Whether the server process runs in a zone that works. */
  up(): boolean {
    return this.power === 'running' && this.zone === 'usable';
  }

  role(): 'primary' | 'replica' {
    return this.link === undefined ? 'primary' : 'replica';
  }

  acceptsWrites(): boolean {
    return this.role() === 'primary' && !this.readOnly;
  }

  /** Takes the process down, and with it every session. */
  halt(power: 'down' | 'stopped'): void {
    this.power = power;
    this.sessions.clear();
  }

  /** Starts to follow another server from a copy of its rows. */
  follow(upstream: SqlServer, timing: Pick<Link, 'transport' | 'replay'>, now: Instant): void {
    this.link = {
      upstream: upstream.name,
      received: this.history.count(),
      ...timing,
      lag: millis(0),
      frozen: 'no',
      connectedAt: now,
    };
    this.timeline = upstream.timeline;
  }

  /** Ends replication: what had arrived is replayed first, as PostgreSQL does; then the server is a primary of its own. */
  promote(upstream: SqlServer | undefined): void {
    if (this.link === undefined) return;
    if (upstream !== undefined) this.#replay(upstream, this.link.received);
    this.link = undefined;
    this.readOnly = false;
    this.timeline += 1;
  }

  /**
   * Moves replication on to `now`. `reaches` says whether the network lets the receiver connect. What was committed and would
   * have arrived since the last call counts as arrived if the link works now; while it does not, it waits on the upstream.
   */
  settle(upstream: SqlServer, reaches: boolean, now: Instant): void {
    const link = this.link;
    if (link === undefined) return;
    if (this.#connected(link, upstream, reaches)) {
      link.connectedAt = now;
      for (
        let row = upstream.history.row(link.received);
        row !== undefined;
        row = upstream.history.row(link.received)
      ) {
        if (after(row.committedAt, link.transport + link.lag) > now) break;
        link.received += 1;
      }
    }
    if (!this.up() || link.frozen === 'replay') return;
    let replayable = this.history.count();
    for (let row = upstream.history.row(replayable); row !== undefined; row = upstream.history.row(replayable)) {
      if (replayable >= link.received || after(row.committedAt, link.transport + link.lag + link.replay) > now) break;
      replayable += 1;
    }
    this.#replay(upstream, replayable);
  }

  /** Whether the receiver believes that it is streaming: a silent upstream is given up only after a while. */
  receiving(upstream: SqlServer, reaches: boolean, now: Instant): boolean {
    const link = this.link;
    if (link === undefined || !this.up()) return false;
    if (this.#connected(link, upstream, reaches)) return true;
    const silent =
      link.frozen !== 'receiver' && (!reaches || upstream.zone === 'hangs') && upstream.power !== 'stopped';
    return silent && now < after(link.connectedAt, RECEIVER_TIMEOUT);
  }

  #connected(link: Link, upstream: SqlServer, reaches: boolean): boolean {
    const available = upstream.up() && this.up() && reaches;
    return available && link.frozen !== 'receiver' && link.received >= upstream.history.oldest();
  }

  #replay(upstream: SqlServer, until: number): void {
    for (let index = this.history.count(); index < until; index++) {
      const row = upstream.history.row(index);
      if (row === undefined) return;
      this.history.append(row);
    }
  }
}
