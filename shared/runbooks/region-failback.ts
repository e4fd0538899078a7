// Region failback: database and users go back to a region that is well again, as a planned switchover that loses nothing or does not
// happen (runbook 5.1 has no failback; design.md section 8; failover-rules 10 and 27).
//
//   region holds ─▶ ttl? ─▶ replica follows? ─▶ [ hold every writer ─▶ LAST ROW, there? ─▶ stop ─▶ fence ─▶ PROMOTE ─▶ epoch row
//                                                   │ undo: everything as it was                               │ no return
//                                                                                                              ▼
//     backup, protection, replica ◀─ holds? ◀─ secondary drained ◀─ users seen at home ◀─ MOVE … ] ◀─ serves? ◀─ release ◀─ secrets
//
// Invariants
//   H1. No acknowledged write is lost: every writer is away before the last row is written, and nothing is promoted before that row is read
//       on the replica. Both are looked at again right before the promotion (O2 of planned-switchover.ts).
//   H2. At most one instance takes writes: nothing is promoted before the fence is proved. Here nothing opens that wall: the old side is
//       well, and what is not proved is not done.
//   H3. A replica's lag is never believed: rows of ours have to arrive (O1).
//   H4. Nobody is led home before the application there writes to the promoted database.
//   H5. The other side is left stopped, its disk kept. That it gets a replica again is a plan of its own (region-rebuild.ts).
//
// Cloud SQL's own switchover exchanges the roles in one call, but needs the Enterprise Plus edition and a designated DR replica, which a
// region that was lost has not; this way needs neither. Data loss: none. Source: facts.md 3.2, 3.4 and 3.5.

import { RECOVER_CATALOGUE } from '../actions/catalogue.ts';
import { type Instant, millis, minutes, seconds } from '../core/time.ts';
import type { Alternative, GuardBlock, Plan } from '../plan/plan.ts';
import type { InstanceStatus } from '../ports/databases.ts';
import { type InstanceName, targetId } from '../system/names.ts';
import { regionTarget } from '../system/regions.ts';
import type { Application, CloudRunApplication, Database, Entrance, RegionStandby, System } from '../system/system.ts';
import { ttlOf } from './cluster-failover.ts';
import { type Consumer, holdStep, releaseStep } from './consumer-steps.ts';
import {
  epochStep,
  fenceStep,
  type Place,
  promoteStep,
  redundancySteps,
  secretStep,
  stopStep,
  type TakeOver,
  verifyStep,
} from './promotion-steps.ts';
import { planSteps, type StepDraft } from './steps.ts';

/** What the plan rests on. */
export interface RegionFailbackFacts {
  readonly at: Instant;
  readonly standby: RegionStandby;
  readonly database: Database;
  /** The primary in the secondary. */
  readonly primary: InstanceStatus;
  /** Its replica in the region, which takes its place. */
  readonly replica: InstanceStatus;
  readonly topology: readonly InstanceName[];
  /** Every consumer, in both regions. */
  readonly consumers: readonly Consumer[];
  /** What serves the users now. */
  readonly waiting: CloudRunApplication;
  /** Entrances that lead to the secondary, and to what of the region they lead back. */
  readonly entrances: readonly { readonly entrance: Entrance; readonly home: Application }[];
  readonly warnings: readonly GuardBlock[];
}

/** Longest that a row may take from the primary to the replica before anybody is turned away for it. */
const FOLLOWS_WITHIN = seconds(10);

/** From a move until Monitoring shows requests, and until it shows that none come any more. */
const SHIFT_SEEN_AFTER = minutes(4);
const DRAIN_SEEN_AFTER = minutes(5);

/** From the first writer that is taken away to the first that writes again, at the plan's own estimates. */
const TURNED_AWAY = minutes(8);

/** Draws the plan from the facts alone; a sentence when it can't be done. */
export function drawRegionFailback(
  system: System,
  incident: string,
  scenario: string,
  facts: RegionFailbackFacts,
): Plan | string {
  const { standby, database, topology, consumers, entrances, at } = facts;
  const [primary, replica] = [placeOf(facts.primary), placeOf(facts.replica)];
  if (primary === undefined || replica === undefined)
    return 'the address of the primary or of the replica is not known';
  if (entrances.length === 0) return `no entrance leads from ${standby.secondary} back to ${standby.region}`;
  const lost = entrances.find(({ home }) => !consumers.some(({ application }) => application.id === home.id));
  if (lost !== undefined) return `${lost.home.id} is no consumer of ${database.instance}`;
  const target = regionTarget(standby.region);
  const draft: TakeOver = {
    incident,
    target: targetId(`database/${database.instance}`),
    primary,
    replica,
    consumers,
    holdTime: system.guards.holdTime,
  };
  return {
    version: 1,
    incident,
    runbook: 'region-failback',
    scenario,
    target,
    holds: [
      target,
      draft.target,
      ...topology.map((instance) => targetId(`instance/${instance}`)),
      ...consumers.map(({ application }) => targetId(`application/${application.id}`)),
      ...entrances.map(({ entrance }) => targetId(`entrance/${entrance.id}`)),
    ],
    steps: planSteps(draftSteps(draft, facts), RECOVER_CATALOGUE, system.guards),
    lossBound: { kind: 'none' },
    alternatives: [stay(facts)],
    warnings: facts.warnings,
    bounds: {
      observedAtMs: at,
      primary: primary.instance,
      replica: replica.instance,
      topology: [...topology],
    },
    failback: `${primary.instance} stays stopped, its disk kept, and ${facts.waiting.service} in ${standby.secondary} stays on ${replica.instance}, until ${standby.secondary} has a replica of its own again: that is offered as a plan of its own. Terraform has to declare ${replica.instance} as the primary.`,
  };
}

function draftSteps(draft: TakeOver, facts: RegionFailbackFacts): readonly StepDraft[] {
  const { waiting, entrances, consumers } = facts;
  const homes = consumers.filter(({ application }) => application.id !== waiting.id);
  const before = prelude(draft, facts, homes);
  const section = sectionSteps(draft, facts).map(
    (step): StepDraft => ({ ...step, committed: true, needs: ['follows'] }),
  );
  const moved = section.map(({ id }) => id).slice(-1);
  const first = new Set(entrances.map(({ home }) => home.id));
  const others = consumers
    .filter(({ application }) => !first.has(application.id))
    .map(({ application }): StepDraft => ({ ...verifyStep(application, draft), needs: moved }));
  const shifts = entrances.flatMap(({ entrance, home }) => seen(entrance, home, waiting, moved));
  const holds = homes.map(
    ({ application, kind }): StepDraft => ({
      id: `hold-well-${application.id}`,
      action: 'stay-healthy',
      input: { application: application.id, kind, holdMs: draft.holdTime },
      title: `${application.id} stays well with its users`,
      target: targetId(`application/${application.id}`),
      needs: [...shifts, ...others].map(({ id }) => id),
      stage: 'after',
      estimate: millis(draft.holdTime + 5_000),
      limit: millis(draft.holdTime + minutes(18)),
    }),
  );
  const rest = redundancySteps(
    draft,
    holds.map(({ id }) => id),
  );
  return [...before, ...section, ...others, ...shifts, ...holds, ...rest];
}

/** What is seen before anybody is turned away. */
function prelude(
  { target, primary, replica, holdTime }: TakeOver,
  { entrances, waiting }: RegionFailbackFacts,
  homes: readonly Consumer[],
): readonly StepDraft[] {
  const wells = homes.map(
    ({ application, kind }): StepDraft => ({
      id: `well-${application.id}`,
      action: 'stay-healthy',
      input: { application: application.id, kind, holdMs: holdTime },
      title: `${application.id} stays well where it is`,
      target: targetId(`application/${application.id}`),
      needs: [],
      stage: 'execute',
      estimate: millis(holdTime + 5_000),
      limit: millis(holdTime + minutes(10)),
    }),
  );
  const ways = entrances.map(
    ({ entrance }): StepDraft => ({
      id: `way-${entrance.id}`,
      action: 'check-way',
      input: { entrance: entrance.id, leadsTo: waiting.id, ttlMs: ttlOf(entrance) },
      title: `${entrance.host} leads to ${waiting.service}, and no client knows that for longer than dr.yaml says`,
      target: targetId(`entrance/${entrance.id}`),
      needs: [],
      stage: 'execute',
      estimate: seconds(5),
    }),
  );
  return [
    ...wells,
    ...ways,
    {
      id: 'follows',
      action: 'see-replica-follow',
      input: { primary: primary.instance, replica: replica.instance, withinMs: FOLLOWS_WITHIN },
      title: `Rows that are written on ${primary.instance} now are read on ${replica.instance} within seconds`,
      target,
      needs: [...wells, ...ways].map(({ id }) => id),
      stage: 'execute',
      estimate: seconds(15),
      limit: minutes(5),
    },
  ];
}

/** The committed section: it ends when the users of every entrance have been led home (H4). */
function sectionSteps(draft: TakeOver, { consumers, entrances, waiting }: RegionFailbackFacts): readonly StepDraft[] {
  const { target, primary, replica } = draft;
  const secrets = [...new Set(consumers.flatMap(({ application }) => application.databaseSecret ?? []))];
  const homes = [...new Set(entrances.map(({ home }) => home))];
  return [
    ...consumers.map(holdStep),
    {
      id: 'last',
      action: 'mark-last-write',
      input: {
        primary: primary.instance,
        replica: replica.instance,
        consumers: consumers.map(({ application }) => application.id),
      },
      title: `Write the last row on ${primary.instance}, with every writer away, and see it on ${replica.instance}`,
      target,
      needs: [],
      stage: 'execute',
      estimate: seconds(10),
      limit: minutes(5),
    },
    stopStep(draft),
    fenceStep(draft),
    promoteStep(draft, { loses: 'nothing' }),
    epochStep(draft),
    ...secrets.map((secret) => secretStep(secret, draft)),
    ...consumers.map(releaseStep),
    ...homes.map((home) => verifyStep(home, draft)),
    ...entrances.map(
      ({ entrance, home }): StepDraft => ({
        id: `move-${entrance.id}`,
        action: 'move-traffic',
        input: { entrance: entrance.id, from: waiting.id, to: home.id },
        title: `Lead the users of ${entrance.host} back to ${home.id} in ${replica.region}`,
        target: targetId(`entrance/${entrance.id}`),
        needs: [],
        stage: 'execute',
        estimate: seconds(30),
        limit: minutes(10),
      }),
    ),
  ];
}

/** Users are seen to arrive at home, and to leave the secondary. */
function seen(
  entrance: Entrance,
  home: Application,
  waiting: CloudRunApplication,
  needs: readonly string[],
): readonly StepDraft[] {
  const target = targetId(`entrance/${entrance.id}`);
  const ttlMs = ttlOf(entrance);
  return [
    {
      id: `shift-${entrance.id}`,
      action: 'see-traffic-shift',
      input: { entrance: entrance.id, application: home.id, ttlMs },
      title: `Users of ${entrance.host} are seen at ${home.id}`,
      target,
      needs,
      stage: 'propagate',
      estimate: millis(SHIFT_SEEN_AFTER + ttlMs),
      limit: millis(minutes(20) + ttlMs),
    },
    {
      id: `drain-${entrance.id}`,
      action: 'await-drain',
      input: { entrance: entrance.id, application: waiting.id },
      title: `${entrance.host} sends ${waiting.service} nothing any more`,
      target,
      needs: [`shift-${entrance.id}`],
      stage: 'verify',
      estimate: DRAIN_SEEN_AFTER,
      limit: minutes(30),
    },
  ];
}

const placeOf = ({ instance, address, region }: InstanceStatus): Place | undefined =>
  address === undefined ? undefined : { instance, address, region };

const stay = ({ standby, waiting }: RegionFailbackFacts): Alternative => ({
  name: 'stay',
  text: `Stay in ${standby.secondary}`,
  estimateMs: null,
  losesMs: 0,
  possible: true,
  because: `${waiting.service} serves; going back turns users away for about ${TURNED_AWAY / 60_000} min, so choose the hour: deny, and ask for it with ./dr trigger region-failback`,
  latestStartMs: null,
});
