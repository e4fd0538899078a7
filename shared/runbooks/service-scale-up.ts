// Service scale-up: more instances for a Cloud Run service that turns requests away with all of them busy (issue 4, point 3).
//
//   raise minimum and maximum ─▶ watch ─▶ take back ─▶ relieved? ─▶ resolved
//                                                          └─▶ no: people, and no further raise
//
// Invariants
//   U1. The limits are raised once, to twice the former maximum, and never beyond `maxInstances` or what the revision allows.
//   U2. What they were before stands in the plan. They go back to it after the hold time, in the same run.
//   U3. Limits that are in use and help stay, and a person is told: to take them back would bring the disaster back. take-back.ts does
//       so once they are no longer needed.
//   U4. No help from it is a finding for people, and no reason to raise further.
//
// Only service-level scaling is changed, under its etag: the revision-level minimum, which the runbook sets, would deploy a new
// revision in the middle of a disaster (facts.md 4). More instances open more connections: `maxInstances` is the limit that the
// database can bear.
// Data loss: none. Source: issue 4, point 3; facts.md 4.

import { RECOVER_CATALOGUE } from '../actions/catalogue.ts';
import { watchMax } from '../actions/await-relief.ts';
import { type Instant, millis, minutes, seconds } from '../core/time.ts';
import type { GuardBlock, Plan } from '../plan/plan.ts';
import { targetId } from '../system/names.ts';
import type { CloudRunApplication, System } from '../system/system.ts';
import { planSteps } from './steps.ts';

/** What the plan rests on. */
export interface ServiceScaleUpFacts {
  readonly at: Instant;
  readonly application: CloudRunApplication;
  readonly before: { readonly min: number; readonly max: number };
  /** The revision's own maximum, if it has one. */
  readonly revisionMax: number | undefined;
  readonly warnings: readonly GuardBlock[];
}

/** By how much the maximum is raised: a step that is felt, and half of what the raise after it would ask of the database. */
const FACTOR = 2;

/** From relief until Monitoring shows it: two minutes of requests, and the time until they are visible. */
const RELIEF_SEEN_AFTER = minutes(4);

/** Draws the plan from the facts alone; a sentence when there is nothing to raise. */
export function drawServiceScaleUp(
  system: System,
  incident: string,
  scenario: string,
  facts: ServiceScaleUpFacts,
): Plan | string {
  const { application, before, revisionMax, at } = facts;
  const ceiling = Math.min(application.maxInstances, revisionMax ?? Number.POSITIVE_INFINITY);
  const max = Math.min(ceiling, FACTOR * before.max);
  if (max <= before.max) return `${application.id} may have no more than ${ceiling} instances, and has had them all`;
  // Those that were all busy stay warm while the load swings; the autoscaler adds the rest.
  const wanted = { min: Math.max(before.min, Math.min(before.max, max)), max };
  const target = targetId(`application/${application.id}`);
  const hold = system.guards.holdTime;
  const scaling = { application: application.id, before: { ...before }, wanted };
  return {
    version: 1,
    incident,
    runbook: 'service-scale-up',
    scenario,
    target,
    holds: [target],
    steps: planSteps(
      [
        {
          id: 'raise',
          action: 'raise-service',
          input: scaling,
          title: `Let ${application.service} have ${wanted.min} to ${wanted.max} instances instead of ${before.min} to ${before.max}`,
          target,
          needs: [],
          stage: 'execute',
          estimate: seconds(10),
          limit: minutes(10),
        },
        {
          id: 'watch',
          action: 'watch-relief',
          input: { application: application.id, before: { ...before }, holdMs: hold },
          title: `Requests are answered, and ${before.max} instances would do`,
          target,
          needs: ['raise'],
          stage: 'verify',
          // What it finds is told by the last step, after the limits have been taken back.
          estimate: millis(RELIEF_SEEN_AFTER + hold),
          limit: millis(watchMax(hold) + minutes(10)),
        },
        {
          id: 'restore',
          action: 'restore-service',
          input: scaling,
          title: `Take the limits of ${application.service} back to ${before.min} to ${before.max} instances`,
          target,
          needs: ['watch'],
          stage: 'after',
          estimate: seconds(10),
          limit: minutes(10),
        },
        {
          id: 'relieved',
          action: 'confirm-relief',
          input: { application: application.id },
          title: 'More instances helped',
          target,
          needs: ['restore'],
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
    failback: 'Nothing to fail back: the limits were taken back.',
  };
}
