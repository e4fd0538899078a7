import type { DatabaseUsers } from '../../shared/ports/database-users.ts';
import type {
  DatabaseRedundancy,
  DatabaseRemedies,
  Databases,
  InstanceStatus,
  OperationStatus,
} from '../../shared/ports/databases.ts';
import { PortError } from '../../shared/ports/port-error.ts';
import { type InstanceName, instanceName } from '../../shared/system/names.ts';
import type { SqlInstanceView } from '../world/sql-admin.ts';
import type { SqlOperation } from '../world/sql-operations.ts';
import type { World } from '../world/world.ts';
import { type Crossing, cross, travel } from './crossing.ts';

/** Cloud SQL for one identity. */
export function inProcessDatabases(
  world: World,
  crossing: Crossing,
): Databases & DatabaseRemedies & DatabaseRedundancy {
  const { admin } = world.sql;
  const { caller } = crossing;
  return {
    inspect: async (instance) =>
      statusOf(await cross(crossing, `inspecting ${instance}`, 'reads', () => admin.get(caller, instance))),
    fleet: async () => (await cross(crossing, 'listing the fleet', 'reads', () => admin.list(caller))).map(statusOf),
    operations: async (instance) =>
      (
        await cross(crossing, `listing operations of ${instance}`, 'reads', () => admin.operations(caller, instance))
      ).map(operationOf),
    operation: async (name) =>
      operationOf(await cross(crossing, `polling ${name}`, 'reads', () => admin.operation(caller, name))),
    promote: async (instance) =>
      (await cross(crossing, `promoting ${instance}`, 'writes', () => admin.promoteReplica(caller, instance))).name,
    setActivation: async (instance, activation, version) =>
      (
        await cross(crossing, `setting the activation of ${instance}`, 'writesIfUnchanged', () =>
          admin.patch(caller, instance, {
            settingsVersion: Number(version),
            activationPolicy: activation === 'never' ? 'NEVER' : 'ALWAYS',
          }),
        )
      ).name,
    restart: async (instance) =>
      (await cross(crossing, `restarting ${instance}`, 'writes', () => admin.restart(caller, instance))).name,
    failover: async (instance, version) =>
      (
        await cross(crossing, `failing ${instance} over to its standby`, 'writesIfUnchanged', () =>
          admin.failover(caller, instance, Number(version)),
        )
      ).name,
    protect: async (instance, version) =>
      (
        await cross(crossing, `protecting ${instance}`, 'writesIfUnchanged', () =>
          admin.patch(caller, instance, {
            settingsVersion: Number(version),
            availabilityType: 'REGIONAL',
            deletionProtectionEnabled: true,
            backupConfiguration: { enabled: true, pointInTimeRecoveryEnabled: true },
          }),
        )
      ).name,
    createReplica: async (primary, replica, region) => {
      const { instance } = await cross(crossing, `reading ${primary}`, 'reads', () => admin.get(caller, primary));
      return (
        await cross(crossing, `creating ${replica}`, 'writes', () =>
          admin.insert(caller, {
            name: replica,
            primary,
            region,
            databaseVersion: instance.databaseVersion,
            settings: { tier: instance.settings.tier },
          }),
        )
      ).name;
    },
    takeBackup: async (instance, description) =>
      (
        await cross(crossing, `backing up ${instance}`, 'writes', () =>
          admin.insertBackup(caller, instance, description),
        )
      ).name,
    backups: async (instance) =>
      (await cross(crossing, `listing backups of ${instance}`, 'reads', () => admin.backups(caller, instance))).map(
        ({ id, description, status, endedAt }) => ({ id, description, successful: status === 'SUCCESSFUL', endedAt }),
      ),
  };
}

/** Users of Cloud SQL, and logins at the servers, for one identity. */
export function inProcessDatabaseUsers(world: World, crossing: Crossing): DatabaseUsers {
  const { admin, fleet } = world.sql;
  const { caller, clock, chance } = crossing;
  return {
    list: (instance) =>
      cross(crossing, `listing the users of ${instance}`, 'reads', () => admin.users(caller, instance)),
    setPassword: async (instance, user, password) =>
      (
        await cross(crossing, `setting the password of ${user}`, 'writes', () =>
          admin.updateUser(caller, instance, user, password.reveal()),
        )
      ).name,
    logsIn: async (instance, { user, password, database }) => {
      const doing = `logging in to ${instance} as ${user}`;
      await clock.sleep(travel(chance));
      const found = fleet.servers.read(caller.from, instance, ({ history }) => history.databases.has(database));
      if (found.kind !== 'read') throw new PortError('retryable', found.kind, doing);
      if (!found.value) throw new PortError('permanent', 'sql 3D000', doing);
      return fleet.servers.passwordOf(instance, user) === password.reveal();
    },
  };
}

const STATES: Readonly<Record<string, InstanceStatus['state']>> = {
  RUNNABLE: 'runnable',
  SUSPENDED: 'suspended',
  PENDING_CREATE: 'pendingCreate',
  PENDING_DELETE: 'pendingDelete',
  MAINTENANCE: 'maintenance',
  FAILED: 'failed',
};

function statusOf({ instance, replicaNames }: SqlInstanceView): InstanceStatus {
  const { settings } = instance;
  return {
    instance: instanceName(instance.name),
    role: instance.instanceType === 'CLOUD_SQL_INSTANCE' ? 'primary' : 'replica',
    upstream: instance.primary === undefined ? undefined : instanceName(instance.primary),
    replicas: replicaNames.map(instanceName),
    state: STATES[instance.state] ?? 'unknown',
    activation: settings.activationPolicy === 'NEVER' ? 'never' : 'always',
    availability: settings.availabilityType === 'REGIONAL' ? 'regional' : 'zonal',
    region: instance.region,
    databaseVersion: instance.databaseVersion,
    tier: settings.tier,
    address: instance.address,
    version: String(settings.settingsVersion),
    backupsEnabled: settings.backupConfiguration.enabled,
    pointInTimeRecovery: settings.backupConfiguration.pointInTimeRecoveryEnabled,
    deletionProtection: settings.deletionProtectionEnabled,
  };
}

function operationOf(operation: SqlOperation): OperationStatus {
  const target: InstanceName = instanceName(operation.target);
  return {
    name: operation.name,
    instance: target,
    type: operation.type,
    state: operation.status === 'DONE' ? 'done' : operation.status === 'RUNNING' ? 'running' : 'pending',
    error: operation.error?.message,
    insertedAt: operation.insertedAt,
    endedAt: operation.endedAt,
    user: operation.user,
  };
}
