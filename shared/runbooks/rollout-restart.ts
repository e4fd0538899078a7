// Rollout restart: replace every pod of a Deployment by one of the same template (runbook appendix A, "restart all pods").
//
//   capture evidence ─▶ restart as the strategy does ─▶ rolled out ─▶ healthy for the hold time ─▶ resolved
//
// Invariants
//   W1. Only what was seen is restarted: if the Deployment runs another revision by then, the plan is void.
//   W2. Once in an incident: the template names it, by which a restart whose reply was lost is known again.
//   W3. Pods that are healthy are not taken away: of those there are at the least as many as the PodDisruptionBudget wants.
//   W4. It counts only after the Deployment has stayed well for its hold time. One that does not help is for people.
//
// Corrected from the runbook: it restarts all pods without saying what for. It helps processes that hang, and nothing else: a crash
// loop, a missing image or a bad configuration is the same in every pod that follows.
// Data loss: none of ours; what a process held in memory is gone with it. Source: runbook appendix A, facts.md 6.2.

import { RECOVER_CATALOGUE } from '../actions/catalogue.ts';
import { type Instant, millis, minutes, seconds } from '../core/time.ts';
import type { Alternative, GuardBlock, Plan } from '../plan/plan.ts';
import { brokenBudget, type Rollout } from '../ports/rollouts.ts';
import { targetId } from '../system/names.ts';
import type { GkeApplication, System } from '../system/system.ts';
import { planSteps } from './steps.ts';

/** What the plan rests on. */
export interface RolloutRestartFacts {
  readonly at: Instant;
  readonly application: GkeApplication;
  readonly rollout: Rollout;
  /** uid of the revision that runs; the current one unless given. */
  readonly from: string | undefined;
  readonly warnings: readonly GuardBlock[];
}

/** Until a pod is new and ready, one after the other. */
const POD_TAKES = seconds(30);

/** Draws the plan from the facts alone; a sentence when there is nothing to restart, or it would break a budget. */
export function drawRolloutRestart(
  system: System,
  incident: string,
  scenario: string,
  facts: RolloutRestartFacts,
): Plan | string {
  const { application, rollout, at } = facts;
  const from = rollout.revisions.find(({ uid }) => uid === (facts.from ?? rollout.current));
  if (from === undefined) return `${application.id} runs no revision that could be restarted`;
  if (rollout.replicas === 0) return `${application.id} is scaled to zero: there is nothing to restart`;
  const broken = brokenBudget(rollout);
  if (broken !== undefined) return `a restart of ${application.id} could break its budget: ${broken}`;
  const target = targetId(`application/${application.id}`);
  const hold = system.guards.holdTime;
  return {
    version: 1,
    incident,
    runbook: 'rollout-restart',
    scenario,
    target,
    holds: [target],
    steps: planSteps(
      [
        {
          id: 'capture',
          action: 'capture-revision-evidence',
          input: { application: application.id, template: from.template },
          title: `Keep describe output, events and logs of pods of ${application.deployment} that are not ready`,
          target,
          needs: [],
          stage: 'prepare',
          estimate: seconds(5),
        },
        {
          id: 'restart',
          action: 'restart-rollout',
          input: { application: application.id, from: { uid: from.uid, revision: from.revision } },
          title: `Replace every pod of ${application.deployment} by a new one of the same revision, ${keeping(rollout)}`,
          target,
          needs: ['capture'],
          stage: 'execute',
          estimate: millis(POD_TAKES * rollout.replicas),
          limit: minutes(20),
        },
        {
          id: 'hold',
          action: 'stay-healthy',
          input: { application: application.id, kind: 'gke', holdMs: hold },
          title: `${application.deployment} stays healthy`,
          target,
          needs: ['restart'],
          stage: 'verify',
          estimate: millis(hold + seconds(30)),
          limit: millis(hold + minutes(13)),
        },
      ],
      RECOVER_CATALOGUE,
      system.guards,
    ),
    lossBound: { kind: 'none' },
    alternatives: [WAIT],
    warnings: facts.warnings,
    bounds: { observedAtMs: at, from: from.uid, topology: [] },
    failback: 'Nothing to fail back: the same revision runs in new pods.',
  };
}

const keeping = ({ keepsAvailable, replicas }: Rollout): string =>
  `with at least ${keepsAvailable} of ${replicas} kept while they are well`;

const WAIT: Alternative = {
  name: 'wait',
  text: 'Leave the pods as they are, and find out what they wait for',
  estimateMs: null,
  losesMs: null,
  possible: true,
  because: 'a restart cures processes that hang, and nothing else; what a process knew is gone with it',
  latestStartMs: null,
};
