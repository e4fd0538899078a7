// Rollout undo: give a Deployment the revision again that it ran before the one whose every pod fails (runbook 4.2, corrected: a
// restart runs the same template again).
//
//   capture evidence ─▶ undo to exactly that revision ─▶ rolled out ─▶ healthy for the hold time ─▶ resolved
//
// Invariants
//   V1. Only the revision with the uid that was approved is given again, and only while the one that failed is what runs.
//   V2. Its template is given whole: nothing of the failing one is left in it.
//   V3. Pods that are healthy are not taken away: of those there are at the least as many as the PodDisruptionBudget wants.
//   V4. It counts as healed only after the Deployment has stayed well for its hold time. An undo that does not help is for people;
//       nothing older is tried.
//
// The undo of the undo is to roll forward: the failing revision is remembered, and a mended one is better.
// Data loss: none by the undo itself. What the new revision has changed in the database (a migration) is not taken back: the page
// says so. Source: runbook 4.2, facts.md 6.2 and 6.3.

import { RECOVER_CATALOGUE } from '../actions/catalogue.ts';
import { type Instant, millis, minutes, seconds } from '../core/time.ts';
import type { Alternative, GuardBlock, Plan } from '../plan/plan.ts';
import { brokenBudget, type Revision, type Rollout } from '../ports/rollouts.ts';
import { targetId } from '../system/names.ts';
import type { GkeApplication, System } from '../system/system.ts';
import { planSteps } from './steps.ts';

/** What the plan rests on. */
export interface RolloutUndoFacts {
  readonly at: Instant;
  readonly application: GkeApplication;
  readonly rollout: Rollout;
  /** uid of the revision that fails; the current one unless given. */
  readonly from: string | undefined;
  /** uid of the revision to go back to; the one before unless given. */
  readonly to: string | undefined;
  readonly warnings: readonly GuardBlock[];
}

/** Draws the plan from the facts alone; a sentence when there is nothing to go back to, or it would break a budget. */
export function drawRolloutUndo(
  system: System,
  incident: string,
  scenario: string,
  facts: RolloutUndoFacts,
): Plan | string {
  const { application, rollout, at } = facts;
  const { revisions } = rollout;
  const from = revisions.find(({ uid }) => uid === (facts.from ?? rollout.current));
  const to = revisions.find(({ uid, revision }) =>
    facts.to === undefined ? from !== undefined && revision < from.revision : uid === facts.to,
  );
  if (from === undefined || to === undefined) return `${application.id} remembers no revision to go back to`;
  const broken = brokenBudget(rollout);
  if (broken !== undefined) return `an undo of ${application.id} could break its budget: ${broken}`;
  const target = targetId(`application/${application.id}`);
  const hold = system.guards.holdTime;
  const [former, failing] = [nameOf(to), nameOf(from)];
  return {
    version: 1,
    incident,
    runbook: 'rollout-undo',
    scenario,
    target,
    holds: [target],
    steps: planSteps(
      [
        {
          id: 'capture',
          action: 'capture-revision-evidence',
          input: { application: application.id, template: from.template },
          title: `Keep describe output, events and logs of pods of revision ${show(from)}`,
          target,
          needs: [],
          stage: 'prepare',
          estimate: seconds(5),
        },
        {
          id: 'undo',
          action: 'undo-rollout',
          input: { application: application.id, from: failing, to: former },
          title: `Give ${application.deployment} revision ${show(to)} again, in place of ${show(from)}`,
          target,
          needs: ['capture'],
          stage: 'execute',
          estimate: minutes(1),
          limit: minutes(15),
          undo: {
            kind: 'action',
            action: 'undo-rollout',
            input: { application: application.id, from: former, to: failing },
            title: `Roll ${application.deployment} forward to revision ${show(from)} again`,
          },
        },
        {
          id: 'hold',
          action: 'stay-healthy',
          input: { application: application.id, kind: 'gke', holdMs: hold },
          title: `${application.deployment} stays healthy`,
          target,
          needs: ['undo'],
          stage: 'verify',
          estimate: millis(hold + seconds(30)),
          limit: millis(hold + minutes(13)),
        },
      ],
      RECOVER_CATALOGUE,
      system.guards,
    ),
    lossBound: { kind: 'none' },
    alternatives: alternatives(from),
    warnings: facts.warnings,
    bounds: { observedAtMs: at, from: from.uid, to: to.uid, topology: [] },
    failback:
      `To roll forward again: kubectl -n ${application.namespace} rollout undo deployment/${application.deployment} ` +
      `--to-revision=${from.revision}; better, deploy a mended revision. Whatever deploys by itself must not deploy ` +
      'the failing one once more. What that revision changed in the database stays as it is.',
  };
}

const nameOf = ({ uid, revision }: Revision): { readonly uid: string; readonly revision: number } => ({
  uid,
  revision,
});

const show = ({ revision, image }: Revision): string =>
  image === undefined ? String(revision) : `${revision} (${image})`;

function alternatives(from: Revision): readonly Alternative[] {
  const figures = { estimateMs: null, losesMs: null, latestStartMs: null };
  return [
    {
      name: 'restart',
      text: `Restart the pods of revision ${show(from)}`,
      ...figures,
      possible: false,
      because: 'every pod of it fails, and a restart runs the same template again',
    },
    {
      name: 'roll forward',
      text: 'Deploy a mended revision',
      ...figures,
      possible: true,
      because: 'only people can mend it; nothing of ours stands in the way while the undo is not approved',
    },
  ];
}
