import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { EngineKind } from '../postgres/engine.ts';
import type { PostgresPort } from '../postgres/postgres-port.ts';
import type { RealDatabases } from '../postgres/real-databases.ts';
import { REFERENCE } from '../world/reference-system.ts';
import type { SqlContents } from '../world/sql-contents.ts';
import type { World } from '../world/world.ts';
import { tellBug } from './tell-bug.ts';

/** What executes SQL: PGlite, which comes with the packages, or PostgreSQL 15 of this machine. */
export type PostgresChoice = 'embedded' | 'local';

/** Where the databases of a sandbox are reached. */
export interface DatabaseAddresses {
  /** Ports on loopback, by instance. */
  readonly ports: Readonly<Record<string, number>>;
  /** A file of passwords as `PGPASSFILE` names it. */
  readonly passwords: string;
  readonly database: string;
  readonly user: string;
  /** The instance that the application uses now. */
  readonly primary: string;
}

/**
 * The real databases of a sandbox. Nothing of them is loaded or started before somebody asks, so that a sandbox whose databases
 * nobody looks at costs nothing more.
 */
export class SandboxDatabases {
  readonly #world: World;
  readonly #choice: PostgresChoice;
  readonly #named: readonly string[];
  readonly #passwordFile: string;
  readonly #ports = new Map<string, PostgresPort>();
  #real: Promise<RealDatabases> | undefined;
  #localFolder: string | undefined;
  #opening: Promise<void> = Promise.resolve();

  /** `named`: instances that may come to be, whose ports are there from the beginning, as their addresses stand in dr.yaml. */
  constructor(world: World, choice: PostgresChoice, directory: string, named: readonly string[] = []) {
    this.#world = world;
    this.#named = named;
    this.#choice = choice;
    this.#passwordFile = join(directory, 'pgpass');
    const { fleet } = world.sql;
    fleet.servers.logins.set('postgres', randomBytes(15).toString('base64url'));
    fleet.contents = {
      dump: (...asked) => void this.#contents().then((contents) => contents.dump(...asked)),
      load: (...asked) => void this.#contents().then((contents) => contents.load(...asked)),
    };
  }

  /** Opens the ports that are missing: every instance has one from the first time that somebody asks for them. */
  async addresses(): Promise<DatabaseAddresses> {
    // After whoever is at it, and again where that one failed: whoever asked then was told.
    const open = (): Promise<void> => this.#openMissing();
    this.#opening = this.#opening.then(open, open);
    await this.#opening;
    return {
      ports: Object.fromEntries([...this.#ports].map(([name, { port }]) => [name, port])),
      passwords: this.#passwordFile,
      database: REFERENCE.database,
      user: REFERENCE.databaseUser,
      primary: this.#world.primaryInUse(),
    };
  }

  /** Writes of the application whose documents are on an instance, by its rows. Whether anybody could reach it does not matter here. */
  async documents(instance: string): Promise<ReadonlySet<string>> {
    const real = await this.#databases();
    const rows = await real.of(instance).work((engine) => engine.query('select request_id from public.documents'));
    return new Set(rows.map((row) => z.object({ request_id: z.string() }).parse(row).request_id));
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#opening]);
    for (const port of this.#ports.values()) await port.close();
    if (this.#real !== undefined) await (await this.#real).close();
    if (this.#localFolder !== undefined) rmSync(this.#localFolder, { recursive: true, force: true });
  }

  async #openMissing(): Promise<void> {
    const { kernel, sql } = this.#world;
    const real = await this.#databases();
    const { openPostgresPort } = await import('../postgres/postgres-port.ts');
    const names = [...new Set([...sql.fleet.all().map(({ name }) => name), ...this.#named])];
    for (const [name, port] of this.#ports) {
      if (names.includes(name)) continue;
      this.#ports.delete(name);
      await port.close();
    }
    for (const instance of names) {
      if (this.#ports.has(instance)) continue;
      const port = await openPostgresPort({
        clock: kernel.clock,
        servers: sql.fleet.servers,
        instance,
        database: real.of(instance),
        onBug: tellBug(`the PostgreSQL port of ${instance}`),
      });
      this.#ports.set(instance, port);
    }
    const lines = [...this.#ports].flatMap(([instance, { port }]) =>
      Object.entries(this.#passwords(instance)).map(
        ([user, password]) => `127.0.0.1:${port}:*:${user}:${password ?? ''}\n`,
      ),
    );
    writeFileSync(this.#passwordFile, lines.join(''), { mode: 0o600 });
  }

  /** The passwords of an instance's users, now: a replica has a new one once it has replayed it. */
  #passwords(instance: string): Readonly<Record<string, string | undefined>> {
    const { servers } = this.#world.sql.fleet;
    return Object.fromEntries([...servers.logins.keys()].map((user) => [user, servers.passwordOf(instance, user)]));
  }

  async #contents(): Promise<SqlContents> {
    const { RealContents } = await import('../postgres/real-contents.ts');
    return new RealContents(() => this.#databases(), this.#world.sql.fleet.servers);
  }

  #databases(): Promise<RealDatabases> {
    this.#real ??= this.#make();
    return this.#real;
  }

  async #make(): Promise<RealDatabases> {
    const { RealDatabases: Real } = await import('../postgres/real-databases.ts');
    return new Real(await this.#kind(), this.#world.sql.fleet.servers);
  }

  async #kind(): Promise<EngineKind> {
    if (this.#choice === 'embedded') return new (await import('../postgres/pglite-engine.ts')).PgliteKind();
    const { findLocalPostgres, LocalKind } = await import('../postgres/local-engine.ts');
    const found = findLocalPostgres();
    if (found.kind === 'missing') throw new Error(`the databases can't run on a local server: ${found.because}`);
    // A socket's path is short, which a checkout's folder may not be.
    this.#localFolder = mkdtempSync(join(tmpdir(), 'dr-pg-'));
    return new LocalKind(found, this.#localFolder);
  }
}
