import { readFile } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { z } from 'zod';
import type { DumpRequest } from '../world/sql-contents.ts';
import { REFERENCE } from '../world/reference-system.ts';
import {
  type Engine,
  type EngineImage,
  type EngineKind,
  type EngineRow,
  type EngineSession,
  ROLES,
  type SessionIdentity,
  SqlError,
} from './engine.ts';
import { blankImage, PROGRAM } from './blank-image.ts';
import { writePlainDump } from './plain-dump.ts';
import { isIdle } from './wire.ts';

// PGlite: PostgreSQL compiled to WebAssembly, one process with one session. Several clients share that session in turns, so what
// belongs to a session is put away when another client's turn comes and laid out again when it returns.
//
// G1. Kept for each client: its login and its settings (SET). Lost at a turn of somebody else: prepared statements with a name,
//     temporary tables, cursors held beyond a transaction, advisory locks.
// G2. Between turns nothing is in a transaction: a turn ends only where the server is idle.

const reply = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('answer'), value: z.unknown() }),
  z.object({ kind: z.literal('failure'), code: z.string(), message: z.string() }),
]);
const bytes = z.instanceof(Uint8Array);
const rowsWire = z.array(z.record(z.string(), z.unknown()));
const settingsWire = z.array(z.object({ name: z.string(), setting: z.string() }));

/** What a thread begins with. */
interface ThreadStart {
  readonly database: string;
  /** `undefined`: it makes a database. */
  readonly image: EngineImage | undefined;
  /** PostgreSQL itself. */
  readonly program: WebAssembly.Module;
}

/** A thread that answers one request after the other. */
class Thread {
  readonly #worker: Worker;
  #waiting: { readonly done: (value: unknown) => void; readonly fail: (error: Error) => void }[] = [];
  #ended: Error | undefined;
  readonly ready: Promise<unknown>;

  constructor({ database, image, program }: ThreadStart) {
    this.#worker = new Worker(new URL('./pglite-thread.ts', import.meta.url), {
      workerData: { database, image, program, initdb: INITDB },
      execArgv: ['--disable-warning=ExperimentalWarning'],
    });
    this.ready = new Promise((done, fail) => this.#waiting.push({ done, fail }));
    this.#worker.on('message', (message: unknown) => {
      const said = reply.parse(message);
      const next = this.#waiting.shift();
      if (said.kind === 'answer') next?.done(said.value);
      else next?.fail(new SqlError(said.code, said.message));
    });
    this.#worker.on('error', (error) => this.#end(error instanceof Error ? error : new Error(String(error))));
    this.#worker.on('exit', () => this.#end(new Error('the engine has ended')));
  }

  ask(request: { readonly kind: string; readonly [name: string]: unknown }): Promise<unknown> {
    return new Promise((done, fail) => {
      if (this.#ended !== undefined) return fail(this.#ended);
      this.#waiting.push({ done, fail });
      this.#worker.postMessage(request);
    });
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  #end(error: Error): void {
    this.#ended ??= error;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { fail } of waiting) fail(error);
  }
}

class PgliteSession implements EngineSession {
  readonly identity: SessionIdentity;
  readonly #engine: PgliteEngine;
  /** Settings that differ from the default, while another session has its turn. */
  settings: readonly { readonly name: string; readonly setting: string }[];

  constructor(engine: PgliteEngine, identity: SessionIdentity) {
    this.#engine = engine;
    this.identity = identity;
    const settings = Object.entries(identity.settings).map(([name, setting]) => ({ name, setting }));
    this.settings = [{ name: 'application_name', setting: identity.application }, ...settings];
  }

  send(messages: Uint8Array): Promise<Uint8Array> {
    return this.#engine.sendFor(this, messages);
  }

  end(): Promise<void> {
    return this.#engine.endOf(this);
  }
}

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

class PgliteEngine implements Engine {
  readonly #thread: Thread;
  /** Whose the one session is; `undefined` when it is our own. */
  #holder: PgliteSession | undefined;
  #idle = true;

  constructor(thread: Thread) {
    this.#thread = thread;
  }

  async query(sql: string, parameters: readonly string[] = []): Promise<readonly EngineRow[]> {
    await this.#takeOver();
    return rowsWire.parse(await this.#thread.ask({ kind: 'query', sql, parameters: [...parameters] }));
  }

  async execute(sql: string): Promise<void> {
    await this.#takeOver();
    await this.#thread.ask({ kind: 'execute', sql });
  }

  async connect(identity: SessionIdentity): Promise<EngineSession> {
    return new PgliteSession(this, identity);
  }

  async image(): Promise<EngineImage> {
    await this.#takeOver();
    return bytes.parse(await this.#thread.ask({ kind: 'image' }));
  }

  dump(request: Extract<DumpRequest, { readonly kind: 'sql' }>): Promise<string> {
    return writePlainDump(this, request);
  }

  async close(): Promise<void> {
    await this.#thread.terminate();
  }

  async sendFor(session: PgliteSession, messages: Uint8Array): Promise<Uint8Array> {
    if (this.#holder !== session) {
      await this.#takeOver();
      const set = session.settings.map(({ name, setting }) => `${literal(name)}, ${literal(setting)}`);
      const settings = set.map((one) => `select set_config(${one}, false)`).join('; ');
      await this.#thread.ask({
        kind: 'execute',
        sql: `set session authorization ${session.identity.user}; ${settings}`,
      });
      this.#holder = session;
    }
    const said = bytes.parse(await this.#thread.ask({ kind: 'raw', messages }));
    this.#idle = isIdle(said);
    return said;
  }

  async endOf(session: PgliteSession): Promise<void> {
    if (this.#holder !== session) return;
    if (!this.#idle) await this.#thread.ask({ kind: 'execute', sql: 'rollback' });
    this.#idle = true;
  }

  /** Puts a client's session away (G1). */
  async #takeOver(): Promise<void> {
    const holder = this.#holder;
    if (holder === undefined) return;
    const sql = `select name, setting from pg_settings where source = 'session' and context in ('user', 'superuser')`;
    holder.settings = settingsWire.parse(await this.#thread.ask({ kind: 'query', sql, parameters: [] }));
    this.#holder = undefined;
    // PGlite's own login is `postgres`; DEFAULT does not bring it back there.
    const reset = 'close all; set session authorization postgres; reset role; reset all; deallocate all; discard temp';
    await this.#thread.ask({ kind: 'execute', sql: reset });
  }
}

/** How a database is made: what an engine writes is copied whole with each image, and nothing here fails under a database. */
const INITDB = ['--wal-segsize=1', '--no-data-checksums'];

/** What a database is before anything is in it. */
const BLANK = [
  `create role ${ROLES.application} login`,
  `create database ${REFERENCE.database} owner ${ROLES.application}`,
];

/** Databases that nobody here connects to: hundreds of files each, of which every image would hold a copy. */
const SPARE = ['template0', 'template1', 'postgres'];

const WITHOUT_SPARE = [
  'update pg_database set datistemplate = false',
  ...SPARE.map((name) => `drop database ${name}`),
  'checkpoint',
];

/** Engines of PGlite. The first one of all makes a database, and the others begin with a copy of it. */
export class PgliteKind implements EngineKind {
  readonly name = 'PGlite';
  #program: Promise<WebAssembly.Module> | undefined;
  #blank: Promise<EngineImage> | undefined;

  async start(image: EngineImage | undefined): Promise<Engine> {
    this.#program ??= compiled();
    const program = await this.#program;
    this.#blank ??= blankImage([...INITDB, ...BLANK, ...WITHOUT_SPARE], () => makeBlank(program));
    return await begun(new Thread({ database: REFERENCE.database, image: image ?? (await this.#blank), program }));
  }

  async close(): Promise<void> {}
}

async function begun(thread: Thread): Promise<PgliteEngine> {
  try {
    await thread.ready;
    return new PgliteEngine(thread);
  } catch (error) {
    await thread.terminate();
    throw error;
  }
}

/** All threads run the same code: what one of them has had compiled, the others find done. */
async function compiled(): Promise<WebAssembly.Module> {
  return await WebAssembly.compile(await readFile(PROGRAM));
}

async function makeBlank(program: WebAssembly.Module): Promise<EngineImage> {
  const whole = await imageAfter(BLANK, { database: 'postgres', image: undefined, program });
  return await imageAfter(WITHOUT_SPARE, { database: REFERENCE.database, image: whole, program });
}

async function imageAfter(statements: readonly string[], start: ThreadStart): Promise<EngineImage> {
  const engine = await begun(new Thread(start));
  try {
    for (const statement of statements) await engine.execute(statement);
    return await engine.image();
  } finally {
    await engine.close();
  }
}
