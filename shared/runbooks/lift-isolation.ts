// Lifting an isolation: an application that a breach response cut off is reached again, by new copies (runbook 7.1 forgot it).
//
//   [ end the copies that were cut off ─▶ LIFT ─▶ new copies ] ─▶ it serves ─▶ its users arrive ─▶ forget
//   Cloud Run: [ end the copies ─▶ new copies, of a new revision ─▶ LIFT ] ─▶ …
//
// Invariants
//   L1. No copy that was cut off ever serves again: it ends before anything is lifted. What it knew was kept when it was cut off. That zero
//       instances end every copy of a Cloud Run service is an assumption (`manualZeroHoldsService`); that none of an earlier revision is
//       asked any more is not, so nobody is let in before there is a new one.
//   L2. Lifted is exactly what this incident's plan names: the policy by its uid, the ingress setting as it was written down.
//   L3. The isolation ends by people's approval alone; nothing lifts it by itself.
//
// Data loss: what its copies hold in memory and on their own disks. Source: runbook 7.1, facts.md 6.3 and 10.

import { RECOVER_CATALOGUE } from '../actions/catalogue.ts';
import { type Instant, minutes, seconds } from '../core/time.ts';
import type { GuardBlock, Plan } from '../plan/plan.ts';
import type { IsolationRecord, IsolationStatus } from '../ports/isolation.ts';
import { targetId } from '../system/names.ts';
import type { Entrance, System } from '../system/system.ts';
import { ttlOf } from './cluster-failover.ts';
import { type Consumer, holdStep, releaseStep } from './consumer-steps.ts';
import { planSteps, type StepDraft } from './steps.ts';

/** What the plan rests on. */
export interface LiftIsolationFacts {
  readonly at: Instant;
  /** The application as it was before it is held. */
  readonly consumer: Consumer;
  readonly status: IsolationStatus;
  readonly record: IsolationRecord | undefined;
  /** Entrances that lead to it. */
  readonly entrances: readonly Entrance[];
  readonly warnings: readonly GuardBlock[];
}

/** Until Monitoring shows requests. */
const ARRIVAL_SEEN_AFTER = minutes(4);

/** Draws the plan from the facts alone; a sentence when there is nothing to lift. */
export function drawLiftIsolation(
  system: System,
  incident: string,
  scenario: string,
  facts: LiftIsolationFacts,
): Plan | string {
  const { consumer, record, entrances, at, warnings } = facts;
  const { id } = consumer.application;
  const lifted = whatToLift(facts);
  if (typeof lifted === 'string') return lifted;
  const target = targetId(`application/${id}`);
  const hold = holdStep(consumer);
  const release = releaseStep(consumer);
  const lift: StepDraft = {
    id: `lift-${id}`,
    action: 'lift-isolation',
    input: { application: id, ...lifted.input },
    title: lifted.title,
    target,
    needs: [hold.id],
    stage: 'execute',
    estimate: seconds(10),
    limit: minutes(10),
  };
  const renew: StepDraft = {
    id: `renew-${id}`,
    action: 'restart-application',
    input: { application: id, stamp: `${incident}/renew-${id}`, instead: [], isCutOff: true },
    title: `Replace every copy of ${id} by one of a new revision`,
    target,
    needs: [release.id],
    stage: 'execute',
    estimate: minutes(1),
    limit: minutes(10),
  };
  const renewed: readonly StepDraft[] =
    consumer.kind === 'gke'
      ? [lift, { ...release, title: `Start new copies of ${id}`, needs: [lift.id] }]
      : [
          { ...release, title: `Let ${id} have copies again, still cut off`, needs: [hold.id], stage: 'execute' },
          renew,
          { ...lift, needs: [renew.id] },
        ];
  const drafts: readonly StepDraft[] = [
    {
      ...hold,
      title: `End every copy of ${id} that was cut off (what it knew is kept)`,
      limit: minutes(10),
      undo: { kind: 'nothing' },
    },
    ...renewed,
    {
      id: `serves-${id}`,
      action: 'see-application-serve',
      input: { application: id },
      title: `${id} serves`,
      target,
      needs: renewed.slice(-1).map((step) => step.id),
      stage: 'propagate',
      estimate: minutes(1),
      limit: minutes(20),
    },
    ...entrances.map(
      (entrance): StepDraft => ({
        id: `arrive-${entrance.id}`,
        action: 'see-traffic-shift',
        input: { entrance: entrance.id, application: id, ttlMs: 0 },
        title: `Users of ${entrance.host} are seen at ${id}`,
        target: targetId(`entrance/${entrance.id}`),
        needs: [`serves-${id}`],
        stage: 'verify',
        estimate: ARRIVAL_SEEN_AFTER,
        limit: minutes(20 + ttlOf(entrance) / minutes(1)),
      }),
    ),
    {
      id: `forget-${id}`,
      action: 'forget-isolation',
      input: { application: id },
      title: `${id} is not isolated any more`,
      target,
      needs: entrances.length === 0 ? [`serves-${id}`] : entrances.map((entrance) => `arrive-${entrance.id}`),
      stage: 'after',
      estimate: seconds(1),
    },
  ];
  return {
    version: 1,
    incident,
    runbook: 'lift-isolation',
    scenario,
    target,
    holds: [target],
    steps: planSteps(drafts, RECOVER_CATALOGUE, system.guards),
    lossBound: { kind: 'none' },
    alternatives: [
      {
        name: 'stay',
        text: `Leave ${id} isolated`,
        estimateMs: null,
        losesMs: 0,
        possible: true,
        because: `nothing lifts it by itself; ask again with ./dr trigger lift-isolation --target ${id}`,
        latestStartMs: null,
      },
    ],
    warnings,
    bounds: { observedAtMs: at, topology: [] },
    failback: `It was isolated by ${record?.incident ?? 'an incident that nobody wrote down'}; isolate it again with ./dr trigger breach-response --isolate ${id}.`,
  };
}

/** L2. */
function whatToLift({ consumer, status, record }: LiftIsolationFacts) {
  const { id } = consumer.application;
  if (status.kind === 'gke') {
    if (status.policy === null) return `nothing isolates ${id}`;
    const { uid, incident, deniesAll } = status.policy;
    if (incident === null || !deniesAll)
      return `${id} has a policy of that name which is not ours as we made it: people lift it`;
    return {
      input: { uid, ingress: null },
      title: `Let ${id} be reached again: take away the NetworkPolicy of ${incident} (uid ${uid})`,
    };
  }
  if (record === undefined || record.ingressBefore === null)
    return `nobody wrote down who reached ${id} before: people lift it`;
  if (status.ingress !== 'internal') return `nothing isolates ${id}: it is reached by ${status.ingress}`;
  return {
    input: { uid: null, ingress: record.ingressBefore },
    title: `Let ${id} be reached again as before ${record.incident}: ${record.ingressBefore}`,
  };
}
