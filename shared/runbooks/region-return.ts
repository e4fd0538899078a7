// Region return: the old primary of a region that went on elsewhere is stopped as soon as it answers (design.md section 8).
//
//   waits, once a minute ─▶ what was written there is counted ─▶ STOP ─▶ proved? ─▶ restart who is still on it
//   └ approved beforehand ┘
//
// Invariants
//   W1. It is approved while the region is dark: nobody has to be awake at the moment in which two primaries take writes.
//   W2. Counting holds the stop up for seconds; what can't be counted is said to be so.
//   W3. Nothing is merged, deleted or given back. The disk of the old primary is kept.
//
// It lies beside the incidents of the new side, and holds nothing of theirs. Source: runbook 5.1 has nothing of this; design.md
// section 8; failover-rules 3 and 11; facts.md 3.4, point 4.

import { RECOVER_CATALOGUE } from '../actions/catalogue.ts';
import { type Instant, minutes, seconds } from '../core/time.ts';
import type { GuardBlock, Plan } from '../plan/plan.ts';
import type { InstanceStatus } from '../ports/databases.ts';
import type { RegionRecord } from '../ports/region-record.ts';
import { targetId } from '../system/names.ts';
import { returnTarget } from '../system/regions.ts';
import type { System } from '../system/system.ts';
import { planSteps, type StepDraft } from './steps.ts';

/** What the plan rests on. */
export interface RegionReturnFacts {
  readonly at: Instant;
  readonly record: RegionRecord;
  readonly former: InstanceStatus;
  readonly promoted: InstanceStatus;
  /** Consumers in the region, by their ids: they may still be on the old primary. */
  readonly consumers: readonly string[];
  readonly warnings: readonly GuardBlock[];
}

/** How long the return is waited for: a region is not gone for longer, and people are told when it is. */
const WAIT_MAX = minutes(60 * 24 * 30);

/** Cloud SQL's data port for PostgreSQL. */
const PORT = 5432;

/** Draws the plan from the facts alone; a sentence when it can't be done. */
export function drawRegionReturn(
  system: System,
  incident: string,
  scenario: string,
  { at, record, former, promoted, consumers, warnings }: RegionReturnFacts,
): Plan | string {
  const newHost = promoted.address;
  if (former.address === undefined || newHost === undefined)
    return 'the address of the old or of the new primary is not known';
  const { region } = record;
  const target = returnTarget(region);
  const own = targetId(`instance/${former.instance}`);
  const drafts: readonly StepDraft[] = [
    {
      id: 'await',
      action: 'await-return',
      input: { region, instance: former.instance },
      title: `Wait until ${former.instance} in ${region} answers again`,
      target,
      needs: [],
      stage: 'execute',
      estimate: seconds(0),
      limit: WAIT_MAX,
    },
    {
      id: 'count',
      action: 'count-divergence',
      input: { former: former.instance, promoted: promoted.instance, sinceMs: record.recordedAtMs },
      title: `Count what was written on ${former.instance} after ${promoted.instance} took its place`,
      target: own,
      needs: ['await'],
      stage: 'execute',
      estimate: seconds(10),
    },
    {
      id: 'stop',
      action: 'stop-instance',
      input: { instance: former.instance },
      title: `Stop ${former.instance}, its disk kept`,
      target: own,
      needs: ['count'],
      stage: 'execute',
      estimate: minutes(1),
      limit: minutes(60),
    },
    {
      id: 'fence',
      action: 'prove-fence',
      input: {
        instance: former.instance,
        address: `${former.address}:${PORT}`,
        consumers: [...consumers],
        control: promoted.instance,
      },
      title: `Prove from every place in ${region} that ${former.instance} takes no writes`,
      target: own,
      needs: ['stop'],
      stage: 'after',
      optional: true,
      estimate: seconds(10),
      limit: minutes(10),
    },
    ...consumers.map(
      (application): StepDraft => ({
        id: `restart-${application}`,
        action: 'restart-stale',
        input: { application, host: newHost, stamp: `${incident}-${application}` },
        title: `Restart ${application}, if it is not on ${promoted.instance}`,
        target: targetId(`application/${application}`),
        needs: ['stop'],
        stage: 'propagate',
        optional: true,
        estimate: minutes(1),
        limit: minutes(15),
      }),
    ),
    {
      id: 'stale',
      action: 'name-stale',
      input: { consumers: [...consumers], promoted: promoted.instance, host: newHost },
      title: `Name who in ${region} is not on ${promoted.instance}`,
      target,
      needs: ['stop', ...consumers.map((application) => `restart-${application}`)],
      stage: 'after',
      estimate: seconds(10),
    },
  ];
  return {
    version: 1,
    incident,
    runbook: 'region-return',
    scenario,
    target,
    // Nothing else: it may wait for days, and once another has its place no run of the new side does anything to the old primary.
    holds: [target],
    steps: planSteps(drafts, RECOVER_CATALOGUE, system.guards),
    lossBound: { kind: 'none' },
    alternatives: [
      {
        name: 'leave it',
        text: `Leave ${former.instance} as it is when ${region} returns`,
        estimateMs: null,
        losesMs: null,
        possible: true,
        because: `whoever still has its address writes to it, and nothing of that is on ${promoted.instance}; deny, and stop it by hand`,
        latestStartMs: null,
      },
    ],
    warnings,
    bounds: { observedAtMs: at, topology: [former.instance] },
    failback: `${former.instance} stays stopped, and its disk is kept. ${region} gets a replica of ${promoted.instance} of its own before anything is led back.`,
  };
}
