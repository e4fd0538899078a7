import type { Json } from '../../shared/core/json.ts';
import type { Instant } from '../../shared/core/time.ts';

// Instances as the management API describes them, in Google's own words. None of this says whether a database serves.

/** `RUNNABLE` also means "stopped by its owner" (facts.md 3.3). */
export type InstanceState = 'PENDING_CREATE' | 'RUNNABLE' | 'MAINTENANCE' | 'FAILED' | 'PENDING_DELETE';

/** Backups of one instance. */
export interface BackupConfiguration {
  readonly enabled: boolean;
  readonly pointInTimeRecoveryEnabled: boolean;
  readonly startTime: string;
  readonly transactionLogRetentionDays: number;
}

/** Settings that the model acts on; `other` holds what it only remembers, by Google's names. */
export interface InstanceSettings {
  /** Grows with each change of the settings. */
  readonly settingsVersion: number;
  readonly tier: string;
  readonly activationPolicy: 'ALWAYS' | 'NEVER';
  readonly availabilityType: 'ZONAL' | 'REGIONAL';
  readonly deletionProtectionEnabled: boolean;
  readonly backupConfiguration: BackupConfiguration;
  readonly userLabels: Readonly<Record<string, string>>;
  readonly other: Readonly<Record<string, Json>>;
}

/** One instance. */
export interface SqlInstance {
  readonly name: string;
  readonly instanceType: 'CLOUD_SQL_INSTANCE' | 'READ_REPLICA_INSTANCE';
  /** The instance that a replica follows, without its project; `undefined` on a primary. */
  readonly primary: string | undefined;
  readonly state: InstanceState;
  readonly databaseVersion: string;
  readonly region: string;
  readonly zone: string;
  readonly address: string;
  readonly serviceAccount: string;
  readonly createdAt: Instant;
  readonly settings: InstanceSettings;
}

/** A change of settings: what is absent stays as it is. */
export interface SettingsPatch {
  /** The version that the change was decided on; a stale one is refused. */
  readonly settingsVersion?: number | undefined;
  readonly tier?: string | undefined;
  readonly activationPolicy?: 'ALWAYS' | 'NEVER' | 'ON_DEMAND' | undefined;
  readonly availabilityType?: 'ZONAL' | 'REGIONAL' | undefined;
  readonly deletionProtectionEnabled?: boolean | undefined;
  readonly backupConfiguration?: Partial<BackupConfiguration> | undefined;
  /** `null` takes a label away. */
  readonly userLabels?: Readonly<Record<string, string | null>> | undefined;
  readonly other?: Readonly<Record<string, Json>> | undefined;
}

/** A new instance. With `primary` it is a read replica. */
export interface InstanceDraft {
  readonly name: string;
  readonly primary?: string | undefined;
  readonly region: string;
  readonly zone?: string | undefined;
  readonly databaseVersion: string;
  readonly settings: SettingsPatch;
}

/** One backup of an instance. */
export interface BackupRun {
  readonly id: string;
  readonly instance: string;
  readonly databaseVersion: string;
  readonly status: 'ENQUEUED' | 'RUNNING' | 'SUCCESSFUL' | 'FAILED';
  readonly type: 'AUTOMATED' | 'ON_DEMAND';
  readonly description: string;
  readonly enqueuedAt: Instant;
  readonly startedAt: Instant | undefined;
  readonly endedAt: Instant | undefined;
}

/** Nothing backed up and nothing recoverable: what a replica has, and what a promotion leaves behind (facts.md 3.4). */
export const NO_BACKUPS: BackupConfiguration = {
  enabled: false,
  pointInTimeRecoveryEnabled: false,
  startTime: '03:00',
  transactionLogRetentionDays: 7,
};

const without = <T>(record: Readonly<Record<string, T | null>>): Record<string, T> =>
  Object.fromEntries(Object.entries(record).flatMap(([name, value]) => (value === null ? [] : [[name, value]])));

const dropUndefined = <T extends object>(patch: T): Partial<T> =>
  // Only members with a value remain, so what is left is a part of T.
  Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined)) as Partial<T>;

/** The settings after a patch, under the next version. Whether the patch is allowed is not judged here. */
export function patched(settings: InstanceSettings, patch: SettingsPatch): InstanceSettings {
  return {
    settingsVersion: settings.settingsVersion + 1,
    tier: patch.tier ?? settings.tier,
    activationPolicy:
      patch.activationPolicy === 'ON_DEMAND'
        ? settings.activationPolicy
        : (patch.activationPolicy ?? settings.activationPolicy),
    availabilityType: patch.availabilityType ?? settings.availabilityType,
    deletionProtectionEnabled: patch.deletionProtectionEnabled ?? settings.deletionProtectionEnabled,
    backupConfiguration: { ...settings.backupConfiguration, ...dropUndefined(patch.backupConfiguration ?? {}) },
    userLabels: without({ ...settings.userLabels, ...patch.userLabels }),
    other: { ...settings.other, ...patch.other },
  };
}
