import { between, type Instant, type Millis, showDuration, toIso } from '../core/time.ts';
import type { BackupRun } from '../ports/backups.ts';

// Whether a restore would find what it needs: the newest good backup young enough, and the last one that was tried no failure. Pure.

/** What is wrong with the backups of an instance, and of which of them, so that it is told once. */
export interface BackupFault {
  /** The failed backup, or the newest good one that is too old. */
  readonly of: string;
  readonly text: string;
}

/** `undefined` while nothing is wrong, and while the newest backup is still being taken and none before it says that something is. */
export function backupFault(
  source: string,
  runs: readonly BackupRun[],
  maximumAge: Millis,
  now: Instant,
): BackupFault | undefined {
  const begun = runs.flatMap((run) => (run.startedAt === undefined ? [] : [{ ...run, startedAt: run.startedAt }]));
  // One that a person took and that failed is that person's to know.
  const [newest] = begun.filter(
    ({ state, kind }) => state === 'successful' || (state === 'failed' && kind !== 'onDemand'),
  );
  const good = begun.find(({ state }) => state === 'successful');
  const age = good === undefined ? undefined : between(good.startedAt, now);
  const last =
    good === undefined || age === undefined
      ? 'no good one is kept'
      : `the newest good one is of ${toIso(good.startedAt)}, ${showDuration(age)} ago`;
  if (newest?.state === 'failed')
    return {
      of: newest.id,
      text: `the automated backup of ${source} of ${toIso(newest.startedAt)} failed, and ${last}`,
    };
  if (good !== undefined && age !== undefined && age > maximumAge)
    return {
      of: good.id,
      text: `${source} has no backup that is young enough: ${last}, above ${showDuration(maximumAge)}`,
    };
  if (good !== undefined || runs.some(({ state }) => state === 'pending')) return undefined;
  return { of: newest?.id ?? 'none', text: `Cloud SQL keeps no good backup of ${source}` };
}
