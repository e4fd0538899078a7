import { z } from 'zod';
import { minutes, seconds } from '../core/time.ts';
import { failure } from '../engine/action.ts';
import type { Labels } from '../ports/backups.ts';
import { LABELS } from '../ports/copy-labels.ts';
import type { InstanceStatus } from '../ports/databases.ts';
import { instanceName } from '../system/names.ts';
import { define } from './define.ts';
import { operationHandle, ownOperation, pollOperation, showOperation } from './sql-operations.ts';

// A copy of a database as it is now, for whoever finds out later what was done to it (facts.md 7). Nothing reads it and nothing deletes
// it but people. The source is only read; but it costs what an instance costs, so it is begun under a verified approval alone, as what is
// destructive is: a start that somebody forged into the log makes none.
//
// C1. Its name is that of the incident, and what stands under that name is ours only if this run has asked for it: Cloud SQL clones no
//     labels of our choosing, so the operation is what tells.
// C2. Its labels and its protection come afterwards, and only to what is ours.
// C3. It is stopped at once: it has the users and passwords of its source, which whoever broke in may know, and a stopped one costs
//     its disk alone.

const copied = z.strictObject({
  source: z.string().transform(instanceName),
  copy: z.string().transform(instanceName),
});

/** Between two looks at something that takes minutes. */
const LOOK_EVERY = seconds(10);

/** A clone takes as long as the data is large, and nothing waits for it. */
export const CLONE_LIMIT = minutes(240);

/** Clones an instance as it is now. */
export const cloneForForensics = define({
  kind: 'clone-for-forensics',
  risk: 'destructive',
  repeat: 'named',
  input: copied,
  version: z.null(),
  handle: operationHandle,
  observe: async ({ copy }, context) => {
    if ((await context.world.backups.labels(copy)) === undefined) return { kind: 'toDo', version: null };
    const own = await ownOperation(copy, 'CLONE', context);
    if (own === undefined)
      return {
        kind: 'refused',
        failure: failure('refused', 'foreignCopy', `${copy} is there, and not made by this run`),
      };
    return own.state === 'done'
      ? { kind: 'already', detail: `${showOperation(own)} has made ${copy}` }
      : { kind: 'inProgress', handle: { operation: own.name }, detail: showOperation(own) };
  },
  start: async ({ source, copy }, _version, { world }) => {
    const operation = await world.copies.clone(source, copy, undefined);
    return { kind: 'running', handle: { operation }, detail: `${operation} is making ${copy}`, again: LOOK_EVERY };
  },
  poll: ({ operation }, _input, context) => pollOperation(operation, context),
  verify: async ({ copy }, { world }) => {
    const { state, role } = await world.databases.inspect(copy);
    return { ok: state === 'runnable' && role === 'primary', detail: `${copy} is ${state}` };
  },
});

/** Stops the clone, says on it what it is for, and protects it from being deleted (C2, C3). */
export const keepClone = define({
  kind: 'keep-clone',
  risk: 'destructive',
  repeat: 'terminal',
  input: copied,
  version: z.string(),
  handle: operationHandle,
  observe: async ({ copy }, context) => {
    const { world, state } = context;
    const [labels, status] = await Promise.all([world.backups.labels(copy), world.databases.inspect(copy)]);
    if (labels?.[LABELS.purpose] === PURPOSE && isKept(labels, status, state.id))
      return { kind: 'already', detail: `${copy} is stopped, labelled and protected` };
    const own = await ownOperation(copy, 'UPDATE', context);
    return own !== undefined && own.state !== 'done'
      ? { kind: 'inProgress', handle: { operation: own.name }, detail: showOperation(own) }
      : { kind: 'toDo', version: status.version };
  },
  start: async ({ source, copy }, version, { world, state }) => {
    const labels = { [LABELS.incident]: state.id, [LABELS.source]: source, [LABELS.purpose]: PURPOSE };
    const operation = await world.copies.keep(copy, labels, version);
    return { kind: 'running', handle: { operation }, detail: `${operation} is stopping ${copy}`, again: LOOK_EVERY };
  },
  poll: ({ operation }, _input, context) => pollOperation(operation, context),
  verify: async ({ copy }, { world, state }) => {
    const [labels, status] = await Promise.all([world.backups.labels(copy), world.databases.inspect(copy)]);
    return {
      ok: isKept(labels, status, state.id),
      detail: `${copy} is stopped, labelled and protected from deletion; its disk is paid for until people delete it`,
    };
  },
});

const PURPOSE = 'forensics';

const isKept = (labels: Labels | undefined, status: InstanceStatus, incident: string): boolean =>
  labels?.[LABELS.incident] === incident && status.deletionProtection && status.activation === 'never';
