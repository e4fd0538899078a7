import { ApiError, type Principal } from './kernel.ts';
import type { SqlFleet } from './sql-fleet.ts';
import { patched, type SettingsPatch, type SqlInstance } from './sql-instance.ts';
import type { OperationError, OperationSteps, SqlOperation } from './sql-operations.ts';

// Changes of instances that exist. Each method is one call of the management API: it refuses with `ApiError`, or accepts an
// operation that does its work while time passes.
//
// C1. A promotion can't be taken back, and leaves the old primary alone: if that one lives, there are two primaries.
// C2. A stop is what the server does, not what the settings say: they already say NEVER when the operation is accepted late.

const ZONE_UNUSABLE: OperationError = {
  code: 'INTERNAL_ERROR',
  message: 'The instance could not be started: its zone does not have the resources available to fulfil the request.',
};

/** Restart, stop, start, promotion, failover, switchover, settings. */
export class SqlChanges {
  readonly #fleet: SqlFleet;

  constructor(fleet: SqlFleet) {
    this.#fleet = fleet;
  }

  patch(name: string, patch: SettingsPatch, user: Principal): SqlOperation {
    const fleet = this.#fleet;
    const instance = fleet.instance(name);
    fleet.operations.checkIdle(name);
    this.#checkVersion(instance, patch.settingsVersion);
    this.#checkPatch(instance, patch);
    const settings = patched(instance.settings, patch);
    const stops = instance.settings.activationPolicy === 'ALWAYS' && settings.activationPolicy === 'NEVER';
    const fault = stops ? fleet.stopFaults.get(name) : undefined;
    const apply = (): void => fleet.put({ ...fleet.instance(name), settings });
    const steps = this.#patchSteps(instance, settings, apply, fault === 'doneWithoutEffect');
    const held = fault === 'runsForever';
    const operation = fleet.operations.submit({ type: 'UPDATE', target: name, user, steps, held });
    if (held) apply();
    return operation;
  }

  promoteReplica(name: string, user: Principal, failover = false): SqlOperation {
    const fleet = this.#fleet;
    if (fleet.instance(name).instanceType !== 'READ_REPLICA_INSTANCE') {
      throw new ApiError(400, 'invalidOperation', 'This operation is only valid for read replica instances.');
    }
    if (failover) {
      const why = 'Replica failover needs a replica that is designated as the DR replica of its primary.';
      throw new ApiError(400, 'invalidOperation', why);
    }
    const server = fleet.server(name);
    return fleet.operations.submit({
      type: 'PROMOTE_REPLICA',
      target: name,
      user,
      steps: {
        start: () => {
          if (!fleet.server(name).up()) return ZONE_UNUSABLE;
          server.promote(server.link && fleet.servers.server(server.link.upstream));
          server.readOnly = true;
          return undefined;
        },
        middle: () => server.halt('down'),
        end: () => {
          server.readOnly = false;
          fleet.bringUp(name);
          fleet.put({
            ...withNextVersion(fleet.instance(name)),
            instanceType: 'CLOUD_SQL_INSTANCE',
            primary: undefined,
          });
          return undefined;
        },
      },
    });
  }

  restart(name: string, user: Principal): SqlOperation {
    const fleet = this.#fleet;
    this.#checkRunning(fleet.instance(name));
    return fleet.operations.submit({ type: 'RESTART', target: name, user, steps: this.#startAgain(name) });
  }

  /** HA failover to the other zone. `user` is `undefined` when Google does it by itself. */
  failover(name: string, settingsVersion: number | undefined, user: Principal | undefined): SqlOperation {
    const fleet = this.#fleet;
    const instance = fleet.instance(name);
    if (instance.settings.availabilityType !== 'REGIONAL') {
      const why = 'Failover is only possible for instances that are configured for high availability (REGIONAL).';
      throw new ApiError(400, 'invalidOperation', why);
    }
    this.#checkRunning(instance);
    if (user !== undefined && settingsVersion !== instance.settings.settingsVersion) throw staleVersion();
    return fleet.operations.submit({
      type: 'FAILOVER',
      target: name,
      user,
      steps: {
        start: () => {
          fleet.server(name).halt('down');
          return undefined;
        },
        end: () => {
          if (fleet.server(name).regionLost) return ZONE_UNUSABLE;
          fleet.server(name).zone = 'usable';
          fleet.bringUp(name);
          fleet.put({ ...fleet.instance(name), zone: otherZone(instance.zone) });
          return undefined;
        },
      },
    });
  }

  /** Planned change of roles: loses nothing, or doesn't happen. `name` is the replica. */
  switchover(name: string, user: Principal): SqlOperation {
    const fleet = this.#fleet;
    const primary = fleet.instance(name).primary;
    if (primary === undefined) {
      throw new ApiError(400, 'invalidOperation', 'Switchover is only valid for read replica instances.');
    }
    fleet.operations.checkIdle(name, primary);
    const [replica, old] = [fleet.server(name), fleet.server(primary)];
    const online = (): boolean =>
      fleet.server(name).up() && fleet.server(primary).up() && fleet.servers.receiving(name);
    if (!online()) {
      const why = 'Switchover needs both the primary and the replica to be online and replicating.';
      throw new ApiError(400, 'invalidOperation', why);
    }
    const failed: OperationError = { code: 'SWITCHOVER_FAILED', message: 'The primary or the replica went offline.' };
    const steps: OperationSteps = {
      start: () => {
        if (!online()) return failed;
        old.readOnly = true;
        return undefined;
      },
      end: () => {
        old.readOnly = false;
        if (!online()) return failed;
        if (replica.link !== undefined) replica.link.received = old.history.count();
        replica.promote(old);
        this.#exchangeRoles(name, primary);
        return undefined;
      },
    };
    return fleet.operations.submit({ type: 'SWITCHOVER', target: name, also: [primary], user, steps });
  }

  #exchangeRoles(name: string, primary: string): void {
    const fleet = this.#fleet;
    const [promoted, demoted] = [fleet.server(name), fleet.server(primary)];
    const [newPrimary, newReplica] = [fleet.instance(name), fleet.instance(primary)];
    for (const follower of fleet.servers.followers(primary)) {
      if (follower.link !== undefined) follower.link.upstream = name;
      fleet.put({ ...withNextVersion(fleet.instance(follower.name)), primary: name });
    }
    demoted.sessions.clear();
    demoted.follow(promoted, fleet.replicationTiming(newReplica, newPrimary), fleet.clock.now());
    fleet.put({ ...withNextVersion(newPrimary), instanceType: 'CLOUD_SQL_INSTANCE', primary: undefined });
    fleet.put({ ...withNextVersion(newReplica), instanceType: 'READ_REPLICA_INSTANCE', primary: name });
  }

  #checkVersion(instance: SqlInstance, sent: number | undefined): void {
    // Google reads an absent version and 0 alike: no optimistic locking.
    if (sent === undefined || sent === 0 || !this.#fleet.assumptions.settingsVersionChecked) return;
    if (sent !== instance.settings.settingsVersion) throw staleVersion();
  }

  /** Whether anything but its activation policy starts a stopped instance, which takes its fence away. */
  #checkRunning({ settings }: SqlInstance): void {
    if (settings.activationPolicy !== 'NEVER' || !this.#fleet.assumptions.stoppedInstanceRefusesRestart) return;
    throw invalid('Invalid request since instance is not running.');
  }

  #checkPatch(instance: SqlInstance, patch: SettingsPatch): void {
    const isReplica = instance.instanceType === 'READ_REPLICA_INSTANCE';
    const after = patched(instance.settings, patch);
    if (patch.activationPolicy === 'ON_DEMAND')
      throw invalid('ON_DEMAND is not supported for second generation instances.');
    if (isReplica && after.activationPolicy === 'NEVER') {
      throw invalid('The activation policy NEVER is not supported for read replica instances.');
    }
    const stops = instance.settings.activationPolicy === 'ALWAYS' && after.activationPolicy === 'NEVER';
    const replicas = this.#fleet.replicasOf(instance.name);
    if (stops && replicas.length > 0 && !this.#fleet.assumptions.stopPrimaryWithReplicas) {
      throw invalid('An instance that has read replicas can not be stopped.');
    }
    if (isReplica && after.backupConfiguration.enabled) throw invalid('Backups can not be enabled for read replicas.');
    const { enabled, pointInTimeRecoveryEnabled } = after.backupConfiguration;
    if (pointInTimeRecoveryEnabled && !enabled) throw invalid('Point-in-time recovery needs automated backups.');
    if (!isReplica && after.availabilityType === 'REGIONAL' && !(enabled && pointInTimeRecoveryEnabled)) {
      throw invalid('High availability needs automated backups and point-in-time recovery.');
    }
  }

  #patchSteps(
    instance: SqlInstance,
    settings: SqlInstance['settings'],
    apply: () => void,
    ineffective: boolean,
  ): OperationSteps {
    const { name } = instance;
    const fleet = this.#fleet;
    const before = instance.settings;
    const applied = (): undefined => {
      apply();
      return undefined;
    };
    if (before.activationPolicy !== settings.activationPolicy) {
      if (settings.activationPolicy === 'NEVER') {
        return ineffective ? { start: applied } : { start: applied, middle: () => fleet.server(name).halt('stopped') };
      }
      return this.#startAgain(name, apply);
    }
    return before.tier === settings.tier ? { start: applied } : this.#startAgain(name, apply);
  }

  /** Down, and up again at the end if the zone lets it. */
  #startAgain(name: string, apply?: () => void): OperationSteps {
    return {
      start: () => {
        apply?.();
        this.#fleet.server(name).halt('down');
        return undefined;
      },
      end: () => (this.#fleet.bringUp(name) ? undefined : ZONE_UNUSABLE),
    };
  }
}

const invalid = (message: string): ApiError => new ApiError(400, 'invalidRequest', message);

const staleVersion = (): ApiError =>
  new ApiError(
    412,
    'conditionNotMet',
    'The settingsVersion does not match the current version of the instance settings.',
  );

function withNextVersion(instance: SqlInstance): SqlInstance {
  const settings = { ...instance.settings, settingsVersion: instance.settings.settingsVersion + 1 };
  return { ...instance, settings };
}

/** The standby's zone: the next letter, a to c in turn. */
function otherZone(zone: string): string {
  const letter = zone.at(-1) ?? 'a';
  return `${zone.slice(0, -1)}${letter === 'a' ? 'b' : letter === 'b' ? 'c' : 'a'}`;
}
