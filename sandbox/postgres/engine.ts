import type { DumpRequest } from '../world/sql-contents.ts';

// A real PostgreSQL behind one instance: whatever executes SQL. Two kinds exist, PGlite in a thread of its own and a local server.

/** A row as a driver returns it. */
export type EngineRow = Readonly<Record<string, unknown>>;

/** A statement that PostgreSQL refused. */
export class SqlError extends Error {
  /** SQLSTATE. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Who a client's session belongs to. */
export interface SessionIdentity {
  readonly user: string;
  readonly application: string;
  /** Settings that it begins with. */
  readonly settings: Readonly<Record<string, string>>;
}

/** What a client said, from one point at which the server answers to the next, and the answer. */
export interface EngineSession {
  /** Messages of the frontend protocol as they came; answers with what the server said to them. */
  send(messages: Uint8Array): Promise<Uint8Array>;
  /** Ends it; what it had not committed is gone. */
  end(): Promise<void>;
}

/** A whole database as one piece, to begin another engine of the same kind with. */
export type EngineImage = Uint8Array;

/** A database server for one instance. Its callers do one thing at a time: nothing here is called while another call lasts. */
export interface Engine {
  /** As the superuser, outside of every client's session. Throws `SqlError`. */
  query(sql: string, parameters?: readonly string[]): Promise<readonly EngineRow[]>;
  /** Several statements. Throws `SqlError`. */
  execute(sql: string): Promise<void>;
  connect(identity: SessionIdentity): Promise<EngineSession>;
  image(): Promise<EngineImage>;
  /** The text of `pg_dump`. Throws `SqlError`. */
  dump(request: Extract<DumpRequest, { readonly kind: 'sql' }>): Promise<string>;
  close(): Promise<void>;
}

/** Makes engines. */
export interface EngineKind {
  readonly name: string;
  /** An engine with nothing but the database `dms` and the roles in it, or with what an image holds. */
  start(image: EngineImage | undefined): Promise<Engine>;
  /** Ends what all of its engines share. */
  close(): Promise<void>;
}

/** The login of applications, and that of people who administer the database. */
export const ROLES = { application: 'dms', administrator: 'postgres' } as const;
