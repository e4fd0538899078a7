// Tenant restore: one tenant's rows, from a copy of the database to review, and from there into production (runbook 6.2).
//
//   make the copy (of a backup, or a clone of a moment) ─▶ whole? ─▶ compare this tenant's rows ─▶ a person reviews the set
//                                                                              │ ./dr accept … import-reviewed-rows
//                                                                              ▼
//                                   [ import the reviewed set ] ─▶ delete the copy
//
// Invariants
//   T1. Production is only read by the first plan. The second writes exactly the reviewed rows, by an approval that is bound to the
//       file's generation and its SHA-256.
//   T2. A row is changed only while it is locked and still what was reviewed; all others are named for a second review.
//   T3. Other tenants' rows are counted and compared within the same transaction, at its snapshot, before and after: a difference ends it.
//   T4. The undo set is stored before the transaction commits; the record of the import commits with it, so that it happens once.
//
// Corrected from the runbook: `pg_dump` has no `--where`; more tables than `documents` hold a tenant's rows, and some of them only by
// what they point at; `psql -f` of a dump would write over what is newer, half of it if it fails.
// Data loss: none. Source: runbook 6.2; facts.md 10.

import { RECOVER_CATALOGUE } from '../actions/catalogue.ts';
import { type Instant, minutes, seconds } from '../core/time.ts';
import type { GuardBlock, Plan } from '../plan/plan.ts';
import type { RowFile } from '../ports/row-files.ts';
import { type InstanceName, type TargetId, targetId } from '../system/names.ts';
import type { Database, RestoreSettings, RowSettings, System } from '../system/system.ts';
import { copyTargetOf, tenantTargetOf } from '../system/topology.ts';
import { type BackupRestoreFacts, copySteps, validateStep } from './backup-restore.ts';
import { cloneSteps } from './point-in-time-recovery.ts';
import { planSteps, type StepDraft } from './steps.ts';

/** What both plans rest on. */
export interface TenantFacts {
  readonly at: Instant;
  readonly database: Database;
  readonly restore: RestoreSettings;
  readonly rows: RowSettings & { readonly tenant: NonNullable<RowSettings['tenant']> };
  readonly source: InstanceName;
  readonly tenant: string;
  /** Where the files of this incident go. */
  readonly place: string;
  readonly warnings: readonly GuardBlock[];
  /** Verbs of people: an import has theirs. */
  readonly opens: readonly string[];
}

/** How the copy is made: from a backup, or as a clone of a moment. */
export type TenantCopy =
  | ({ readonly kind: 'backup' } & BackupRestoreFacts)
  | { readonly kind: 'moment'; readonly moment: Instant };

/** The first plan: a set for review. `copy`: how it is made; `undefined` when it is there. */
export function drawTenantCompare(
  system: System,
  incident: string,
  scenario: string,
  facts: TenantFacts & { readonly copy: TenantCopy | undefined },
): Plan {
  const { database, restore, rows, source, tenant, place } = facts;
  const target = tenantTargetOf(database.instance, tenant);
  const input = { copy: restore.instance, source, tenant, rows: rowsOf(rows, place) };
  const drafts: readonly StepDraft[] = [
    ...makingSteps(facts, target),
    {
      id: 'compare',
      action: 'compare-rows',
      input,
      title: `Compare the rows of ${tenant} in ${restore.instance} with those of ${source}, and write what is missing to ${place} for review`,
      target,
      needs: ['validate'],
      stage: 'after',
      estimate: minutes(2),
      limit: minutes(60),
    },
    {
      id: 'review',
      action: 'await-rows-review',
      input,
      title: 'Ask a person to review the set: nothing is imported without that',
      target,
      needs: ['compare'],
      stage: 'after',
      estimate: seconds(1),
    },
  ];
  const failback = `Nothing to take back: ${source} is only read. Delete ${restore.instance} when nobody needs it any more.`;
  return planOf(system, incident, scenario, facts, target, { drafts, failback });
}

/** The copy, made if it is not there, and found whole. */
function makingSteps(
  { copy, restore, source }: Pick<TenantFacts, 'restore' | 'source'> & { readonly copy: TenantCopy | undefined },
  target: TargetId,
): readonly StepDraft[] {
  switch (copy?.kind) {
    case undefined:
      return [validateStep(restore, target, [])];
    case 'backup':
      return copySteps(copy, target);
    case 'moment': {
      // Not protected from deletion, as its source may be: the second plan deletes it.
      const clone = cloneSteps({ copy: restore.instance, source, moment: copy.moment }, target, false);
      return [...clone, validateStep(restore, target, [clone.at(-1)?.id ?? ''])];
    }
  }
}

/** The second plan: the reviewed set, into production. */
export function drawTenantImport(
  system: System,
  incident: string,
  scenario: string,
  facts: TenantFacts & {
    readonly file: RowFile;
    readonly digest: string;
    readonly place: string;
    readonly counts: string;
  },
): Plan {
  const { database, restore, rows, source, tenant, file, digest, place, counts } = facts;
  const target = tenantTargetOf(database.instance, tenant);
  const reviewed = { production: source, database: rows.database, login: rows.databaseSecret, digest };
  const drafts: readonly StepDraft[] = [
    {
      id: 'import',
      action: 'import-rows',
      input: { ...reviewed, file: { ...file }, place, triggers: [...rows.triggers] },
      title: `Import gs://${file.bucket}/${file.name}, generation ${file.generation}, SHA-256 ${digest.slice(0, 16)}…, into ${source}: ${counts}`,
      target,
      needs: [],
      stage: 'execute',
      estimate: minutes(2),
      limit: minutes(30),
    },
    {
      id: 'delete-copy',
      action: 'delete-copy',
      input: { ...reviewed, copy: restore.instance },
      title: `Delete ${restore.instance}, which this incident made, unless rows wait for a second review`,
      target,
      needs: ['import'],
      stage: 'after',
      estimate: minutes(2),
      limit: minutes(30),
    },
  ];
  const failback = `The undo set beside ${file.name} takes back what was imported, row by row, where nobody has written since: put it in the place of ${file.name} and ask again.`;
  return planOf(system, incident, scenario, facts, target, { drafts, failback });
}

const rowsOf = ({ database, databaseSecret, tenant, leaveOut, include, hide }: TenantFacts['rows'], place: string) => ({
  database,
  login: databaseSecret,
  place,
  columns: [...tenant.columns],
  home: tenant.table,
  leaveOut: [...leaveOut],
  include: [...include],
  hide: [...hide],
});

function planOf(
  system: System,
  incident: string,
  scenario: string,
  { at, database, restore, warnings, opens }: TenantFacts,
  target: TargetId,
  { drafts, failback }: { readonly drafts: readonly StepDraft[]; readonly failback: string },
): Plan {
  return {
    version: 1,
    incident,
    runbook: 'tenant-restore',
    scenario,
    target,
    // The one copy that there can be is somebody's at a time.
    holds: [target, copyTargetOf(database.instance), targetId(`instance/${restore.instance}`)],
    steps: planSteps(drafts, RECOVER_CATALOGUE, system.guards),
    lossBound: { kind: 'none' },
    alternatives: [
      {
        name: 'wait',
        text: 'Leave production as it is and look for what was lost elsewhere (audit log, the tenant’s own copies)',
        possible: true,
        because: 'nothing gets worse by looking, unless whoever deleted is still at work',
        estimateMs: null,
        losesMs: null,
        latestStartMs: null,
      },
    ],
    warnings,
    bounds: { observedAtMs: at, topology: [restore.instance], opens: [...opens] },
    failback,
  };
}
