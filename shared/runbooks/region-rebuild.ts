// Region rebuild: a region whose former primary is stopped gets a replica of the present primary again (facts.md 3.4, point 7).
//
//   ask for a replica under a free name ─▶ it follows, and answers ─▶ in the secondary: secret ─▶ its application reads it
//                                                                                     └─▶ its limits as they were ─▶ forgotten
//
// Invariants
//   N1. Nothing is deleted. A promoted instance can't follow again, and what only it has is on its disk: it stays stopped, and its replicas
//       stay as they are, until people delete them.
//   N2. It holds nothing but the right to rebuild this region: a replica takes as long as the data is large, and every other recovery
//       goes on meanwhile.
//   N3. What waits in a secondary reads the replica again only when that follows; until then it stays on the primary.
//
// Data loss: none. Source: runbook 5.1 has nothing of this; facts.md 3.4, points 5 to 7.

import { RECOVER_CATALOGUE } from '../actions/catalogue.ts';
import { type Instant, minutes, seconds } from '../core/time.ts';
import type { GuardBlock, Plan } from '../plan/plan.ts';
import type { RegionRecord } from '../ports/region-record.ts';
import { type InstanceName, targetId } from '../system/names.ts';
import { rebuildTarget } from '../system/regions.ts';
import type { CloudRunApplication, System } from '../system/system.ts';
import { showLimits } from './cluster-failover.ts';
import { planSteps, type StepDraft } from './steps.ts';

/** What the plan rests on. */
export interface RegionRebuildFacts {
  readonly at: Instant;
  readonly region: string;
  /** The stopped instance that served before. */
  readonly former: InstanceName;
  readonly primary: InstanceName;
  /** The name that the replica gets, or has already. */
  readonly replica: InstanceName;
  /** Where everything else is back where it was: what waits beside the replica, and what was written down of it. */
  readonly waiting: { readonly application: CloudRunApplication; readonly record: RegionRecord } | undefined;
  readonly warnings: readonly GuardBlock[];
}

/** How long a replica may take: a terabyte is copied in hours, and people are told when it takes longer. */
const MADE_WITHIN = minutes(60 * 12);

/** Draws the plan from the facts alone. */
export function drawRegionRebuild(system: System, incident: string, scenario: string, facts: RegionRebuildFacts): Plan {
  const { region, former, primary, replica, waiting, at, warnings } = facts;
  const target = rebuildTarget(region);
  const own = targetId(`instance/${replica}`);
  const drafts: readonly StepDraft[] = [
    {
      id: 'create',
      action: 'create-replica',
      input: { primary, replica, region },
      title: `Ask for a replica ${replica} of ${primary} in ${region}`,
      target: own,
      needs: [],
      stage: 'execute',
      estimate: seconds(10),
      limit: minutes(30),
    },
    {
      id: 'await',
      action: 'await-replica',
      input: { primary, replica },
      title: `Wait until ${replica} follows ${primary}`,
      target: own,
      needs: ['create'],
      stage: 'execute',
      estimate: minutes(15),
      limit: MADE_WITHIN,
    },
    ...(waiting === undefined ? [] : waitAgain(incident, replica, waiting)),
  ];
  return {
    version: 1,
    incident,
    runbook: 'region-rebuild',
    scenario,
    target,
    holds: [target, ...(waiting === undefined ? [] : [targetId(`application/${waiting.application.id}`)])],
    steps: planSteps(drafts, RECOVER_CATALOGUE, system.guards),
    lossBound: { kind: 'none' },
    alternatives: [
      {
        name: 'by hand',
        text: `Delete ${former} first, and make its replica under the old name`,
        estimateMs: null,
        losesMs: null,
        possible: true,
        because: `what only ${former} has goes with it: look at what was counted there before`,
        latestStartMs: null,
      },
    ],
    warnings,
    bounds: { observedAtMs: at, topology: [primary] },
    failback: `${former} stays stopped with its disk, and whatever follows it stays too: people delete them when nobody needs them any more, which frees their names in dr.yaml. Terraform has to declare ${replica} as a replica of ${primary}.`,
  };
}

/** What waits in the secondary reads the replica beside it again, and is what it was before (N3). */
function waitAgain(
  incident: string,
  replica: InstanceName,
  { application, record }: NonNullable<RegionRebuildFacts['waiting']>,
): readonly StepDraft[] {
  const target = targetId(`application/${application.id}`);
  const { before, wanted, region } = record;
  const secret = application.databaseSecret;
  return [
    ...(secret === undefined
      ? []
      : [
          {
            id: 'secret',
            action: 'point-at-replica',
            input: { secret, instance: replica },
            title: `Point secret ${secret} at ${replica}; the password stays inside the secret`,
            target,
            needs: ['await'],
            stage: 'after',
            estimate: seconds(5),
            limit: minutes(8),
          } satisfies StepDraft,
        ]),
    {
      id: 'read',
      action: 'read-replica',
      input: { application: application.id, instance: replica, stamp: `${incident}-${application.id}` },
      title: `Restart ${application.service}, so that it reads ${replica} beside it`,
      target,
      needs: [secret === undefined ? 'await' : 'secret'],
      stage: 'after',
      estimate: minutes(1),
      limit: minutes(15),
    },
    {
      id: 'restore',
      action: 'restore-service',
      input: { application: application.id, before: { ...before }, wanted: { ...wanted } },
      title: `Take the limits of ${application.service} back to ${showLimits(before)} instances, as they were before`,
      target,
      needs: ['read'],
      stage: 'after',
      estimate: seconds(10),
      limit: minutes(10),
    },
    {
      id: 'forget',
      action: 'forget-region',
      input: { region },
      title: `Nothing of ${region} is elsewhere any more`,
      target,
      needs: ['restore'],
      stage: 'after',
      estimate: seconds(1),
    },
  ];
}
