import { z } from 'zod';
import { after, instant, type Instant, minutes, seconds, toIso } from '../core/time.ts';
import { type ActionContext, failure } from '../engine/action.ts';
import type { StepFailure } from '../incident/events.ts';
import type { Labels } from '../ports/backups.ts';
import type { OperationStatus } from '../ports/databases.ts';
import { IMPORT_ROWS, isCopyOf, LABELS } from '../ports/copy-labels.ts';
import { PortError } from '../ports/port-error.ts';
import { type CloneRecord, cloneKey, cloneRecordWire } from '../ports/recovery-records.ts';
import { DELETE_CLONES } from '../ports/recovery-words.ts';
import { type InstanceName, instanceName } from '../system/names.ts';
import { define, verifiedByPolling } from './define.ts';
import { whyUsed } from './make-copy.ts';
import { operationHandle, ownOperation, pollOperation, showOperation } from './sql-operations.ts';
import { compareCloneRows } from './compare-clone-rows.ts';
import { compareCopy, comparedIn } from './validate-copy.ts';

// A clone of a database as it was at a moment, and its end (runbook 3.2).
//
// K1. The source is read and never changed. A name that exists is left as it is.
// K2. Whose a clone is, is written down before it is asked for, since nothing of the call says it; its labels say it from then on.
// K3. Deleted is only what carries this incident's label under the name that was approved, and what no consumer is on.

const cloned = z.strictObject({
  copy: z.string().transform(instanceName),
  source: z.string().transform(instanceName),
  momentMs: z.number().transform(instant),
});
type Cloned = z.infer<typeof cloned>;

/** Between two looks at something that takes minutes. */
const LOOK_EVERY = seconds(10);

/** Longest that a clone may take: its time grows with the data. */
export const CLONE_LIMIT = minutes(240);

/** Looks once more whether the moment can still be recovered to. */
export const confirmWindow = define({
  kind: 'confirm-window',
  risk: 'observe',
  repeat: 'terminal',
  input: cloned,
  version: z.null(),
  handle: z.null(),
  observe: async ({ source, momentMs }, { world }) => {
    const { earliest, latest } = await world.backups.recoveryWindow(source);
    const reach = `${source} can be recovered from ${toIso(earliest)} to ${toIso(latest)}`;
    return momentMs < earliest || momentMs > latest
      ? refused('voided', 'momentUnreachable', `${toIso(momentMs)} is out of reach: ${reach}`)
      : { kind: 'already', detail: reach };
  },
  start: async () => ({ kind: 'running', handle: null, detail: 'looking' }),
  poll: async () => ({ kind: 'running', handle: null, detail: 'looking' }),
  verify: verifiedByPolling,
});

/** Writes down whose the clone will be, and of which moment (K2). A name that has an instance is refused before anything is written. */
export const rememberClone = define({
  kind: 'remember-clone',
  risk: 'observe',
  repeat: 'conditional',
  input: cloned,
  version: z.number(),
  handle: z.null(),
  observe: async ({ copy, source, momentMs }, context) => {
    const found = await context.documents.get(cloneKey(copy));
    const record = recordIn(found?.value);
    if (record?.incident === context.state.id && record.source === source && record.moment === momentMs)
      return { kind: 'already', detail: `it is written down whose ${copy} is` };
    const labels = await context.world.backups.labels(copy);
    if (labels !== undefined) return { kind: 'refused', failure: foreign(copy, labels, context) };
    return { kind: 'toDo', version: found?.version ?? 0 };
  },
  start: async ({ copy, source, momentMs }, version, { documents, state, clock }) => {
    const record = { version: 1, incident: state.id, source, moment: momentMs, recordedAt: clock.now() };
    if (!(await documents.put(cloneKey(copy), record, version)))
      throw new PortError('conflict', 'stale', `writing down whose ${copy} is`);
    return { kind: 'done', detail: `written down: ${copy} is ${source} as of ${toIso(momentMs)}` };
  },
  poll: async () => ({ kind: 'running', handle: null, detail: 'writing it down' }),
  verify: verifiedByPolling,
});

/**
 * Makes the clone. It changes nothing of the source, costs what an instance costs, and is made before what it is made from is no longer
 * kept: design.md section 5 lets it be made unasked, one for each name.
 */
export const cloneAt = define({
  kind: 'clone-at',
  risk: 'safe',
  repeat: 'named',
  input: cloned,
  version: z.null(),
  handle: operationHandle,
  observe: async ({ copy, momentMs }, context) => {
    const own = await ownershipOf(copy, context);
    if (own.kind === 'absent') return { kind: 'toDo', version: null };
    if (own.kind === 'foreign') return { kind: 'refused', failure: own.failure };
    if (own.moment !== momentMs)
      return refused('voided', 'anotherMoment', `${copy} holds ${toIso(own.moment)}, not ${toIso(momentMs)}`);
    const { operation } = own;
    if (operation?.state === 'done' && operation.error !== undefined)
      return refused('permanent', 'cloneFailed', `${copy} was not made (${operation.error}): delete it, and ask again`);
    if (operation !== undefined && operation.state !== 'done')
      return { kind: 'inProgress', handle: { operation: operation.name }, detail: showOperation(operation) };
    const output = operation === undefined ? null : { operation: operation.name };
    return { kind: 'already', detail: `${copy} is there, made by us`, output };
  },
  start: async ({ copy, source, momentMs }, _version, { world }) => {
    const operation = await world.copies.clone(source, copy, momentMs);
    const detail = `${operation} is making ${copy} from ${source} as of ${toIso(momentMs)}`;
    return { kind: 'running', handle: { operation }, detail, again: LOOK_EVERY };
  },
  poll: ({ operation }, _input, context) => pollOperation(operation, context),
  verify: ({ copy }, context) => isRunnable(copy, context),
});

/** Labels the clone, and protects it from deletion, or ends that protection: then nothing but our own deletion is meant (K3). */
export const markClone = define({
  kind: 'mark-clone',
  risk: 'destructive',
  repeat: 'conditional',
  input: cloned.extend({ isProtected: z.boolean() }),
  version: z.string(),
  handle: operationHandle,
  observe: async ({ copy, momentMs, isProtected }, context) => {
    const own = await ownershipOf(copy, context);
    if (own.kind === 'absent') return refused('permanent', 'cloneGone', `${copy} is gone`);
    if (own.kind === 'foreign') return { kind: 'refused', failure: own.failure };
    if (own.moment !== momentMs)
      return refused('voided', 'anotherMoment', `${copy} holds ${toIso(own.moment)}, not ${toIso(momentMs)}`);
    const update = await ownOperation(copy, 'UPDATE', context);
    if (update !== undefined && update.state !== 'done')
      return { kind: 'inProgress', handle: { operation: update.name }, detail: showOperation(update) };
    const { deletionProtection, version } = await context.world.databases.inspect(copy);
    return isCopyOf(own.labels, context.state.id) && deletionProtection === isProtected
      ? {
          kind: 'already',
          detail: `${copy} carries our labels and is ${isProtected ? '' : 'not '}protected from deletion`,
        }
      : { kind: 'toDo', version };
  },
  start: async (input, version, { world, state }) => {
    const operation = await world.copies.mark(input.copy, labelsOf(input, state.id), input.isProtected, version);
    return {
      kind: 'running',
      handle: { operation },
      detail: `${operation} is labelling ${input.copy}`,
      again: LOOK_EVERY,
    };
  },
  poll: ({ operation }, _input, context) => pollOperation(operation, context),
  verify: async ({ copy, isProtected }, { world, state }) => {
    const [labels, { deletionProtection }] = await Promise.all([
      world.backups.labels(copy),
      world.databases.inspect(copy),
    ]);
    return {
      ok: isCopyOf(labels ?? {}, state.id) && deletionProtection === isProtected,
      detail: `${copy} carries our labels and is ${isProtected ? '' : 'not '}protected from deletion`,
    };
  },
});

/** Deletes the clone (K3). Terminal: it is gone, and what another makes under its name carries no label of ours. */
export const deleteClone = define({
  kind: 'delete-clone',
  risk: 'destructive',
  repeat: 'terminal',
  input: cloned,
  version: z.null(),
  handle: operationHandle,
  observe: async ({ copy, momentMs }, context) => {
    const labels = await context.world.backups.labels(copy);
    if (labels === undefined) return { kind: 'already', detail: `${copy} is gone` };
    if (!isCopyOf(labels, context.state.id) || labels[LABELS.takenAt] !== String(momentMs))
      return { kind: 'refused', failure: foreign(copy, labels, context) };
    const deletion = await ownOperation(copy, 'DELETE', context);
    if (deletion !== undefined && deletion.state !== 'done')
      return { kind: 'inProgress', handle: { operation: deletion.name }, detail: showOperation(deletion) };
    const used = await whyUsed(copy, context);
    return used === undefined ? { kind: 'toDo', version: null } : { kind: 'refused', failure: used };
  },
  start: async ({ copy }, _version, { world }) => {
    const operation = await world.copies.remove(copy);
    return { kind: 'running', handle: { operation }, detail: `${operation} is deleting ${copy}`, again: LOOK_EVERY };
  },
  poll: ({ operation }, _input, context) => pollOperation(operation, context),
  verify: async ({ copy }, { world }) => ({
    ok: (await world.backups.labels(copy)) === undefined,
    detail: `${copy} is gone`,
  }),
});

/** Forgets whose it was, once it is gone. */
export const forgetClone = define({
  kind: 'forget-clone',
  risk: 'observe',
  repeat: 'conditional',
  input: z.strictObject({ copy: z.string() }),
  version: z.number(),
  handle: z.null(),
  observe: async ({ copy }, { documents, state }) => {
    const found = await documents.get(cloneKey(copy));
    return recordIn(found?.value)?.incident === state.id
      ? { kind: 'toDo', version: found?.version ?? 0 }
      : { kind: 'already', detail: `nothing is written down of ${copy}` };
  },
  start: async ({ copy }, version, { documents }) => {
    if (!(await documents.put(cloneKey(copy), null, version)))
      throw new PortError('conflict', 'stale', `forgetting whose ${copy} was`);
    return { kind: 'done', detail: `nothing is written down of ${copy} any more` };
  },
  poll: async () => ({ kind: 'running', handle: null, detail: 'forgetting it' }),
  verify: verifiedByPolling,
});

/** The end of making a clone: it waits for people, who decide what is brought back. It reads the log, and changes nothing. */
export const awaitReview = define({
  kind: 'await-review',
  risk: 'observe',
  repeat: 'terminal',
  input: cloned,
  version: z.null(),
  handle: z.null(),
  observe: async ({ copy, source, momentMs }, { run, state }) => {
    const rows = comparedIn(run, compareCloneRows.kind);
    const difference = rows ?? comparedIn(run, compareCopy.kind) ?? 'it was not compared with production';
    const imports =
      rows === undefined ? '' : ` Import exactly the set that lies there now: ./dr accept ${state.id} ${IMPORT_ROWS}.`;
    const detail = `${copy} holds ${source} as of ${toIso(momentMs)}, and people decide what is brought back. ${difference}.${imports} Name another last good moment: ./dr accept ${state.id} last-good/TIME. End it: ./dr accept ${state.id} ${DELETE_CLONES}`;
    return refused('notVerified', 'cloneAwaitsReview', detail);
  },
  start: async () => ({ kind: 'running', handle: null, detail: 'waiting' }),
  poll: async () => ({ kind: 'running', handle: null, detail: 'waiting' }),
  verify: verifiedByPolling,
});

const refused = (kind: StepFailure['kind'], code: string, detail: string) =>
  ({ kind: 'refused', failure: failure(kind, code, detail) }) as const;

const recordIn = (value: unknown): CloneRecord | undefined => cloneRecordWire.safeParse(value).data;

const labelsOf = ({ source, momentMs }: Pick<Cloned, 'source' | 'momentMs'>, incident: string): Labels => ({
  [LABELS.incident]: incident,
  [LABELS.source]: source,
  [LABELS.takenAt]: String(momentMs),
});

function foreign(copy: string, labels: Labels, { state }: ActionContext): StepFailure {
  const whose = labels[LABELS.incident] ?? 'nobody that we know';
  return failure('refused', 'foreignCopy', `${copy} was made by ${whose}, not by ${state.id}; it is left as it is`);
}

/** Whose an instance is: by its labels, or by what was written down before its clone operation (K2). */
async function ownershipOf(
  copy: InstanceName,
  context: ActionContext,
): Promise<
  | { readonly kind: 'absent' }
  | { readonly kind: 'foreign'; readonly failure: StepFailure }
  | {
      readonly kind: 'ours';
      readonly labels: Labels;
      readonly moment: Instant;
      readonly operation: OperationStatus | undefined;
    }
> {
  const labels = await context.world.backups.labels(copy);
  if (labels === undefined) return { kind: 'absent' };
  const [operations, found] = await Promise.all([
    context.world.databases.operations(copy),
    context.documents.get(cloneKey(copy)),
  ]);
  const operation = operations.find(({ type }) => type === 'CLONE');
  const taken = labels[LABELS.takenAt];
  if (isCopyOf(labels, context.state.id) && taken !== undefined && /^\d+$/.test(taken))
    return { kind: 'ours', labels, moment: instant(Number(taken)), operation };
  const record = recordIn(found?.value);
  const since = record === undefined ? undefined : after(record.recordedAt, -context.system.guards.clockSkew);
  const isOurs =
    record?.incident === context.state.id &&
    since !== undefined &&
    operation !== undefined &&
    operation.insertedAt >= since;
  return isOurs
    ? { kind: 'ours', labels, moment: record.moment, operation }
    : { kind: 'foreign', failure: foreign(copy, labels, context) };
}

async function isRunnable(copy: InstanceName, { world }: ActionContext) {
  const { state } = await world.databases.inspect(copy);
  return { ok: state === 'runnable', detail: `${copy} is ${state}` };
}
