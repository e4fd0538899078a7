import { type DatabaseFacts, isReadable, type RestoredCopy, type RestoreFacts } from '../classify/facts.ts';
import type { Instant } from '../core/time.ts';
import { isCopyOf } from '../ports/copy-labels.ts';
import { cloneKey, cloneRecordWire } from '../ports/recovery-records.ts';
import { findRowSet, rowPlaceOf } from '../rows/find-row-set.ts';
import type { IncidentId, InstanceName } from '../system/names.ts';
import { attempt } from './attempt.ts';
import type { GatherHome } from './gather-application.ts';

// What could be restored of a database, and what has been: the part of a look that a restore and one tenant's rows rest on.

/** What a restore is asked for. */
export interface RestoreWish {
  /** The incident whose set of rows and whose copy are looked at; absent where no rows are wanted, and in a dry run. */
  readonly incident?: IncidentId | undefined;
  /** The moment that a copy is wanted of; absent: a backup's. */
  readonly moment?: Instant | undefined;
}

/** Backups and dumps that are kept as evidence: a week of nights, and what people took beside them. */
const BACKUPS_MAX = 20;

/** Looks at one database. Never rejects for the world's sake. */
export async function gatherRestore(
  { database, primaryName }: Pick<DatabaseFacts, 'database' | 'primaryName'>,
  { incident, moment: named }: RestoreWish,
  home: GatherHome,
): Promise<RestoreFacts> {
  const { restore, rows } = database;
  const { backups, rowFiles } = home.world;
  const [runs, dumps, template, copy, set, window] = await Promise.all([
    attempt(() => backups.runs(primaryName)),
    restore?.dumps === undefined ? undefined : attempt(() => backups.dumps(restore.dumps ?? '')),
    attempt(() => backups.template(primaryName)),
    restore === undefined ? undefined : attempt(() => copyAt(restore.instance, incident, home)),
    incident === undefined || rows === undefined
      ? undefined
      : attempt(() => findRowSet(rowFiles, rowPlaceOf(rows, incident))),
    named === undefined ? undefined : attempt(() => backups.recoveryWindow(primaryName)),
  ]);
  return {
    source: primaryName,
    runs: isReadable(runs) ? runs.slice(0, BACKUPS_MAX) : runs,
    dumps: dumps !== undefined && isReadable(dumps) ? dumps.slice(0, BACKUPS_MAX) : dumps,
    template,
    copy,
    ...(incident === undefined ? {} : { set }),
    ...(named === undefined || window === undefined ? {} : { moment: { named, window } }),
  };
}

/**
 * What is there under the name of the copy. A clone that is not labelled yet counts as not made: what is written down says whose it is, and
 * the plan that makes it goes on where it stood.
 */
async function copyAt(
  instance: InstanceName,
  incident: IncidentId | undefined,
  { world, documents }: GatherHome,
): Promise<RestoredCopy | undefined> {
  const labels = await world.backups.labels(instance);
  if (labels === undefined) return undefined;
  if (incident !== undefined && !isCopyOf(labels, incident)) {
    const record = cloneRecordWire.safeParse((await documents.get(cloneKey(instance)))?.value).data;
    if (record?.incident === incident) return undefined;
  }
  return { status: await world.databases.inspect(instance), labels };
}
