// Hand-over to a restored copy: consumers are moved from the primary to a copy from a backup, on a person's word (runbook 6.1).
//
//   whole? ─▶ [ hold consumers ─▶ stop ─▶ prove fence ─▶ ADOPT ─▶ secret ─▶ release ] ─▶ verify consumers ─▶ hold
//                     │ undo: give everything back, start again │ no return              backup, protection, replica
//
// Invariants
//   H1. The same as for a promotion: no consumer is given back before the old primary is proved fenced and the copy carries our epoch.
//   H2. What was written since the backup is lost to consumers. It is stated as a loss, and above the budget it needs `accept-loss`.
//   H3. The old primary is stopped and kept: what is newer there can still be read.
//   H4. Only the copy that this incident made, with the backup that was approved in it, and found whole again right before.

import { RECOVER_CATALOGUE } from '../actions/catalogue.ts';
import { checksOf } from '../actions/validate-copy.ts';
import { type Instant, instant, minutes, toIso } from '../core/time.ts';
import { lossBound, type LossBound } from '../plan/loss-bound.ts';
import type { GuardBlock, Plan } from '../plan/plan.ts';
import type { InstanceStatus } from '../ports/databases.ts';
import { type InstanceName, targetId } from '../system/names.ts';
import type { Database, RestoreSettings, System } from '../system/system.ts';
import { consumersOf, copyTargetOf } from '../system/topology.ts';
import type { Consumer } from './consumer-steps.ts';
import { handOverSteps, type Place } from './promotion-steps.ts';
import { planSteps, type StepDraft } from './steps.ts';

/** What the plan rests on. */
export interface HandOverFacts {
  readonly at: Instant;
  readonly database: Database;
  readonly restore: RestoreSettings;
  readonly primary: InstanceStatus;
  readonly copy: InstanceStatus;
  readonly backup: { readonly id: string; readonly takenAt: Instant };
  /** Every instance of the topology as it is now. */
  readonly topology: readonly InstanceName[];
  readonly consumers: readonly Consumer[];
  readonly warnings: readonly GuardBlock[];
  readonly opens: readonly string[];
}

/** From the approval to the proved fence, at the plan's own estimates. */
const FENCE_TAKES = minutes(8);

/** Draws the plan from the facts alone; a sentence when there is nothing that it could do. */
export function drawHandOver(system: System, incident: string, scenario: string, facts: HandOverFacts): Plan | string {
  const { database, restore, backup, topology, consumers, at } = facts;
  const [primary, copy] = [placeOf(facts.primary), placeOf(facts.copy)];
  if (primary === undefined || copy === undefined) return 'the address of the primary or of the copy is not known';
  if (facts.copy.state !== 'runnable') return `${copy.instance} is ${facts.copy.state}`;
  const target = targetId(`database/${database.instance}`);
  const { holdTime } = system.guards;
  const recheck: StepDraft = {
    id: 'recheck',
    action: 'validate-copy',
    input: { copy: copy.instance, checks: checksOf(restore.checks) },
    title: `Check once more that ${copy.instance} is whole`,
    target,
    needs: [],
    stage: 'prepare',
    estimate: minutes(1),
    limit: minutes(10),
  };
  const draft = { incident, target, primary, replica: copy, consumers, holdTime, backup: backup.id };
  return {
    version: 1,
    incident,
    runbook: 'backup-restore',
    scenario,
    target,
    holds: [
      target,
      copyTargetOf(database.instance),
      ...[...topology, copy.instance].map((instance) => targetId(`instance/${instance}`)),
      ...consumersOf(system, database.instance, facts.primary.region).map(({ id }) => targetId(`application/${id}`)),
    ],
    steps: planSteps([recheck, ...handOverSteps(draft, recheck.id)], RECOVER_CATALOGUE, system.guards),
    lossBound: boundOf(system, facts, copy.instance),
    alternatives: [],
    warnings: facts.warnings,
    bounds: {
      observedAtMs: at,
      primary: primary.instance,
      // Whoever takes over, as the walls of a promotion ask for it.
      replica: copy.instance,
      topology: [...topology, copy.instance],
      opens: [...facts.opens],
    },
    failback: `${primary.instance} stays stopped, its disk kept: what was written there since ${toIso(backup.takenAt)} can be read from it, and is merged by nobody. Write ${copy.instance} into dr.yaml as databases[].instance.`,
  };
}

const placeOf = ({ instance, address, region }: InstanceStatus): Place | undefined =>
  address === undefined ? undefined : { instance, address, region };

/** H2. What the backup holds ends when it was taken; consumers write until they are held. */
function boundOf(system: System, { at, backup }: HandOverFacts, copy: InstanceName): LossBound {
  const policy = system.approvals.perRunbook['backup-restore'];
  const approval = policy === undefined ? 0 : policy.expiresIn + policy.startWithin;
  const bound = lossBound({
    now: at,
    skew: system.guards.clockSkew,
    heartbeatAt: backup.takenAt,
    refusedSince: undefined,
    latestFence: instant(at + approval + FENCE_TAKES),
  });
  const how = `${copy} holds backup ${backup.id}: what was committed after ${toIso(backup.takenAt)} is not in it, and it grows until consumers are held`;
  return bound.kind === 'none' ? bound : { ...bound, how };
}
