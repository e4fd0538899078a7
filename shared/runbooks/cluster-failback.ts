// Cluster failback: the users go back to the cluster once it has been well for its hold time, and the standby becomes what it was
// (runbook 4.1, step 4, which set the minimum to 0 and moved no traffic).
//
//   home holds ─▶ [ MOVE BACK … ] ─▶ users seen at home ─▶ standby drained ─▶ scaling taken back ─▶ forgotten ─▶ holds? ─▶ resolved
//                   │ undo: lead them to the standby again
//
// Invariants
//   B1. Traffic first, scaling last: nobody is ever sent to instances that are being taken away.
//   B2. The standby gets exactly the limits that were written down before they were changed, and only by who finds them as we left
//       them. Where nothing was written down, its scaling is left alone, and people are told.
//   B3. Where no traffic was moved only the scaling is taken back; that is safe, and in mode auto nobody is asked.
//
// Data loss: none. Source: runbook 4.1, step 4; facts.md 4 and 10.

import { RECOVER_CATALOGUE } from '../actions/catalogue.ts';
import { type Instant, millis, minutes, seconds } from '../core/time.ts';
import type { GuardBlock, Plan } from '../plan/plan.ts';
import type { StandbyRecord } from '../ports/standby-record.ts';
import { targetId } from '../system/names.ts';
import type { CloudRunApplication, Entrance, GkeApplication, System } from '../system/system.ts';
import { showLimits, ttlOf } from './cluster-failover.ts';
import { planSteps, type StepDraft } from './steps.ts';

/** What the plan rests on. */
export interface ClusterFailbackFacts {
  readonly at: Instant;
  readonly home: GkeApplication;
  readonly standby: CloudRunApplication;
  /** Entrances that lead to the standby. */
  readonly entrances: readonly Entrance[];
  readonly record: StandbyRecord | undefined;
  readonly warnings: readonly GuardBlock[];
}

/** From a move until Monitoring shows requests, and until it shows that none come any more. */
const SHIFT_SEEN_AFTER = minutes(4);
const DRAIN_SEEN_AFTER = minutes(5);

/** Draws the plan from the facts alone; a sentence when there is nothing to take back. */
export function drawClusterFailback(
  system: System,
  incident: string,
  scenario: string,
  facts: ClusterFailbackFacts,
): Plan | string {
  const { home, standby, entrances, record, at } = facts;
  if (entrances.length === 0 && record === undefined) return `nothing of ${home.id} is at ${standby.id}`;
  const target = targetId(`application/${home.id}`);
  const other = targetId(`application/${standby.id}`);
  const drafts = [
    ...(entrances.length === 0 ? [] : wayBack(system, facts)),
    ...(record === undefined ? [] : takeBack(facts, record)),
    ...(entrances.length === 0 ? [] : [holdStep(system, home, record === undefined ? drains(entrances) : ['forget'])]),
  ];
  return {
    version: 1,
    incident,
    runbook: 'cluster-failback',
    scenario,
    target,
    holds: [target, other, ...entrances.map(({ id }) => targetId(`entrance/${id}`))],
    steps: planSteps(drafts, RECOVER_CATALOGUE, system.guards),
    lossBound: { kind: 'none' },
    alternatives: [
      {
        name: 'stay',
        text: `Stay on ${standby.id}`,
        estimateMs: null,
        losesMs: 0,
        possible: true,
        because: 'it serves; deny, and ask for the way back later with ./dr trigger cluster-failback',
        latestStartMs: null,
      },
    ],
    warnings: facts.warnings,
    bounds: { observedAtMs: at, topology: [] },
    failback:
      record === undefined && entrances.length > 0
        ? `What ${standby.id} was before nobody wrote down: its scaling stays as it is, and people look at it.`
        : `${standby.id} is what it was before.`,
  };
}

const drains = (entrances: readonly Entrance[]): readonly string[] => entrances.map(({ id }) => `drain-${id}`);

/** The home held its health, traffic moved, was seen to arrive, and left nobody behind (B1). */
function wayBack(system: System, { home, standby, entrances }: ClusterFailbackFacts): readonly StepDraft[] {
  const { holdTime } = system.guards;
  const own = targetId(`application/${home.id}`);
  return [
    {
      id: 'well',
      action: 'stay-healthy',
      input: { application: home.id, kind: 'gke', holdMs: holdTime },
      title: `${home.deployment} in the cluster stays well, all its replicas ready`,
      target: own,
      needs: [],
      stage: 'execute',
      estimate: holdTime,
      limit: millis(holdTime + minutes(10)),
    },
    ...entrances.map(
      ({ id, host }): StepDraft => ({
        id: `move-${id}`,
        action: 'move-traffic',
        input: { entrance: id, from: standby.id, to: home.id },
        title: `Lead the users of ${host} back to ${home.deployment} in the cluster`,
        target: targetId(`entrance/${id}`),
        needs: ['well'],
        stage: 'execute',
        committed: true,
        estimate: seconds(30),
        limit: minutes(10),
        undo: {
          kind: 'action',
          action: 'move-traffic',
          input: { entrance: id, from: home.id, to: standby.id },
          title: `Lead the users of ${host} to ${standby.service} on Cloud Run again`,
        },
      }),
    ),
    ...entrances.map(
      (entrance): StepDraft => ({
        id: `shift-${entrance.id}`,
        action: 'see-traffic-shift',
        input: { entrance: entrance.id, application: home.id, ttlMs: ttlOf(entrance) },
        title: `Users of ${entrance.host} are seen in the cluster`,
        target: targetId(`entrance/${entrance.id}`),
        needs: entrances.map(({ id }) => `move-${id}`),
        stage: 'propagate',
        estimate: millis(SHIFT_SEEN_AFTER + ttlOf(entrance)),
        limit: millis(minutes(20) + ttlOf(entrance)),
      }),
    ),
    ...entrances.map(
      ({ id, host }): StepDraft => ({
        id: `drain-${id}`,
        action: 'await-drain',
        input: { entrance: id, application: standby.id },
        title: `${host} sends ${standby.service} nothing any more`,
        target: targetId(`entrance/${id}`),
        needs: entrances.map((other) => `shift-${other.id}`),
        stage: 'verify',
        estimate: DRAIN_SEEN_AFTER,
        limit: minutes(30),
      }),
    ),
  ];
}

/** Exactly what was written down (B2). */
function takeBack(
  { home, standby, entrances }: ClusterFailbackFacts,
  { before, wanted }: StandbyRecord,
): readonly StepDraft[] {
  const target = targetId(`application/${standby.id}`);
  return [
    {
      id: 'restore',
      action: 'restore-service',
      input: { application: standby.id, before: { ...before }, wanted: { ...wanted } },
      title: `Take the limits of ${standby.service} back to ${showLimits(before)} instances, as they were before`,
      target,
      needs: drains(entrances),
      stage: 'after',
      estimate: seconds(10),
      limit: minutes(10),
    },
    {
      id: 'forget',
      action: 'forget-standby',
      input: { home: home.id },
      title: 'Nothing is left to be taken back',
      target,
      needs: ['restore'],
      stage: 'after',
      estimate: seconds(1),
    },
  ];
}

function holdStep(system: System, home: GkeApplication, needs: readonly string[]): StepDraft {
  const { holdTime } = system.guards;
  return {
    id: 'hold',
    action: 'stay-healthy',
    input: { application: home.id, kind: 'gke', holdMs: holdTime },
    title: `${home.deployment} stays well with its users`,
    target: targetId(`application/${home.id}`),
    needs,
    stage: 'after',
    estimate: holdTime,
    limit: millis(holdTime + minutes(10)),
  };
}
