import { z } from 'zod';
import type { Digest } from '../core/digest.ts';
import { type ActionContext, failure, type Progress } from '../engine/action.ts';
import type { ImportRecord, RowPlace } from '../ports/rows.ts';
import { importSet } from '../rows/import-set.ts';
import { readReviewedSet, SET_BYTES_MAX } from '../rows/reviewed-set.ts';
import { instanceName } from '../system/names.ts';
import { define } from './define.ts';
import { whyForeign, whyUsed } from './make-copy.ts';
import { operationHandle, ownOperation, pollOperation, showOperation } from './sql-operations.ts';

// Brings a reviewed set into production, and deletes the copy when nothing is left to be looked at.
//
// R1. What is imported is the file that was approved: its generation is read, and its bytes have the approved digest.
// R2. The record in production says whether it has been imported, whatever the log says.
// R3. A copy is deleted only if this incident made it, no consumer is on it, and no row waits for a second review.

const file = z.strictObject({ bucket: z.string(), name: z.string(), generation: z.string(), bytes: z.number() });
const digest = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .transform((text): Digest => text as Digest); // SHA-256 in hex, as the brand says

/** Where the rows go, and the set. */
const reviewed = z.strictObject({
  production: z.string().transform(instanceName),
  database: z.string(),
  login: z.string(),
  digest,
});
type Reviewed = z.output<typeof reviewed>;

const input = reviewed.extend({ file, place: z.string(), triggers: z.array(z.string()) });

const placeOf = ({ production, database, login }: Reviewed): RowPlace => ({ instance: production, database, login });

const recordOf = (asked: Reviewed, { world }: ActionContext): Promise<ImportRecord | undefined> =>
  world.rows.reading(placeOf(asked), (reader) => reader.imported(asked.digest));

const resultWire = z.object({
  tables: z.array(
    z.object({
      table: z.string(),
      inserted: z.number(),
      updated: z.number(),
      deleted: z.number(),
      already: z.number(),
      secondReview: z.number(),
    }),
  ),
  undo: z.string().nullable(),
  secondReview: z.string().nullable(),
  others: z.number(),
});

/** What an import came to, for people. */
export function showResult(text: string): string {
  const { tables, undo, secondReview, others } = resultWire.parse(JSON.parse(text));
  const done = tables.map(
    (one) =>
      `${one.table}: ${one.inserted} inserted, ${one.updated} updated, ${one.deleted} deleted, ${one.already} as wanted already, ${one.secondReview} for a second review`,
  );
  return [
    done.length === 0 ? 'no row' : done.join('; '),
    `${others} other tenants’ rows were counted and compared in the same transaction, and are the same`,
    undo === null ? 'nothing to undo' : `undo set: ${undo}`,
    ...(secondReview === null ? [] : [`rows for a second review: ${secondReview}`]),
  ].join('. ');
}

/** Imports the set, in one transaction. */
export const importRows = define({
  kind: 'import-rows',
  risk: 'destructive',
  repeat: 'named',
  input,
  version: z.null(),
  handle: z.null(),
  observe: async (asked, context) => {
    const found = await recordOf(asked, context);
    return found === undefined
      ? { kind: 'toDo', version: null }
      : { kind: 'already', detail: `it is imported: ${showResult(found.result)}` };
  },
  start: (asked, _version, context) => bringIn(asked, context),
  poll: async (_handle, asked, context) => bringIn(asked, context),
  verify: async (asked, context) => {
    const found = await recordOf(asked, context);
    return { ok: found !== undefined, detail: `${asked.production} has the record of the import` };
  },
});

async function bringIn(asked: z.output<typeof input>, context: ActionContext): Promise<Progress> {
  const { world, state, clock } = context;
  const set = await readReviewedSet([await world.rowFiles.read(asked.file, SET_BYTES_MAX)]);
  if (!set.ok) return refused('permanent', 'notASet', `line ${set.error.line}: ${set.error.problem}`);
  if (set.value.digest !== asked.digest)
    return refused(
      'voided',
      'anotherSet',
      `the file has the digest ${set.value.digest}, and ${asked.digest} was approved`,
    );
  const attempt = clock.now();
  const outcome = await world.rows.changing(placeOf(asked), (writer) =>
    importSet(writer, {
      set: set.value,
      incident: state.id,
      triggers: new Set(asked.triggers),
      keep: async (what, lines) => {
        const name = `${what}-${asked.digest.slice(0, 12)}-${attempt}.jsonl`;
        const kept = await world.rowFiles.create(asked.place, name, Buffer.from(lines.join('')));
        return `gs://${kept.bucket}/${kept.name}#${kept.generation}`;
      },
      mayGoOn: () => context.stillOurs(),
    }),
  );
  return outcome.kind === 'refused'
    ? refused('permanent', outcome.code, `${outcome.detail}; nothing was changed`)
    : { kind: 'done', detail: showResult(outcome.result) };
}

const refused = (kind: 'permanent' | 'voided', code: string, detail: string): Progress => ({
  kind: 'failed',
  failure: failure(kind, code, detail),
});

/** Deletes the copy (R3). */
export const deleteCopy = define({
  kind: 'delete-copy',
  risk: 'destructive',
  repeat: 'terminal',
  input: reviewed.extend({ copy: z.string().transform(instanceName) }),
  version: z.null(),
  handle: operationHandle,
  observe: async (asked, context) => {
    const { copy } = asked;
    const labels = await context.world.backups.labels(copy);
    if (labels === undefined) return { kind: 'already', detail: `${copy} is gone` };
    const foreign = whyForeign(copy, labels, context) ?? (await whyUsed(copy, context));
    if (foreign !== undefined) return { kind: 'refused', failure: foreign };
    const found = await recordOf(asked, context);
    if (found === undefined)
      return { kind: 'refused', failure: failure('refused', 'notImported', `nothing says that ${copy} has served`) };
    if (resultWire.parse(JSON.parse(found.result)).secondReview !== null)
      return { kind: 'already', detail: `${copy} is kept: rows wait for a second review` };
    const own = await ownOperation(copy, 'DELETE', context);
    return own === undefined || own.state === 'done'
      ? { kind: 'toDo', version: null }
      : { kind: 'inProgress', handle: { operation: own.name }, detail: showOperation(own) };
  },
  start: async ({ copy }, _version, { world }) => {
    const operation = await world.copies.remove(copy);
    return { kind: 'running', handle: { operation }, detail: `${operation} is deleting ${copy}` };
  },
  poll: ({ operation }, _asked, context) => pollOperation(operation, context),
  verify: async (asked, context) => {
    const labels = await context.world.backups.labels(asked.copy);
    const found = await recordOf(asked, context);
    const isKept = found !== undefined && resultWire.parse(JSON.parse(found.result)).secondReview !== null;
    return { ok: labels === undefined || isKept, detail: `${asked.copy} is ${isKept ? 'kept' : 'gone'}` };
  },
});
