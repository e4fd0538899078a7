import type { Client } from 'pg';
import { z } from 'zod';
import type { SecretText } from '../core/redact.ts';
import { type Millis, minutes, seconds } from '../core/time.ts';
import { isPortError, PortError } from '../ports/port-error.ts';
import type {
  ImportRecord,
  RefusedChange,
  RowChange,
  RowHash,
  RowKey,
  RowPlace,
  Rows,
  RowVersion,
  RowWriter,
  Sequence,
  Slice,
  Table,
  Tally,
  TenantPath,
  Touched,
} from '../ports/rows.ts';
import { normalizeError } from './normalize-error.ts';
import {
  deleteSql,
  hashesSql,
  insertSql,
  SESSION_SETTINGS,
  talliesSql,
  updateSql,
  versionsSql,
} from './postgres-row-sql.ts';
import { parseSchema, SCHEMA_SQL } from './postgres-schema.ts';

// Rows of PostgreSQL by `pg`, which is loaded at the first question. A session is one connection and one transaction.
//
// S1. REPEATABLE READ: one snapshot for everything that a session reads. A row that somebody else has changed since can't be locked
//     in it, and ends it: nothing has happened then.
// S2. No session outlives its work, and none waits for long: for a lock 5 s, for a statement 2 minutes, and a server that hears nothing
//     of us for a minute ends the transaction by itself.
// S3. Values are parameters, names are quoted, and what is written is the text that was read, as the column's own type.

/** Rows that are fetched at once. */
const FETCH = 1_000;

const LOCK_LIMIT: Millis = seconds(5);
const STATEMENT_LIMIT: Millis = minutes(2);
const IDLE_LIMIT: Millis = minutes(1);
const CONNECT_LIMIT: Millis = seconds(10);

/** Numbers that are drawn from a sequence to raise it: no other session can be set back by that. */
const DRAWN_MAX = 1_000_000n;

/** Where a server is reached, and as whom. */
export interface RowServer {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: SecretText;
  /** The authority of the server's certificate, PEM, and the name in it; `undefined` without TLS, on loopback only. */
  readonly tls: { readonly authority: string; readonly name: string } | undefined;
}

/** Rows by sessions of our own. `serverOf` may reject with `PortError`. */
export function createPostgresRows(serverOf: (place: RowPlace) => Promise<RowServer>): Rows {
  const session = async <T>(
    place: RowPlace,
    doing: string,
    begin: string,
    work: (session: PostgresSession) => Promise<T>,
  ): Promise<T> => {
    const client = await connect(await serverOf(place), place.database, doing);
    try {
      const own = new PostgresSession(client, doing);
      await own.run(`begin isolation level repeatable read ${begin}`);
      await own.run(
        `${SESSION_SETTINGS}; set local lock_timeout = ${LOCK_LIMIT}; set local statement_timeout = ${STATEMENT_LIMIT}; set local idle_in_transaction_session_timeout = ${IDLE_LIMIT}`,
      );
      await own.start();
      return await work(own);
    } finally {
      // A transaction that has not been committed ends with its connection.
      await client.end().catch(() => undefined);
    }
  };
  return {
    reading: (place, work) =>
      session(place, `reading rows of ${place.instance}`, 'read only', async (reader) => work(reader)),
    changing: (place, work) =>
      session(place, `changing rows of ${place.instance}`, 'read write', async (writer) => {
        const end = await work(writer);
        if (end.kind === 'commit') await writer.commit();
        return end.value;
      }),
  };
}

/** Logs in; without TLS on loopback only. Rejects with `PortError`: `passwordRefused` where the server says so. */
export async function connect(server: RowServer, database: string, doing: string): Promise<Client> {
  const { default: pg } = await import('pg');
  const { tls, host, port, user } = server;
  const client = new pg.Client({
    host,
    port,
    user,
    database,
    password: server.password.reveal(),
    application_name: 'dr-autopilot',
    connectionTimeoutMillis: CONNECT_LIMIT,
    query_timeout: STATEMENT_LIMIT + CONNECT_LIMIT,
    ...(tls === undefined
      ? {}
      : {
          ssl: {
            ca: tls.authority,
            // Cloud SQL names its instance in the certificate, and no address.
            checkServerIdentity: (_host: string, certificate: { readonly subject: { readonly CN?: unknown } }) =>
              certificate.subject.CN === tls.name ? undefined : new Error('the certificate is another server’s'),
          },
        }),
  });
  // What goes wrong comes with the query too; without a listener it would end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return client;
  } catch (error) {
    await client.end().catch(() => undefined);
    throw portErrorOf(error, doing, 'reads');
  }
}

const SQLSTATE = /^[0-9A-Z]{5}$/;
const codeOf = (error: unknown): string | undefined => {
  const code: unknown = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && SQLSTATE.test(code) && 'severity' in Object(error) ? code : undefined;
};

/** What an error of the server means to us. Before the end of a transaction nothing has happened, so that a lost answer is retryable. */
function portErrorOf(error: unknown, doing: string, effect: 'reads' | 'writes'): PortError {
  if (isPortError(error)) return error;
  const code = codeOf(error);
  if (code === undefined) {
    const found = normalizeError(error, { doing, effect });
    // What is none of the server's words and none of the system's is the client's own giving up.
    return found.code === 'unreadable' && effect === 'reads'
      ? new PortError('retryable', 'timeout', doing, error)
      : found;
  }
  switch (code) {
    case '40001':
      return new PortError('retryable', 'serialization', doing, error);
    case '40P01':
      return new PortError('retryable', 'deadlock', doing, error);
    case '55P03':
      return new PortError('retryable', 'lockTimeout', doing, error);
    case '57014':
      return new PortError('retryable', 'statementTimeout', doing, error);
    case '25006':
      return new PortError('conflict', 'readOnly', doing, error);
    // A copy has the passwords of its moment: production's may have been changed since.
    case '28P01':
      return new PortError('permanent', 'passwordRefused', doing, error);
    case '42501':
      return new PortError('permanent', 'forbidden', doing, error);
    default:
      // Connections (08), resources (53) and a server that goes down or comes up (57).
      return /^(08|53|57)/.test(code)
        ? new PortError('retryable', `sql ${code}`, doing, error)
        : new PortError('permanent', `sql ${code}`, doing, error);
  }
}

const hashWire = z.array(z.object({ key: z.array(z.string()), hash: z.string() }));
const versionWire = z.array(
  z.object({
    key: z.array(z.string()),
    hash: z.string(),
    row: z.string().transform((text) => z.record(z.string(), z.string().nullable()).parse(JSON.parse(text))),
  }),
);
const tallyWire = z.array(z.object({ tenant: z.string().nullable(), rows: z.coerce.number(), sum: z.string() }));
const touchedWire = z.array(
  z.object({
    table: z.string(),
    inserted: z.coerce.number(),
    updated: z.coerce.number(),
    deleted: z.coerce.number(),
  }),
);
const recordWire = z.array(z.object({ incident: z.string(), result: z.string() }));
const sequenceWire = z.tuple([z.object({ last: z.string(), used: z.boolean() })]);

/** By table; partitions count as their table. Schemas of the server are its own, and ours only holds marks. */
const TOUCHED_SQL = `
select n.nspname || '.' || c.relname as table, sum(s.n_tup_ins)::text as inserted, sum(s.n_tup_upd)::text as updated,
  sum(s.n_tup_del)::text as deleted
from pg_stat_xact_all_tables s join pg_class c on c.oid = coalesce(pg_partition_root(s.relid)::oid, s.relid)
join pg_namespace n on n.oid = c.relnamespace
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and s.n_tup_ins + s.n_tup_upd + s.n_tup_del > 0
group by 1 order by 1`;

class PostgresSession implements RowWriter {
  readonly #client: Client;
  readonly #doing: string;
  #cursors = 0;
  #isExact = true;
  #before: readonly Touched[] = [];

  constructor(client: Client, doing: string) {
    this.#client = client;
    this.#doing = doing;
  }

  async run(text: string, values?: readonly string[]): Promise<readonly unknown[]> {
    try {
      // Without parameters a text may hold several statements.
      return (await (values === undefined ? this.#client.query(text) : this.#client.query(text, [...values]))).rows;
    } catch (error) {
      throw portErrorOf(error, this.#doing, 'reads');
    }
  }

  /** What the server counts as ours already: it adds up what a process did, and not every server gives each session one. */
  async start(): Promise<void> {
    this.#before = await this.#counted();
  }

  async commit(): Promise<void> {
    try {
      await this.#client.query('commit');
    } catch (error) {
      throw portErrorOf(error, this.#doing, 'writes');
    }
  }

  async schema(): Promise<readonly Table[]> {
    await this.run('set local search_path = pg_catalog');
    const rows = await this.run(SCHEMA_SQL);
    await this.run('set local search_path = default');
    return parseSchema(rows);
  }

  async *hashes(table: Table, slice: Slice): AsyncGenerator<readonly RowHash[]> {
    const cursor = `dr_rows_${++this.#cursors}`;
    const { text, values } = hashesSql(table, slice, cursor);
    await this.run(text, values);
    for (;;) {
      const rows = hashWire.parse(await this.run(`fetch ${FETCH} from ${cursor}`));
      if (rows.length > 0) yield rows;
      if (rows.length < FETCH) break;
    }
    await this.run(`close ${cursor}`);
  }

  versions = (table: Table, keys: readonly RowKey[]): Promise<readonly RowVersion[]> =>
    this.#versions(table, keys, false);

  lock = (table: Table, keys: readonly RowKey[]): Promise<readonly RowVersion[]> => this.#versions(table, keys, true);

  async #versions(table: Table, keys: readonly RowKey[], isLocking: boolean): Promise<readonly RowVersion[]> {
    return versionWire.parse(await this.run(versionsSql(table, isLocking), [JSON.stringify(keys)]));
  }

  async tallies(table: Table, path: TenantPath | undefined): Promise<ReadonlyMap<string | null, Tally>> {
    const rows = tallyWire.parse(await this.run(talliesSql(table, path)));
    return new Map(rows.map(({ tenant, rows: count, sum }) => [tenant, { rows: count, sum: BigInt(sum) }]));
  }

  async imported(set: ImportRecord['set']): Promise<ImportRecord | undefined> {
    try {
      const found = await this.run('select incident, result from public.dr_row_imports where set_digest = $1', [set]);
      const [entry] = recordWire.parse(found);
      return entry === undefined ? undefined : { set, ...entry };
    } catch (error) {
      if (!isPortError(error) || error.code !== 'sql 42P01') throw error;
      throw new PortError('permanent', 'noImportTable', this.#doing, error);
    }
  }

  async record({ set, incident, result }: ImportRecord): Promise<void> {
    const text =
      'insert into public.dr_row_imports (set_digest, incident, imported_at, result) values ($1, $2, now(), $3)';
    try {
      await this.run(text, [set, incident, result]);
    } catch (error) {
      // Somebody else has imported the set since our snapshot: the next try finds that.
      if (!isPortError(error) || error.code !== 'sql 23505') throw error;
      throw new PortError('retryable', 'serialization', this.#doing, error);
    }
  }

  async apply(table: Table, changes: readonly RowChange[]): Promise<readonly RefusedChange[]> {
    const code = await this.#attempt(table, changes);
    if (code === undefined) return [];
    this.#isExact = false;
    const [only] = changes;
    if (changes.length === 1 && only !== undefined) return [{ key: only.key, code }];
    const refused: RefusedChange[] = [];
    for (const change of changes) {
      const because = await this.#attempt(table, [change]);
      if (because !== undefined) refused.push({ key: change.key, code: because });
    }
    return refused;
  }

  /** All of the changes, or none and the SQLSTATE of the constraint that stands against one of them. */
  async #attempt(table: Table, changes: readonly RowChange[]): Promise<string | undefined> {
    await this.run('savepoint dr_rows');
    try {
      const { text, value } = statementOf(table, changes);
      await this.#client.query(text, [JSON.stringify(value)]);
    } catch (error) {
      const code = codeOf(error);
      if (code === undefined || !code.startsWith('23')) throw portErrorOf(error, this.#doing, 'reads');
      await this.run('rollback to savepoint dr_rows');
      return code;
    }
    await this.run('release savepoint dr_rows');
    return undefined;
  }

  async settle(): Promise<void> {
    await this.run('set constraints all immediate');
  }

  async touched(): ReturnType<RowWriter['touched']> {
    const tables = (await this.#counted()).map((now): Touched => {
      const { inserted = 0, updated = 0, deleted = 0 } = this.#before.find(({ table }) => table === now.table) ?? {};
      const { table } = now;
      return {
        table,
        inserted: now.inserted - inserted,
        updated: now.updated - updated,
        deleted: now.deleted - deleted,
      };
    });
    const isMore = ({ inserted, updated, deleted }: Touched): boolean => inserted + updated + deleted > 0;
    return { isExact: this.#isExact, tables: tables.filter(isMore) };
  }

  async #counted(): Promise<readonly Touched[]> {
    return touchedWire.parse(await this.run(TOUCHED_SQL));
  }

  async raise({ sequence, increment }: Sequence, value: bigint): Promise<void> {
    const step = BigInt(increment);
    const [{ last, used }] = sequenceWire.parse(
      await this.run(`select last_value::text as last, is_called as used from ${sequence}`),
    );
    const given = used ? BigInt(last) : BigInt(last) - step;
    const wanted = value - given;
    if (wanted <= 0n) return;
    const draws = (wanted + step - 1n) / step;
    if (draws <= DRAWN_MAX) {
      const text = 'select count(nextval(($1::text)::regclass)) from generate_series(1, ($2::text)::bigint)';
      await this.run(text, [sequence, String(draws)]);
      return;
    }
    // Others would have to draw a million numbers between the two words of this statement to be set back.
    await this.run(
      `select setval(($1::text)::regclass, ($2::text)::bigint) from ${sequence} where last_value < ($2::text)::bigint`,
      [sequence, String(value)],
    );
  }
}

function statementOf(table: Table, changes: readonly RowChange[]): { readonly text: string; readonly value: unknown } {
  const [first] = changes;
  switch (first?.kind) {
    case 'insert':
      return { text: insertSql(table), value: rowsOf(changes) };
    case 'update':
      return { text: updateSql(table), value: rowsOf(changes) };
    case 'delete':
    case undefined:
      return { text: deleteSql(table), value: changes.map(({ key }) => key) };
  }
}

const rowsOf = (changes: readonly RowChange[]): readonly unknown[] =>
  changes.flatMap((change) => (change.kind === 'delete' ? [] : [change.row]));
