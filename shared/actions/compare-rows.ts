import { z } from 'zod';
import { minutes } from '../core/time.ts';
import { type ActionContext, failure, type Progress } from '../engine/action.ts';
import { type Comparison, compareDatabases } from '../rows/compare-databases.ts';
import { findRowSet, SET_NAME, showRows } from '../rows/find-row-set.ts';
import { parseEntry } from '../rows/reviewed-set.ts';
import { selectTables, type Selection } from '../rows/select-tables.ts';
import { findTenantPaths } from '../rows/tenant-paths.ts';
import { instanceName } from '../system/names.ts';
import { define, verifiedByPolling } from './define.ts';
import { whyForeign } from './make-copy.ts';
import { notCompared, showFile, sideBySide, type Sides, triesHandle } from './rows-side-by-side.ts';

// Compares one tenant's rows in a copy with production's, and writes down for people what would bring back what is missing.
//
// C1. Both sides are only read. What is written are files of this incident: nothing is written over.
// C2. The set that lies ready to be imported only adds rows that are missing. Rows that differ stand in another one, since somebody may
//     have changed them for good: a person puts that in its place, or a part of it.
// C3. The set is written last: whoever finds it finds everything else too.

const names = z.array(z.string());

/** How rows are compared and where files go, as a plan holds it. */
export const rowsInput = z.strictObject({
  database: z.string(),
  login: z.string(),
  place: z.string(),
  columns: names,
  home: z.string(),
  leaveOut: names,
  include: names,
  hide: names,
});

const input = z.strictObject({
  copy: z.string().transform(instanceName),
  source: z.string().transform(instanceName),
  tenant: z.string(),
  rows: rowsInput,
});
type Input = z.output<typeof input>;

/** How long a copy that has just been started may take to answer. */
const PATIENCE = minutes(5);

const WITH_CHANGED = 'with-changed.jsonl';
const SUMMARY = 'comparison.json';

/** Writes the set for review. */
export const compareRows = define({
  kind: 'compare-rows',
  risk: 'destructive',
  repeat: 'named',
  input,
  version: z.null(),
  handle: triesHandle,
  observe: async ({ copy, rows }, context) => {
    const foreign = whyForeign(copy, (await context.world.backups.labels(copy)) ?? {}, context);
    if (foreign !== undefined) return { kind: 'refused', failure: foreign };
    const found = await findRowSet(context.world.rowFiles, rows.place);
    return found === undefined
      ? { kind: 'toDo', version: null }
      : { kind: 'already', detail: `${showFile(found.file)} is written: ${showRows(found.rows)}` };
  },
  start: (asked, _version, context) => compare(asked, { sinceMs: context.clock.now() }, context),
  poll: (handle, asked, context) => compare(asked, handle, context),
  verify: verifiedByPolling,
});

const compare = (asked: Input, handle: z.infer<typeof triesHandle>, context: ActionContext): Promise<Progress> =>
  sideBySide({ ...asked, patience: PATIENCE }, handle, context, (sides) => write(asked, sides, context));

async function write({ tenant, rows }: Input, sides: Sides, context: ActionContext): Promise<Progress> {
  const { rowFiles } = context.world;
  const { id } = context.state;
  const [mine, theirs] = [await sides.source.reader.schema(), await sides.production.reader.schema()];
  const { leaveOut, include, columns, home } = rows;
  const selection = selectTables(mine, theirs, { only: undefined, leaveOut, include });
  const { paths, without } = findTenantPaths(selection.tables, { columns, home });
  const tables = selection.tables.filter(({ name }) => paths.has(name));
  const at = context.clock.now();
  const lines: string[] = [];
  const compared = await compareDatabases(
    {
      incident: id,
      at,
      ...sides,
      tables,
      tenant: { value: tenant, paths },
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
  if (comparison.tables.every(({ rows: looked }) => looked.source === 0))
    return notCompared('noSuchTenant', `${sides.source.place.instance} has no row of ${tenant}`);
  const { place } = rows;
  const leftOut = [...selection.leftOut, ...without.map((table) => ({ table, because: 'its rows lead to no tenant' }))];
  const summary = JSON.stringify({ tables: comparison.tables, leftOut }, null, 2);
  await rowFiles.create(place, `${at}-${SUMMARY}`, Buffer.from(summary));
  const changed = comparison.tables.reduce((sum, table) => sum + table.changed, 0);
  if (changed > 0) await rowFiles.create(place, `${at}-${WITH_CHANGED}`, Buffer.from(lines.join('')));
  const added = linesThatAdd(lines.join(''), comparison);
  const file = await rowFiles.create(place, SET_NAME, Buffer.from(added));
  const others = changed === 0 ? '' : `; with the rows that differ: ${place}${at}-${WITH_CHANGED}`;
  return {
    kind: 'done',
    detail: `${showFile(file)} holds what ${tenant} lacks: ${show(comparison, leftOut)}${others}; samples: ${place}${at}-${SUMMARY}`,
  };
}

/** C2. */
function linesThatAdd(text: string, { header }: Comparison): string {
  const [, ...entries] = text.trimEnd().split('\n');
  const kept = entries.filter((line) => parseEntry(line).operation === 'insert');
  return [JSON.stringify({ ...header, operations: ['insert'] }), ...kept, ''].join('\n');
}

function show({ tables }: Comparison, leftOut: Selection['leftOut']): string {
  const found = tables.map(
    ({ table, missing, changed, added }) =>
      `${table}: ${missing} missing, ${changed} different, ${added} newer in production`,
  );
  return `${found.join('; ')}. Left out: ${leftOut.map(({ table, because }) => `${table} (${because})`).join(', ') || 'nothing'}`;
}

/** The end of the first plan: it waits for a person's review. It only looks, and changes nothing. */
export const awaitRowsReview = define({
  kind: 'await-rows-review',
  risk: 'observe',
  repeat: 'terminal',
  input,
  version: z.null(),
  handle: z.null(),
  observe: async ({ rows, tenant }, { world, state }) => {
    const found = await findRowSet(world.rowFiles, rows.place);
    const what = found === undefined ? 'nothing' : `${showFile(found.file)} ${found.problem ?? showRows(found.rows)}`;
    const paths = found === undefined || found.paths.length === 0 ? '' : `. Whose a row is: ${found.paths.join('; ')}`;
    const detail = `the rows of ${tenant} wait for a person’s review: ${what}${paths}. Import exactly this: ./dr accept ${state.id} import-reviewed-rows. Leave it: ./dr cancel ${state.id}`;
    return { kind: 'refused', failure: failure('notVerified', 'rowsAwaitReview', detail) };
  },
  start: async () => ({ kind: 'running', handle: null, detail: 'waiting' }),
  poll: async () => ({ kind: 'running', handle: null, detail: 'waiting' }),
  verify: verifiedByPolling,
});
