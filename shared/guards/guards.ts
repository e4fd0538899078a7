import { assert } from '../core/assert.ts';
import type { Instant, Millis } from '../core/time.ts';
import type { LossBound } from '../plan/loss-bound.ts';
import { type GuardBlock, opensOf, type Plan } from '../plan/plan.ts';
import { RUNBOOK_ESTIMATE } from '../system/limits.ts';
import { type IncidentId, instanceName, type Mode, type RunbookName, type TargetId } from '../system/names.ts';
import type { System } from '../system/system.ts';
import { databaseWith } from '../system/topology.ts';
import { budgetGuard, cooldownGuard, type DowntimeMark, downtimeGuard, massFailureGuard, modeGuard } from './brakes.ts';
import { type KillSwitch, killSwitchGuard } from './kill-switch.ts';
import type { LedgerReading } from './run-ledger.ts';
import { fenceWall, lossBudgetWall, lossKnownWall, type ReplicaFitness, replicaFitWall } from './walls.ts';

/** What the brakes are asked: may this run begin without anybody having asked for it? */
export interface BrakeQuestion {
  readonly system: System;
  readonly runbook: RunbookName;
  readonly target: TargetId;
  readonly incident: IncidentId;
  readonly ledger: LedgerReading;
  readonly now: Instant;
  /** The mode in force; not asked when missing, for callers that judge it themselves. */
  readonly mode?: Mode;
  /** Every target that began to fail together with this one and still does; none once people have resumed it. */
  readonly together?: readonly TargetId[];
  readonly downtime?: readonly DowntimeMark[];
}

/** Every brake that holds this run back; empty when none does. */
export function brakesFor(question: BrakeQuestion): readonly GuardBlock[] {
  const { system, runbook, target, incident, ledger, now } = question;
  const { budgets, cooldown, massFailure } = system.guards;
  return [
    question.mode === undefined ? undefined : modeGuard(question.mode, runbook),
    budgetGuard(budgets, ledger, incident, now),
    cooldownGuard(cooldown, RUNBOOK_ESTIMATE[runbook], ledger, incident, now),
    massFailureGuard(massFailure, question.together ?? []),
    downtimeGuard(question.downtime ?? [], target, now),
  ].filter((block) => block !== undefined);
}

/** A promotion that is planned. */
export interface PlannedPromotion {
  readonly choice: ReplicaFitness | undefined;
  readonly lossBound: LossBound;
  readonly lossBudget: Millis;
  /** Why nobody will be able to prove the fence, where that is known beforehand. */
  readonly dark?: string | undefined;
  /** Verbs that its approval opens walls with. */
  readonly opens: readonly string[];
}

/**
 * What the walls ask of a plan that promotes or hands over; `undefined` for one that doesn't. The database is the plan's target's, or,
 * where that is more than one, the one that has the replica.
 */
export function promotionIn(plan: Plan, system: System): PlannedPromotion | undefined {
  const { replica, dark } = plan.bounds;
  if (typeof replica !== 'string') return undefined;
  const database =
    system.databases.find(({ instance }) => plan.target === `database/${instance}`) ??
    databaseWith(system, instanceName(replica));
  // Without it nobody would ask what is lost.
  assert(database !== undefined, `${replica} belongs to a database of dr.yaml`);
  return {
    choice: { instance: replica },
    lossBound: plan.lossBound,
    lossBudget: database.lossBudget,
    opens: opensOf(plan),
    dark: typeof dark === 'string' ? dark : undefined,
  };
}

/** Every wall that stands in the way; those of a promotion only where one is planned. */
export function wallsFor(killSwitch: KillSwitch, promotion?: PlannedPromotion): readonly GuardBlock[] {
  const ofPromotion =
    promotion === undefined
      ? []
      : [
          replicaFitWall(promotion.choice),
          lossKnownWall(promotion.lossBound, promotion.opens),
          lossBudgetWall(promotion.lossBound, promotion.lossBudget, promotion.opens),
          fenceWall(promotion.dark, promotion.opens),
        ];
  return [killSwitchGuard(killSwitch), ...ofPromotion].filter((block) => block !== undefined);
}
