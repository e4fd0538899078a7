import type { Socket } from 'node:net';
import type { DatabaseSession } from './instance-database.ts';
import { SqlError } from './engine.ts';
import {
  COPY_WANTED,
  errorMessage,
  firstMessage,
  parameter,
  PASSWORD_WANTED,
  READY,
  readOpening,
  textOf,
  WELCOME,
} from './wire.ts';

// One client's connection: who it is, and its messages in portions that end where the server has to answer. The engine reads and
// answers the messages themselves.

/** What a connection is let in by. */
export interface Gatekeeper {
  /** Why somebody is not let in, or `undefined`. Asked again before each portion: `gone` when the server does not answer any more. */
  readonly refuses: (login: Login) => { readonly code: string; readonly message: string } | undefined;
  readonly state: () => 'ok' | 'connectionRefused' | 'timeout';
  readonly open: (login: Login) => Promise<DatabaseSession>;
  /** What the server says of itself. */
  readonly parameters: () => Promise<Readonly<Record<string, string>>>;
}

/** What a client says of itself. */
export interface Login {
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly application: string;
}

/** Messages after which a server answers: Query, Sync, Flush, FunctionCall. */
const ENDS_PORTION = new Set(['Q', 'S', 'H', 'F']);

const COPY_IN = /^\s*copy\b[^;]*\bfrom\s+stdin\b/i;

/** Serves a client until it leaves or is cut off. Rejects when its session could not be ended. */
export async function serveClient(socket: Socket, gate: Gatekeeper): Promise<void> {
  const reader = new Reader(socket);
  let session: DatabaseSession | undefined;
  try {
    const login = await admit(socket, reader, gate);
    if (login === undefined) return;
    session = await gate.open(login);
    await greet(socket, login, await gate.parameters());
    await converse(socket, reader, gate, session);
  } catch (error) {
    if (!socket.destroyed)
      socket.write(errorMessage('FATAL', error instanceof SqlError ? error.code : '57P02', words(error)));
  } finally {
    socket.end();
    await session?.end();
  }
}

const words = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function admit(socket: Socket, reader: Reader, gate: Gatekeeper): Promise<Login | undefined> {
  for (;;) {
    const opening = await reader.opening();
    const state = gate.state();
    if (state === 'timeout') await reader.end(); // a host that vanished says nothing
    if (state !== 'ok' || opening === undefined || opening.kind === 'cancel') return undefined; // PGlite can't be interrupted
    if (opening.kind === 'unknown') throw new SqlError('08P01', 'unsupported frontend protocol');
    if (opening.kind === 'encryption') {
      socket.write('N');
      continue;
    }
    socket.write(PASSWORD_WANTED);
    const said = await reader.message();
    if (said === undefined) return undefined;
    const { user = '', database = user, application_name: application = '' } = opening.parameters;
    const login = { user, database, application, password: said.type === 'p' ? textOf(said.bytes) : '' };
    const refusal = gate.refuses(login);
    if (refusal !== undefined) throw new SqlError(refusal.code, refusal.message);
    return login;
  }
}

async function greet(socket: Socket, login: Login, parameters: Readonly<Record<string, string>>): Promise<void> {
  const told = { ...parameters, session_authorization: login.user, application_name: login.application };
  socket.write(Buffer.concat([WELCOME, ...Object.entries(told).map(([name, value]) => parameter(name, value)), READY]));
}

async function converse(socket: Socket, reader: Reader, gate: Gatekeeper, session: DatabaseSession): Promise<void> {
  for (;;) {
    const portion = await nextPortion(socket, reader);
    if (portion === undefined) return;
    const state = gate.state();
    // A host that vanished says nothing; the connection stays as it is until the client gives up.
    if (state === 'timeout') continue;
    if (state === 'connectionRefused') return;
    if (portion.kind === 'refused') {
      socket.write(Buffer.concat([errorMessage('ERROR', portion.code, portion.message), READY]));
      continue;
    }
    const said = await session.send(portion.messages);
    const after = gate.state();
    if (after === 'timeout') continue;
    // It went down meanwhile: the client does not hear what came of it.
    if (after === 'connectionRefused') return;
    // It heard already that the text of COPY is waited for.
    socket.write(portion.copied && said[0] === COPY_WANTED[0] ? afterFirst(said) : said);
  }
}

const afterFirst = (said: Uint8Array): Buffer => {
  const all = Buffer.from(said);
  return all.subarray(firstMessage(all)?.bytes.length ?? 0);
};

type Portion =
  | { readonly kind: 'messages'; readonly messages: Buffer; readonly copied: boolean }
  | { readonly kind: 'refused'; readonly code: string; readonly message: string };

async function nextPortion(socket: Socket, reader: Reader): Promise<Portion | undefined> {
  const messages: Buffer[] = [];
  for (;;) {
    const next = await reader.message();
    if (next === undefined || next.type === 'X') return undefined;
    messages.push(next.bytes);
    if (next.type === 'Q' && COPY_IN.test(textOf(next.bytes))) return await copyPortion(socket, reader, messages);
    if (next.type === 'P' && COPY_IN.test(textOf(next.bytes.subarray(next.bytes.indexOf(0, 5) - 4)))) {
      // An engine that waits for text in the middle of a portion would end.
      while ((await reader.message())?.type !== 'S');
      return { kind: 'refused', code: '0A000', message: 'the sandbox takes COPY FROM STDIN as a simple query only' };
    }
    if (ENDS_PORTION.has(next.type)) return { kind: 'messages', messages: Buffer.concat(messages), copied: false };
  }
}

/** The engine gets a COPY together with its text, since it can't wait for it. */
async function copyPortion(socket: Socket, reader: Reader, messages: Buffer[]): Promise<Portion | undefined> {
  socket.write(COPY_WANTED);
  for (;;) {
    const next = await reader.message();
    if (next === undefined) return undefined;
    if (next.type === 'f')
      return { kind: 'refused', code: '57014', message: `COPY from stdin failed: ${textOf(next.bytes)}` };
    messages.push(next.bytes);
    if (next.type === 'c') return { kind: 'messages', messages: Buffer.concat(messages), copied: true };
  }
}

/** Whole messages out of what a socket brings. */
class Reader {
  readonly #socket: Socket;
  #buffer: Buffer = Buffer.alloc(0);
  #wake: (() => void) | undefined;
  #ended = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    const end = (): void => {
      this.#ended = true;
      this.#wake?.();
    };
    socket.on('data', (data: Buffer) => {
      this.#buffer = this.#buffer.length === 0 ? data : Buffer.concat([this.#buffer, data]);
      this.#wake?.();
    });
    socket.on('end', end);
    socket.on('close', end);
    socket.on('error', end);
  }

  opening() {
    return this.#next(() => {
      const found = readOpening(this.#buffer);
      if (found !== undefined) this.#buffer = this.#buffer.subarray(found.length);
      return found?.opening;
    });
  }

  message() {
    return this.#next(() => {
      const found = firstMessage(this.#buffer);
      if (found !== undefined) this.#buffer = this.#buffer.subarray(found.bytes.length);
      return found;
    });
  }

  /** Resolves when the client has gone. */
  async end(): Promise<void> {
    while (!this.#ended) await this.#more();
  }

  #more(): Promise<void> {
    return new Promise((wake) => {
      this.#wake = wake;
    });
  }

  async #next<T>(take: () => T | undefined): Promise<T | undefined> {
    for (;;) {
      const found = take();
      if (found !== undefined) return found;
      if (this.#ended || this.#socket.destroyed) return undefined;
      await this.#more();
    }
  }
}
