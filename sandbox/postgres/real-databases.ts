import type { SqlServers } from '../world/sql-servers.ts';
import type { EngineKind } from './engine.ts';
import { Images } from './images.ts';
import { InstanceDatabase } from './instance-database.ts';

/** The real databases of a fleet. None has an engine before somebody asks it something. */
export class RealDatabases {
  readonly #kind: EngineKind;
  readonly #servers: SqlServers;
  readonly #images = new Images();
  readonly #databases = new Map<string, InstanceDatabase>();
  readonly #limits: { readonly idleInTransactionMax?: number };

  /** `idleInTransactionMax`: how long a client may think in the middle of a transaction, wall milliseconds. */
  constructor(kind: EngineKind, servers: SqlServers, limits: { readonly idleInTransactionMax?: number } = {}) {
    this.#kind = kind;
    this.#servers = servers;
    this.#limits = limits;
  }

  /** The database of an instance. */
  of(name: string): InstanceDatabase {
    const known = this.#databases.get(name);
    if (known !== undefined) return known;
    const database = new InstanceDatabase({
      kind: this.#kind,
      servers: this.#servers,
      images: this.#images,
      name,
      ...this.#limits,
    });
    this.#databases.set(name, database);
    return database;
  }

  /** Ends every engine. */
  async close(): Promise<void> {
    for (const database of this.#databases.values()) await database.close();
    this.#databases.clear();
    this.#images.close();
    await this.#kind.close();
  }
}
