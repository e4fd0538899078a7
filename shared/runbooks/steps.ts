import type { JsonObject } from '../core/json.ts';
import { type Millis, millis, minutes } from '../core/time.ts';
import type { Catalogue } from '../engine/action.ts';
import { type PlannedStep, type Stage, stepId, type Undo } from '../plan/plan.ts';
import type { TargetId } from '../system/names.ts';
import type { Guards } from '../system/system.ts';

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
  /** Steps that it comes after, whatever became of them. */
  readonly after?: readonly string[];
  readonly stage: Stage;
  readonly committed?: boolean;
  readonly optional?: boolean;
  readonly estimate: Millis;
  /**
   * From the first intent to the outcome, whoever works on it; when missing or shorter, the estimate and the least that a successor
   * needs.
   */
  readonly limit?: Millis;
  readonly undo?: Undo;
}

/**
 * The least time that a step may have, which runs on while nobody works on it (perform-step.ts, S4). After a worker's death its
 * lease must run out, the next tick must find the run and a message wake a function; twice that, for a successor that dies as well.
 */
const limitMin = (lease: Millis): Millis => millis(2 * (lease + minutes(1)) + minutes(1));

/** Completes the drafts from the catalogue. An action that is not in it is a bug of the runbook. */
export function planSteps(
  drafts: readonly StepDraft[],
  catalogue: Catalogue,
  { lease }: Pick<Guards, 'lease'>,
): readonly PlannedStep[] {
  const least = limitMin(lease);
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
      ...(draft.after === undefined || draft.after.length === 0 ? {} : { after: draft.after.map(stepId) }),
      committed: draft.committed ?? false,
      stage: draft.stage,
      optional: draft.optional ?? false,
      estimateMs: draft.estimate,
      timeLimitMs: millis(Math.max(draft.limit ?? 0, draft.estimate + least)),
      undo: draft.undo ?? { kind: 'nothing' },
    };
  });
}
