import { z } from 'zod';
import { instanceName } from '../system/names.ts';
import { define } from './define.ts';
import { operationHandle, ownOperation, pollOperation, showOperation } from './sql-operations.ts';

// What a promoted instance lacks of a primary (facts.md 3.4): protection, a backup, a replica.

/** Turns on HA, backups, point-in-time recovery and deletion protection. */
export const protectInstance = define({
  kind: 'protect-instance',
  risk: 'destructive',
  repeat: 'terminal',
  input: z.strictObject({ instance: z.string().transform(instanceName) }),
  version: z.string(),
  handle: operationHandle,
  observe: async ({ instance }, context) => {
    const own = await ownOperation(instance, 'UPDATE', context);
    if (own !== undefined && own.state !== 'done')
      return { kind: 'inProgress', handle: { operation: own.name }, detail: showOperation(own) };
    const status = await context.world.databases.inspect(instance);
    const whole =
      status.backupsEnabled &&
      status.pointInTimeRecovery &&
      status.deletionProtection &&
      status.availability === 'regional';
    return whole
      ? { kind: 'already', detail: `${instance} has HA, backups, point-in-time recovery and deletion protection` }
      : { kind: 'toDo', version: status.version };
  },
  start: async ({ instance }, version, { world }) => {
    const operation = await world.redundancy.protect(instance, version);
    return { kind: 'running', handle: { operation }, detail: `${operation} is under way` };
  },
  poll: ({ operation }, _input, context) => pollOperation(operation, context),
  verify: async ({ instance }, { world }) => {
    const status = await world.databases.inspect(instance);
    return {
      ok: status.backupsEnabled && status.pointInTimeRecovery && status.deletionProtection,
      detail: `${instance} has backups, point-in-time recovery and deletion protection`,
    };
  },
});

/** Takes the first backup of a new primary. Serialised: it is found by its description, which Cloud SQL lets two of them have. */
export const takeBackup = define({
  kind: 'take-backup',
  risk: 'safe',
  repeat: 'serialised',
  input: z.strictObject({ instance: z.string().transform(instanceName), description: z.string() }),
  version: z.null(),
  handle: operationHandle,
  observe: async ({ instance, description }, context) => {
    const backups = await context.world.redundancy.backups(instance);
    if (backups.some((backup) => backup.description === description && backup.successful))
      return { kind: 'already', detail: `backup "${description}" exists` };
    const own = await ownOperation(instance, 'BACKUP_VOLUME', context);
    return own !== undefined && own.state !== 'done'
      ? { kind: 'inProgress', handle: { operation: own.name }, detail: showOperation(own) }
      : { kind: 'toDo', version: null };
  },
  start: async ({ instance, description }, _version, { world }) => {
    const operation = await world.redundancy.takeBackup(instance, description);
    return { kind: 'running', handle: { operation }, detail: `${operation} is under way` };
  },
  poll: ({ operation }, _input, context) => pollOperation(operation, context),
  verify: async ({ instance, description }, { world }) => {
    const backups = await world.redundancy.backups(instance);
    return {
      ok: backups.some((backup) => backup.description === description && backup.successful),
      detail: `backup "${description}" is complete`,
    };
  },
});

/**
 * Asks for a replica of the new primary under a name that the plan chose, and is done when Cloud SQL is creating it: that takes
 * as long as the data is large, and nobody waits for it to call a recovery a recovery.
 */
export const createReplica = define({
  kind: 'create-replica',
  risk: 'destructive',
  repeat: 'named',
  input: z.strictObject({
    primary: z.string().transform(instanceName),
    replica: z.string().transform(instanceName),
    region: z.string(),
  }),
  version: z.null(),
  handle: operationHandle,
  observe: async ({ primary, replica }, { world }) => {
    const known = (await world.databases.fleet()).find((status) => status.instance === replica);
    return known === undefined
      ? { kind: 'toDo', version: null }
      : { kind: 'already', detail: `${replica} is there (${known.state}) and follows ${known.upstream ?? primary}` };
  },
  start: async ({ primary, replica, region }, _version, { world }) => {
    const operation = await world.redundancy.createReplica(primary, replica, region);
    return { kind: 'done', detail: `${operation} is creating ${replica}`, output: { operation } };
  },
  poll: async ({ operation }) => ({ kind: 'done', detail: `${operation} is creating it` }),
  verify: async ({ primary, replica }, { world }) => {
    const known = (await world.databases.fleet()).find((status) => status.instance === replica);
    return {
      ok: known?.upstream === primary,
      detail: `${replica} is being created in the background and will follow ${primary}: redundancy is back when it is runnable`,
    };
  },
});
