import { err, ok, type Result } from '../core/result.ts';
import type { Table, TableName } from '../ports/rows.ts';
import { fingerprintOf } from './fingerprint.ts';
import { keyText } from './key-order.ts';
import { type Operation, parseEntry, type ReviewedSet } from './reviewed-set.ts';
import { orderTables, pointsAtItself } from './table-order.ts';

/** Rows that are inserted by one statement into a table whose rows point at each other. */
const AT_ONCE_MAX = 10_000;

/** Why a set is not imported: nothing was changed. */
export interface ImportRefusal {
  readonly code:
    | 'schemaChanged'
    | 'tableCycle'
    | 'triggerWouldFire'
    | 'tooManyAtOnce'
    | 'ambiguousRow'
    | 'noTenantPath'
    | 'otherRowsTouched'
    | 'notVerified';
  readonly detail: string;
}

/** Lines of one table that are applied together, in this order. */
export interface Section {
  readonly table: Table;
  readonly operation: Operation;
  readonly lines: readonly string[];
  /** By one statement. */
  readonly isWhole: boolean;
}

/**
 * In which order the lines of a set are applied to tables as they are now: deletions first, from what points to what is pointed at;
 * then insertions and updates the other way. `allowed`: triggers that may fire, as `schema.table.trigger`.
 */
export function planImport(
  set: ReviewedSet,
  schema: readonly Table[],
  allowed: ReadonlySet<string>,
): Result<readonly Section[], ImportRefusal> {
  const { header } = set;
  const found = header.tables.map((name) => schema.find((table) => table.name === name));
  const tables = found.filter((table) => table !== undefined);
  if (fingerprintOf(tables) !== header.schema)
    return refused('schemaChanged', 'the tables are no longer what they were when the rows were compared');
  const order = orderTables(tables);
  if (!order.ok) return refused('tableCycle', `these tables point at each other: ${order.error.tables.join(', ')}`);
  const pathless = tables.filter(({ name }) => header.tenant !== null && header.tenant.paths[name] === undefined);
  if (pathless.length > 0)
    return refused('noTenantPath', `nothing says whose the rows of ${pathless.map(({ name }) => name).join(', ')} are`);
  const sectionOf = (table: Table, operation: Operation): Section => ({
    table,
    operation,
    lines: set.lines(table.name, operation),
    isWhole: operation === 'insert' && pointsAtItself(table),
  });
  const sections = [
    ...order.value.toReversed().map((table) => sectionOf(table, 'delete')),
    ...order.value.flatMap((table) => [sectionOf(table, 'insert'), sectionOf(table, 'update')]),
  ].filter(({ lines }) => lines.length > 0);
  const why = whyNotAtOnce(sections) ?? whyTriggered(sections, allowed) ?? whyAmbiguous(sections);
  return why === undefined ? ok(sections) : err(why);
}

const refused = (code: ImportRefusal['code'], detail: string) => err({ code, detail });

function whyNotAtOnce(sections: readonly Section[]): ImportRefusal | undefined {
  const large = sections.find(({ isWhole, lines }) => isWhole && lines.length > AT_ONCE_MAX);
  if (large === undefined) return undefined;
  const { table, lines } = large;
  const detail = `rows of ${table.name} point at each other, so they are inserted at once, and ${lines.length} are more than ${AT_ONCE_MAX}`;
  return { code: 'tooManyAtOnce', detail };
}

/** What a trigger did when the rows were written first, it would do again. */
function whyTriggered(sections: readonly Section[], allowed: ReadonlySet<string>): ImportRefusal | undefined {
  const names = sections.flatMap(({ table, operation }) =>
    table.triggers.filter(({ on }) => on.includes(operation)).map(({ name }) => `${table.name}.${name}`),
  );
  const unexpected = [...new Set(names)].filter((name) => !allowed.has(name));
  if (unexpected.length === 0) return undefined;
  const detail = `these triggers would fire, and dr.yaml does not say that they may: ${unexpected.join(', ')}`;
  return { code: 'triggerWouldFire', detail };
}

/** A row has one line, and its key is the row's own. */
function whyAmbiguous(sections: readonly Section[]): ImportRefusal | undefined {
  const seen = new Map<TableName, Set<string>>();
  for (const { table, lines } of sections) {
    const keys = seen.get(table.name) ?? new Set<string>();
    seen.set(table.name, keys);
    for (const line of lines) {
      const entry = parseEntry(line);
      const text = keyText(entry.key);
      const isOwn =
        entry.operation === 'delete' || table.key.every((column, index) => entry.row[column] === entry.key[index]);
      if (!isOwn) return { code: 'ambiguousRow', detail: `a line of ${table.name} has another key than its row` };
      if (keys.has(text)) return { code: 'ambiguousRow', detail: `a row of ${table.name} has more than one line` };
      keys.add(text);
    }
  }
  return undefined;
}
