import { millis } from '../core/time.ts';
import type { Clock } from '../ports/clock.ts';
import type { Store } from '../ports/store.ts';
import { BUSY_TIMEOUT_MS, openConnection } from './sqlite-connection.ts';
import { sqliteDocuments, sqliteEvidence } from './sqlite-documents.ts';
import { sqliteLeases } from './sqlite-leases.ts';
import { sqliteLog } from './sqlite-log.ts';
import { migrate, refuseOtherSchema } from './sqlite-schema.ts';

/** A store in a file. */
export interface SqliteStore extends Store {
  /** Gives the file back; later calls reject. */
  close(): void;
}

/** Which file, and by which clock leases are judged. */
export interface SqliteStoreOptions {
  readonly path: string;
  /** The store's time. Processes that share a file must share this clock, as those of one machine do. */
  readonly clock: Pick<Clock, 'now'>;
  /** For verification: the file must exist and have our schema, and every write is refused. */
  readonly readOnly?: boolean;
  /** Milliseconds of wall time to wait for another writer before `retryable`. */
  readonly busyTimeoutMs?: number;
}

/**
 * Opens a store that many processes may use at once, for one machine: the sandbox, and teams that run the product on a
 * host of their own. Creates the file, not its folder. Throws `PortError`: `permanent` when the file is not ours.
 */
export function openSqliteStore(options: SqliteStoreOptions): SqliteStore {
  const { path, clock, readOnly = false, busyTimeoutMs = BUSY_TIMEOUT_MS } = options;
  const connection = openConnection({ path, readOnly, busyTimeoutMs });
  try {
    if (readOnly) refuseOtherSchema(connection, path);
    else migrate(connection, path);
    return {
      log: sqliteLog(connection, clock),
      leases: sqliteLeases(connection, clock),
      documents: sqliteDocuments(connection),
      evidence: sqliteEvidence(connection),
      now: async () => clock.now(),
      pace: millis(0),
      close: () => connection.close(),
    };
  } catch (error) {
    connection.close();
    throw error;
  }
}
