import { gzipSync } from 'node:zlib';
import { after, type Instant, instant, toIso } from '../../shared/core/time.ts';
import { dumped } from './model-contents.ts';
import { REFERENCE } from './reference-system.ts';
import type { SqlFleet } from './sql-fleet.ts';
import type { History } from './sql-rows.ts';
import { SqlTables } from './sql-tables.ts';
import type { Storage } from './storage.ts';

// What the reference system held before its world began: a document an hour, and a dump of every night in the bucket.

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Hours of which there is a document. */
const HOURS = 8 * 24;

/** Nights of which there is a dump; older ones were deleted by a lifecycle rule. */
const NIGHTS = 3;

const ROW_BYTES = 480;

/** Writes the rows of before into a new primary, from where replicas get them, and into the backups that it has of before. */
export function writeFormerRows(fleet: SqlFleet, primary: string): void {
  const { history } = fleet.server(primary);
  const now = fleet.clock.now();
  for (let hour = HOURS; hour >= 1; hour -= 1) {
    history.append({
      position: history.position() + ROW_BYTES,
      committedAt: after(now, -hour * HOUR_MS),
      timeline: 1,
      content: { kind: 'application', id: `before-${HOURS - hour}` },
    });
  }
  for (const { id, instance, startedAt } of fleet.backups)
    if (instance === primary && startedAt !== undefined)
      fleet.snapshots.set(`${primary}/${id}`, history.copy(history.countAt(startedAt)));
}

/**
 * The dumps of the last nights, `daily/2026-01-05.sql.gz` and so on, each of three in the morning. They are made when somebody first
 * looks into the bucket: most worlds are never asked.
 */
export function writeDailyDumps(storage: Storage, bucket: string, history: History, now: Instant): void {
  const newest = instant(Math.floor((now - 3 * HOUR_MS) / DAY_MS) * DAY_MS + 3 * HOUR_MS);
  for (let night = NIGHTS - 1; night >= 0; night -= 1) {
    const at = after(newest, -night * DAY_MS);
    const tables = SqlTables.of(history, history.countAt(at));
    const text = dumped(tables, { kind: 'sql', database: REFERENCE.database, tables: [], what: 'everything' });
    storage.insert(bucket, {
      name: `daily/${toIso(at).slice(0, 10)}.sql.gz`,
      content: gzipSync(text, { level: 1 }),
      description: { contentType: 'application/gzip', metadata: {} },
      writtenAt: at,
    });
  }
}
