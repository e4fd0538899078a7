import { z } from 'zod';
import type { Json, JsonObject } from '../../shared/core/json.ts';
import type { RowChange } from '../world/row-change.ts';
import type { Engine } from './engine.ts';

// Changes of a history made real on an engine, as a replica replays them: in order, without triggers and without checks, since the
// server that committed them has checked them.

/** Rows that one statement takes at most. */
const BATCH = 2_000;

interface TableShape {
  /** As SQL names it. */
  readonly name: string;
  readonly columns: readonly string[];
  readonly key: readonly string[];
}

const shapeWire = z.object({ columns: z.array(z.string()), key: z.array(z.string()) });

const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** Applies changes to one engine. Made anew after the schema has changed. */
export class Applier {
  readonly #engine: Engine;
  readonly #shapes = new Map<string, TableShape>();
  #inserts = new Map<string, Map<string, string>>();
  #changes:
    | { readonly kind: 'update' | 'delete'; readonly table: string; readonly rows: Map<string, string> }
    | undefined;
  #sequences = new Map<string, number>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** All of the changes in one transaction. */
  async apply(changes: Iterable<RowChange>): Promise<void> {
    await this.#engine.execute('begin; set local session_replication_role = replica');
    try {
      for (const change of changes) await this.#take(change);
      await this.#flush();
      await this.#engine.execute('commit');
    } catch (error) {
      await this.#engine.execute('rollback');
      this.#inserts = new Map();
      this.#changes = undefined;
      this.#sequences = new Map();
      throw error;
    }
  }

  async #take(change: RowChange): Promise<void> {
    switch (change.kind) {
      case 'create':
        return; // engines get tables as an image
      case 'sequence':
        this.#sequences.set(change.sequence, change.value);
        return;
      case 'insert':
        return await this.#insert(change.table, change.row, change.text);
      case 'update':
      case 'delete':
        return await this.#change(change);
    }
  }

  /** Inserts of different tables may wait for each other: nothing checks their references. */
  async #insert(table: string, row: JsonObject, text: string | undefined): Promise<void> {
    if (this.#changes !== undefined) await this.#flush();
    const { key } = await this.#shape(table);
    const rows = this.#inserts.get(table) ?? new Map<string, string>();
    this.#inserts.set(table, rows);
    rows.set(keyOf(key, row), text ?? JSON.stringify(row));
    if (rows.size >= BATCH) await this.#flush();
  }

  async #change(change: RowChange & { readonly kind: 'update' | 'delete' }): Promise<void> {
    if (this.#inserts.size > 0) await this.#flush();
    const { kind, table, before } = change;
    const key = keyOf((await this.#shape(table)).key, before);
    const open = this.#changes;
    // One statement changes a row once.
    if (
      open !== undefined &&
      (open.kind !== kind || open.table !== table || open.rows.has(key) || open.rows.size >= BATCH)
    )
      await this.#flush();
    this.#changes ??= { kind, table, rows: new Map() };
    const after = change.kind === 'update' ? (change.text ?? JSON.stringify(change.row)) : 'null';
    this.#changes.rows.set(key, `{"before":${JSON.stringify(before)},"row":${after}}`);
  }

  async #flush(): Promise<void> {
    const [inserts, changes, used] = [this.#inserts, this.#changes, this.#sequences];
    this.#inserts = new Map();
    this.#changes = undefined;
    this.#sequences = new Map();
    for (const [table, rows] of inserts) {
      const { name, columns, key } = await this.#shape(table);
      const list = columns.map(identifier).join(', ');
      // What dr-autopilot writes again under one key takes the place of what was there.
      const again = table.startsWith('dr_')
        ? ` on conflict (${key.map(identifier).join(', ')}) do update set ${columns.map((one) => `${identifier(one)} = excluded.${identifier(one)}`).join(', ')}`
        : '';
      await this.#engine.query(
        `insert into ${name} (${list}) overriding system value select ${list} from jsonb_populate_recordset(null::${name}, ($1::text)::jsonb)${again}`,
        [`[${[...rows.values()].join(',')}]`],
      );
    }
    if (changes !== undefined) {
      const { name, columns, key } = await this.#shape(changes.table);
      const where = key.map((column) => `t.${identifier(column)} = b.${identifier(column)}`).join(' and ');
      const from = `jsonb_array_elements(($1::text)::jsonb) e, lateral jsonb_populate_record(null::${name}, e -> 'before') b`;
      const sql =
        changes.kind === 'delete'
          ? `delete from ${name} t using ${from} where ${where}`
          : `update ${name} t set ${columns.map((one) => `${identifier(one)} = n.${identifier(one)}`).join(', ')} from ${from}, lateral jsonb_populate_record(null::${name}, e -> 'row') n where ${where}`;
      await this.#engine.query(sql, [`[${[...changes.rows.values()].join(',')}]`]);
    }
    for (const [sequence, value] of used)
      await this.#engine.query('select setval(($1::text)::regclass, ($2::text)::bigint)', [sequence, String(value)]);
  }

  async #shape(table: string): Promise<TableShape> {
    const known = this.#shapes.get(table);
    if (known !== undefined) return known;
    const parts = table.includes('.') ? table.split('.') : ['public', table];
    const name = parts.map(identifier).join('.');
    const [row] = await this.#engine.query(
      `select
         (select json_agg(attname order by attnum) from pg_attribute
          where attrelid = c.oid and attnum > 0 and not attisdropped and attgenerated = '') as columns,
         (select json_agg(a.attname order by a.attnum) from pg_index i join pg_attribute a
          on a.attrelid = i.indrelid and a.attnum = any (i.indkey) where i.indrelid = c.oid and i.indisprimary) as key
       from pg_class c where c.oid = to_regclass($1::text)`,
      [name],
    );
    const shape = { name, ...shapeWire.parse(row) };
    this.#shapes.set(table, shape);
    return shape;
  }
}

const keyOf = (key: readonly string[], row: JsonObject): string =>
  JSON.stringify(key.map((column): Json => row[column] ?? null));
