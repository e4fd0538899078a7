import { z } from 'zod';
import { backupFault } from '../classify/backup-health.ts';
import { isReadable } from '../classify/facts.ts';
import { after, instant, minutes, toIso } from '../core/time.ts';
import type { Database } from '../system/system.ts';
import { backupsTargetOf, targetIdOf } from '../system/topology.ts';
import type { WorldHome } from './flow-home.ts';
import { backupsFacts } from './gather-backups.ts';
import { receiveFinding } from './intake.ts';

// What a restore rests on: Cloud SQL tells no metric of its backups, so `tick` looks at them itself, and says so when one failed or none is
// young enough (`restore.maximumAge`). What follows is for people; nothing is planned.
//
// K1. Each database is looked at once an hour, by whichever region's tick comes first.
// K2. The same failed backup is told once, also after people have cancelled what was opened for it.
// K3. While an incident is open about the database itself it says nothing: a primary that is down takes no backup.

/** Somewhat less than an hour, so that a tick which comes a moment early does not leave it to the next. */
const LOOKED = minutes(59.5);

const lookedWire = z.strictObject({ atMs: z.number() });

/** Looks at the backups of every database that dr.yaml can restore, where an hour has gone by. Answers whether anybody was told. */
export async function watchBackups(home: WorldHome): Promise<boolean> {
  let told = false;
  for (const database of home.system.databases)
    if (database.restore !== undefined && (await isDue(database, home)))
      told = (await watchOne(database, home)) || told;
  return told;
}

/** Writes down that it is looked at now; whoever loses the race for that leaves it. */
async function isDue({ instance }: Database, { store, clock }: WorldHome): Promise<boolean> {
  const key = `watch-backups/${instance}`;
  const found = await store.documents.get(key);
  const last = lookedWire.safeParse(found?.value);
  if (last.success && clock.now() < after(instant(last.data.atMs), LOOKED)) return false;
  return await store.documents.put(key, { atMs: clock.now() }, found?.version ?? 0);
}

async function watchOne(database: Database, home: WorldHome): Promise<boolean> {
  const { restore, instance } = database;
  const target = backupsTargetOf(instance);
  const about = [target, targetIdOf({ kind: 'database', instance })];
  if (restore === undefined || (await home.store.log.openAbout(about, 1)).length > 0) return false;
  const { source, runs } = await backupsFacts(database, {
    ...home,
    documents: home.store.documents,
  });
  if (!isReadable(runs)) return false;
  const now = home.clock.now();
  const fault = backupFault(source, runs, restore.maximumAge, now);
  if (fault === undefined) return false;
  const intake = await receiveFinding(
    {
      target,
      since: now,
      dedupeKey: `backups/${source}/${fault.of}`,
      summary: `${fault.text} (looked at ${toIso(now)})`,
    },
    home,
  );
  return intake.kind === 'received';
}
