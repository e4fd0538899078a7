import type { InstanceStatus } from '../ports/databases.ts';
import type { InstanceName } from '../system/names.ts';
import type { Application, Database, System } from '../system/system.ts';
import {
  applicationOf,
  consumersOf,
  databaseWith,
  dependenciesOf,
  namesOf,
  type TargetRef,
  targetIdOf,
} from '../system/topology.ts';

// The topology as it is now, from what the management API lists. The file's roles are those of the day it was written.

/** What has to be looked at for some targets: they, what they depend on, and every consumer of a database among those. */
export interface Scope {
  readonly databases: readonly Database[];
  readonly applications: readonly Application[];
}

/**
 * The scope of an incident. Consumers belong to it, since they are the observers of a database that share neither path nor
 * place with us (decisions.md 13).
 */
export function scopeOf(system: System, targets: readonly TargetRef[]): Scope {
  const reached = targets.flatMap((target) => [target, ...dependenciesOf(system, target)]);
  const databases = new Set(
    reached.flatMap((target) => (target.kind === 'database' ? (databaseWith(system, target.instance) ?? []) : [])),
  );
  const ids = new Set([
    ...reached.flatMap((target) => (target.kind === 'application' ? [target.id] : [])),
    ...[...databases].flatMap((database) => consumersOf(system, database.instance).map(({ id }) => id)),
  ]);
  return {
    databases: system.databases.filter((database) => databases.has(database)),
    applications: [...ids].flatMap((id) => applicationOf(system, id) ?? []).toSorted(upstreamFirst(system)),
  };
}

/** An application before those that can't work without it; else in the order of the file. */
function upstreamFirst(system: System): (a: Application, b: Application) => number {
  const depth = new Map(
    system.applications.map((application) => [
      application.id,
      dependenciesOf(system, { kind: 'application', id: application.id }).length,
    ]),
  );
  const order = new Map(system.applications.map((application, index) => [application.id, index]));
  const rank = (id: string) => (depth.get(id) ?? 0) * system.applications.length + (order.get(id) ?? 0);
  return (a, b) => rank(a.id) - rank(b.id);
}

/** The instances of a database as they are now. `primary` is `undefined` when none of the listed ones is a primary. */
export interface TopologyNow {
  readonly primary: InstanceStatus | undefined;
  readonly others: readonly InstanceStatus[];
}

/**
 * Who is who now. After a promotion two listed instances are primaries; the one in service is the only one that is not
 * stopped, else the one that every consumer that says so is on, else the file's. `addresses`: hosts that consumers report,
 * which is where they were when they started. `successor`: what a region failover promoted: what it left behind may write again, and
 * consumers there may still be on it.
 */
export function topologyNow(
  database: Database,
  fleet: readonly InstanceStatus[],
  addresses: readonly string[],
  successor?: InstanceName,
): TopologyNow {
  const listed = new Set(namesOf(database));
  const known = fleet.filter(({ instance }) => listed.has(instance));
  const primaries = known.filter(({ role }) => role === 'primary');
  const running = primaries.filter(({ activation }) => activation === 'always');
  const inUse = running.filter(
    ({ address }) => address !== undefined && addresses.length > 0 && addresses.every((host) => host === address),
  );
  // A copy that was handed over counts once every consumer that says where it is, is on it.
  const adopted = fleet.find(
    ({ instance, address }) =>
      instance === database.restore?.instance &&
      address !== undefined &&
      addresses.length > 0 &&
      addresses.every((host) => host === address),
  );
  const primary =
    adopted ??
    onlyOne(primaries) ??
    running.find(({ instance }) => instance === successor) ??
    onlyOne(running) ??
    onlyOne(inUse) ??
    primaries.find(({ instance }) => instance === database.instance) ??
    primaries[0];
  const followers = fleet.filter(({ instance, upstream }) => upstream === primary?.instance && !listed.has(instance));
  return {
    primary,
    others: [...known.filter((status) => status !== primary), ...(primary === undefined ? [] : followers)],
  };
}

/** The host of an address that a consumer reports, `host` or `host:port`. */
export function hostOf(address: string): string {
  return address.replace(/:\d+$/, '');
}

/** How a database stands in leases and diagnoses: by the file's primary, whoever is the primary now. */
export const databaseTarget = (instance: InstanceName) => targetIdOf({ kind: 'database', instance });

const onlyOne = <T>(found: readonly T[]): T | undefined => (found.length === 1 ? found[0] : undefined);

/** Whether more than one listed instance is a primary: then what was promoted last has to be known. */
export const isDivided = (database: Database, fleet: readonly InstanceStatus[]): boolean =>
  fleet.filter(({ instance, role }) => role === 'primary' && namesOf(database).includes(instance)).length > 1;
