import { z } from 'zod';
import type { Json } from '../../shared/core/json.ts';
import { type Instant, parseInstant } from '../../shared/core/time.ts';
import type { InstanceDraft, SettingsPatch } from '../world/sql-instance.ts';

// Bodies of Cloud SQL Admin requests, strictly: a field that Google doesn't know is refused, and so is one that it knows and the
// sandbox doesn't model where it would change what an instance does. Enums come as names (gcloud) or numbers (npm client).

/** An enum by name or number. */
export const enumOf = <const T extends Readonly<Record<string, number>>>(numbers: T) =>
  z.union([z.string(), z.number()]).transform((given, context): keyof T & string => {
    const found = Object.entries(numbers).find(([name, number]) => given === name || given === number)?.[0];
    if (found !== undefined) return found;
    context.addIssue(`${String(given)} is no value of this enum`);
    return z.NEVER;
  });

/** A 64-bit number as proto JSON writes it, or as a number. */
export const int64 = z.union([z.number().int(), z.string().regex(/^-?\d+$/)]).transform(Number);
const duration = z.string().regex(/^\d+(\.\d+)?s$/);
const json: z.ZodType<Json> = z.json();
/** Fields that Google has and that we only remember; their enums are kept as they came. */
const remembered = (...names: readonly string[]) => Object.fromEntries(names.map((name) => [name, json.optional()]));

const backupWire = z.strictObject({
  kind: z.literal('sql#backupConfiguration').optional(),
  enabled: z.boolean().nullish(),
  pointInTimeRecoveryEnabled: z.boolean().nullish(),
  startTime: z
    .string()
    .regex(/^([01]\d|2[0-3]):[0-5]\d$/)
    .optional(),
  transactionLogRetentionDays: z.number().int().min(1).max(35).nullish(),
  // Accepted, without consequence here.
  ...remembered('location', 'backupRetentionSettings', 'binaryLogEnabled', 'replicationLogArchivingEnabled'),
  ...remembered('transactionalLogStorageState', 'backupTier'),
});

const OTHER_SETTINGS = [
  'ipConfiguration',
  'storageAutoResize',
  'storageAutoResizeLimit',
  'locationPreference',
  'databaseFlags',
  'maintenanceWindow',
  'denyMaintenancePeriods',
  'dataDiskSizeGb',
  'insightsConfig',
  'passwordValidationPolicy',
  'connectionPoolConfig',
  'retainBackupsOnDelete',
  'finalBackupConfig',
  'enableGoogleMlIntegration',
  'enableDataplexIntegration',
  'dataCacheConfig',
  'advancedMachineFeatures',
  'timeZone',
  'collation',
] as const;

const settingsWire = z.strictObject({
  kind: z.literal('sql#settings').optional(),
  settingsVersion: int64.nullish(),
  tier: z.string().min(1).optional(),
  activationPolicy: enumOf({ ALWAYS: 1, NEVER: 2, ON_DEMAND: 3 }).optional(),
  availabilityType: enumOf({ ZONAL: 1, REGIONAL: 2 }).optional(),
  deletionProtectionEnabled: z.boolean().nullish(),
  userLabels: z.record(z.string(), z.string().nullable()).optional(),
  backupConfiguration: backupWire.optional(),
  pricingPlan: enumOf({ PACKAGE: 1, PER_USE: 2 }).optional(),
  replicationType: enumOf({ SYNCHRONOUS: 1, ASYNCHRONOUS: 2 }).optional(),
  dataDiskType: enumOf({ PD_SSD: 1, PD_HDD: 2, HYPERDISK_BALANCED: 4 }).optional(),
  edition: enumOf({ ENTERPRISE: 2, ENTERPRISE_PLUS: 3 }).optional(),
  connectorEnforcement: enumOf({ NOT_REQUIRED: 1, REQUIRED: 2 }).optional(),
  ...remembered(...OTHER_SETTINGS),
});

/** Fields of an instance by which a client only says again what it addressed. gax adds an empty `tags` of its own. */
const identity = {
  kind: z.literal('sql#instance').optional(),
  name: z.string().optional(),
  project: z.string().optional(),
  tags: z.strictObject({}).optional(),
};

const patchWire = z.strictObject({ ...identity, settings: settingsWire.optional() });

/** Names that bodies may have, by message of the real API. */
export const ACCEPTED_FIELDS: Readonly<Record<string, readonly string[]>> = {
  DatabaseInstance: Object.keys(patchWire.shape),
  Settings: Object.keys(settingsWire.shape),
  BackupConfiguration: Object.keys(backupWire.shape),
};

/** Body of `instances.patch`: settings are merged, and nothing else of an instance can be changed here. */
export const patchBody: z.ZodType<SettingsPatch> = patchWire.transform(({ settings }) => settingsPatch(settings));

/** Body of `instances.insert`. `masterInstanceName` has the project before a colon, or not. */
export const insertBody: z.ZodType<InstanceDraft> = z
  .strictObject({
    ...identity,
    name: z.string().min(1),
    region: z.string().min(1),
    gceZone: z.string().optional(),
    databaseVersion: enumOf({
      POSTGRES_13: 23,
      POSTGRES_14: 110,
      POSTGRES_15: 172,
      POSTGRES_16: 272,
      POSTGRES_17: 408,
    }),
    masterInstanceName: z.string().min(1).optional(),
    instanceType: enumOf({ CLOUD_SQL_INSTANCE: 1, READ_REPLICA_INSTANCE: 3 }).optional(),
    backendType: enumOf({ SECOND_GEN: 2 }).optional(),
    rootPassword: z.string().optional(),
    settings: settingsWire.optional(),
  })
  .transform(({ name, region, gceZone, databaseVersion, masterInstanceName, settings }) => ({
    name,
    region,
    zone: gceZone,
    databaseVersion,
    primary: masterInstanceName?.split(':').at(-1),
    settings: settingsPatch(settings),
  }));

/** Body of `instances.failover`. */
export const failoverBody: z.ZodType<number | undefined> = z
  .strictObject({
    failoverContext: z
      .strictObject({ kind: z.literal('sql#failoverContext').optional(), settingsVersion: int64.optional() })
      .optional(),
  })
  .transform(({ failoverContext }) => failoverContext?.settingsVersion);

/** Body of `instances.clone`. */
export const cloneBody: z.ZodType<{ readonly name: string; readonly pointInTime: Instant | undefined }> = z
  .strictObject({
    cloneContext: z.strictObject({
      kind: z.literal('sql#cloneContext').optional(),
      destinationInstanceName: z.string().min(1),
      pointInTime: z.string().optional(),
      preferredZone: z.string().optional(),
    }),
  })
  .transform(({ cloneContext: { destinationInstanceName: name, pointInTime: text } }, context) => {
    const pointInTime = text === undefined ? undefined : parseInstant(text);
    if (text !== undefined && pointInTime === undefined) context.addIssue(`${text} is no time`);
    return { name, pointInTime };
  });

/** Body of `backupRuns.insert`. */
export const backupBody: z.ZodType<string> = z
  .strictObject({
    kind: z.literal('sql#backupRun').optional(),
    description: z.string().max(1_000).optional(),
    instance: z.string().optional(),
    location: z.string().optional(),
  })
  .transform(({ description }) => description ?? '');

/** A method that takes no body takes an empty one. */
export const noBody = z.strictObject({});

/** The query parameter `dbTimeout` of a switchover, in the JSON form of a duration. */
export const isDuration = (text: string): boolean => duration.safeParse(text).success;

function settingsPatch(settings: z.infer<typeof settingsWire> | undefined): SettingsPatch {
  if (settings === undefined) return {};
  const { kind: _, settingsVersion, deletionProtectionEnabled, backupConfiguration, ...rest } = settings;
  const { tier, activationPolicy, availabilityType, userLabels, ...others } = rest;
  const told = Object.entries(others).flatMap(([name, value]): [string, Json][] =>
    value === undefined ? [] : [[name, value]],
  );
  return {
    settingsVersion: settingsVersion ?? undefined,
    tier,
    activationPolicy,
    availabilityType,
    userLabels,
    deletionProtectionEnabled: deletionProtectionEnabled ?? undefined,
    backupConfiguration: backupConfiguration && {
      ...present('enabled', backupConfiguration.enabled),
      ...present('pointInTimeRecoveryEnabled', backupConfiguration.pointInTimeRecoveryEnabled),
      ...present('startTime', backupConfiguration.startTime),
      ...present('transactionLogRetentionDays', backupConfiguration.transactionLogRetentionDays),
    },
    other: Object.fromEntries(told),
  };
}

function present<Name extends string, T>(name: Name, value: T | null | undefined): { readonly [N in Name]?: T } {
  // The one member is there or not; a computed name is a plain string to the compiler.
  return (value === undefined || value === null ? {} : { [name]: value }) as { readonly [N in Name]?: T };
}
