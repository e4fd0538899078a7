import { z } from 'zod';
import { instant } from '../core/time.ts';
import type { Instant } from '../core/time.ts';
import type { InstanceStatus, OperationStatus } from '../ports/databases.ts';
import { instanceName } from '../system/names.ts';
import type { InstanceName } from '../system/names.ts';

// What `@google-cloud/sql` 0.32 hands out (REST transport, facts.md 0.2): enums as names, an unknown name as
// `…_UNSPECIFIED`; wrapper types as `{value}`; times as `{seconds, nanos}`; 64-bit numbers as text; absent messages as
// null, absent texts as ''.

const timestamp = z
  .object({ seconds: z.coerce.number(), nanos: z.number().nullish() })
  .transform(({ seconds, nanos }): Instant => instant(seconds * 1_000 + Math.floor((nanos ?? 0) / 1_000_000)));
const flag = z
  .object({ value: z.boolean() })
  .nullish()
  .transform((wrapped) => wrapped?.value ?? false);
const maybeText = z
  .string()
  .nullish()
  .transform((text) => (text === '' || text === null ? undefined : text));

const instanceWire = z.object({
  name: z.string().min(1),
  // Refused when unknown: whether an instance is a primary decides too much to be guessed.
  instanceType: z.enum(['CLOUD_SQL_INSTANCE', 'READ_REPLICA_INSTANCE']),
  masterInstanceName: maybeText,
  replicaNames: z.array(z.string()).nullish(),
  state: z.string(),
  region: z.string(),
  databaseVersion: z.string(),
  ipAddresses: z.array(z.object({ type: z.string(), ipAddress: z.string() })).nullish(),
  settings: z.object({
    settingsVersion: z.object({ value: z.coerce.string() }),
    activationPolicy: z.string(),
    availabilityType: z.string(),
    tier: z.string(),
    deletionProtectionEnabled: flag,
    backupConfiguration: z.object({ enabled: flag, pointInTimeRecoveryEnabled: flag }).nullish(),
  }),
});

const STATES: Readonly<Record<string, InstanceStatus['state']>> = {
  RUNNABLE: 'runnable',
  SUSPENDED: 'suspended',
  PENDING_CREATE: 'pendingCreate',
  PENDING_DELETE: 'pendingDelete',
  MAINTENANCE: 'maintenance',
  ONLINE_MAINTENANCE: 'maintenance',
  FAILED: 'failed',
};

/** An instance as the client returns it. Throws `z.ZodError` on anything that is neither a primary nor a replica. */
export function parseInstance(answer: unknown): InstanceStatus {
  const wire = instanceWire.parse(answer);
  const { settings } = wire;
  const address = (type: string) =>
    wire.ipAddresses?.find((entry) => entry.type === type && entry.ipAddress !== '')?.ipAddress;
  return {
    instance: instanceName(wire.name),
    role: wire.instanceType === 'READ_REPLICA_INSTANCE' ? 'replica' : 'primary',
    upstream:
      wire.instanceType === 'READ_REPLICA_INSTANCE' && wire.masterInstanceName !== undefined
        ? withoutProject(wire.masterInstanceName)
        : undefined,
    replicas: (wire.replicaNames ?? []).map(withoutProject),
    state: STATES[wire.state] ?? 'unknown',
    activation: settings.activationPolicy === 'NEVER' ? 'never' : 'always',
    availability: settings.availabilityType === 'REGIONAL' ? 'regional' : 'zonal',
    region: wire.region,
    databaseVersion: wire.databaseVersion,
    tier: settings.tier,
    address: address('PRIVATE') ?? address('PRIMARY'),
    version: settings.settingsVersion.value,
    backupsEnabled: settings.backupConfiguration?.enabled ?? false,
    pointInTimeRecovery: settings.backupConfiguration?.pointInTimeRecoveryEnabled ?? false,
    deletionProtection: settings.deletionProtectionEnabled,
  };
}

/** Read pools and the place-holders for servers outside Google take no writes of ours; they are left out of a fleet. */
const NOT_OURS: ReadonlySet<string> = new Set(['READ_POOL_INSTANCE', 'ON_PREMISES_INSTANCE']);

const page = z.object({ items: z.array(z.unknown()).nullish(), nextPageToken: maybeText });
const typed = z.object({ instanceType: z.string() });

/** One page of a list: its items, still to be parsed, and the token of the next page. */
export function parsePage(answer: unknown): { readonly items: readonly unknown[]; readonly next: string | undefined } {
  const { items, nextPageToken } = page.parse(answer);
  return { items: items ?? [], next: nextPageToken };
}

/** The instances of a list that are primaries or replicas. */
export function parseFleet(items: readonly unknown[]): readonly InstanceStatus[] {
  return items.filter((item) => !NOT_OURS.has(typed.parse(item).instanceType)).map(parseInstance);
}

const operationWire = z.object({
  name: z.string().min(1),
  targetId: z.string(),
  operationType: z.string(),
  status: z.enum(['PENDING', 'RUNNING', 'DONE']),
  error: z.object({ errors: z.array(z.object({ code: z.string(), message: z.string() })).nullish() }).nullish(),
  insertTime: timestamp,
  endTime: timestamp.nullish(),
  user: maybeText,
});

const OPERATION_STATES = { PENDING: 'pending', RUNNING: 'running', DONE: 'done' } as const;

/** A management operation; `done` with an error failed (facts.md 3.3). Throws `z.ZodError` on anything else. */
export function parseOperation(answer: unknown): OperationStatus {
  const wire = operationWire.parse(answer);
  const errors = wire.error?.errors ?? [];
  return {
    name: wire.name,
    instance: instanceName(wire.targetId),
    type: wire.operationType,
    state: OPERATION_STATES[wire.status],
    error: errors.length === 0 ? undefined : errors.map(({ code, message }) => `${code}: ${message}`).join('; '),
    insertedAt: wire.insertTime,
    endedAt: wire.endTime ?? undefined,
    user: wire.user,
  };
}

const started = z.object({ name: z.string().min(1) });

/** The name of the operation that a change started. */
export const parseStarted = (answer: unknown): string => started.parse(answer).name;

const backupWire = z.object({
  id: z.coerce.string(),
  description: z.string().nullish(),
  status: z.string(),
  endTime: timestamp.nullish(),
});

/** A backup run. */
export function parseBackup(answer: unknown): {
  readonly id: string;
  readonly description: string;
  readonly successful: boolean;
  readonly endedAt: Instant | undefined;
} {
  const { id, description, status, endTime } = backupWire.parse(answer);
  return { id, description: description ?? '', successful: status === 'SUCCESSFUL', endedAt: endTime ?? undefined };
}

const withoutProject = (name: string): InstanceName => instanceName(name.slice(name.lastIndexOf(':') + 1));
