import { z } from 'zod';
import { instant } from '../../shared/core/time.ts';
import type { RowChange, Writer } from '../world/row-change.ts';
import type { History } from '../world/sql-rows.ts';
import { documentChanges, INDEXES, TABLES, TENANTS, tenantOf } from '../world/sql-schema.ts';
import type { SqlServer } from '../world/sql-server.ts';
import type { SqlServers } from '../world/sql-servers.ts';
import { changesOf } from '../world/sql-tables.ts';
import { Applier } from './apply.ts';
import {
  type EngineMode,
  fingerprint,
  installCapture,
  logPosition,
  sequences,
  setMode,
  takeCaptured,
} from './capture.ts';
import { type Engine, type EngineKind, type EngineSession, ROLES, type SessionIdentity, SqlError } from './engine.ts';
import type { FoundImage, Images } from './images.ts';
import { Turns } from './turns.ts';
import { isIdle } from './wire.ts';

// The real database of one instance. The model's history is its write-ahead log: the engine holds what the history of its server
// holds, and what clients commit on it is added to that history before they hear of it.
//
// E1. A commit that a client was told of is in the history of the server that took it.
// E2. A replica's engine never holds a row that its history does not have: it shows what has been replayed, and no more.
// E3. An engine is a copy and may be thrown away at any time: it is made again from the history.
// E4. One client's transaction at a time. While it lasts the application's commits go on; they are made real after it, and no lock of
//     it holds them up.

/** Rows of the history that are applied at once. */
const ROWS_AT_ONCE = 5_000;

/** Any moment will do for a row that is taken back. */
const PROBED_AT = instant(0);

/** How long a client may think in the middle of a transaction, during which others wait, wall milliseconds. */
const IDLE_IN_TRANSACTION_MAX = 60_000;

/** What the sandbox itself has done is written by it, and not by a client. */
const OURSELVES: Writer = { user: ROLES.administrator, application: 'sandbox' };

interface Running {
  readonly engine: Engine;
  /** Which history it is a copy of. */
  readonly history: History;
  applier: Applier;
  /** How many rows of the history it has. */
  applied: number;
  /** Rows beyond those that it has as well: what its own clients committed. */
  readonly own: Set<number>;
  mode: EngineMode | undefined;
  fingerprint: string;
  position: string;
  sequences: ReadonlyMap<string, number>;
}

/** A client's session on it. */
export interface DatabaseSession {
  /** What the server answers. Throws when the session is over, because the database was made anew. */
  send(messages: Uint8Array): Promise<Uint8Array>;
  end(): Promise<void>;
}

/** The engine of one instance, started when it is first asked. */
export class InstanceDatabase {
  readonly #kind: EngineKind;
  readonly #servers: SqlServers;
  readonly #images: Images;
  readonly #name: string;
  readonly #turns = new Turns();
  readonly #idleMax: number;
  #running: Running | undefined;
  #closed = false;

  constructor(parts: {
    readonly kind: EngineKind;
    readonly servers: SqlServers;
    readonly images: Images;
    readonly name: string;
    readonly idleInTransactionMax?: number;
  }) {
    this.#kind = parts.kind;
    this.#servers = parts.servers;
    this.#images = parts.images;
    this.#name = parts.name;
    this.#idleMax = parts.idleInTransactionMax ?? IDLE_IN_TRANSACTION_MAX;
  }

  /** Works on the engine by ourselves, in a turn of its own; what that commits is captured like a client's. */
  work<T>(work: (engine: Engine) => Promise<T>): Promise<T> {
    return this.#turns.during(async () => {
      const running = await this.#current();
      try {
        return await work(running.engine);
      } finally {
        await this.#settle(running, OURSELVES);
      }
    });
  }

  /**
   * Opens a client's session. Its turns end where it is idle, or, with `inOneTurn`, when the session ends: its commits reach the
   * history together then, which a script with many definitions needs.
   */
  async connect(
    identity: Omit<SessionIdentity, 'settings'>,
    { inOneTurn = false }: { readonly inOneTurn?: boolean } = {},
  ): Promise<DatabaseSession> {
    const opened = await this.#turns.during(async () => {
      const running = await this.#current();
      const settings = { default_transaction_read_only: running.mode === 'primary' ? 'off' : 'on' };
      return { running, session: await running.engine.connect({ ...identity, settings }) };
    });
    const me = {};
    const writer = { user: identity.user, application: identity.application };
    let ended: SqlError | undefined;
    let patience: NodeJS.Timeout | undefined;
    const end = async (): Promise<void> => {
      clearTimeout(patience);
      await this.#turns.take(me);
      try {
        await opened.session.end();
        if (this.#running === opened.running) await this.#settle(opened.running, writer);
      } finally {
        this.#turns.give(me);
      }
    };
    return {
      send: async (messages) => {
        clearTimeout(patience);
        if (ended !== undefined) throw ended;
        if (await this.#turns.take(me)) await this.#begin(opened.running, me);
        let over = true;
        try {
          const said = await this.#send(opened.running, opened.session, messages);
          over = isIdle(said) && !inOneTurn;
          if (over) await this.#settle(opened.running, writer);
          return said;
        } finally {
          if (over) this.#turns.give(me);
          else
            patience = setTimeout(() => {
              ended = new SqlError('25P03', 'terminating connection due to idle-in-transaction timeout');
              end().catch((error: unknown) => {
                ended = new SqlError('57P02', `the session could not be ended: ${String(error)}`);
              });
            }, this.#idleMax);
        }
      },
      end: async () => {
        if (ended === undefined) await end();
      },
    };
  }

  /** Ends the engine; a later question starts another. */
  discard = (): Promise<void> => this.#turns.during(() => this.#end());

  async close(): Promise<void> {
    this.#closed = true;
    await this.#end();
  }

  async #begin(running: Running, me: object): Promise<void> {
    try {
      if ((await this.#current()) !== running) throw new SqlError('57P01', 'the database was made anew');
    } catch (error) {
      this.#turns.give(me);
      throw error;
    }
  }

  async #send(running: Running, session: EngineSession, messages: Uint8Array): Promise<Uint8Array> {
    try {
      return await session.send(messages);
    } catch (error) {
      // An engine that fails otherwise than by refusing a statement is of no more use (E3).
      if (this.#running === running) await this.#end();
      throw error;
    }
  }

  async #end(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    await running?.engine.close();
  }

  /** The engine, holding what the history holds now, and answering as what its server is now. */
  async #current(): Promise<Running> {
    if (this.#closed) throw new SqlError('57P01', 'the sandbox has ended');
    const server = this.#servers.server(this.#name);
    if (server === undefined) throw new SqlError('08006', `there is no server ${this.#name}`);
    if (this.#running !== undefined && this.#running.history !== server.history) await this.#end();
    this.#running ??= await this.#start(server.history);
    await this.#catchUp(this.#running);
    // It may have been made anew by that.
    const running = this.#running;
    const mode = modeOf(server);
    if (running.mode !== mode) {
      await setMode(running.engine, mode);
      running.mode = mode;
      await this.#remember(running);
    }
    return running;
  }

  async #start(history: History): Promise<Running> {
    const image = this.#images.newestIn(history);
    const engine = await this.#kind.start(image?.bytes);
    try {
      const running = await this.#fill(engine, history, image);
      if (this.#closed) throw new SqlError('57P01', 'the sandbox has ended');
      return running;
    } catch (error) {
      await engine.close(); // nobody else knows of it yet, and it would keep this process alive
      throw error;
    }
  }

  async #fill(engine: Engine, history: History, image: FoundImage | undefined): Promise<Running> {
    if (image === undefined && history.base === 'reference') await layFoundation(engine);
    await installCapture(engine);
    const running: Running = {
      engine,
      history,
      applier: new Applier(engine),
      applied: image?.covers ?? history.oldest(),
      own: new Set(image === undefined ? [] : [image.index, ...image.before]),
      mode: undefined,
      fingerprint: '',
      position: '',
      sequences: new Map(),
    };
    await this.#catchUp(running);
    await this.#remember(running);
    return running;
  }

  /** Makes real what has been committed or replayed since the last time. */
  async #catchUp(running: Running): Promise<void> {
    const { history, own } = running;
    if (running.applied >= history.count()) return;
    const image = this.#images.newestIn(history, running.applied, own);
    // What another server committed as an image is taken as one: nothing before it matters any more.
    if (image !== undefined) return await this.#beginAgain(running);
    while (running.applied < history.count()) {
      const until = Math.min(running.applied + ROWS_AT_ONCE, history.count());
      const rows: (readonly RowChange[])[] = [];
      for (let index = running.applied; index < until; index++) {
        const row = history.row(index);
        if (row !== undefined && !own.delete(index)) rows.push(changesOf(row));
      }
      await applyAll(running.applier, rows);
      running.applied = until;
    }
    await this.#remember(running);
  }

  async #beginAgain(running: Running): Promise<void> {
    await running.engine.close();
    this.#running = await this.#start(running.history);
  }

  /** After a client's turn: what it committed goes into the history (E1), and what a replica should not have is thrown away. */
  async #settle(running: Running, writer: Writer): Promise<void> {
    try {
      await this.#record(running, writer);
    } catch (error) {
      // What it committed may not be in the history now: then it must not be seen either (E2, E3).
      if (this.#running === running) await this.#end();
      throw error;
    }
  }

  async #record(running: Running, writer: Writer): Promise<void> {
    const { engine, history, own } = running;
    const position = await logPosition(engine);
    if (position === running.position) return;
    const captured = running.mode === 'primary' ? await takeCaptured(engine) : [];
    const now = await fingerprint(engine);
    const server = this.#servers.server(this.#name);
    if (now !== running.fingerprint && running.mode !== 'primary') return await this.#end();
    if (server === undefined || server.history !== history || running.mode !== 'primary') {
      running.position = await logPosition(engine);
      return;
    }
    if (now !== running.fingerprint || captured.some(({ whole }) => whole)) {
      await installCapture(engine);
      running.applier = new Applier(engine);
      // From here on the application meets the tables as they have become, and what it wrote during the turn is tried on them.
      const refusals = await refusalsOf(engine);
      history.refuse(refusals);
      await this.#catchUp(running);
      const image = await engine.image();
      const applications = await documentsOn(engine);
      own.add(history.count());
      const name = this.#images.keep(image, [...own]);
      const covers = running.applied;
      this.#servers.commit(server, { kind: 'image', writer, image: name, covers, applications, refusals });
    } else {
      for (const { writer: who, changes } of captured) {
        own.add(history.count());
        this.#servers.commit(server, { kind: 'transaction', writer: who, changes });
      }
      await this.#captureSequences(running, server, writer);
    }
    await this.#remember(running);
  }

  /** Sequences are used even by what is rolled back. */
  async #captureSequences(running: Running, server: SqlServer, writer: Writer): Promise<void> {
    const found = await sequences(running.engine);
    const changes = [...found].flatMap(([sequence, value]): RowChange[] =>
      running.sequences.get(sequence) === value ? [] : [{ kind: 'sequence', sequence, value }],
    );
    running.sequences = found;
    if (changes.length === 0) return;
    running.own.add(running.history.count());
    this.#servers.commit(server, { kind: 'transaction', writer, changes });
  }

  async #remember(running: Running): Promise<void> {
    running.fingerprint = await fingerprint(running.engine);
    running.sequences = await sequences(running.engine);
    running.position = await logPosition(running.engine);
  }
}

/** Applies what each row of a history did: all at once, or, where the engine refuses that, row by row without those that it refuses. */
async function applyAll(applier: Applier, rows: readonly (readonly RowChange[])[]): Promise<void> {
  try {
    await applier.apply(rows.flat());
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    for (const row of rows)
      await applier.apply(row).catch((refusal: unknown) => {
        if (!(refusal instanceof SqlError)) throw refusal;
      });
  }
}

/** Writes of the application whose documents are there; none where their table is not. */
async function documentsOn(engine: Engine): Promise<readonly string[]> {
  try {
    const rows = await engine.query('select request_id from public.documents');
    return rows.map((row) => z.object({ request_id: z.string() }).parse(row).request_id);
  } catch (error) {
    if (error instanceof SqlError) return [];
    throw error;
  }
}

/** Why the server refuses writes of the application, by tenant. */
async function refusalsOf(engine: Engine): Promise<Readonly<Record<string, string>>> {
  const refusals: Record<string, string> = {};
  for (const [index] of TENANTS.entries()) {
    const why = await refusalOf(engine, `probe/${index}`);
    if (why !== undefined) refusals[tenantOf(`probe/${index}`)] = why;
  }
  return refusals;
}

const modeOf = (server: SqlServer): EngineMode => {
  if (server.role() === 'replica') return 'replica';
  return server.acceptsWrites() ? 'primary' : 'readOnly';
};

/** The reference schema and its tenants. */
async function layFoundation(engine: Engine): Promise<void> {
  const statements = [...TABLES.map(({ ddl }) => ddl), ...INDEXES].join('; ');
  await engine.execute(`set role ${ROLES.application}; ${statements}; reset role`);
  for (const { id, name } of TENANTS)
    await engine.query('insert into tenants (id, name) values (($1::text)::uuid, $2)', [id, name]);
}

/** Tries the application's transaction and takes it back; why the server refuses it, or `undefined`. */
async function refusalOf(engine: Engine, id: string): Promise<string | undefined> {
  await engine.execute('begin');
  try {
    // Negative numbers are nobody's.
    for (const change of documentChanges(id, PROBED_AT, -1)) {
      if (change.kind !== 'insert') continue;
      const columns = Object.keys(change.row).join(', ');
      await engine.query(
        `insert into public.${change.table} (${columns}) select ${columns} from jsonb_populate_record(null::public.${change.table}, ($1::text)::jsonb)`,
        [JSON.stringify(change.row)],
      );
    }
    return undefined;
  } catch (error) {
    if (error instanceof SqlError) return error.message;
    throw error;
  } finally {
    await engine.execute('rollback');
  }
}
