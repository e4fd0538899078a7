// Backup restore: a copy of a database from a backup, beside production, for a person to decide on (runbook 6.1).
//
//   look at the backup ─▶ create the copy ─▶ read the backup into it ─▶ whole? ─▶ compare ─▶ a person decides
//                                                                         │ no
//                                                                         ▼
//                                                                      a person
//
// Invariants
//   B1. Production is only read. What is made has a name of its own, and nothing is written over an instance that this incident did
//       not make.
//   B2. The backup is chosen and pinned when the plan is drawn: the newest that is complete, of the same version and young enough.
//   B3. Nobody is moved to the copy by this plan. It ends with people, who see what production has that the copy lacks.
//
// Corrected from the runbook: the instance is made like the one that it stands beside, with its network, tier and flags, and not of a
// size that somebody wrote down once; the backup is the platform's own, which has users and every database, and not an object that
// was never uploaded; no data passes a laptop; what "validate" means is stated.
// Data loss: none by this plan. Source: runbook 6.1; facts.md 3.2, 3.6, 10.

import { RECOVER_CATALOGUE } from '../actions/catalogue.ts';
import { COPY_LIMIT } from '../actions/make-copy.ts';
import { checksOf } from '../actions/validate-copy.ts';
import { type Instant, minutes, seconds, toIso } from '../core/time.ts';
import type { Alternative, GuardBlock, Plan } from '../plan/plan.ts';
import type { InstanceTemplate } from '../ports/backups.ts';
import { type InstanceName, targetId } from '../system/names.ts';
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
  readonly backup: { readonly id: string; readonly takenAt: Instant };
  readonly template: InstanceTemplate;
  /** Whether the source can be recovered to a point in time, as far as its settings say. */
  readonly pointInTime: boolean;
  readonly warnings: readonly GuardBlock[];
}

/** Draws the plan from the facts alone. */
export function drawBackupRestore(system: System, incident: string, scenario: string, facts: BackupRestoreFacts): Plan {
  const { database, restore, source, backup, template, at, warnings } = facts;
  const copy = restore.instance;
  const target = copyTargetOf(database.instance);
  const restored = { copy, source, backup: backup.id, takenAtMs: backup.takenAt };
  const { edition, diskGb, privateNetwork, flags, ...rest } = template;
  const made = {
    ...rest,
    edition: edition ?? null,
    diskGb: diskGb ?? null,
    privateNetwork: privateNetwork ?? null,
    flags: flags.map((flag) => ({ ...flag })),
  };
  const taken = toIso(backup.takenAt);
  const drafts: readonly StepDraft[] = [
    {
      id: 'backup',
      action: 'confirm-backup',
      input: restored,
      title: `Look once more at backup ${backup.id} of ${source}, of ${taken}`,
      target,
      needs: [],
      stage: 'prepare',
      estimate: seconds(2),
    },
    {
      id: 'create',
      action: 'create-copy',
      input: { ...restored, template: made },
      title: `Create the instance ${copy} like ${source}: ${template.databaseVersion}, ${template.tier}, ${template.region} (it costs what ${source} costs until it is deleted)`,
      target,
      needs: ['backup'],
      stage: 'execute',
      estimate: minutes(8),
      limit: minutes(60),
    },
    {
      id: 'restore',
      action: 'restore-copy',
      input: restored,
      title: `Read backup ${backup.id} into ${copy}; ${source} is not touched`,
      target,
      needs: ['create'],
      stage: 'execute',
      estimate: minutes(10),
      limit: COPY_LIMIT,
    },
    {
      id: 'validate',
      action: 'validate-copy',
      input: { copy, source, takenAtMs: backup.takenAt, checks: checksOf(restore.checks) },
      title: `Check that ${copy} is whole: rows, foreign keys${restore.checks.map(({ name }) => `, "${name}"`).join('')}`,
      target,
      needs: ['restore'],
      stage: 'verify',
      estimate: minutes(1),
      limit: minutes(20),
    },
    {
      id: 'compare',
      action: 'compare-copy',
      input: { copy, source, takenAtMs: backup.takenAt },
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
      input: { copy, source, takenAtMs: backup.takenAt },
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
