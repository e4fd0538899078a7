// Pod force-delete: take a pod out of the API that was deleted and does not go (runbook 4.2, "force restart if stuck").
//
//   capture evidence ─▶ delete with no grace, by its uid ─▶ healthy for the hold time ─▶ resolved
//
// Invariants
//   F1. Only a pod that somebody has deleted already, past its grace, by the uid that was seen.
//   F2. Never one that a finalizer keeps, nor one with a volume of its own.
//   F3. What is still known of it is kept first.
//
// Corrected from the runbook: `kubectl delete pod` marks it once more and changes nothing; with `--force` the API forgets a pod that
// its node may still run. That is why people approve it, and why its node has to be looked at.
// Data loss: none of ours. Source: runbook 4.2; Kubernetes, "Force Delete StatefulSet Pods".

import { RECOVER_CATALOGUE } from '../actions/catalogue.ts';
import { type Instant, millis, minutes, seconds } from '../core/time.ts';
import type { GuardBlock, Plan } from '../plan/plan.ts';
import { targetId } from '../system/names.ts';
import type { GkeApplication, System } from '../system/system.ts';
import { planSteps } from './steps.ts';

/** What the plan rests on. */
export interface PodForceDeleteFacts {
  readonly at: Instant;
  readonly application: GkeApplication;
  readonly pod: string;
  readonly uid: string;
  readonly node: string | undefined;
  readonly warnings: readonly GuardBlock[];
}

/** Draws the plan from the facts alone. */
export function drawPodForceDelete(
  system: System,
  incident: string,
  scenario: string,
  facts: PodForceDeleteFacts,
): Plan {
  const { application, pod, uid, at } = facts;
  const target = targetId(`application/${application.id}`);
  const subject = { application: application.id, pod, uid };
  const hold = system.guards.holdTime;
  const node = facts.node ?? 'its node';
  return {
    version: 1,
    incident,
    runbook: 'pod-force-delete',
    scenario,
    target,
    holds: [target],
    steps: planSteps(
      [
        {
          id: 'capture',
          action: 'capture-pod-evidence',
          input: subject,
          title: `Keep what is known of pod ${pod}`,
          target,
          needs: [],
          stage: 'prepare',
          estimate: seconds(5),
        },
        {
          id: 'delete',
          action: 'force-delete-pod',
          input: subject,
          title: `Take pod ${pod} out of the API by force; ${node} may go on running it until it is looked at`,
          target,
          needs: ['capture'],
          stage: 'execute',
          estimate: seconds(10),
          limit: minutes(5),
          undo: { kind: 'pointOfNoReturn', because: 'the API has forgotten the pod, whatever its node does' },
        },
        {
          id: 'hold',
          action: 'stay-healthy',
          input: { application: application.id, kind: 'gke', holdMs: hold },
          title: `${application.deployment} stays healthy`,
          target,
          needs: ['delete'],
          stage: 'verify',
          estimate: millis(hold + seconds(30)),
          limit: millis(hold + minutes(13)),
        },
      ],
      RECOVER_CATALOGUE,
      system.guards,
    ),
    lossBound: { kind: 'none' },
    alternatives: [
      {
        name: 'wait',
        text: `Leave it, and look at ${node}: the pod goes when its kubelet answers again, or when the node is removed`,
        estimateMs: null,
        losesMs: null,
        possible: true,
        because: 'its ReplicaSet has replaced it already, so that users are served without it',
        latestStartMs: null,
      },
    ],
    warnings: facts.warnings,
    bounds: { observedAtMs: at, uid, topology: [] },
    failback: `Nothing to fail back. Look at ${node}: what it did not end may still run there.`,
  };
}
