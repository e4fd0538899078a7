// Database failover: what brings a failed primary back, the least first, and the promotion of a replica when nothing else does
// (runbook 3.1, in the order of design.md section 8).
//
//   look ─▶ HA failover ─▶ serves? ─▶ holds? ─▶ resolved
//             │ no            │ no       │ no
//             ▼               ▼          ▼
//           restart ─▶ serves? ─▶ holds? ─▶ resolved
//             │ no        │ no       │ no
//             ▼           ▼          ▼
//   confirm ─▶ [ hold consumers ─▶ drain ─▶ stop ─▶ prove fence ─▶ loss bound ─▶ PROMOTE ─▶ epoch ─▶ secret ─▶ release ]
//                     │ undo: give everything back, start again        │ no return                          │
//                     ▼                                                ▼                                     ▼
//                  unfence                                          a person                   verify consumers ─▶ hold
//                                                                                              backup, protection, replica
//
// Invariants
//   F1. At most one instance takes writes: nothing is promoted before the fence is proved by positive evidence.
//   F2. No more is lost than was approved: the bound is computed again after the fence.
//   F3. A primary that shows a sign of life is never failed over.
//   F4. No consumer is given back before the new primary carries our epoch.
//   F5. Nothing is promoted once a remedy has helped, and no remedy takes the promotion the time that the RTO leaves it.
//
// Corrected from the runbook: no password on a command line or in an environment variable, every consumer is moved, the old
// primary is stopped first, and what the new one lacks of a primary is rebuilt (docs/runbooks/database-failover.md).
// Source: runbook 3.1; facts.md 3.3 to 3.6; failover-rules 6 to 11; decisions.md 19.

import { type Instant, instant, minutes, seconds } from '../core/time.ts';
import { RECOVER_CATALOGUE } from '../actions/catalogue.ts';
import { lossBound, type LossBound } from '../plan/loss-bound.ts';
import type { GuardBlock, Plan } from '../plan/plan.ts';
import type { RemedyVerdict } from '../plan/remedy.ts';
import type { InstanceStatus } from '../ports/databases.ts';
import { type InstanceName, type TargetId, targetId } from '../system/names.ts';
import type { Database, System } from '../system/system.ts';
import { consumersOf } from '../system/topology.ts';
import type { Consumer } from './consumer-steps.ts';
import { alternatives, deadlineOf } from './database-alternatives.ts';
import { type Place, promotionSteps } from './promotion-steps.ts';
import { type ChosenRemedy, chooseFitting, heldBy, remedySteps, remedyTakes } from './remedy-steps.ts';
import { planSteps, type StepDraft } from './steps.ts';

/** What the plan rests on. */
export interface DatabaseFailoverFacts {
  readonly at: Instant;
  readonly database: Database;
  readonly primary: InstanceStatus;
  /** Every instance of the topology as it is now. */
  readonly topology: readonly InstanceName[];
  readonly failedSince: Instant | undefined;
  /** The least first. */
  readonly remedies: readonly RemedyVerdict[];
  readonly promotion: PromotionFacts | { readonly kind: 'none'; readonly because: string };
  readonly warnings: readonly GuardBlock[];
  /** Walls that an approval of this plan opens by name. */
  readonly opens: readonly string[];
}

/** What a promotion rests on. */
export interface PromotionFacts {
  readonly kind: 'possible';
  /** The most advanced fit replica. */
  readonly replica: InstanceStatus;
  readonly heartbeatAt: Instant | undefined;
  /** Since when every vantage point is refused without a gap. */
  readonly refusedSince: Instant | undefined;
  readonly consumers: readonly Consumer[];
}

/** From the approval to the proved fence, at the plan's own estimates; a growing bound counts this in. */
const FENCE_TAKES = minutes(8);

/** Draws the plan from the facts alone; a sentence when there is nothing that it could do. */
export function drawDatabaseFailover(
  system: System,
  incident: string,
  scenario: string,
  facts: DatabaseFailoverFacts,
): Plan | string {
  const { database, promotion, topology, at } = facts;
  const primary = placeOf(facts.primary);
  const replica = promotion.kind === 'possible' ? placeOf(promotion.replica) : undefined;
  if (primary === undefined || (promotion.kind === 'possible' && replica === undefined))
    return 'the address of the primary or of the replica is not known';
  const deadline = deadlineOf(system, facts);
  const isPromotionNext = promotion.kind === 'possible';
  const chosen = chooseFitting(facts.remedies, { at, deadline, isPromotionNext });
  if (promotion.kind === 'none' && chosen.length === 0) return promotion.because;
  const target = targetId(`database/${database.instance}`);
  const bound = boundOf(system, facts, chosen);
  return {
    version: 1,
    incident,
    runbook: 'database-failover',
    scenario,
    target,
    holds: [
      target,
      ...topology.map((instance) => targetId(`instance/${instance}`)),
      ...consumersOf(system, database.instance, facts.primary.region).map(({ id }) => targetId(`application/${id}`)),
    ],
    steps: planSteps(
      draftSteps({ system, incident, target, facts, primary, replica, chosen }),
      RECOVER_CATALOGUE,
      system.guards,
    ),
    lossBound: bound,
    alternatives: alternatives(facts, { chosen, bound, deadline }),
    warnings: facts.warnings,
    bounds: {
      observedAtMs: at,
      primary: primary.instance,
      ...(replica === undefined ? {} : { replica: replica.instance }),
      topology: [...topology],
      opens: [...facts.opens],
    },
    failback:
      replica === undefined
        ? `Nothing to fail back: ${primary.instance} stays the primary.`
        : `${primary.instance} stays stopped, its disk kept. Failing back is a switchover of its own onto a new replica in ${primary.region}, without loss.`,
  };
}

interface Draft {
  readonly system: System;
  readonly incident: string;
  readonly target: TargetId;
  readonly facts: DatabaseFailoverFacts;
  readonly primary: Place;
  readonly replica: Place | undefined;
  readonly chosen: readonly ChosenRemedy[];
}

/** The remedies between two looks, and the promotion; without a remedy one look is enough. */
function draftSteps({ system, incident, target, facts, primary, replica, chosen }: Draft): readonly StepDraft[] {
  const { promotion } = facts;
  const { holdTime } = system.guards;
  const consumers = consumersOf(system, facts.database.instance, facts.primary.region).map(({ id }) => id);
  const replicas = facts.topology.filter((instance) => instance !== primary.instance);
  const look = lookStep(target, { primary, replicas, consumers });
  const isPromotionNext = promotion.kind === 'possible';
  const remedies = remedySteps(chosen, { target, primary, replicas, consumers, holdTime, isPromotionNext }, FIRST_LOOK);
  if (promotion.kind === 'none' || replica === undefined) return [{ ...look, id: FIRST_LOOK }, ...remedies];
  const endedAtMs = promotion.refusedSince ?? null;
  const before =
    chosen.length === 0
      ? [{ ...look, input: { ...look.input, endedAtMs } }]
      : [{ ...look, id: FIRST_LOOK }, ...remedies, again(look, endedAtMs, chosen)];
  const { consumers: held } = promotion;
  return [
    ...before,
    ...promotionSteps({ incident, target, primary, replica, holdTime, consumers: held, endedAtMs }, look.id),
  ];
}

const placeOf = ({ instance, address, region }: InstanceStatus): Place | undefined =>
  address === undefined ? undefined : { instance, address, region };

function boundOf(system: System, { at, promotion }: DatabaseFailoverFacts, chosen: readonly ChosenRemedy[]): LossBound {
  if (promotion.kind === 'none') return { kind: 'none' };
  const policy = system.approvals.perRunbook['database-failover'];
  const remediesTake = chosen.reduce((sum, { remedy }) => sum + remedyTakes(remedy) + system.guards.holdTime, 0);
  const approval = policy === undefined ? 0 : policy.expiresIn + policy.startWithin;
  return lossBound({
    now: at,
    skew: system.guards.clockSkew,
    heartbeatAt: promotion.heartbeatAt,
    refusedSince: promotion.refusedSince,
    latestFence: instant(at + approval + remediesTake + FENCE_TAKES),
  });
}

/** The look that comes before any remedy. */
const FIRST_LOOK = 'look';

function lookStep(
  target: StepDraft['target'],
  seen: { readonly primary: Place; readonly replicas: readonly InstanceName[]; readonly consumers: readonly string[] },
): StepDraft {
  const { instance } = seen.primary;
  return {
    id: 'confirm',
    action: 'confirm-database-failed',
    input: { primary: instance, replicas: [...seen.replicas], consumers: [...seen.consumers] },
    title: `Look once more whether ${instance} is really failed`,
    target,
    needs: [],
    stage: 'prepare',
    estimate: seconds(5),
  };
}

/** The look after the remedies, which also asks whether one of them let anybody write for a moment (F2). */
const again = (look: StepDraft, endedAtMs: number | null, chosen: readonly ChosenRemedy[]): StepDraft => ({
  ...look,
  input: { ...look.input, endedAtMs },
  title: look.title.replace('Look once more', 'If that did not help, look again'),
  needs: [FIRST_LOOK],
  unless: chosen.map(heldBy),
});
