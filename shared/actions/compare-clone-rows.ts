import { z } from 'zod';
import { instant, type Instant, minutes, toIso } from '../core/time.ts';
import type { ActionContext, Progress } from '../engine/action.ts';
import { type Comparison, compareDatabases } from '../rows/compare-databases.ts';
import { clonePlaceOf, findRowSet, SET_NAME, showRows } from '../rows/find-row-set.ts';
import { parseEntry } from '../rows/reviewed-set.ts';
import { selectTables, type Selection } from '../rows/select-tables.ts';
import { type Culpability, whyDoubtful } from '../rows/whose-changes.ts';
import { instanceName } from '../system/names.ts';
import { define, verifiedByPolling } from './define.ts';
import { whyForeign } from './make-copy.ts';
import { notCompared, showFile, sideBySide, type Sides, triesHandle } from './rows-side-by-side.ts';

// Compares a clone with production row by row, and writes down for people what would bring back what was spoilt.
//
// D1. Both sides are only read. What is written are files of this incident, below a place of this clone: nothing is written over.
// D2. The set that lies ready holds only what nobody but the culprits can have changed or deleted since the moment. Everything else
//     that differs stands beside it, with the reason: a person puts it in its place, or a part of it.
// D3. Who changed what is asked after both sides have been read, so that no change is in the rows and not in the answer.
// D4. What was added to production since the moment is never touched.
// D5. The set is written last: whoever finds it finds everything else too.

const input = z.strictObject({
  copy: z.string().transform(instanceName),
  source: z.string().transform(instanceName),
  momentMs: z.number().transform(instant),
  culprits: z.array(z.strictObject({ user: z.string(), application: z.string() })),
  rows: z.strictObject({
    database: z.string(),
    login: z.string(),
    files: z.string(),
    leaveOut: z.array(z.string()),
    include: z.array(z.string()),
    hide: z.array(z.string()),
  }),
});
type Input = z.output<typeof input>;

/** How long a clone that has just been started may take to answer. */
const PATIENCE = minutes(20);

const ALL = 'all-that-differs.jsonl';
const SUMMARY = 'comparison.json';

/** Writes the set for review. */
export const compareCloneRows = define({
  kind: 'compare-clone-rows',
  risk: 'destructive',
  repeat: 'named',
  input,
  version: z.null(),
  handle: triesHandle,
  observe: async ({ copy, rows }, context) => {
    const foreign = whyForeign(copy, (await context.world.backups.labels(copy)) ?? {}, context);
    if (foreign !== undefined) return { kind: 'refused', failure: foreign };
    const found = await findRowSet(context.world.rowFiles, clonePlaceOf(rows, context.state.id, copy));
    if (found === undefined) return { kind: 'toDo', version: null };
    const detail = `${showFile(found.file)} is written: ${found.problem ?? showRows(found.rows)}`;
    return { kind: 'already', detail, output: { compared: detail } };
  },
  start: (asked, _version, context) => compare(asked, { sinceMs: context.clock.now() }, context),
  poll: (handle, asked, context) => compare(asked, handle, context),
  verify: verifiedByPolling,
});

const compare = (asked: Input, handle: z.infer<typeof triesHandle>, context: ActionContext): Promise<Progress> =>
  sideBySide({ ...asked, patience: PATIENCE }, handle, context, (sides) => write(asked, sides, context));

async function write(asked: Input, sides: Sides, context: ActionContext): Promise<Progress> {
  const { copy, source, momentMs, culprits, rows } = asked;
  const { rowFiles, contents } = context.world;
  const { id } = context.state;
  const [mine, theirs] = [await sides.source.reader.schema(), await sides.production.reader.schema()];
  const selection = selectTables(mine, theirs, { only: undefined, leaveOut: rows.leaveOut, include: rows.include });
  const at = context.clock.now();
  const lines: string[] = [];
  const compared = await compareDatabases(
    {
      incident: id,
      at,
      ...sides,
      tables: selection.tables,
      tenant: undefined,
      operations: ['insert', 'update'],
      hidden: new Set(rows.hide),
    },
    async (text) => {
      lines.push(text);
      await context.stillOurs();
    },
  );
  if (!compared.ok)
    return notCompared('tableCycle', `these tables point at each other: ${compared.error.tables.join(', ')}`);
  const comparison = compared.value;
  if (comparison.entries === undefined) return notCompared('tooManyRows', 'more rows differ than one set may hold');
  const known = { culprits, history: await contents.changes(source, momentMs), since: momentMs };
  const { ready, doubts } = divide(lines.join(''), known);
  const place = clonePlaceOf(rows, id, copy);
  const summary = { moment: toIso(momentMs), tables: comparison.tables, leftOut: selection.leftOut, doubts };
  await rowFiles.create(place, `${at}-${SUMMARY}`, Buffer.from(JSON.stringify(summary, null, 2)));
  if (doubts.length > 0) await rowFiles.create(place, `${at}-${ALL}`, Buffer.from(lines.join('')));
  const file = await rowFiles.create(place, SET_NAME, Buffer.from(ready));
  const rest =
    doubts.length === 0 ? '' : `. Not in it: ${doubts.map(showDoubt).join('; ')}; with them: ${place}${at}-${ALL}`;
  const detail = `${showFile(file)} holds what only ${culprits.map(({ application }) => application).join(', ') || 'nobody'} can have spoilt: ${told(comparison, selection, momentMs)}${rest}. Samples: ${place}${at}-${SUMMARY}`;
  return { kind: 'done', detail, output: { compared: detail } };
}

/** Lines that stay out of the set that lies ready. */
interface Doubt {
  readonly table: string;
  readonly operation: string;
  readonly rows: number;
  readonly because: string;
}

const showDoubt = ({ table, operation, rows, because }: Doubt): string =>
  `${rows} rows of ${table} (${operation}): ${because}`;

/** D2. */
function divide(text: string, known: Culpability): { readonly ready: string; readonly doubts: readonly Doubt[] } {
  const [header = '', ...entries] = text.trimEnd().split('\n');
  const why = new Map<string, string | undefined>();
  const doubts = new Map<string, Doubt>();
  const kept = entries.filter((line) => {
    const { table, operation } = parseEntry(line);
    const key = `${operation} ${table}`;
    if (!why.has(key)) why.set(key, whyDoubtful(table, operation, known));
    const because = why.get(key);
    if (because === undefined) return true;
    doubts.set(key, { table, operation, rows: (doubts.get(key)?.rows ?? 0) + 1, because });
    return false;
  });
  return { ready: [header, ...kept, ''].join('\n'), doubts: [...doubts.values()] };
}

function told({ tables }: Comparison, { leftOut }: Selection, moment: Instant): string {
  const found = tables
    .filter(({ missing, changed, added }) => missing + changed + added > 0)
    .map(
      ({ table, missing, changed, added }) =>
        `${table}: ${missing} missing, ${changed} different, ${added} newer in production`,
    );
  const out = leftOut.map(({ table, because }) => `${table} (${because})`).join(', ');
  return `since ${toIso(moment)}: ${found.join('; ') || 'nothing'}${out === '' ? '' : `. Left out: ${out}`}`;
}
