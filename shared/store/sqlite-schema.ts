import { PortError } from '../ports/port-error.ts';
import type { Connection } from './sqlite-connection.ts';

// The tables, by version. A file says its version itself (`user_version`); opening it brings it up to ours, in one
// transaction, whichever process comes first. Times are milliseconds since the epoch; a scaled clock has fractions of them.

/** Step `n` brings a file from version `n` to `n + 1`. Written once and never edited: files of every version exist. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE heads (
    incident  TEXT PRIMARY KEY,
    sequence  INTEGER NOT NULL,
    hash      TEXT NOT NULL,
    due_at    REAL,
    summary   TEXT NOT NULL,
    opened_at REAL NOT NULL
  ) STRICT;
  CREATE INDEX heads_due ON heads (due_at, incident) WHERE due_at IS NOT NULL;
  CREATE INDEX heads_opened ON heads (opened_at);

  CREATE TABLE events (
    incident  TEXT NOT NULL,
    sequence  INTEGER NOT NULL,
    version   INTEGER NOT NULL,
    id        TEXT NOT NULL,
    at        TEXT NOT NULL,
    kind      TEXT NOT NULL,
    data      TEXT NOT NULL,
    prev_hash TEXT NOT NULL,
    hash      TEXT NOT NULL,
    PRIMARY KEY (incident, sequence)
  ) STRICT;

  -- An absorbed entry stays, so that its duplicate is still one; its signal is in the log then, and not kept twice.
  CREATE TABLE inbox (
    key         TEXT PRIMARY KEY,
    incident    TEXT NOT NULL,
    received_at REAL NOT NULL,
    signal      TEXT,
    absorbed_by TEXT,
    CHECK ((signal IS NULL) = (absorbed_by IS NOT NULL))
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX inbox_waiting ON inbox (incident, received_at, key) WHERE absorbed_by IS NULL;

  -- A released lease stays, because its token must go on growing.
  CREATE TABLE leases (
    key        TEXT PRIMARY KEY,
    holder     TEXT NOT NULL,
    token      INTEGER NOT NULL,
    expires_at REAL NOT NULL,
    released   INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE documents (
    key     TEXT PRIMARY KEY,
    value   TEXT NOT NULL,
    version INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE evidence (
    digest  TEXT PRIMARY KEY,
    content TEXT NOT NULL
  ) STRICT;
  `,
  // Open incidents are found among any number of past ones, all of them or those about a target.
  `
  ALTER TABLE heads ADD COLUMN targets TEXT NOT NULL DEFAULT '[]';
  UPDATE heads SET targets = coalesce(json_extract(summary, '$.targets'), '[]');
  CREATE INDEX heads_open ON heads (opened_at) WHERE due_at IS NOT NULL;

  CREATE TABLE open_about (
    target   TEXT NOT NULL,
    incident TEXT NOT NULL,
    PRIMARY KEY (target, incident)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX open_about_incident ON open_about (incident);
  INSERT INTO open_about (target, incident)
    SELECT DISTINCT each.value, heads.incident FROM heads, json_each(heads.targets) AS each WHERE heads.due_at IS NOT NULL;
  `,
];

/** Brings the file up to the last of `migrations`. Throws `PortError`: `permanent` when a newer version wrote the file. */
export function migrate(connection: Connection, path: string, migrations: readonly string[] = MIGRATIONS): void {
  const doing = `opening ${path}`;
  const version = versionOf(connection, doing);
  refuseNewer(version, migrations, doing);
  if (version === migrations.length) return;
  connection.writeNow(doing, () => {
    // Asked again: another process may have migrated it while this one waited for its turn.
    const current = versionOf(connection, doing);
    refuseNewer(current, migrations, doing);
    for (const migration of migrations.slice(current)) connection.execute(migration);
    connection.execute(`PRAGMA user_version = ${migrations.length}`);
  });
}

/** Refuses a file that this version of the code can't read as it is. */
export function refuseOtherSchema(connection: Connection, path: string): void {
  const doing = `opening ${path}`;
  const version = versionOf(connection, doing);
  refuseNewer(version, MIGRATIONS, doing);
  if (version !== MIGRATIONS.length) throw new PortError('permanent', 'old schema', doing);
}

function refuseNewer(version: number, migrations: readonly string[], doing: string): void {
  if (version > migrations.length) throw new PortError('permanent', 'newer schema', doing);
}

function versionOf(connection: Connection, doing: string): number {
  return connection.read(doing, () => Number(connection.prepare('PRAGMA user_version').get()?.['user_version']));
}
