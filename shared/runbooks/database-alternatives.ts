import { type Millis, millis, minutes } from '../core/time.ts';
import type { LossBound } from '../plan/loss-bound.ts';
import type { Alternative } from '../plan/plan.ts';
import type { Remedy } from '../plan/remedy.ts';
import type { System } from '../system/system.ts';
import type { DatabaseFailoverFacts } from './database-failover.ts';
import { type ChosenRemedy, PROMOTION_TAKES, remedyTakes } from './remedy-steps.ts';

/** Point-in-time recovery clones the whole instance: minutes to hours by its size (facts.md 3.4). */
const RECOVERY_TAKES = minutes(45);

/** What the figures of the alternatives follow from. */
export interface Drawn {
  readonly chosen: readonly ChosenRemedy[];
  readonly bound: LossBound;
  /** Until when a way must be done to meet the RTO. */
  readonly deadline: number;
}

/** The other ways, with the same figures (design.md section 7); what the plan itself does is said to be so. */
export function alternatives(facts: DatabaseFailoverFacts, drawn: Drawn): readonly Alternative[] {
  const { primary } = facts;
  return [
    {
      name: 'wait',
      text: `Wait for ${primary.instance} to come back`,
      estimateMs: null,
      losesMs: 0,
      possible: true,
      because: 'nobody can say how long',
      latestStartMs: null,
    },
    { name: 'restart', text: `Restart ${primary.instance}`, ...remedy('restart', facts, drawn) },
    { name: 'ha-failover', text: 'HA failover inside the region', ...remedy('failover', facts, drawn) },
    { name: 'failover', ...thisPlan(facts, drawn) },
    {
      name: 'point-in-time-recovery',
      text: 'Clone to the last moment of the write-ahead log',
      estimateMs: RECOVERY_TAKES,
      losesMs: null,
      possible: false,
      because: 'slower than this plan and not needed: the data is not corrupted',
      latestStartMs: drawn.deadline - RECOVERY_TAKES,
    },
  ];
}

function remedy(
  which: Remedy,
  { remedies, promotion }: DatabaseFailoverFacts,
  { chosen, deadline }: Drawn,
): Omit<Alternative, 'name' | 'text'> {
  const takes = remedyTakes(which);
  const verdict = remedies.find((known) => known.remedy === which);
  const place = chosen.findIndex((known) => known.remedy === which);
  const isPossible = verdict?.isPossible === true;
  const then = promotion.kind === 'possible' ? ', and promotes only if it does not help' : ', and promotes nothing';
  const because =
    place >= 0
      ? `this plan ${place === 0 ? 'begins with it' : 'tries it next'}${then}`
      : isPossible
        ? 'listed in remedies, but with the promotion after it the RTO would be missed'
        : (verdict?.because ?? 'not listed in remedies of dr.yaml');
  return { estimateMs: takes, losesMs: 0, possible: isPossible, because, latestStartMs: deadline - takes };
}

function thisPlan({ primary, promotion }: DatabaseFailoverFacts, drawn: Drawn): Omit<Alternative, 'name'> {
  const { bound, chosen, deadline } = drawn;
  const words = chosen.map(({ remedy: which }) =>
    which === 'restart' ? `restart ${primary.instance}` : `HA failover of ${primary.instance}`,
  );
  const isPromotion = promotion.kind === 'possible';
  const promote = isPromotion ? [`promote ${promotion.replica.instance}`] : [];
  const takes: Millis = millis(
    chosen.reduce((sum, { remedy: which }) => sum + remedyTakes(which), 0) + (isPromotion ? PROMOTION_TAKES : 0),
  );
  return {
    text: `This plan: ${[...words, ...promote].join('; if that does not help, ')}`,
    estimateMs: takes,
    losesMs: bound.kind === 'none' ? 0 : bound.kind === 'unknown' ? null : bound.limitMs,
    possible: true,
    because: isPromotion ? 'a fit replica exists' : `nothing is promoted: ${promotion.because}`,
    latestStartMs: deadline - takes,
  };
}

/** Until when service must be back. */
export const deadlineOf = ({ objectives }: System, { failedSince, at }: DatabaseFailoverFacts): number =>
  (failedSince ?? at) + objectives.rto;
