import { type Instant, type Millis, millis, minutes, seconds } from '../core/time.ts';
import type { Remedy, RemedyVerdict } from '../plan/remedy.ts';
import type { InstanceName, TargetId } from '../system/names.ts';
import type { StepDraft } from './steps.ts';

// What is tried before a promotion, the least first, and how it gives way: each remedy is a step, a proof that it helped, and the
// hold time; once one has held, what follows is left out (invariant F5 of database-failover.ts).

/** From the approval of a promotion to the last verified consumer, at the plan's own estimates. */
export const PROMOTION_TAKES = minutes(9);

/** Estimates: the operation (facts.md 3.4, to be measured), and until every consumer is verified on it. */
const TAKES: Readonly<Record<Remedy, Millis>> = { failover: minutes(1), restart: minutes(2) };
const VERIFIED_AFTER = minutes(1);

/** From its start to the last verified consumer. */
export const remedyTakes = (remedy: Remedy): Millis => millis(TAKES[remedy] + VERIFIED_AFTER);

/** Longest that a remedy is waited for: a lost reply costs the late-arrival time (5 min by default) before it may be repeated. */
const LIMIT = minutes(8);

/** Longest that consumers are waited for while anything shows that the primary lives. */
const SERVES_LIMIT = minutes(5);

/** A remedy that is part of the plan. */
export interface ChosenRemedy {
  readonly remedy: Remedy;
  /** The latest moment at which it may begin; `null` when no promotion waits behind it. */
  readonly latestStartMs: number | null;
}

/**
 * The remedies that fit into what remains until `deadline`, in their order. Each must leave the promotion its time; where none
 * follows, late is better than never.
 */
export function chooseFitting(
  verdicts: readonly RemedyVerdict[],
  {
    at,
    deadline,
    isPromotionNext,
  }: { readonly at: Instant; readonly deadline: number; readonly isPromotionNext: boolean },
): readonly ChosenRemedy[] {
  let left = deadline - at - PROMOTION_TAKES;
  const chosen: ChosenRemedy[] = [];
  for (const { remedy, isPossible } of verdicts) {
    const takes = remedyTakes(remedy);
    if (!isPossible || (isPromotionNext && takes > left)) continue;
    left -= takes;
    chosen.push({ remedy, latestStartMs: isPromotionNext ? deadline - PROMOTION_TAKES - takes : null });
  }
  return chosen;
}

/** What the remedies are drawn from. */
export interface RemedyDraft {
  readonly target: TargetId;
  readonly primary: { readonly instance: InstanceName; readonly address: string };
  readonly replicas: readonly InstanceName[];
  /** By their ids. */
  readonly consumers: readonly string[];
  readonly holdTime: Millis;
  readonly isPromotionNext: boolean;
}

/** The step that says of a remedy that it has held. */
export const heldBy = ({ remedy }: ChosenRemedy): string => `${remedy}-holds`;

/** The steps of all remedies; the first of each needs `after`. */
export function remedySteps(chosen: readonly ChosenRemedy[], draft: RemedyDraft, after: string): readonly StepDraft[] {
  return chosen.flatMap((one, index) => {
    const isLast = index === chosen.length - 1 && !draft.isPromotionNext;
    return oneRemedy(one, draft).map((step, place) => ({
      ...step,
      optional: !isLast,
      ...(place === 0 ? { needs: [after], unless: chosen.slice(0, index).map(heldBy) } : {}),
    }));
  });
}

function oneRemedy(chosen: ChosenRemedy, { target, primary, replicas, consumers, holdTime }: RemedyDraft): StepDraft[] {
  const { remedy, latestStartMs } = chosen;
  const { instance, address } = primary;
  const serves = `${remedy}-serves`;
  return [
    {
      id: remedy,
      action: remedy === 'restart' ? 'restart-instance' : 'failover-instance',
      input: { instance, latestStartMs },
      title: remedy === 'restart' ? `Restart ${instance}` : `Let the standby of ${instance} take over (HA failover)`,
      target,
      needs: [],
      stage: 'execute',
      estimate: TAKES[remedy],
      limit: LIMIT,
    },
    {
      id: serves,
      action: 'verify-primary-serves',
      input: { primary: instance, replicas: [...replicas], consumers: [...consumers], host: address },
      title: `Every consumer writes and reads on ${instance} again`,
      target,
      needs: [remedy],
      stage: 'verify',
      estimate: VERIFIED_AFTER,
      limit: SERVES_LIMIT,
    },
    {
      id: heldBy(chosen),
      action: 'primary-stays-well',
      input: { host: address, consumers: [...consumers], holdMs: holdTime },
      title: `Every consumer stays well on ${instance}`,
      target,
      needs: [serves],
      stage: 'after',
      estimate: millis(holdTime + seconds(5)),
      limit: millis(holdTime + SERVES_LIMIT),
    },
  ];
}
