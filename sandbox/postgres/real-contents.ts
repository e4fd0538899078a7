import type { ContentsOutcome, DumpRequest, LoadRequest, SqlContents } from '../world/sql-contents.ts';
import type { SqlServers } from '../world/sql-servers.ts';
import { ROLES, SqlError } from './engine.ts';
import type { RealDatabases } from './real-databases.ts';
import { readScript } from './script.ts';
import { rowsOf, runSimple } from './session-sql.ts';

// Files of the real databases (sql-contents.ts). A dump is one turn of its instance (D1); a load is a client like any other (D2, D3).

/** The place from which Cloud SQL's own work reaches its servers. */
const BESIDE = 'cloudsql';

/** What Cloud SQL's own work calls itself. */
const APPLICATION = 'cloudsql-import-export';

/** Contents of the databases behind a fleet's instances. */
export class RealContents implements SqlContents {
  readonly #databases: () => Promise<RealDatabases>;
  readonly #servers: SqlServers;

  constructor(databases: () => Promise<RealDatabases>, servers: SqlServers) {
    this.#databases = databases;
    this.#servers = servers;
  }

  dump(instance: string, request: DumpRequest, done: (outcome: ContentsOutcome<string>) => void): void {
    void this.#asked(instance, request.database, (databases) => this.#dumped(databases, instance, request)).then(done);
  }

  load(
    instance: string,
    request: LoadRequest,
    done: (outcome: ContentsOutcome<{ readonly rows: number }>) => void,
  ): void {
    void this.#asked(instance, request.database, (databases) => this.#loaded(databases, instance, request)).then(done);
  }

  async #dumped(databases: RealDatabases, instance: string, request: DumpRequest): Promise<string> {
    const database = databases.of(instance);
    if (request.kind === 'sql') return await database.work((engine) => engine.dump(request));
    const session = await database.connect({ user: ROLES.administrator, application: APPLICATION });
    try {
      const query = request.query.trim().replace(/;$/, '');
      return (await runSimple(session, `COPY (${query}) TO STDOUT WITH (FORMAT csv)`)).copied.toString('utf8');
    } finally {
      await session.end();
    }
  }

  async #loaded(databases: RealDatabases, instance: string, request: LoadRequest): Promise<{ readonly rows: number }> {
    const session = await databases
      .of(instance)
      .connect({ user: ROLES.application, application: APPLICATION }, { inOneTurn: true });
    try {
      if (request.kind === 'csv') {
        const columns = request.columns.length === 0 ? '' : ` (${request.columns.join(', ')})`;
        const sql = `COPY ${request.table}${columns} FROM STDIN WITH (FORMAT csv)`;
        return { rows: rowsOf(await runSimple(session, sql, request.text)) };
      }
      let rows = 0;
      for (const step of readScript(request.text))
        rows += rowsOf(await runSimple(session, step.sql, step.kind === 'copy' ? step.text : undefined));
      return { rows };
    } finally {
      await session.end();
    }
  }

  async #asked<T>(
    instance: string,
    database: string,
    ask: (databases: RealDatabases) => Promise<T>,
  ): Promise<ContentsOutcome<T>> {
    const server = this.#servers.server(instance);
    if (server === undefined || this.#servers.contact(BESIDE, instance) !== 'ok')
      return { kind: 'failed', code: 'connection', message: `the server of ${instance} does not answer` };
    if (!server.history.databases.has(database))
      return { kind: 'failed', code: '3D000', message: `database "${database}" does not exist` };
    try {
      return { kind: 'done', value: await ask(await this.#databases()) };
    } catch (error) {
      if (error instanceof SqlError) return { kind: 'failed', code: error.code, message: error.message };
      // The engine has ended; a later question starts another.
      return { kind: 'failed', code: 'connection', message: error instanceof Error ? error.message : String(error) };
    }
  }
}
