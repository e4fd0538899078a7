import { z } from 'zod';
import { instant, type Instant, minutes, seconds, toIso } from '../core/time.ts';
import { type ActionContext, failure, type Progress } from '../engine/action.ts';
import type { RunState } from '../incident/state.ts';
import type { Inventory, QueryAnswer, TableContent } from '../ports/contents.ts';
import { HAND_OVER } from '../ports/copy-labels.ts';
import { type InstanceName, instanceName } from '../system/names.ts';
import type { RestoreCheck } from '../system/system.ts';
import { define, verifiedByPolling } from './define.ts';

// Whether a copy is whole, and what production has that it lacks. Both only read, through the data plane.
//
// V1. A copy counts as whole when it has rows, no row breaks a foreign key, and every check of dr.yaml holds. What can't be asked does
//     not hold.
// V2. What production has that the copy lacks is told in rows, and what the copy has that production lacks too: that is what was lost.

const check = z.strictObject({
  name: z.string(),
  query: z.string(),
  atLeast: z.number().nullable(),
  equals: z.string().nullable(),
});

const copied = z.strictObject({
  copy: z.string().transform(instanceName),
  source: z.string().transform(instanceName),
  takenAtMs: z.number(),
});

/** Between two tries to reach a copy that has just been started. */
const AGAIN = seconds(10);

/** How long a copy may not answer before it counts as broken: its first start replays its log. */
const PATIENCE = minutes(5);

/** Checks the copy, and keeps what was found as evidence (V1). */
export const validateCopy = define({
  kind: 'validate-copy',
  risk: 'observe',
  repeat: 'terminal',
  input: z.strictObject({ copy: z.string().transform(instanceName), checks: z.array(check) }),
  version: z.null(),
  handle: z.strictObject({ sinceMs: z.number() }),
  observe: async () => ({ kind: 'toDo', version: null }),
  start: (input, _version, context) => validate(input, { sinceMs: context.clock.now() }, context),
  poll: (handle, input, context) => validate(input, handle, context),
  verify: verifiedByPolling,
});

async function validate(
  { copy, checks }: { readonly copy: InstanceName; readonly checks: readonly z.infer<typeof check>[] },
  handle: { readonly sinceMs: number },
  context: ActionContext,
): Promise<Progress> {
  const { contents } = context.world;
  const inventory = await contents.inventory(copy, undefined);
  if (inventory === undefined) {
    const waited = context.clock.now() - handle.sinceMs;
    if (waited < PATIENCE) return { kind: 'running', handle, detail: `${copy} does not answer yet`, again: AGAIN };
    return notWhole('copySilent', `${copy} does not answer through its data plane, so nobody can say what is in it`);
  }
  const answers = await Promise.all(
    checks.map(async (asked) => ({ asked, answer: await contents.ask(copy, asked.query) })),
  );
  await context.keep(`what is in ${copy}`, JSON.stringify({ inventory, answers }, null, 2));
  const faults = [...faultsOf(inventory), ...answers.flatMap(({ asked, answer }) => faultOf(asked, answer) ?? [])];
  if (faults.length > 0) return notWhole('copyNotWhole', `${copy} is not whole: ${faults.join('; ')}`);
  const held = checks.length === 0 ? 'dr.yaml states no checks' : `${checks.length} checks of dr.yaml hold`;
  return { kind: 'done', detail: `${copy}: ${showTables(inventory)}; no broken foreign key; ${held}` };
}

const notWhole = (code: string, detail: string): Progress => ({
  kind: 'failed',
  failure: failure('notVerified', code, detail),
});

function faultsOf({ tables, brokenKeys }: Inventory): readonly string[] {
  const empty = tables.every(({ rows }) => rows === 0) ? ['it holds no row'] : [];
  return [...empty, ...brokenKeys.map(({ constraint, rows }) => `${rows} rows break ${constraint}`)];
}

/** Why a check does not hold; `undefined` when it does. */
export function faultOf(
  { name, atLeast, equals }: { readonly name: string; readonly atLeast: number | null; readonly equals: string | null },
  answer: QueryAnswer,
): string | undefined {
  switch (answer.kind) {
    case 'refused':
    case 'unanswered':
      return `"${name}" could not be asked: ${answer.detail}`;
    case 'value': {
      const { value } = answer;
      if (equals !== null && value !== equals) return `"${name}": ${value ?? 'null'} is not ${equals}`;
      if (atLeast === null) return undefined;
      const number = value === null || value.trim() === '' ? Number.NaN : Number(value);
      return number >= atLeast ? undefined : `"${name}": ${value ?? 'null'} is not at least ${atLeast}`;
    }
  }
}

/** Tables that are named to people at the most. */
const TABLES_MAX = 6;

function showTables({ tables }: Inventory): string {
  const named = [...tables].sort((a, b) => b.rows - a.rows).slice(0, TABLES_MAX);
  const newest = newestOf(tables);
  const rest = tables.length - named.length;
  const counts = named.map(({ table, rows }) => `${table} ${rows}`).join(', ');
  return `${counts}${rest > 0 ? ` and ${rest} more tables` : ''}${newest === undefined ? '' : `, newest row ${toIso(newest)}`}`;
}

const newestOf = (tables: readonly TableContent[]): Instant | undefined =>
  tables.flatMap(({ newestAt }) => newestAt ?? []).toSorted((a, b) => b - a)[0];

/** Compares the copy with production (V2). It never fails: production may be what is gone. */
export const compareCopy = define({
  kind: 'compare-copy',
  risk: 'observe',
  repeat: 'terminal',
  input: copied,
  version: z.null(),
  handle: z.null(),
  observe: async () => ({ kind: 'toDo', version: null }),
  start: async ({ copy, source, takenAtMs }, _version, context) => {
    const { contents } = context.world;
    const takenAt = instant(takenAtMs);
    const [mine, theirs] = await Promise.all([
      contents.inventory(copy, undefined),
      contents.inventory(source, takenAt),
    ]);
    if (mine === undefined || theirs === undefined) {
      const silent = mine === undefined ? copy : source;
      const detail = `${silent} does not answer, so the two can’t be compared: what was written to ${source} since ${toIso(takenAt)} is not in ${copy}`;
      return { kind: 'done', detail, output: { compared: detail } };
    }
    const found = theirs.tables.flatMap((table) => difference(table, mine.tables) ?? []);
    const gone = mine.tables.filter(({ table }) => !theirs.tables.some((other) => other.table === table));
    const lines = [
      ...found,
      ...gone.map(({ table, rows }) => `${table}: production does not have the table (${rows} rows in the copy)`),
    ];
    const detail =
      lines.length === 0
        ? `${source} has nothing that ${copy} lacks, and lacks nothing that it has`
        : `since ${toIso(takenAt)}: ${lines.join('; ')}`;
    return { kind: 'done', detail, output: { compared: detail } };
  },
  poll: async () => ({ kind: 'running', handle: null, detail: 'comparing' }),
  verify: verifiedByPolling,
});

/** What one table of production has more and less than the copy's; `undefined` when nothing. */
function difference(theirs: TableContent, copies: readonly TableContent[]): string | undefined {
  const mine = copies.find(({ table }) => table === theirs.table);
  if (mine === undefined)
    return `${theirs.table}: the copy does not have the table (${theirs.rows} rows in production)`;
  if (theirs.newer === undefined)
    return theirs.rows === mine.rows
      ? undefined
      : `${theirs.table}: ${theirs.rows} rows in production, ${mine.rows} in the copy (when they were written is not known)`;
  // Rows of before that production no longer has.
  const missing = mine.rows - (theirs.rows - theirs.newer);
  const parts = [
    ...(theirs.newer > 0 ? [`${theirs.newer} rows newer in production`] : []),
    ...(missing > 0 ? [`${missing} rows of the copy missing in production`] : []),
    ...(missing < 0 ? [`${-missing} rows of before in production that the copy lacks`] : []),
  ];
  return parts.length === 0 ? undefined : `${theirs.table}: ${parts.join(', ')}`;
}

const comparedWire = z.object({ compared: z.string() });

/** What the comparison of this run found, for people. */
export function comparedIn({ plan, steps }: RunState, action: string): string | undefined {
  const step = plan.steps.find((planned) => planned.action === action);
  const progress = step === undefined ? undefined : steps.get(step.id);
  const read = comparedWire.safeParse(progress?.kind === 'done' ? progress.output : null);
  return read.success ? read.data.compared : undefined;
}

/** The end of making a copy: it waits for a person's decision. It only reads the log, and changes nothing. */
export const awaitDecision = define({
  kind: 'await-decision',
  risk: 'observe',
  repeat: 'terminal',
  input: copied,
  version: z.null(),
  handle: z.null(),
  observe: async ({ copy }, { run, state }) => {
    const difference = comparedIn(run, compareCopy.kind) ?? 'it was not compared with production';
    const detail = `${copy} is restored and whole, and a person decides what becomes of it. ${difference}. Hand it over: ./dr accept ${state.id} ${HAND_OVER}. Keep it for reading: ./dr cancel ${state.id}`;
    return { kind: 'refused', failure: failure('notVerified', 'copyAwaitsDecision', detail) };
  },
  start: async () => ({ kind: 'running', handle: null, detail: 'waiting' }),
  poll: async () => ({ kind: 'running', handle: null, detail: 'waiting' }),
  verify: verifiedByPolling,
});

/** The checks of dr.yaml as a plan holds them. */
export const checksOf = (checks: readonly RestoreCheck[]): z.infer<typeof check>[] =>
  checks.map(({ name, query, atLeast, equals }) => ({ name, query, atLeast: atLeast ?? null, equals: equals ?? null }));
