// Deployment scale-up: more replicas for a Deployment whose pods are all busy while requests fail (runbook 4.2, step 5).
//
//   raise the floor ─▶ watch ─▶ give it back ─▶ relieved? ─▶ resolved
//                                                    └─▶ no: people, and no further raise
//
// Invariants
//   X1. It is raised once, to twice the replicas, and never beyond `maxReplicas` or the autoscaler's own maximum.
//   X2. What it was stands in the plan, and at the autoscaler. It goes back to it after the hold time, in the same run.
//   X3. A floor that is in use and helps stays, and a person is told: to give it back would bring the disaster back. take-back.ts does
//       so once it is no longer needed.
//   X4. No help from it is a finding for people, and no reason to raise further.
//
// Corrected from the runbook: `kubectl scale --replicas=5` is undone by the autoscaler within 15 s; its floor lasts. Nothing is taken
// away by this: the autoscaler alone decides by the load what goes. Without an autoscaler the replicas stay as many as they are: to
// scale a Deployment down is destructive, and a person's.
// More pods open more connections: `maxReplicas` is the limit that the database can bear, and the nodes.
// Data loss: none. Source: runbook 4.2, facts.md 6.3.

import { RECOVER_CATALOGUE } from '../actions/catalogue.ts';
import { watchMax } from '../actions/await-relief.ts';
import { type Instant, millis, minutes, seconds } from '../core/time.ts';
import type { GuardBlock, Plan } from '../plan/plan.ts';
import type { WorkloadStatus } from '../ports/workloads.ts';
import { targetId } from '../system/names.ts';
import type { GkeApplication, System } from '../system/system.ts';
import { planSteps, type StepDraft } from './steps.ts';

/** What the plan rests on. */
export interface DeploymentScaleUpFacts {
  readonly at: Instant;
  readonly application: GkeApplication;
  readonly status: Pick<WorkloadStatus, 'replicas' | 'autoscaler'>;
  readonly warnings: readonly GuardBlock[];
}

/** By how much: a step that is felt, and half of what the raise after it would ask of the database. */
const FACTOR = 2;

/** From relief until Monitoring shows it: two minutes of requests, and the time until they are visible. */
const RELIEF_SEEN_AFTER = minutes(4);

/** The most replicas that may be asked for. */
const replicasMax = ({ maxReplicas }: GkeApplication, { autoscaler }: Pick<WorkloadStatus, 'autoscaler'>): number =>
  Math.min(maxReplicas, autoscaler?.max ?? Number.POSITIVE_INFINITY);

/** Draws the plan from the facts alone; a sentence when there is nothing to raise. */
export function drawDeploymentScaleUp(
  system: System,
  incident: string,
  scenario: string,
  facts: DeploymentScaleUpFacts,
): Plan | string {
  const { application, status, at } = facts;
  const { replicas, autoscaler } = status;
  if (application.urlMap === undefined)
    return `${application.id} has no urlMap in dr.yaml, so nobody could tell whether it helped`;
  if (replicas === 0) return `${application.id} is scaled to zero`;
  const ceiling = replicasMax(application, status);
  const wanted = Math.min(ceiling, FACTOR * replicas);
  if (wanted <= replicas) return `${application.id} may have no more than ${ceiling} replicas, and has them all`;
  const target = targetId(`application/${application.id}`);
  const before = autoscaler?.min ?? replicas;
  const scaling = { application: application.id, before, wanted, autoscaled: autoscaler !== undefined };
  const hold = system.guards.holdTime;
  const raised =
    autoscaler === undefined
      ? `Give ${application.deployment} ${wanted} replicas instead of ${replicas}`
      : `Raise the floor of the autoscaler of ${application.deployment} from ${before} to ${wanted} replicas`;
  const back: StepDraft = {
    id: 'restore',
    action: 'restore-floor',
    input: scaling,
    title: `Give the autoscaler of ${application.deployment} its former floor of ${before}`,
    target,
    needs: ['watch'],
    stage: 'after',
    estimate: seconds(10),
    limit: minutes(10),
  };
  return {
    version: 1,
    incident,
    runbook: 'deployment-scale-up',
    scenario,
    target,
    holds: [target],
    steps: planSteps(
      [
        {
          id: 'raise',
          action: 'raise-workload',
          input: scaling,
          title: raised,
          target,
          needs: [],
          stage: 'execute',
          estimate: seconds(30),
          limit: minutes(10),
        },
        {
          id: 'watch',
          action: 'watch-crowd',
          input: { application: application.id, before: replicas, holdMs: hold },
          title: `Requests are answered, and ${replicas} replicas would do`,
          target,
          needs: ['raise'],
          stage: 'verify',
          estimate: millis(RELIEF_SEEN_AFTER + hold),
          limit: millis(watchMax(hold) + minutes(10)),
        },
        ...(autoscaler === undefined ? [] : [back]),
        {
          id: 'relieved',
          action: 'confirm-relief',
          input: { application: application.id },
          title: 'More replicas helped',
          target,
          needs: [autoscaler === undefined ? 'watch' : 'restore'],
          stage: 'after',
          estimate: seconds(1),
        },
      ],
      RECOVER_CATALOGUE,
      system.guards,
    ),
    lossBound: { kind: 'none' },
    alternatives: [],
    warnings: facts.warnings,
    bounds: { observedAtMs: at, topology: [] },
    failback:
      autoscaler === undefined
        ? `Its ${wanted} replicas stay: kubectl -n ${application.namespace} scale deployment/${application.deployment} --replicas=${replicas} takes them back.`
        : 'Nothing to fail back: the floor was given back.',
  };
}
