// Point-in-time recovery: a clone of a database as it was before rows were spoilt or deleted, beside production (runbook 3.2).
//
//   window ─▶ write down ─▶ clone ┐ (at once, while people decide)
//   write down ─▶ pause writer    ┴─▶ label, protect ─▶ whole? ─▶ compare ─▶ people review ─▶ (a plan of its own) end
//
// Invariants
//   P1. Production is only read. The clone has a name of its own, and a name that exists is left as it is.
//   P2. The clone is made before anybody has decided: what it is made from is kept for days only, and nobody's review may outlast it.
//   P3. Whoever spoils rows is paused by an approval that names it, with what it had written down before; it is given back by people.
//   P4. Nobody is moved to the clone, and nothing of it is imported by this plan. It ends with people.
//
// Corrected from the runbook: the moment is checked against what can be recovered; who goes on writing is named and paused first; the clone
// is labelled, and its inherited protection is ended only when it is deleted, by an approval.
// Data loss: none by this plan. Source: runbook 3.2; facts.md 3.2, 3.6, 10.

import { CLONE_LIMIT } from '../actions/clone-copy.ts';
import { RECOVER_CATALOGUE } from '../actions/catalogue.ts';
import { checksOf } from '../actions/validate-copy.ts';
import type { JsonObject } from '../core/json.ts';
import { type Instant, minutes, seconds, toIso } from '../core/time.ts';
import type { Alternative, GuardBlock, Plan } from '../plan/plan.ts';
import { IMPORT_ROWS } from '../ports/copy-labels.ts';
import type { RowFile } from '../ports/row-files.ts';
import { DELETE_CLONES } from '../ports/recovery-words.ts';
import { type InstanceName, type TargetId, targetId } from '../system/names.ts';
import type { Database, RowSettings, System } from '../system/system.ts';
import { recoveryTargetOf } from '../system/topology.ts';
import { planSteps, type StepDraft } from './steps.ts';

/** A writer with what it has. */
export interface Paused {
  readonly writer: string;
  readonly replicas: number;
}

/** Which moment a clone holds. */
export interface CloneOf {
  readonly copy: InstanceName;
  readonly moment: Instant;
}

/** What the plan rests on. */
export interface RecoveryPlanFacts extends CloneOf {
  readonly at: Instant;
  readonly database: Database;
  readonly source: InstanceName;
  /** Suspects that can be paused. */
  readonly pause: readonly Paused[];
  /** Whose changes are to be taken back: nobody else's rows stand in the set that lies ready. */
  readonly culprits: readonly { readonly user: string; readonly application: string }[];
  /** Suspects that nothing in dr.yaml lets us pause: `application_name (login)`. */
  readonly others: readonly string[];
  readonly warnings: readonly GuardBlock[];
}

/** Draws the plan that makes a clone and leaves it to people. */
export function drawRecovery(system: System, incident: string, scenario: string, facts: RecoveryPlanFacts): Plan {
  const { database, source, copy, moment, pause, at } = facts;
  const target = recoveryTargetOf(database.instance);
  const input = { copy, source, momentMs: moment };
  const compared = { copy, source, takenAtMs: moment };
  const checks = database.restore?.checks ?? [];
  const drafts: readonly StepDraft[] = [
    ...pause.flatMap((paused) => pauseSteps(paused, target)),
    ...cloneSteps(facts, target, true),
    {
      ...step(
        'validate',
        'validate-copy',
        { copy, checks: checksOf(checks) },
        `Check that ${copy} is whole: rows, foreign keys${checks.map(({ name }) => `, "${name}"`).join('')}`,
        target,
      ),
      stage: 'verify',
      needs: ['mark'],
      estimate: minutes(1),
      limit: minutes(20),
    },
    {
      ...step('compare', 'compare-copy', compared, `Compare ${copy} with ${source}, table by table`, target),
      stage: 'after',
      needs: ['validate'],
      estimate: seconds(30),
      limit: minutes(20),
    },
    ...(database.rows === undefined ? [] : [rowsStep(facts, database.rows, target)]),
    {
      ...step(
        'review',
        'await-review',
        input,
        'Ask people what is brought back, and whether the moment is the right one',
        target,
      ),
      stage: 'after',
      needs: [database.rows === undefined ? 'compare' : 'rows'],
    },
  ];
  return {
    version: 1,
    incident,
    runbook: 'point-in-time-recovery',
    scenario,
    target,
    holds: [target, targetId(`instance/${copy}`), ...pause.map(({ writer }) => targetId(`writer/${writer}`))],
    steps: planSteps(drafts, RECOVER_CATALOGUE, system.guards),
    lossBound: { kind: 'none' },
    alternatives: alternatives(facts),
    warnings: facts.warnings,
    // Production is only read, so what others do there stops nothing; who acts on the clone does.
    bounds: { observedAtMs: at, topology: [copy] },
    failback: `Nothing to fail back: consumers stay where they are. ./dr accept ${incident} ${DELETE_CLONES} asks for a plan that deletes ${copy}.`,
  };
}

/** A clone of a moment, which carries its incident's label at the end: for a target of its own, of which the last step is `mark`. */
export function cloneSteps(
  { copy, source, moment }: CloneOf & Pick<RecoveryPlanFacts, 'source'>,
  target: TargetId,
  isProtected: boolean,
): readonly StepDraft[] {
  const input = { copy, source, momentMs: moment };
  const when = toIso(moment);
  return [
    {
      ...step(
        'window',
        'confirm-window',
        input,
        `Look once more whether ${source} can be recovered to ${when}`,
        target,
      ),
      stage: 'prepare',
    },
    {
      ...step('remember', 'remember-clone', input, `Write down that ${copy} is ours, of ${when}`, target),
      stage: 'prepare',
      needs: ['window'],
    },
    {
      ...step(
        'clone',
        'clone-at',
        input,
        `Clone ${source} as it was at ${when} into ${copy}; ${source} is only read (it costs what ${source} costs until it is deleted)`,
        target,
      ),
      stage: 'prepare',
      needs: ['remember'],
      estimate: minutes(15),
      limit: CLONE_LIMIT,
    },
    {
      ...step(
        'mark',
        'mark-clone',
        { ...input, isProtected },
        `Label ${copy} with this incident${isProtected ? ' and protect it from deletion' : ', which may delete it again'}`,
        target,
      ),
      needs: ['clone'],
      estimate: seconds(30),
      limit: minutes(20),
    },
  ];
}

/** What an import rests on. */
export interface RecoveryImportFacts extends CloneOf {
  readonly at: Instant;
  readonly database: Database;
  readonly rows: RowSettings;
  readonly source: InstanceName;
  /** The set as it lies there now, which people have reviewed. */
  readonly file: RowFile;
  readonly digest: string;
  /** Where what comes of it is kept. */
  readonly place: string;
  /** What it would do, for people. */
  readonly counts: string;
  readonly warnings: readonly GuardBlock[];
}

/** Draws the plan that brings the reviewed rows back: exactly that generation, of exactly those bytes. */
export function drawRecoveryImport(
  system: System,
  incident: string,
  scenario: string,
  facts: RecoveryImportFacts,
): Plan {
  const { database, rows, source, copy, file, digest, place, counts, at } = facts;
  const target = recoveryTargetOf(database.instance);
  const reviewed = { production: source, database: rows.database, login: rows.databaseSecret, digest };
  const drafts: readonly StepDraft[] = [
    {
      ...step(
        'production',
        'confirm-production',
        { production: source },
        `Look whether ${source} is the primary`,
        target,
      ),
      stage: 'prepare',
    },
    {
      ...step(
        'import',
        'import-rows',
        {
          ...reviewed,
          file: { ...file },
          place,
          triggers: [...rows.triggers],
        },
        `Import gs://${file.bucket}/${file.name}, generation ${file.generation}, SHA-256 ${digest.slice(0, 16)}…, into ${source}: ${counts}; only rows that are still what was reviewed`,
        target,
      ),
      needs: ['production'],
      estimate: minutes(2),
      limit: minutes(30),
    },
    {
      ...step('written', 'remember-import', { copy, digest }, 'Write down that this set is imported', target),
      stage: 'after',
      needs: ['import'],
    },
    {
      ...step(
        'end',
        'await-end',
        { copy, ...reviewed },
        `Ask people to look, and to end it: ${copy} is kept until then`,
        target,
      ),
      stage: 'after',
      needs: ['written'],
    },
  ];
  return {
    version: 1,
    incident,
    runbook: 'point-in-time-recovery',
    scenario,
    target,
    // A failover while rows are brought back would lose them.
    holds: [target, targetId(`database/${database.instance}`), targetId(`instance/${source}`)],
    steps: planSteps(drafts, RECOVER_CATALOGUE, system.guards),
    lossBound: { kind: 'none' },
    alternatives: [],
    warnings: facts.warnings,
    bounds: { observedAtMs: at, topology: [source], opens: [IMPORT_ROWS] },
    failback: `The undo set beside ${file.name} takes back what was imported, row by row, where nobody has written since: put it in the place of ${file.name} and ask again.`,
  };
}

/** A step with what most of these have. */
export const step = (id: string, action: string, input: JsonObject, title: string, target: TargetId) =>
  ({
    id,
    action,
    input,
    title,
    target,
    needs: [],
    stage: 'execute',
    estimate: seconds(2),
  }) as const satisfies StepDraft;

function rowsStep(
  { copy, source, moment, culprits }: RecoveryPlanFacts,
  rows: RowSettings,
  target: TargetId,
): StepDraft {
  const { database, databaseSecret: login, files, leaveOut, include, hide } = rows;
  const how = { database, login, files, leaveOut: [...leaveOut], include: [...include], hide: [...hide] };
  const who = culprits.map((culprit) => ({ ...culprit }));
  return {
    ...step(
      'rows',
      'compare-clone-rows',
      { copy, source, momentMs: moment, culprits: who, rows: how },
      `Compare every row of ${copy} with ${source}, and write what would bring back what was spoilt to ${files} for review`,
      target,
    ),
    stage: 'after',
    needs: ['compare'],
    estimate: minutes(2),
    limit: minutes(60),
  };
}

function pauseSteps({ writer, replicas }: Paused, target: TargetId): readonly StepDraft[] {
  const known = { writer, replicas };
  return [
    step(`remember-${writer}`, 'remember-writer', known, `Write down that ${writer} has ${replicas} replicas`, target),
    {
      ...step(
        `pause-${writer}`,
        'hold-workload',
        { application: writer, replicas },
        `Pause ${writer}, which changes or deletes rows: its Deployment to zero replicas, until people give it back`,
        target,
      ),
      needs: [`remember-${writer}`],
      estimate: seconds(30),
      limit: minutes(10),
    },
  ];
}

function alternatives({ others, source }: RecoveryPlanFacts): readonly Alternative[] {
  const none = { estimateMs: null, losesMs: null, latestStartMs: null };
  return [
    ...others.map((who) => ({
      ...none,
      name: 'byHand',
      text: `End the sessions of ${who} yourself: SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '…'; and keep it from connecting again`,
      possible: true,
      because: 'dr.yaml names nothing that runs it, so it can’t be paused by us',
    })),
    {
      ...none,
      name: 'backup',
      text: `Restore a copy of ${source} from a backup (runbook 6.1): for what is older than can be recovered to`,
      possible: true,
      because: 'it lacks more than a clone does',
    },
    {
      ...none,
      name: 'wait',
      text: 'Leave everything as it is',
      possible: true,
      because: 'the moment can be recovered to for as long as its log is kept, and a bad writer goes on',
    },
  ];
}
