import type {
  RowChange,
  RowKey,
  RowVersion,
  RowWriter,
  Table,
  TableName,
  Tally,
  TransactionEnd,
} from '../ports/rows.ts';
import { decideRow, type SecondReview, undoOf } from './decide-row.ts';
import { compareKeys, keyOrders, keyText } from './key-order.ts';
import { type ImportRefusal, planImport, type Section } from './plan-import.ts';
import {
  type Operation,
  parseEntry,
  type ReviewedSet,
  type SetEntry,
  type SetHeader,
  writeLine,
} from './reviewed-set.ts';
import { afterChange, isSameTally, NOTHING } from './tally.ts';

// Brings a reviewed set into production, within one transaction.
//
// I1. A row is changed only while it is locked and still what was reviewed; every other goes to a second review.
// I2. The undo set is stored before the transaction commits.
// I3. The record of the import is in the same transaction: a repeat finds it, changes nothing and answers the same.
// I4. At the one snapshot of the transaction, before and after: each table has exactly the rows that it had, less those that we
//     changed, plus what we made of them; every other tenant has exactly the same. What others commit meanwhile is not in that
//     snapshot, so a difference can only be ours, and ends the transaction.
// I5. The server counts which tables this transaction has changed, cascades and triggers included: there is no other than ours.
// I6. Sequences are raised by what was inserted, and never lowered.

/** Rows that are locked and changed at once. */
const CHUNK_ROWS = 500;
/** Characters of the lines of one chunk. */
const CHUNK_LENGTH = 4 * 1024 * 1024;

/** What an import needs. */
export interface ImportRequest {
  readonly set: ReviewedSet;
  readonly incident: string;
  /** Triggers that may fire, as `schema.table.trigger`. */
  readonly triggers: ReadonlySet<string>;
  /** Stores a file, and answers how it is found. */
  readonly keep: (what: 'undo' | 'second-review', lines: readonly string[]) => Promise<string>;
  /** Between chunks, and right before the commit; rejects when nothing may be changed any more. */
  readonly mayGoOn: () => Promise<void>;
}

/** What was done in one table. */
export interface TableImport {
  readonly table: TableName;
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
  /** Rows that were what they should become. */
  readonly already: number;
  readonly secondReview: number;
}

/** What an import came to. */
export interface ImportResult {
  readonly tables: readonly TableImport[];
  /** Where the undo set is; `null` when nothing was changed. */
  readonly undo: string | null;
  /** Where the rows are that people have to look at again; `null` when there are none. */
  readonly secondReview: string | null;
  /** Other tenants whose rows were counted and compared, before and after. */
  readonly others: number;
}

/** How it ended. */
export type ImportOutcome =
  | { readonly kind: 'imported'; readonly result: string }
  /** It had been imported before; `result` is what that came to. */
  | { readonly kind: 'already'; readonly result: string }
  | ({ readonly kind: 'refused' } & ImportRefusal);

/** Does the work of the transaction, which ends as the answer says. Rejects with `PortError`. */
export async function importSet(writer: RowWriter, request: ImportRequest): Promise<TransactionEnd<ImportOutcome>> {
  const { set } = request;
  const known = await writer.imported(set.digest);
  if (known !== undefined) return { kind: 'rollback', value: { kind: 'already', result: known.result } };
  const plan = planImport(set, await writer.schema(), request.triggers);
  if (!plan.ok) return refused(plan.error);
  const before = await talliesOf(writer, plan.value, set.header);
  const work = new Work(writer, request.mayGoOn);
  for (const section of plan.value) await work.section(section);
  await writer.settle();
  const after = await talliesOf(writer, plan.value, set.header);
  const wrong = whyNotExpected(before, after, work, set.header) ?? (await whyMoreTouched(writer, work));
  if (wrong !== undefined) return refused(wrong);
  for (const { sequence, value } of work.raises()) await writer.raise(sequence, value);
  const { undo, second } = work;
  const result: ImportResult = {
    tables: work.tables(),
    undo:
      undo.length === 0 ? null : await request.keep('undo', [writeLine(undoHeader(set, undo)), ...undo.map(writeLine)]),
    secondReview: second.length === 0 ? null : await request.keep('second-review', second),
    others: othersOf(before, set.header),
  };
  const text = JSON.stringify(result);
  await writer.record({ set: set.digest, incident: request.incident, result: text });
  await request.mayGoOn();
  return { kind: 'commit', value: { kind: 'imported', result: text } };
}

const refused = (refusal: ImportRefusal): TransactionEnd<ImportOutcome> => ({
  kind: 'rollback',
  value: { kind: 'refused', ...refusal },
});

/** Whose the changed rows are, in tallies. */
const groupOf = ({ tenant }: SetHeader): string => tenant?.value ?? '';

type Tallies = ReadonlyMap<TableName, ReadonlyMap<string | null, Tally>>;

async function talliesOf(writer: RowWriter, sections: readonly Section[], { tenant }: SetHeader): Promise<Tallies> {
  const tallies = new Map<TableName, ReadonlyMap<string | null, Tally>>();
  for (const { table } of sections)
    if (!tallies.has(table.name)) tallies.set(table.name, await writer.tallies(table, tenant?.paths[table.name]));
  return tallies;
}

const othersOf = (tallies: Tallies, { tenant }: SetHeader): number =>
  tenant === null
    ? 0
    : new Set([...tallies.values()].flatMap((groups) => [...groups.keys()])).difference(new Set([tenant.value, null]))
        .size;

/** I4. */
function whyNotExpected(before: Tallies, after: Tallies, work: Work, header: SetHeader): ImportRefusal | undefined {
  const own = groupOf(header);
  for (const [table, groups] of before) {
    const now = after.get(table) ?? new Map<string | null, Tally>();
    for (const group of new Set([...groups.keys(), ...now.keys(), own])) {
      const was = groups.get(group) ?? NOTHING;
      const expected = group === own ? work.expected(table, was) : was;
      if (isSameTally(expected, now.get(group) ?? NOTHING)) continue;
      return group === own
        ? { code: 'notVerified', detail: `${table} does not hold what the set says after the import` }
        : { code: 'otherRowsTouched', detail: `rows of ${table} that are not ${own}’s would be changed` };
    }
  }
  return undefined;
}

/** I5. */
async function whyMoreTouched(writer: RowWriter, work: Work): Promise<ImportRefusal | undefined> {
  const { isExact, tables } = await writer.touched();
  const mine = new Map(work.tables().map((done) => [done.table, done]));
  const foreign = tables.find(({ table, inserted, updated, deleted }) => {
    const done = mine.get(table);
    if (done === undefined) return true;
    return isExact && (done.inserted !== inserted || done.updated !== updated || done.deleted !== deleted);
  });
  return foreign === undefined
    ? undefined
    : {
        code: 'otherRowsTouched',
        detail: `the import would change ${foreign.table} beyond the set: ${foreign.inserted} inserted, ${foreign.updated} updated, ${foreign.deleted} deleted`,
      };
}

/** An undo set goes from what production is now to what it was. */
const undoHeader = ({ header, digest }: ReviewedSet, undo: readonly SetEntry[]): SetHeader => ({
  ...header,
  source: header.production,
  undoes: digest,
  operations: [...new Set(undo.map(({ operation }): Operation => operation))],
});

const NONE = { inserted: 0, updated: 0, deleted: 0, already: 0, secondReview: 0 };
const COUNTED = { insert: 'inserted', update: 'updated', delete: 'deleted' } as const;

/** What has been done so far. */
class Work {
  readonly #writer: RowWriter;
  readonly #mayGoOn: () => Promise<void>;
  readonly #counts = new Map<TableName, typeof NONE>();
  readonly #shares = new Map<TableName, Tally>();
  readonly #raises = new Map<string, { readonly sequence: Table['sequences'][number]; readonly value: bigint }>();
  readonly undo: SetEntry[] = [];
  readonly second: string[] = [];

  constructor(writer: RowWriter, mayGoOn: () => Promise<void>) {
    this.#writer = writer;
    this.#mayGoOn = mayGoOn;
  }

  tables = (): readonly TableImport[] => [...this.#counts].map(([table, counts]) => ({ table, ...counts }));

  raises = () => [...this.#raises.values()];

  /** What a table's own group counts after all this, when it counted `was` before. */
  expected(table: TableName, was: Tally): Tally {
    const share = this.#shares.get(table) ?? NOTHING;
    return { rows: was.rows + share.rows, sum: was.sum + share.sum };
  }

  async section({ table, lines, isWhole }: Section): Promise<void> {
    const orders = keyOrders(table);
    const entries = (some: readonly string[]) =>
      some.map(parseEntry).toSorted((a, b) => compareKeys(orders, a.key, b.key));
    if (isWhole) return await this.#chunk(table, entries(lines));
    let chunk: string[] = [];
    let length = 0;
    for (const line of lines) {
      chunk.push(line);
      length += line.length;
      if (chunk.length < CHUNK_ROWS && length < CHUNK_LENGTH) continue;
      await this.#chunk(table, entries(chunk));
      [chunk, length] = [[], 0];
    }
    if (chunk.length > 0) await this.#chunk(table, entries(chunk));
  }

  /** I1. */
  async #chunk(table: Table, entries: readonly SetEntry[]): Promise<void> {
    await this.#mayGoOn();
    const locked = await this.#writer.lock(
      table,
      entries.map(({ key }) => key),
    );
    const current = new Map(locked.map((row) => [keyText(row.key), row]));
    const wanted: { readonly entry: SetEntry; readonly change: RowChange }[] = [];
    for (const entry of entries) {
      const decision = decideRow(entry, current.get(keyText(entry.key)));
      if (decision.kind === 'change') wanted.push({ entry, change: decision.change });
      else if (decision.kind === 'already') this.#count(table, 'already');
      else this.#review(table, entry, decision.because);
    }
    if (wanted.length === 0) return;
    const refusals = await this.#writer.apply(
      table,
      wanted.map(({ change }) => change),
    );
    const codes = new Map(refusals.map(({ key, code }) => [keyText(key), code]));
    for (const { entry } of wanted) {
      const code = codes.get(keyText(entry.key));
      if (code === undefined) this.#done(table, entry, current.get(keyText(entry.key)));
      else this.#review(table, entry, { refused: code });
    }
  }

  #done(table: Table, entry: SetEntry, before: RowVersion | undefined): void {
    this.#count(table, COUNTED[entry.operation]);
    const come = entry.operation === 'delete' ? undefined : entry.hash;
    this.#shares.set(table.name, afterChange(this.#shares.get(table.name) ?? NOTHING, before?.hash, come));
    const undo = undoOf(entry, before);
    if (undo !== undefined) this.undo.push(undo);
    if (entry.operation === 'insert')
      for (const sequence of table.sequences) this.#used(sequence, entry.row[sequence.column]);
  }

  /** I6. A value that the sequence would never give needs no room. */
  #used(sequence: Table['sequences'][number], text: string | null | undefined): void {
    if (text === null || text === undefined) return;
    const [value, start, step] = [BigInt(text), BigInt(sequence.start), BigInt(sequence.increment)];
    if (step <= 0n || (value - start) % step !== 0n) return;
    const known = this.#raises.get(sequence.sequence);
    if (known === undefined || known.value < value) this.#raises.set(sequence.sequence, { sequence, value });
  }

  #review({ name }: Table, { operation, key }: SetEntry, because: SecondReview): void {
    this.#count({ name }, 'secondReview');
    this.second.push(secondLine(name, operation, key, because));
  }

  #count({ name }: Pick<Table, 'name'>, what: keyof typeof NONE): void {
    const counts = this.#counts.get(name) ?? NONE;
    this.#counts.set(name, { ...counts, [what]: counts[what] + 1 });
  }
}

const secondLine = (table: TableName, operation: Operation, key: RowKey, because: SecondReview): string =>
  `${JSON.stringify({ table, operation, key, because })}\n`;
