import { sha256 } from '../../shared/core/digest.ts';
import type {
  ImportRecord,
  RowChange,
  RowKey,
  RowReader,
  RowText,
  RowVersion,
  RowWriter,
  Table,
  Tally,
  TransactionEnd,
} from '../../shared/ports/rows.ts';
import { compareKeys, keyOrders, keyText } from '../../shared/rows/key-order.ts';
import { tallyOf } from '../../shared/rows/tally.ts';

/** A table of notes, each of a tenant, without anything around it. */
export const NOTES: Table = {
  name: 'public.notes',
  columns: ['id', 'tenant_id', 'text'].map((name) => ({
    name,
    type: 'text',
    isRequired: true,
    isGenerated: false,
  })),
  key: ['id'],
  foreignKeys: [],
  sequences: [],
  triggers: [],
  hasRowSecurity: false,
};

/** Notes by their id. */
export type Notes = ReadonlyMap<string, RowText>;

const versionOf = (id: string, row: RowText): RowVersion => ({
  key: [id],
  hash: sha256(JSON.stringify([id, row['tenant_id'], row['text']])),
  row,
});

/** A database with notes only, in memory. A refused text is what its one constraint stands against. */
export class LittleRows {
  notes: Map<string, RowText>;
  readonly records = new Map<string, ImportRecord>();

  constructor(notes: Notes) {
    this.notes = new Map(notes);
  }

  reader(): RowReader {
    return this.#session(new Map(this.notes));
  }

  /** One transaction: nothing is there until it commits. */
  async changing<T>(work: (writer: RowWriter) => Promise<TransactionEnd<T>>): Promise<T> {
    const mine = new Map(this.notes);
    const records = new Map<string, ImportRecord>();
    const end = await work(this.#session(mine, records));
    if (end.kind === 'commit') {
      this.notes = mine;
      for (const [set, record] of records) this.records.set(set, record);
    }
    return end.value;
  }

  #session(notes: Map<string, RowText>, records = new Map<string, ImportRecord>()): RowWriter {
    const counts = { inserted: 0, updated: 0, deleted: 0 };
    const versions = async (_table: Table, keys: readonly RowKey[]) =>
      keys.flatMap(([id = '']) => {
        const row = notes.get(id);
        return row === undefined ? [] : [versionOf(id, row)];
      });
    return {
      schema: async () => [NOTES],
      hashes: async function* (table, slice) {
        const rows = [...notes]
          .filter(([, row]) => slice.kind === 'all' || row['tenant_id'] === slice.tenant)
          .map(([id, row]) => versionOf(id, row))
          .toSorted((a, b) => compareKeys(keyOrders(table), a.key, b.key));
        for (let from = 0; from < rows.length; from += 3) yield rows.slice(from, from + 3);
      },
      versions,
      tallies: async (_table, path) => {
        const groups = Map.groupBy(notes, ([, row]) => (path === undefined ? '' : (row['tenant_id'] ?? null)));
        return new Map<string | null, Tally>(
          [...groups].map(([tenant, rows]) => [tenant, tallyOf(rows.map(([id, row]) => versionOf(id, row)))]),
        );
      },
      imported: async (set) => this.records.get(set),
      lock: versions,
      apply: async (_table, changes) => {
        const refused = changes.filter((change) => change.kind !== 'delete' && change.row['text'] === REFUSED);
        for (const change of changes) if (!refused.includes(change)) make(notes, counts, change);
        return refused.map(({ key }) => ({ key, code: '23514' }));
      },
      raise: async () => {},
      settle: async () => {},
      touched: async () => {
        const isMore = counts.inserted + counts.updated + counts.deleted > 0;
        return { isExact: true, tables: isMore ? [{ table: NOTES.name, ...counts }] : [] };
      },
      record: async (entry) => {
        records.set(entry.set, entry);
      },
    };
  }
}

/** A text that no note may have. */
export const REFUSED = 'refused';

function make(
  notes: Map<string, RowText>,
  counts: { inserted: number; updated: number; deleted: number },
  change: RowChange,
): void {
  const [id = ''] = change.key;
  if (change.kind === 'insert') counts.inserted += 1;
  else if (change.kind === 'update') counts.updated += 1;
  else counts.deleted += 1;
  if (change.kind === 'delete') notes.delete(id);
  else notes.set(id, change.row);
}

/** The keys that a file of a second review names. */
export const keysOf = (lines: readonly string[]): ReadonlySet<string> =>
  new Set(lines.map((line) => keyText(JSON.parse(line).key)));
