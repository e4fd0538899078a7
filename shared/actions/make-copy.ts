import { z } from 'zod';
import { minutes, seconds, toIso } from '../core/time.ts';
import { type ActionContext, failure } from '../engine/action.ts';
import type { StepFailure } from '../incident/events.ts';
import type { Labels } from '../ports/backups.ts';
import { isCopyOf, LABELS } from '../ports/copy-labels.ts';
import { instanceName } from '../system/names.ts';
import { define, verifiedByPolling } from './define.ts';
import { operationHandle, ownOperation, pollOperation, showOperation } from './sql-operations.ts';

// A copy of a database, made from a backup beside the instance that it was taken of (runbook 6.1).
//
// M1. Nothing but the copy is changed, and only a copy that carries the label of this incident: an instance that somebody else made
//     under that name is left as it is.
// M2. The backup is the one that was approved, by its id and by when it was taken.

/** Which backup of which instance goes into which copy. */
const restored = z.strictObject({
  copy: z.string().transform(instanceName),
  source: z.string().transform(instanceName),
  backup: z.string(),
  /** `null` for a dump: when it was begun is not known. */
  takenAtMs: z.number().nullable(),
});
type Restored = z.infer<typeof restored>;

const template = z.strictObject({
  databaseVersion: z.string(),
  tier: z.string(),
  region: z.string(),
  edition: z.string().nullable(),
  diskGb: z.number().nullable(),
  privateNetwork: z.string().nullable(),
  flags: z.array(z.strictObject({ name: z.string(), value: z.string() })),
});

/** Between two looks at something that takes minutes. */
const LOOK_EVERY = seconds(10);

/** The labels that a copy gets. */
const labelsOf = ({ source, backup, takenAtMs }: Restored, incident: string): Labels => ({
  [LABELS.incident]: incident,
  [LABELS.source]: source,
  [LABELS.backup]: backup,
  ...(takenAtMs === null ? {} : { [LABELS.takenAt]: String(takenAtMs) }),
});

/** Looks once more whether the approved backup is there, complete and the same (M2). */
export const confirmBackup = define({
  kind: 'confirm-backup',
  risk: 'observe',
  repeat: 'terminal',
  input: restored,
  version: z.null(),
  handle: z.null(),
  observe: async ({ source, backup, takenAtMs }, { world }) => {
    const run = (await world.backups.runs(source)).find(({ id }) => id === backup);
    const what = `backup ${backup} of ${source}`;
    if (run === undefined) return refused('voided', 'backupGone', `${what} is no longer there`);
    if (run.state !== 'successful' || run.startedAt === undefined || run.startedAt !== takenAtMs)
      return refused('voided', 'backupChanged', `${what} is not the one that was approved (${run.state})`);
    return { kind: 'already', detail: `${what} is complete, of ${toIso(run.startedAt)}` };
  },
  start: async () => ({ kind: 'running', handle: null, detail: 'looking' }),
  poll: async () => ({ kind: 'running', handle: null, detail: 'looking' }),
  verify: verifiedByPolling,
});

/** Creates the copy, empty, from what the source is made of. It changes nothing of the source, and costs what an instance costs. */
export const createCopy = define({
  kind: 'create-copy',
  risk: 'destructive',
  repeat: 'named',
  input: restored.extend({ template }),
  version: z.null(),
  handle: operationHandle,
  observe: async ({ copy }, context) => {
    const labels = await context.world.backups.labels(copy);
    if (labels === undefined) return { kind: 'toDo', version: null };
    const foreign = whyForeign(copy, labels, context);
    if (foreign !== undefined) return { kind: 'refused', failure: foreign };
    const own = await ownOperation(copy, 'CREATE', context);
    return own === undefined || own.state === 'done'
      ? await observedCopy(copy, context)
      : { kind: 'inProgress', handle: { operation: own.name }, detail: showOperation(own) };
  },
  start: async (input, _version, { world, state }) => {
    const { edition, diskGb, privateNetwork, ...rest } = input.template;
    const made = {
      ...rest,
      edition: edition ?? undefined,
      diskGb: diskGb ?? undefined,
      privateNetwork: privateNetwork ?? undefined,
    };
    const operation = await world.copies.create(input.copy, made, labelsOf(input, state.id));
    return {
      kind: 'running',
      handle: { operation },
      detail: `${operation} is creating ${input.copy}`,
      again: LOOK_EVERY,
    };
  },
  poll: ({ operation }, _input, context) => pollOperation(operation, context),
  verify: async ({ copy }, { world }) => {
    const { state } = await world.databases.inspect(copy);
    return { ok: state === 'runnable', detail: `${copy} is ${state}` };
  },
});

/** Reads the backup into the copy, which holds nothing yet, or the same from an earlier try. */
export const restoreCopy = define({
  kind: 'restore-copy',
  risk: 'destructive',
  repeat: 'serialised',
  input: restored,
  version: z.null(),
  handle: operationHandle,
  observe: async ({ copy }, context) => {
    const labels = await context.world.backups.labels(copy);
    const foreign = whyForeign(copy, labels ?? {}, context);
    if (foreign !== undefined) return { kind: 'refused', failure: foreign };
    const used = await whyUsed(copy, context);
    if (used !== undefined) return { kind: 'refused', failure: used };
    const own = await ownOperation(copy, 'RESTORE_VOLUME', context);
    if (own === undefined || (own.state === 'done' && own.error !== undefined)) return { kind: 'toDo', version: null };
    return own.state === 'done'
      ? { kind: 'already', detail: `${showOperation(own)} has filled ${copy}` }
      : { kind: 'inProgress', handle: { operation: own.name }, detail: showOperation(own) };
  },
  start: async ({ copy, source, backup }, _version, { world }) => {
    const operation = await world.copies.restore(copy, { id: backup, instance: source });
    return { kind: 'running', handle: { operation }, detail: `${operation} is filling ${copy}`, again: LOOK_EVERY };
  },
  poll: ({ operation }, _input, context) => pollOperation(operation, context),
  verify: async ({ copy }, { world }) => {
    const { state } = await world.databases.inspect(copy);
    return { ok: state === 'runnable', detail: `${copy} is ${state}` };
  },
});

/** Longest that a copy may take: large data takes long to be read back, and nobody waits for it who could do anything else. */
export const COPY_LIMIT = minutes(240);

const refused = (kind: StepFailure['kind'], code: string, detail: string) =>
  ({ kind: 'refused', failure: failure(kind, code, detail) }) as const;

async function observedCopy(copy: Restored['copy'], { world }: ActionContext) {
  const { state } = await world.databases.inspect(copy);
  return state === 'runnable'
    ? ({ kind: 'already', detail: `${copy} is there, made by us` } as const)
    : refused('permanent', 'copyFailed', `${copy} is ${state}: delete it, and ask again`);
}

/** M1. */
export function whyForeign(copy: string, labels: Labels, { state }: ActionContext): StepFailure | undefined {
  if (isCopyOf(labels, state.id)) return undefined;
  const whose = labels[LABELS.incident] ?? 'nobody that we know';
  return failure('refused', 'foreignCopy', `${copy} was made by ${whose}, not by ${state.id}; it is left as it is`);
}

/** A copy that consumers are on is no copy any more. */
export async function whyUsed(
  copy: Restored['copy'],
  { world, system }: ActionContext,
): Promise<StepFailure | undefined> {
  const { address } = await world.databases.inspect(copy);
  const healths = await Promise.all(system.applications.map(({ id }) => world.applications.deepHealth(id)));
  const used = healths.some(
    ({ database }) => database !== undefined && database.address.replace(/:\d+$/, '') === address,
  );
  return used ? failure('refused', 'copyInUse', `consumers are on ${copy}; nothing is written over it`) : undefined;
}
