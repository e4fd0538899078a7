import { after, type Millis, millis, seconds } from '../../shared/core/time.ts';
import type { SqlChanges } from './sql-changes.ts';
import { takeAutomated } from './sql-nightly.ts';
import type { SqlFleet, StopFault } from './sql-fleet.ts';
import type { OperationType, SqlOperation } from './sql-operations.ts';

// What goes wrong in the fleet itself, and how it gets well again.

/** Least and most seconds from a usable zone to a server that accepts connections: PostgreSQL replays its log first. */
const CRASH_RECOVERY_SECONDS = [20, 60] as const;

/** Least and most seconds after which Google fails a REGIONAL instance over by itself. */
const AUTO_FAILOVER_SECONDS = [45, 75] as const;

/** Operations at whose end the server runs again. */
const BRING_UP_THEMSELVES: ReadonlySet<OperationType> = new Set([
  'RESTART',
  'MAINTENANCE',
  'PROMOTE_REPLICA',
  'FAILOVER',
  'DELETE',
]);

/** Breaks and mends servers, replication and what the management API carries out. */
export class SqlDisasters {
  readonly #fleet: SqlFleet;
  readonly #changes: SqlChanges;

  constructor(fleet: SqlFleet, changes: SqlChanges) {
    this.#fleet = fleet;
    this.#changes = changes;
  }

  /** Makes the zone of an instance unusable: connections are refused, or hang. What was committed stays on the disk. */
  breakZone(name: string, how: 'refuses' | 'hangs'): void {
    const { clock, chance, servers } = this.#fleet;
    const server = this.#fleet.server(name);
    for (const follower of servers.followers(name)) servers.server(follower.name); // settles what had arrived by now
    server.zone = how;
    server.sessions.clear();
    if (this.#fleet.instance(name).settings.availabilityType !== 'REGIONAL') return;
    const at = after(clock.now(), seconds(chance.between(...AUTO_FAILOVER_SECONDS)));
    clock.schedule(at, () => this.#failOverByItself(name));
  }

  /**
   * Takes the region of some instances away. With power lost they are down; `cut-off` ones run on where nobody outside hears of it.
   * What the management API does with a change of them until they return is an assumption.
   */
  loseRegion(names: readonly string[], how: 'lost' | 'cut-off'): void {
    const { assumptions, servers, stopFaults } = this.#fleet;
    for (const name of names) {
      const server = this.#fleet.server(name);
      for (const follower of servers.followers(name)) servers.server(follower.name); // settles what had arrived by now
      server.regionLost = true;
      if (assumptions.lostRegionTakesOperations) stopFaults.set(name, 'runsForever');
      if (how === 'cut-off') continue;
      server.zone = 'hangs';
      server.sessions.clear();
    }
  }

  /** The region is back, and what was asked for meanwhile is carried out. A server that nobody stopped writes again: the danger. */
  returnRegion(names: readonly string[]): void {
    for (const name of names) {
      const server = this.#fleet.servers.server(name);
      if (server === undefined) continue; // deleted meanwhile
      server.regionLost = false;
      this.mendZone(name);
      this.holdStops(name, undefined);
    }
  }

  /**
   * The server process is gone and nothing starts it again, while its zone is well and the API says RUNNABLE: what a restart
   * cures, or an HA failover. Google does not fail it over by itself, since the host answers.
   */
  crash(name: string): void {
    const { servers } = this.#fleet;
    const server = this.#fleet.server(name);
    for (const follower of servers.followers(name)) servers.server(follower.name); // settles what had arrived by now
    if (server.power === 'running') server.halt('down');
  }

  /** The zone works again. A server that nobody stopped comes back by itself after its crash recovery, in its old role. */
  mendZone(name: string): void {
    const server = this.#fleet.server(name);
    if (server.zone === 'usable') return;
    server.zone = 'usable';
    if (server.power === 'stopped') return;
    server.power = 'down';
    this.mendCrash(name);
  }

  /** What is down without having been stopped comes back after its crash recovery, unless an operation is about to do that. */
  mendCrash(name: string): void {
    const { clock, chance } = this.#fleet;
    const server = this.#fleet.server(name);
    if (server.power !== 'down') return;
    clock.schedule(after(clock.now(), seconds(chance.between(...CRASH_RECOVERY_SECONDS))), () => {
      const operation = this.#fleet.operations.busyWith(name);
      const leaveIt = operation !== undefined && BRING_UP_THEMSELVES.has(operation.type);
      const state = this.#fleet.find(name)?.state;
      // One that was never made has nothing to come back as.
      const isMade = state !== undefined && state !== 'FAILED' && state !== 'PENDING_CREATE';
      if (!leaveIt && isMade && server.power === 'down') this.#fleet.bringUp(name);
    });
  }

  /** Google's own maintenance: an operation of two minutes, in which the server is down. */
  maintain(name: string): SqlOperation {
    const fleet = this.#fleet;
    return fleet.operations.submit({
      type: 'MAINTENANCE',
      target: name,
      user: undefined,
      steps: {
        start: () => {
          fleet.put({ ...fleet.instance(name), state: 'MAINTENANCE' });
          if (fleet.server(name).power === 'running') fleet.server(name).halt('down');
          return undefined;
        },
        end: () => {
          fleet.put({ ...fleet.instance(name), state: 'RUNNABLE' });
          fleet.bringUp(name);
          return undefined;
        },
      },
    });
  }

  /** What is committed takes that much longer to arrive on a replica; 0 ends it. */
  setLag(name: string, lag: Millis): void {
    const { link } = this.#fleet.server(name);
    if (link !== undefined) link.lag = lag;
  }

  /** Stops the replay of what arrives, or the receiver itself. */
  freeze(name: string, what: 'no' | 'replay' | 'receiver'): void {
    const { link } = this.#fleet.server(name);
    if (link !== undefined) link.frozen = what;
  }

  /** From now on a stop of that instance is accepted and not carried out; `undefined` ends it and lets held stops come to their end. */
  holdStops(name: string, fault: StopFault | undefined): void {
    if (fault !== undefined) {
      this.#fleet.stopFaults.set(name, fault);
      return;
    }
    this.#fleet.stopFaults.delete(name);
    const busy = this.#fleet.operations.busyWith(name);
    if (busy?.type === 'UPDATE') this.#fleet.operations.release(busy.name);
  }

  /** No backup of that instance is worth anything, or its automated ones are not from now on. Returns what ends that. */
  failBackups(name: string, which: 'all' | 'next'): () => void {
    return which === 'all' ? this.#failKept(name) : this.#failNext(name);
  }

  /** Those that went meanwhile do not come back. */
  #failKept(name: string): () => void {
    const { backups } = this.#fleet;
    const former = backups.filter(({ instance, status }) => instance === name && status === 'SUCCESSFUL');
    const mark = (status: 'FAILED' | 'SUCCESSFUL'): void => {
      for (const { id } of former) {
        const index = backups.findIndex((run) => run.instance === name && run.id === id);
        const run = backups[index];
        if (run !== undefined) backups[index] = { ...run, status };
      }
    };
    mark('FAILED');
    return () => mark('SUCCESSFUL');
  }

  /** The first one fails at once; once that is over, a good one is taken. */
  #failNext(name: string): () => void {
    this.#fleet.failingBackups.add(name);
    takeAutomated(this.#fleet, name, false);
    return () => {
      this.#fleet.failingBackups.delete(name);
      if (this.#fleet.find(name) !== undefined) takeAutomated(this.#fleet, name, true);
    };
  }

  #failOverByItself(name: string): void {
    const instance = this.#fleet.find(name);
    if (instance === undefined || this.#fleet.server(name).zone === 'usable') return;
    if (instance.settings.activationPolicy === 'NEVER' || this.#fleet.operations.busyWith(name) !== undefined) return;
    this.#changes.failover(name, undefined, undefined);
  }
}

/** The lag of the fault `replica-lag` unless another is asked for: more than the reference system may lose. */
export const LONG_LAG: Millis = millis(20 * 60_000);
