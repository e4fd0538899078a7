import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { instant } from '../../shared/core/time.ts';
import { openSqliteStore, type SqliteStore, type SqliteStoreOptions } from '../../shared/store/sqlite-store.ts';

/** The path of a store in a folder of its own, gone afterwards. */
export async function withFile(test: (path: string) => Promise<void> | void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'dr-store-'));
  try {
    await test(join(folder, 'dr.sqlite'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Opens the store with a clock that stands still, and closes it afterwards. */
export async function withStoreAt<T>(
  path: string,
  use: (store: SqliteStore) => Promise<T>,
  options: Partial<SqliteStoreOptions> = {},
): Promise<T> {
  const store = openSqliteStore({ path, clock: { now: () => instant(0) }, ...options });
  try {
    return await use(store);
  } finally {
    store.close();
  }
}

/** What somebody does to the file who does not come through the store. */
export function tamper(path: string, ...statements: readonly string[]): void {
  const database = new DatabaseSync(path);
  try {
    for (const statement of statements) database.exec(statement);
  } finally {
    database.close();
  }
}
