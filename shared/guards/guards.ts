import type { Instant, Millis } from '../core/time.ts';
import type { LossBound } from '../plan/loss-bound.ts';
import type { GuardBlock } from '../plan/plan.ts';
import { RUNBOOK_ESTIMATE } from '../system/limits.ts';
import type { IncidentId, Mode, RunbookName, TargetId } from '../system/names.ts';
import type { System } from '../system/system.ts';
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
