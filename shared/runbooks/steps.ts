import type { JsonObject } from '../core/json.ts';
import type { Millis } from '../core/time.ts';
import type { Catalogue } from '../engine/action.ts';
import { type PlannedStep, type Stage, stepId, type Undo } from '../plan/plan.ts';
import type { TargetId } from '../system/names.ts';

/** What a runbook says of one step; risk and repeat class come from the action, so that a plan can't understate them. */
export interface StepDraft {
  readonly id: string;
  readonly action: string;
  readonly input: JsonObject;
  readonly title: string;
  readonly target: TargetId;
  readonly needs: readonly string[];
  /** Steps that make it unnecessary once one of them is done. */
  readonly unless?: readonly string[];
  readonly stage: Stage;
  readonly committed?: boolean;
  readonly optional?: boolean;
  readonly estimate: Millis;
  readonly limit: Millis;
  readonly undo?: Undo;
}

/** Completes the drafts from the catalogue. An action that is not in it is a bug of the runbook. */
export function planSteps(drafts: readonly StepDraft[], catalogue: Catalogue): readonly PlannedStep[] {
  return drafts.map((draft) => {
    const action = catalogue[draft.action];
    if (action === undefined) throw new Error(`runbook step ${draft.id} names the unknown action ${draft.action}`);
    return {
      id: stepId(draft.id),
      action: draft.action,
      input: draft.input,
      title: draft.title,
      target: draft.target,
      risk: action.risk,
      repeat: action.repeat,
      needs: draft.needs.map(stepId),
      ...(draft.unless === undefined || draft.unless.length === 0 ? {} : { unless: draft.unless.map(stepId) }),
      committed: draft.committed ?? false,
      stage: draft.stage,
      optional: draft.optional ?? false,
      estimateMs: draft.estimate,
      timeLimitMs: draft.limit,
      undo: draft.undo ?? { kind: 'nothing' },
    };
  });
}
