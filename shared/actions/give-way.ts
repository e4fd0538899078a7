import { z } from 'zod';
import { instant, toIso } from '../core/time.ts';
import { type ActionContext, failure } from '../engine/action.ts';
import type { StepFailure } from '../incident/events.ts';
import { passedNoReturn } from '../incident/state.ts';
import type { DeepHealth } from '../ports/applications.ts';

// A run that waits for an application to be well, while what the application lacks is its database, would hold up that database's own
// recovery: its signals join the incident of the run, and nobody looks until that ends. So the wait gives way.

/** Since when an application has said, in every look, that its database takes no writes. Handles of older logs don't have it. */
export const databaseFailsSince = z.number().nullable().default(null);

/** What a waiting step has seen of the database beneath its application. */
export interface Beneath {
  /** For the step's handle. */
  readonly failsSinceMs: number | null;
  /** Why the step gives way; `undefined` while it may wait on. */
  readonly failure: StepFailure | undefined;
}

/**
 * Whether a step that waits for an application gives way to the failure of its database: when the application has said for the
 * confirmation window that it takes no writes. Its silence neither begins nor ends that. A run that holds a database is at it itself. The
 * plan is void then, and a new look names what has failed; after a point of no return people are told first.
 */
export function beneath(
  application: string,
  health: DeepHealth,
  sinceMs: number | null,
  { run, clock, system }: Pick<ActionContext, 'run' | 'clock' | 'system'>,
): Beneath {
  if (run.plan.holds.some((target) => target.startsWith('database/')))
    return { failsSinceMs: null, failure: undefined };
  if (health.kind === 'silent') return { failsSinceMs: sinceMs, failure: undefined };
  if (health.kind === 'serving' || health.database?.writable !== false)
    return { failsSinceMs: null, failure: undefined };
  const since = sinceMs ?? clock.now();
  if (clock.now() - since < system.guards.confirmationWindow) return { failsSinceMs: since, failure: undefined };
  const detail = `the database of ${application} takes no writes since ${toIso(instant(since))} (${health.detail}): that comes first`;
  return {
    failsSinceMs: since,
    failure: failure(passedNoReturn(run) ? 'notVerified' : 'voided', 'databaseFails', detail),
  };
}
