import { toIso } from '../../shared/core/time.ts';
import type { Project } from '../world/project.ts';
import type { SqlInstanceView } from '../world/sql-admin.ts';
import type { BackupRun, InstanceSettings } from '../world/sql-instance.ts';
import type { SqlOperation } from '../world/sql-operations.ts';

// How Cloud SQL Admin writes its resources: v1 and v1beta4 alike.

const BASE = 'https://sqladmin.googleapis.com/sql/v1beta4';

/** An instance, `sql#instance`. */
export function instanceJson(project: Project, { instance, replicaNames }: SqlInstanceView): unknown {
  const { name, primary, region, zone, settings } = instance;
  return {
    kind: 'sql#instance',
    name,
    project: project.id,
    state: instance.state,
    instanceType: instance.instanceType,
    backendType: 'SECOND_GEN',
    databaseVersion: instance.databaseVersion,
    databaseInstalledVersion: `${instance.databaseVersion}_13`,
    region,
    gceZone: zone,
    connectionName: `${project.id}:${region}:${name}`,
    ...(primary === undefined ? {} : { masterInstanceName: `${project.id}:${primary}` }),
    ...(replicaNames.length === 0 ? {} : { replicaNames }),
    ipAddresses: instance.address === '' ? [] : [{ type: 'PRIVATE', ipAddress: instance.address }],
    serviceAccountEmailAddress: instance.serviceAccount,
    createTime: toIso(instance.createdAt),
    etag: Buffer.from(`${name}/${settings.settingsVersion}/${instance.state}`).toString('base64url'),
    selfLink: `${BASE}/projects/${project.id}/instances/${name}`,
    settings: settingsJson(settings, zone),
  };
}

function settingsJson(settings: InstanceSettings, zone: string): unknown {
  const { backupConfiguration: backup } = settings;
  return {
    kind: 'sql#settings',
    pricingPlan: 'PER_USE',
    replicationType: 'SYNCHRONOUS',
    dataDiskType: 'PD_SSD',
    dataDiskSizeGb: '100',
    storageAutoResize: true,
    edition: 'ENTERPRISE',
    connectorEnforcement: 'NOT_REQUIRED',
    ipConfiguration: { ipv4Enabled: false, privateNetwork: 'projects/coditect-prod/global/networks/default' },
    locationPreference: { kind: 'sql#locationPreference', zone },
    ...settings.other,
    settingsVersion: String(settings.settingsVersion),
    tier: settings.tier,
    activationPolicy: settings.activationPolicy,
    availabilityType: settings.availabilityType,
    deletionProtectionEnabled: settings.deletionProtectionEnabled,
    userLabels: settings.userLabels,
    backupConfiguration: {
      kind: 'sql#backupConfiguration',
      enabled: backup.enabled,
      pointInTimeRecoveryEnabled: backup.pointInTimeRecoveryEnabled,
      startTime: backup.startTime,
      transactionLogRetentionDays: backup.transactionLogRetentionDays,
    },
  };
}

/** An operation, `sql#operation`. DONE with `error` has failed. */
export function operationJson(project: Project, operation: SqlOperation): unknown {
  const { name, target, user, startedAt, endedAt, error } = operation;
  return {
    kind: 'sql#operation',
    name,
    operationType: operation.type,
    status: operation.status,
    ...(user === undefined ? {} : { user }),
    insertTime: toIso(operation.insertedAt),
    ...(startedAt === undefined ? {} : { startTime: toIso(startedAt) }),
    ...(endedAt === undefined ? {} : { endTime: toIso(endedAt) }),
    ...(error === undefined
      ? {}
      : { error: { kind: 'sql#operationErrors', errors: [{ kind: 'sql#operationError', ...error }] } }),
    targetId: target,
    targetProject: project.id,
    targetLink: `${BASE}/projects/${project.id}/instances/${target}`,
    selfLink: `${BASE}/projects/${project.id}/operations/${name}`,
  };
}

/** A backup, `sql#backupRun`. */
export function backupJson(project: Project, run: BackupRun): unknown {
  const { id, instance, status, type, description, enqueuedAt, startedAt, endedAt } = run;
  return {
    kind: 'sql#backupRun',
    id,
    instance,
    status,
    type,
    ...(description === '' ? {} : { description }),
    databaseVersion: run.databaseVersion,
    backupKind: 'SNAPSHOT',
    location: 'us',
    enqueuedTime: toIso(enqueuedAt),
    windowStartTime: toIso(enqueuedAt),
    ...(startedAt === undefined ? {} : { startTime: toIso(startedAt) }),
    ...(endedAt === undefined ? {} : { endTime: toIso(endedAt) }),
    selfLink: `${BASE}/projects/${project.id}/instances/${instance}/backupRuns/${id}`,
  };
}

/** A database of an instance, `sql#database`. */
export function databaseJson(project: Project, instance: string, name: string): unknown {
  return {
    kind: 'sql#database',
    name,
    instance,
    project: project.id,
    charset: 'UTF8',
    collation: 'en_US.UTF8',
    selfLink: `${BASE}/projects/${project.id}/instances/${instance}/databases/${name}`,
  };
}

/** A user of an instance, `sql#user`. PostgreSQL's users have no host, and their passwords are never told. */
export function userJson(project: Project, instance: string, name: string): unknown {
  const etag = Buffer.from(`${instance}/${name}`).toString('base64url');
  return { kind: 'sql#user', etag, name, host: '', instance, project: project.id };
}
