// The end of a point-in-time recovery, which people ask for: what was paused is given back, and the clones are deleted.
// Data loss: none; production is not touched. Source: runbook 3.2.

import { RECOVER_CATALOGUE } from '../actions/catalogue.ts';
import { type Instant, minutes, seconds } from '../core/time.ts';
import type { GuardBlock, Plan } from '../plan/plan.ts';
import { DELETE_CLONES, RELEASE_WRITER } from '../ports/recovery-words.ts';
import { type InstanceName, type TargetId, targetId } from '../system/names.ts';
import type { Database, System } from '../system/system.ts';
import { recoveryTargetOf } from '../system/topology.ts';
import { type CloneOf, type Paused, step } from './point-in-time-recovery.ts';
import { planSteps, type StepDraft } from './steps.ts';

/** What the end rests on. */
export interface RecoveryEndFacts {
  readonly at: Instant;
  readonly database: Database;
  readonly source: InstanceName;
  readonly clones: readonly CloneOf[];
  /** Writers that are given back, with what they had. */
  readonly release: readonly Paused[];
  readonly warnings: readonly GuardBlock[];
}

/** Draws the plan that gives back what was paused, where people want it, and deletes what was made. */
export function drawRecoveryEnd(system: System, incident: string, scenario: string, facts: RecoveryEndFacts): Plan {
  const { database, source, clones, release, at } = facts;
  const target = recoveryTargetOf(database.instance);
  const drafts = [
    ...release.flatMap((paused) => releaseSteps(paused, target)),
    ...clones.flatMap((clone) => deletionSteps(clone, source, target)),
  ];
  return {
    version: 1,
    incident,
    runbook: 'point-in-time-recovery',
    scenario,
    target,
    holds: [
      target,
      ...clones.map(({ copy }) => targetId(`instance/${copy}`)),
      ...release.map(({ writer }) => targetId(`writer/${writer}`)),
    ],
    steps: planSteps(drafts, RECOVER_CATALOGUE, system.guards),
    lossBound: { kind: 'none' },
    alternatives: [],
    warnings: facts.warnings,
    bounds: {
      observedAtMs: at,
      topology: clones.map(({ copy }) => copy),
      opens: [DELETE_CLONES, ...(release.length > 0 ? [RELEASE_WRITER] : [])],
    },
    failback: `A clone that is gone can be made again for as long as ${source} can be recovered to its moment.`,
  };
}

function releaseSteps({ writer, replicas }: Paused, target: TargetId): readonly StepDraft[] {
  return [
    {
      ...step(
        `release-${writer}`,
        'release-workload',
        { application: writer, replicas },
        `Give ${writer} its ${replicas} replicas back: it writes again`,
        target,
      ),
      estimate: seconds(30),
      limit: minutes(10),
    },
    {
      ...step(`forget-${writer}`, 'forget-writer', { writer }, `Forget that ${writer} was paused`, target),
      needs: [`release-${writer}`],
    },
  ];
}

function deletionSteps({ copy, moment }: CloneOf, source: InstanceName, target: TargetId): readonly StepDraft[] {
  const input = { copy, source, momentMs: moment };
  return [
    {
      ...step(
        `unprotect-${copy}`,
        'mark-clone',
        { ...input, isProtected: false },
        `End the protection of ${copy} from deletion`,
        target,
      ),
      estimate: seconds(30),
      limit: minutes(20),
    },
    {
      ...step(`delete-${copy}`, 'delete-clone', input, `Delete ${copy}, with every backup of it`, target),
      needs: [`unprotect-${copy}`],
      estimate: minutes(2),
      limit: minutes(30),
      undo: { kind: 'pointOfNoReturn', because: 'an instance that was deleted is gone' },
    },
    {
      ...step(`forget-${copy}`, 'forget-clone', { copy }, `Forget whose ${copy} was`, target),
      needs: [`delete-${copy}`],
    },
  ];
}
