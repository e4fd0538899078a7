// Backup restore: a copy of a database from a backup, beside production, for a person to decide on (runbook 6.1).
//
//   look at the backup ─▶ create the copy ─▶ read the backup into it ─▶ whole? ─▶ compare ─▶ a person decides
//   (a dump: database ─▶ [ let it read the bucket ─▶ import ─▶ end that ])
//                                                                         │ no
//                                                                         ▼
//                                                                      a person
//
// Invariants
//   B1. Production is only read. What is made has a name of its own, and nothing is written over an instance that this incident did
//       not make.
//   B2. The backup is chosen and pinned when the plan is drawn: the newest that is complete, of the same version and young enough; where
//       there is none, the newest dump of which nothing is strange, by generation, size and checksum.
//   B3. Nobody is moved to the copy by this plan. It ends with people, who see what production has that the copy lacks.
//
// Corrected from the runbook: the instance is made like the one that it stands beside, with its network, tier and flags, and not of a
// size that somebody wrote down once; the backup is the platform's own, which has users and every database, and a dump only where that
// is gone, imported from the bucket as it lies there; no data passes a laptop; what "validate" means is stated.
// Data loss: none by this plan. Source: runbook 6.1; facts.md 3.2, 3.6, 10.

import { RECOVER_CATALOGUE } from '../actions/catalogue.ts';
import { IMPORT_LIMIT } from '../actions/import-dump.ts';
import { COPY_LIMIT } from '../actions/make-copy.ts';
import { checksOf } from '../actions/validate-copy.ts';
import { type Instant, minutes, seconds, toIso } from '../core/time.ts';
import type { Alternative, GuardBlock, Plan } from '../plan/plan.ts';
import type { Dump, InstanceTemplate } from '../ports/backups.ts';
import { type InstanceName, type TargetId, targetId } from '../system/names.ts';
import type { Database, RestoreSettings, System } from '../system/system.ts';
import { copyTargetOf } from '../system/topology.ts';
import { planSteps, type StepDraft } from './steps.ts';

/** What the plan rests on. */
export interface BackupRestoreFacts {
  readonly at: Instant;
  readonly database: Database;
  readonly restore: RestoreSettings;
  /** The instance whose backup it is. */
  readonly source: InstanceName;
  readonly from:
    | { readonly kind: 'backup'; readonly id: string; readonly takenAt: Instant }
    | { readonly kind: 'dump'; readonly dump: Dump; readonly database: string };
  readonly template: InstanceTemplate;
  /** Whether the source can be recovered to a point in time, as far as its settings say. */
  readonly pointInTime: boolean;
  readonly warnings: readonly GuardBlock[];
}

/** Draws the plan from the facts alone. */
export function drawBackupRestore(system: System, incident: string, scenario: string, facts: BackupRestoreFacts): Plan {
  const { database, restore, source, from, at, warnings } = facts;
  const copy = restore.instance;
  const target = copyTargetOf(database.instance);
  const compared = { copy, source, takenAtMs: from.kind === 'backup' ? from.takenAt : from.dump.writtenAt };
  const drafts: readonly StepDraft[] = [
    ...copySteps(facts, target),
    {
      id: 'compare',
      action: 'compare-copy',
      input: compared,
      title: `Compare ${copy} with ${source}: what is newer there, what is missing there`,
      target,
      needs: ['validate'],
      stage: 'after',
      estimate: seconds(30),
      limit: minutes(20),
    },
    {
      id: 'decide',
      action: 'await-decision',
      input: compared,
      title: 'Ask a person what becomes of the copy: hand over, keep for reading, or delete',
      target,
      needs: ['compare'],
      stage: 'after',
      estimate: seconds(1),
    },
  ];
  return {
    version: 1,
    incident,
    runbook: 'backup-restore',
    scenario,
    target,
    holds: [target, targetId(`instance/${copy}`)],
    steps: planSteps(drafts, RECOVER_CATALOGUE, system.guards),
    lossBound: { kind: 'none' },
    alternatives: alternatives(facts),
    warnings,
    // Production is only read, so what others do there stops nothing; who acts on the copy does.
    bounds: { observedAtMs: at, topology: [copy] },
    failback: `Nothing to fail back: consumers stay where they are. Delete ${copy} when nobody needs it any more.`,
  };
}

/** A copy, made and found whole: for a target of its own, of which the last step is `validate`. */
export function copySteps(facts: BackupRestoreFacts, target: TargetId): readonly StepDraft[] {
  const { restore, from } = facts;
  const filling = from.kind === 'backup' ? backupSteps(facts, from, target) : dumpSteps(facts, from, target);
  return [...filling, validateStep(restore, target, [filling.at(-1)?.id ?? ''])];
}

/** Whether a copy is whole. */
export const validateStep = (restore: RestoreSettings, target: TargetId, needs: readonly string[]): StepDraft => ({
  id: 'validate',
  action: 'validate-copy',
  input: { copy: restore.instance, checks: checksOf(restore.checks) },
  title: `Check that ${restore.instance} is whole: rows, foreign keys${restore.checks.map(({ name }) => `, "${name}"`).join('')}`,
  target,
  needs,
  stage: 'verify',
  estimate: minutes(1),
  limit: minutes(20),
});

type From<Kind> = Extract<BackupRestoreFacts['from'], { readonly kind: Kind }>;

/** The first steps of both ways: an instance like the source. */
function createStep(facts: BackupRestoreFacts, backup: string, takenAtMs: number | null, target: TargetId): StepDraft {
  const { restore, source, template } = facts;
  const { edition, diskGb, privateNetwork, flags, ...rest } = template;
  const made = {
    ...rest,
    edition: edition ?? null,
    diskGb: diskGb ?? null,
    privateNetwork: privateNetwork ?? null,
    flags: flags.map((flag) => ({ ...flag })),
  };
  const copy = restore.instance;
  return {
    id: 'create',
    action: 'create-copy',
    input: { copy, source, backup, takenAtMs, template: made },
    title: `Create the instance ${copy} like ${source}: ${template.databaseVersion}, ${template.tier}, ${template.region} (it costs what ${source} costs until it is deleted)`,
    target,
    needs: ['backup'],
    stage: 'execute',
    estimate: minutes(8),
    limit: minutes(60),
  };
}

function backupSteps(
  facts: BackupRestoreFacts,
  { id, takenAt }: From<'backup'>,
  target: TargetId,
): readonly StepDraft[] {
  const { restore, source } = facts;
  const copy = restore.instance;
  const restored = { copy, source, backup: id, takenAtMs: takenAt };
  return [
    {
      id: 'backup',
      action: 'confirm-backup',
      input: restored,
      title: `Look once more at backup ${id} of ${source}, of ${toIso(takenAt)}`,
      target,
      needs: [],
      stage: 'prepare',
      estimate: seconds(2),
    },
    createStep(facts, id, takenAt, target),
    {
      id: 'restore',
      action: 'restore-copy',
      input: restored,
      title: `Read backup ${id} into ${copy}; ${source} is not touched`,
      target,
      needs: ['create'],
      stage: 'execute',
      estimate: minutes(10),
      limit: COPY_LIMIT,
    },
  ];
}

/** A dump is imported within a committed section: what lets the copy read the bucket is taken back whatever comes. */
function dumpSteps(
  facts: BackupRestoreFacts,
  { dump, database }: From<'dump'>,
  target: TargetId,
): readonly StepDraft[] {
  const copy = facts.restore.instance;
  const { bucket, name, generation, bytes, crc32c } = dump;
  const pinned = { copy, bucket, name, generation, bytes, crc32c };
  const what = `gs://${bucket}/${name}`;
  const admission = { copy, bucket };
  const common = { target, needs: ['database'], stage: 'execute', committed: true } as const;
  return [
    {
      id: 'backup',
      action: 'confirm-dump',
      input: pinned,
      title: `Look once more at ${what}, generation ${generation}, ${bytes} bytes, crc32c ${crc32c}`,
      target,
      needs: [],
      stage: 'prepare',
      estimate: seconds(2),
    },
    createStep(facts, generation, null, target),
    {
      id: 'database',
      action: 'create-database',
      input: { copy, database },
      title: `Create the database ${database} in ${copy}`,
      target,
      needs: ['create'],
      stage: 'execute',
      estimate: seconds(10),
      limit: minutes(10),
    },
    {
      ...common,
      id: 'admit',
      action: 'admit-copy',
      input: admission,
      title: `Let ${copy} read ${bucket}, for as long as the import takes`,
      estimate: seconds(2),
      limit: minutes(10),
      undo: { kind: 'action', action: 'dismiss-copy', input: admission, title: `End that ${copy} reads ${bucket}` },
    },
    {
      ...common,
      id: 'import',
      action: 'import-dump',
      input: { ...pinned, database },
      title: `Read ${what} into ${copy}`,
      estimate: minutes(10),
      limit: IMPORT_LIMIT,
    },
    {
      ...common,
      id: 'dismiss',
      action: 'dismiss-copy',
      input: admission,
      title: `End that ${copy} reads ${bucket}`,
      estimate: seconds(2),
      limit: minutes(10),
    },
  ];
}

function alternatives({ source, pointInTime }: BackupRestoreFacts): readonly Alternative[] {
  const none = { estimateMs: null, losesMs: null, latestStartMs: null };
  return [
    {
      ...none,
      name: 'pointInTime',
      text: `Recover a copy of ${source} to the moment before the damage (runbook 3.2): it lacks less than a backup does`,
      possible: pointInTime,
      because: pointInTime
        ? 'point-in-time recovery is on; whether it reaches back far enough depends on when the damage began'
        : 'point-in-time recovery is off',
    },
    {
      ...none,
      name: 'wait',
      text: 'Leave production as it is and look for what was lost elsewhere (outbox, audit log, customers’ own copies)',
      possible: true,
      because: 'nothing gets worse by looking, unless a bad writer is still at work',
    },
  ];
}
