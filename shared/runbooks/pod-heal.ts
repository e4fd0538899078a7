// Pod heal: replace one pod that does not serve while the rest of its Deployment does (runbook 4.2).
//
//   capture evidence ─▶ evict under the PDB ─▶ healthy for the hold time ─▶ resolved
//
// Invariants
//   P1. Only the pod with the uid that was seen is evicted, and only as its PodDisruptionBudget allows.
//   P2. What the pod knew is kept before it goes.
//   P3. It counts as healed only after the Deployment has stayed well for its hold time.
//
// Corrected from the runbook: the ReplicaSet replaces the pod, not the HPA; plain delete would ignore the budget; a restart
// does not help against a bad image or configuration, which classification keeps away from here.
// Data loss: none. Source: runbook 4.2, facts.md 6.3.

import { type Instant, millis, minutes, seconds } from '../core/time.ts';
import { RECOVER_CATALOGUE } from '../actions/catalogue.ts';
import type { GuardBlock, Plan } from '../plan/plan.ts';
import { targetId } from '../system/names.ts';
import type { GkeApplication, System } from '../system/system.ts';
import { planSteps } from './steps.ts';

/** What the plan rests on. */
export interface PodHealFacts {
  readonly at: Instant;
  readonly application: GkeApplication;
  readonly pod: string;
  readonly uid: string;
  readonly warnings: readonly GuardBlock[];
}

/** Draws the plan from the facts alone. */
export function drawPodHeal(system: System, incident: string, scenario: string, facts: PodHealFacts): Plan {
  const { application, pod, uid, at } = facts;
  const target = targetId(`application/${application.id}`);
  const subject = { application: application.id, pod, uid };
  const hold = system.guards.holdTime;
  return {
    version: 1,
    incident,
    runbook: 'pod-heal',
    scenario,
    target,
    holds: [target],
    steps: planSteps(
      [
        {
          id: 'capture',
          action: 'capture-pod-evidence',
          input: subject,
          title: `Keep describe output, events and logs of pod ${pod}`,
          target,
          needs: [],
          stage: 'prepare',
          estimate: seconds(5),
        },
        {
          id: 'evict',
          action: 'evict-pod',
          input: subject,
          title: `Evict pod ${pod} under its PodDisruptionBudget`,
          target,
          needs: ['capture'],
          stage: 'execute',
          estimate: seconds(30),
          limit: minutes(10),
        },
        {
          id: 'hold',
          action: 'stay-healthy',
          input: { application: application.id, kind: 'gke', holdMs: hold },
          title: `${application.deployment} stays healthy`,
          target,
          needs: ['evict'],
          stage: 'verify',
          estimate: millis(hold + seconds(30)),
          limit: millis(hold + minutes(13)),
        },
      ],
      RECOVER_CATALOGUE,
      system.guards,
    ),
    lossBound: { kind: 'none' },
    alternatives: [],
    warnings: facts.warnings,
    bounds: { observedAtMs: at, uid, topology: [] },
    failback: 'Nothing to fail back: the pod is replaced by its ReplicaSet.',
  };
}
