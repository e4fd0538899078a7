// Cluster failover: the users of an application whose cluster has failed go to its standby on Cloud Run (runbook 4.1).
//
//   write down ─▶ scale up ─▶ ready? ─▶ still down? ─▶ [ MOVE … ] ─▶ users seen there ─▶ holds? ─▶ resolved
//   └───── in mode auto at once, unasked ─────┘  └──────────────── after the approval ────────────────┘
//                                                       │ undo: lead them back
//
// Invariants
//   C1. Nobody is led to a standby that was not seen to serve, through the real path, a moment before.
//   C2. Whoever serves again keeps its users: the plan is void at the last look.
//   C3. What the standby was is written down before it is changed, and the way back goes to exactly that.
//   C4. A database that fails is not this incident: nothing moves while the standby's own health says so.
//
// Corrected from the runbook: the service-level minimum, which deploys no new revision; no A record at Cloud Run; an order in which
// the standby is ready first, a proof that users arrived, and a way back (docs/runbooks/cluster-failover.md).
// Data loss: none, both are on the same database. Source: runbook 4.1; facts.md 4, 5, 6.1 and 10.

import { RECOVER_CATALOGUE } from '../actions/catalogue.ts';
import { type Instant, millis, minutes, seconds } from '../core/time.ts';
import type { Alternative, GuardBlock, Plan } from '../plan/plan.ts';
import type { ServiceLimits } from '../ports/standby-record.ts';
import { targetId } from '../system/names.ts';
import type { CloudRunApplication, Entrance, GkeApplication, System } from '../system/system.ts';
import { planSteps, type StepDraft } from './steps.ts';

/** What the plan rests on. */
export interface ClusterFailoverFacts {
  readonly at: Instant;
  readonly home: GkeApplication;
  readonly standby: CloudRunApplication;
  /** Instances that the standby shall have. */
  readonly instances: number;
  /** Its limits before anything was changed for this. */
  readonly before: ServiceLimits;
  readonly revisionMax: number | undefined;
  /** Entrances that lead to the home and can lead to the standby. */
  readonly entrances: readonly Entrance[];
  readonly warnings: readonly GuardBlock[];
}

/** From the move until Monitoring shows requests: a minute of them, and the time until it is visible. */
const SHIFT_SEEN_AFTER = minutes(4);

/** Draws the plan from the facts alone; a sentence when it can't be done. */
export function drawClusterFailover(
  system: System,
  incident: string,
  scenario: string,
  facts: ClusterFailoverFacts,
): Plan | string {
  const { home, standby, before, instances, entrances, at } = facts;
  const wanted: ServiceLimits = {
    min: Math.max(before.min, instances),
    max: before.max === null ? null : Math.max(before.max, instances),
  };
  const allowed = Math.min(standby.maxInstances, facts.revisionMax ?? Number.POSITIVE_INFINITY);
  if (instances > allowed) return `${standby.id} may have no more than ${allowed} instances, and needs ${instances}`;
  if (entrances.length === 0) return `no entrance leads from ${home.id} to ${standby.id}`;
  const target = targetId(`application/${home.id}`);
  const other = targetId(`application/${standby.id}`);
  const limits = { before: { ...before }, wanted: { ...wanted } };
  const moves = entrances.map(({ id }) => `move-${id}`);
  const drafts: readonly StepDraft[] = [
    {
      id: 'remember',
      action: 'remember-standby',
      input: { home: home.id, standby: standby.id, ...limits },
      title: `Write down that ${standby.service} has ${showLimits(before)} instances`,
      target: other,
      needs: [],
      stage: 'prepare',
      estimate: seconds(1),
    },
    {
      id: 'raise',
      action: 'raise-service',
      input: { application: standby.id, ...limits },
      title: `Let ${standby.service} have ${showLimits(wanted)} instances instead of ${showLimits(before)}`,
      target: other,
      needs: ['remember'],
      stage: 'prepare',
      estimate: seconds(20),
      limit: minutes(10),
    },
    {
      id: 'ready',
      action: 'check-standby',
      input: { standby: standby.id, min: wanted.min },
      title: `${standby.service} is ready: it says so, and a row goes through it and back`,
      target: other,
      needs: ['raise'],
      stage: 'prepare',
      estimate: seconds(20),
      limit: minutes(10),
    },
    {
      id: 'confirm',
      action: 'confirm-cluster-down',
      input: { application: home.id, standby: standby.id, entrances: entrances.map(({ id }) => id) },
      title: `Look once more: ${home.id} does not serve, and ${standby.id} does`,
      target,
      needs: ['ready'],
      stage: 'execute',
      estimate: seconds(5),
    },
    ...entrances.map(
      ({ id, host }): StepDraft => ({
        id: `move-${id}`,
        action: 'move-traffic',
        input: { entrance: id, from: home.id, to: standby.id },
        title: `Lead the users of ${host} to ${standby.service} on Cloud Run`,
        target: targetId(`entrance/${id}`),
        needs: ['confirm'],
        stage: 'execute',
        committed: true,
        estimate: seconds(30),
        limit: minutes(10),
        undo: {
          kind: 'action',
          action: 'move-traffic',
          input: { entrance: id, from: standby.id, to: home.id },
          title: `Lead the users of ${host} back to ${home.deployment} in the cluster`,
        },
      }),
    ),
    ...entrances.map(
      (entrance): StepDraft => ({
        id: `shift-${entrance.id}`,
        action: 'see-traffic-shift',
        input: { entrance: entrance.id, application: standby.id, ttlMs: ttlOf(entrance) },
        title: `Users of ${entrance.host} are seen at ${standby.service}`,
        target: targetId(`entrance/${entrance.id}`),
        needs: moves,
        stage: 'propagate',
        estimate: millis(SHIFT_SEEN_AFTER + ttlOf(entrance)),
        limit: millis(minutes(20) + ttlOf(entrance)),
      }),
    ),
    {
      id: 'hold',
      action: 'stay-healthy',
      input: { application: standby.id, kind: 'cloudRun', holdMs: system.guards.holdTime },
      title: `${standby.service} stays well`,
      target: other,
      needs: entrances.map(({ id }) => `shift-${id}`),
      stage: 'verify',
      estimate: system.guards.holdTime,
      limit: millis(system.guards.holdTime + minutes(10)),
    },
  ];
  return {
    version: 1,
    incident,
    runbook: 'cluster-failover',
    scenario,
    target,
    holds: [target, other, ...entrances.map(({ id }) => targetId(`entrance/${id}`))],
    steps: planSteps(drafts, RECOVER_CATALOGUE, system.guards),
    lossBound: { kind: 'none' },
    alternatives: alternatives(home),
    warnings: facts.warnings,
    bounds: { observedAtMs: at, topology: [] },
    failback: `Users are served by ${standby.id} until ${home.id} has been well for ${Math.round(system.guards.holdTime / 1_000)} s: then the way back is offered, with an approval of its own.`,
  };
}

/** Clients keep an address so long; a load balancer has none of that. */
export const ttlOf = (entrance: Entrance): number => (entrance.via === 'dns' ? entrance.ttl : 0);

/** `1 to 4`, or `at least 1` without a maximum. */
export const showLimits = ({ min, max }: ServiceLimits): string =>
  max === null ? `at least ${min}` : `${min} to ${max}`;

const alternatives = (home: GkeApplication): readonly Alternative[] => [
  {
    name: 'wait',
    text: `Wait until Google brings ${home.cluster} back`,
    estimateMs: null,
    losesMs: 0,
    possible: true,
    because: 'nobody can say how long it takes; users are turned away meanwhile',
    latestStartMs: null,
  },
  {
    name: 'mend the cluster',
    text: `Mend or recreate ${home.cluster} by hand`,
    estimateMs: null,
    losesMs: 0,
    possible: true,
    because: 'dr-autopilot does not change clusters; deny, and press takeover',
    latestStartMs: null,
  },
];
