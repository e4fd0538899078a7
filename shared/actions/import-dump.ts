import { z } from 'zod';
import { seconds } from '../core/time.ts';
import { type ActionContext, failure } from '../engine/action.ts';
import type { StepFailure } from '../incident/events.ts';
import type { Dump } from '../ports/backups.ts';
import { instanceName } from '../system/names.ts';
import { define, verifiedByPolling } from './define.ts';
import { COPY_LIMIT, whyForeign, whyUsed } from './make-copy.ts';
import { operationHandle, ownOperation, pollOperation, showOperation } from './sql-operations.ts';

// Reads a dump into a copy, where no backup of Cloud SQL is left (runbook 6.1).
//
// I1. The dump is pinned by generation, size and checksum. Cloud SQL's import knows no generation, so the object is looked at right
//     before and right after; one that was replaced meanwhile makes the copy worthless, and it is said.
// I2. The copy's own account may read the bucket while the import lasts, and no longer: what lets it in stands in the committed
//     section, whose landing takes it back.
// I3. An import is not repeated into a database that holds anything: it is not atomic, and a second one would add to half a first.

/** A dump as a plan pins it. */
export const pinned = z.strictObject({
  copy: z.string().transform(instanceName),
  bucket: z.string(),
  name: z.string(),
  generation: z.string(),
  bytes: z.number(),
  crc32c: z.string(),
});
type Pinned = z.infer<typeof pinned>;

/** Between two looks at something that takes minutes. */
const LOOK_EVERY = seconds(10);

/** Looks once more whether the approved dump is there and the same (I1). */
export const confirmDump = define({
  kind: 'confirm-dump',
  risk: 'observe',
  repeat: 'terminal',
  input: pinned,
  version: z.null(),
  handle: z.null(),
  observe: async (dump, context) => {
    const changed = await whyAnother(dump, context);
    return changed === undefined
      ? {
          kind: 'already',
          detail: `gs://${dump.bucket}/${dump.name} is generation ${dump.generation}, ${dump.bytes} bytes`,
        }
      : { kind: 'refused', failure: changed };
  },
  start: async () => ({ kind: 'running', handle: null, detail: 'looking' }),
  poll: async () => ({ kind: 'running', handle: null, detail: 'looking' }),
  verify: verifiedByPolling,
});

/** Creates the database that the dump is of. */
export const createDatabase = define({
  kind: 'create-database',
  risk: 'destructive',
  repeat: 'named',
  input: z.strictObject({ copy: z.string().transform(instanceName), database: z.string() }),
  version: z.null(),
  handle: operationHandle,
  observe: async ({ copy, database }, context) => {
    const foreign = whyForeign(copy, (await context.world.backups.labels(copy)) ?? {}, context);
    if (foreign !== undefined) return { kind: 'refused', failure: foreign };
    const own = await ownOperation(copy, 'CREATE_DATABASE', context);
    if (own !== undefined && own.state !== 'done')
      return { kind: 'inProgress', handle: { operation: own.name }, detail: showOperation(own) };
    return (await context.world.copies.databases(copy)).includes(database)
      ? { kind: 'already', detail: `${copy} has the database ${database}` }
      : { kind: 'toDo', version: null };
  },
  start: async ({ copy, database }, _version, { world }) => {
    const operation = await world.copies.createDatabase(copy, database);
    return { kind: 'running', handle: { operation }, detail: `${operation} is under way` };
  },
  poll: ({ operation }, _input, context) => pollOperation(operation, context),
  verify: async ({ copy, database }, { world }) => ({
    ok: (await world.copies.databases(copy)).includes(database),
    detail: `${copy} has the database ${database}`,
  }),
});

const admission = z.strictObject({ copy: z.string().transform(instanceName), bucket: z.string() });

/** Lets the copy's own account read the bucket. The policy is written under the etag that was read, so a repeat changes nothing. */
export const admitCopy = define({
  kind: 'admit-copy',
  risk: 'destructive',
  repeat: 'conditional',
  input: admission,
  version: z.null(),
  handle: z.null(),
  observe: async ({ copy, bucket }, { world }) =>
    (await world.copies.isAdmitted(copy, bucket))
      ? { kind: 'already', detail: `${copy} may read ${bucket}` }
      : { kind: 'toDo', version: null },
  start: async ({ copy, bucket }, _version, { world }) => {
    await world.copies.admit(copy, bucket);
    return { kind: 'done', detail: `${copy} may read ${bucket}` };
  },
  poll: async () => ({ kind: 'running', handle: null, detail: 'looking' }),
  verify: async ({ copy, bucket }, { world }) => ({
    ok: await world.copies.isAdmitted(copy, bucket),
    detail: `${copy} may read ${bucket}`,
  }),
});

/** Ends that (I2). */
export const dismissCopy = define({
  kind: 'dismiss-copy',
  risk: 'destructive',
  repeat: 'conditional',
  input: admission,
  version: z.null(),
  handle: z.null(),
  observe: async ({ copy, bucket }, { world }) =>
    (await world.copies.isAdmitted(copy, bucket))
      ? { kind: 'toDo', version: null }
      : { kind: 'already', detail: `${copy} may no longer read ${bucket}` },
  start: async ({ copy, bucket }, _version, { world }) => {
    await world.copies.dismiss(copy, bucket);
    return { kind: 'done', detail: `${copy} may no longer read ${bucket}` };
  },
  poll: async () => ({ kind: 'running', handle: null, detail: 'looking' }),
  verify: async ({ copy, bucket }, { world }) => ({
    ok: !(await world.copies.isAdmitted(copy, bucket)),
    detail: `${copy} may no longer read ${bucket}`,
  }),
});

/** Imports the dump into the copy's database, which is empty. */
export const importDump = define({
  kind: 'import-dump',
  risk: 'destructive',
  repeat: 'serialised',
  input: pinned.extend({ database: z.string() }),
  version: z.null(),
  handle: operationHandle,
  observe: async (input, context) => {
    const { copy } = input;
    const foreign = whyForeign(copy, (await context.world.backups.labels(copy)) ?? {}, context);
    const refusal = foreign ?? (await whyUsed(copy, context)) ?? (await whyAnother(input, context));
    if (refusal !== undefined) return { kind: 'refused', failure: refusal };
    const own = await ownOperation(copy, 'IMPORT', context);
    if (own !== undefined && own.state !== 'done')
      return { kind: 'inProgress', handle: { operation: own.name }, detail: showOperation(own) };
    if (own !== undefined && own.error === undefined)
      return { kind: 'already', detail: `${showOperation(own)} has filled ${copy}` };
    const held = await context.world.contents.inventory(copy, undefined);
    const rows = held?.tables.reduce((sum, table) => sum + table.rows, 0) ?? 0;
    if (held === undefined || (held.tables.length === 0 && rows === 0)) return { kind: 'toDo', version: null };
    const detail = `${copy} holds ${rows} rows of an import that did not end well: delete it, and ask again`;
    return { kind: 'refused', failure: failure('permanent', 'copyNotEmpty', detail) };
  },
  start: async ({ copy, bucket, name, database }, _version, { world }) => {
    const operation = await world.copies.importDump(copy, { bucket, name }, database);
    return { kind: 'running', handle: { operation }, detail: `${operation} is filling ${copy}`, again: LOOK_EVERY };
  },
  poll: ({ operation }, _input, context) => pollOperation(operation, context),
  verify: async (input, context) => {
    const changed = await whyAnother(input, context);
    return changed === undefined
      ? { ok: true, detail: `${input.copy} holds gs://${input.bucket}/${input.name}` }
      : { ok: false, detail: `${changed.detail}: nobody knows which one ${input.copy} holds` };
  },
});

/** Longest that an import may take. */
export const IMPORT_LIMIT = COPY_LIMIT;

/** Why the object is not the one that was approved (I1). */
async function whyAnother(dump: Omit<Pinned, 'copy'>, { world }: ActionContext): Promise<StepFailure | undefined> {
  const { bucket, name, generation, bytes, crc32c } = dump;
  const found = (await world.backups.dumps(`gs://${bucket}/${name}`)).find((known: Dump) => known.name === name);
  const what = `gs://${bucket}/${name}`;
  if (found === undefined) return failure('voided', 'dumpGone', `${what} is no longer there`);
  const isSame = found.generation === generation && found.bytes === bytes && found.crc32c === crc32c;
  return isSame
    ? undefined
    : failure('voided', 'dumpChanged', `${what} is generation ${found.generation}, and ${generation} was approved`);
}
