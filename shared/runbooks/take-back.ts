// Takes back what an incident raised and left raised, since it was in use when its watch ended: limits of a Cloud Run service, or the
// floor of a Deployment's autoscaler.
//
//   take back ─▶ holds? ─▶ resolved
//
// Invariants
//   K1. It goes back to exactly what stands in the plan that raised it, and only where it is as that left it.
//   K2. It looks at the use once more right before: what is needed again stays, and people are told.
//
// Safe: a service's minimum and maximum make no revision, and an autoscaler alone decides by the load what goes.
// Data loss: none. Source: service-scale-up.ts, deployment-scale-up.ts.

import { RECOVER_CATALOGUE } from '../actions/catalogue.ts';
import { type Instant, millis, minutes, seconds } from '../core/time.ts';
import type { LeftRaised } from '../incident/left-raised.ts';
import type { GuardBlock, Plan } from '../plan/plan.ts';
import { targetId } from '../system/names.ts';
import type { System } from '../system/system.ts';
import { planSteps } from './steps.ts';

/** What the plan rests on. */
export interface TakeBackFacts {
  readonly at: Instant;
  readonly raised: LeftRaised;
  readonly warnings: readonly GuardBlock[];
}

/** Draws the plan from the facts alone. */
export function drawTakeBack(
  system: System,
  incident: string,
  scenario: string,
  { at, raised, warnings }: TakeBackFacts,
): Plan {
  const { application } = raised;
  const target = targetId(`application/${application}`);
  const hold = system.guards.holdTime;
  const isService = raised.kind === 'service';
  const back = isService
    ? {
        action: 'restore-service',
        input: { application, before: { ...raised.before }, wanted: { ...raised.wanted } },
        title: `Take the limits of ${application} back to ${raised.before.min} to ${raised.before.max ?? 'any number of'} instances`,
      }
    : {
        action: 'restore-floor',
        input: { application, before: raised.before, wanted: raised.wanted, autoscaled: true },
        title: `Give the autoscaler of ${application} its former floor of ${raised.before}`,
      };
  return {
    version: 1,
    incident,
    runbook: isService ? 'service-scale-up' : 'deployment-scale-up',
    scenario,
    target,
    holds: [target],
    steps: planSteps(
      [
        { ...back, id: 'restore', target, needs: [], stage: 'after', estimate: seconds(10), limit: minutes(10) },
        {
          id: 'hold',
          action: 'stay-healthy',
          input: { application, kind: isService ? 'cloudRun' : 'gke', holdMs: hold },
          title: `${application} stays well with what it had before`,
          target,
          needs: ['restore'],
          stage: 'after',
          estimate: hold,
          limit: millis(hold + minutes(10)),
        },
      ],
      RECOVER_CATALOGUE,
      system.guards,
    ),
    lossBound: { kind: 'none' },
    alternatives: [],
    warnings,
    bounds: { observedAtMs: at, topology: [] },
    failback: 'Nothing to fail back: what was raised was taken back.',
  };
}
