import { between, type Instant, type Millis, showDuration, toIso } from '../core/time.ts';
import type { BackupRun, Dump, InstanceTemplate } from '../ports/backups.ts';
import type { Database, RestoreSettings } from '../system/system.ts';
import { isReadable, type RestoreFacts } from './facts.ts';

// Which backup a copy is made from: the newest that is complete, of the source's version, and young enough. Pure.

/** A complete backup, with the moment before which everything committed is in it. */
export interface ChosenBackup {
  readonly id: string;
  readonly takenAt: Instant;
}

/** The choice, and for people what stood against each of the others. */
export type BackupChoice =
  | { readonly kind: 'chosen'; readonly backup: ChosenBackup; readonly passedOver: readonly string[] }
  /** No backup of the platform fits, and a dump does. */
  | {
      readonly kind: 'dump';
      readonly dump: Dump;
      readonly database: string;
      readonly template: InstanceTemplate;
      readonly passedOver: readonly string[];
    }
  | { readonly kind: 'none'; readonly because: readonly string[] };

/** What a copy is made like: the source, or what dr.yaml says where that is gone. */
export function templateFor(
  { template }: Pick<RestoreFacts, 'template'>,
  { restore, region }: Pick<Database, 'restore' | 'region'>,
): InstanceTemplate | undefined {
  if (isReadable(template)) return template;
  const written = restore?.template;
  if (template.unreadable !== 'notFound' || written === undefined) return undefined;
  return { ...written, region, edition: undefined, diskGb: undefined, flags: [] };
}

/** Chooses among the backups that Cloud SQL keeps, and where none of them fits the newest dump, if nothing about it is strange. */
export function chooseSource(facts: RestoreFacts, database: Database, now: Instant): BackupChoice {
  const { restore } = database;
  if (restore === undefined) return { kind: 'none', because: ['dr.yaml does not say how'] };
  const choice = chooseBackup(facts, restore, now);
  if (choice.kind !== 'none' || isBriefly(facts)) return choice;
  const template = templateFor(facts, database);
  if (restore.database === undefined || template === undefined || facts.dumps === undefined || !isReadable(facts.dumps))
    return choice;
  const { newest, doubts } = judgeDumps(facts.dumps, restore, now);
  if (newest === undefined || doubts.length > 0) return choice;
  return { kind: 'dump', dump: newest, database: restore.database, template, passedOver: choice.because };
}

/** Whether something could not be read that may be readable at the next look: a dump is no answer to that. */
const isBriefly = ({ runs, template }: RestoreFacts): boolean =>
  [runs, template].some((part) => !isReadable(part) && part.unreadable !== 'notFound');

/** Backups that are named to people at the most. */
const NAMED_MAX = 5;

/** Chooses among the backups that Cloud SQL keeps. */
export function chooseBackup(
  { runs, template }: Pick<RestoreFacts, 'runs' | 'template'>,
  { maximumAge }: Pick<RestoreSettings, 'maximumAge'>,
  now: Instant,
): Exclude<BackupChoice, { readonly kind: 'dump' }> {
  if (!isReadable(runs)) return { kind: 'none', because: [`the backups can’t be listed (${runs.unreadable})`] };
  if (!isReadable(template))
    return { kind: 'none', because: [`what the source is made of can’t be read (${template.unreadable})`] };
  const passedOver: string[] = [];
  for (const run of runs) {
    const fault = faultOf(run, template.databaseVersion, maximumAge, now);
    if (fault === undefined && run.startedAt !== undefined)
      return { kind: 'chosen', backup: { id: run.id, takenAt: run.startedAt }, passedOver };
    passedOver.push(`backup ${run.id}: ${fault ?? 'it never began'}`);
  }
  const because = passedOver.length === 0 ? ['Cloud SQL keeps no backup of it'] : passedOver.slice(0, NAMED_MAX);
  return { kind: 'none', because };
}

function faultOf(run: BackupRun, version: string, maximumAge: Millis, now: Instant): string | undefined {
  if (run.state !== 'successful') return run.state === 'pending' ? 'it is not complete yet' : 'it failed';
  if (run.startedAt === undefined) return 'nobody knows when it was taken';
  const age = between(run.startedAt, now);
  if (age > maximumAge) return `it is ${showDuration(age)} old, and maximumAge is ${showDuration(maximumAge)}`;
  return run.databaseVersion === version ? undefined : `it is of ${run.databaseVersion}, and the source is ${version}`;
}

/** How much smaller than the one before it a dump may be before people should look: data is rarely halved on purpose. */
const SHRINKS_TO = 0.5;

/** What a listing of dumps says: the newest by name, generation, size and checksum, and what is strange about it. */
export function judgeDumps(
  dumps: readonly Dump[],
  { maximumAge }: Pick<RestoreSettings, 'maximumAge'>,
  now: Instant,
): { readonly newest: Dump | undefined; readonly doubts: readonly string[]; readonly text: string } {
  const [newest, before] = dumps;
  if (newest === undefined) return { newest, doubts: [], text: 'there is no dump' };
  const age = between(newest.writtenAt, now);
  const doubts = [
    ...(newest.bytes === 0 ? ['it is empty'] : []),
    ...(before !== undefined && newest.bytes < before.bytes * SHRINKS_TO
      ? [`it has ${newest.bytes} bytes, and the one before it ${before.bytes}`]
      : []),
    ...(age > maximumAge ? [`it is ${showDuration(age)} old`] : []),
  ];
  const what = `gs://${newest.bucket}/${newest.name}, generation ${newest.generation}, ${newest.bytes} bytes, crc32c ${newest.crc32c}, of ${toIso(newest.writtenAt)}`;
  return { newest, doubts, text: doubts.length === 0 ? what : `${what}; in doubt: ${doubts.join('; ')}` };
}
