import { z } from 'zod';
import { instant, minutes, showDuration, toIso } from '../core/time.ts';
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

/** Since when an application has answered nobody. Handles of older logs don't have it. */
export const silentSince = z.number().nullable().default(null);

/** Longer than a restart of every copy, or a short outage of our own path, leaves an application unanswered. */
const SILENT_MAX = minutes(5);

/** What a waiting step has heard of its application. */
export interface Heard {
  /** For the step's handle. */
  readonly silentSinceMs: number | null;
  /** Why the step gives way; `undefined` while it may wait on. */
  readonly failure: StepFailure | undefined;
}

/**
 * Whether a step that waits for an application which served gives way to its silence: what has failed may be larger than what the
 * plan is for, such as the region in which its standby is too, and nobody looks until the run ends.
 */
export function heard(
  application: string,
  isSilent: boolean,
  sinceMs: number | null,
  { run, clock }: Pick<ActionContext, 'run' | 'clock'>,
): Heard {
  if (!isSilent) return { silentSinceMs: null, failure: undefined };
  const since = sinceMs ?? clock.now();
  if (clock.now() - since < SILENT_MAX) return { silentSinceMs: since, failure: undefined };
  const detail = `${application} has answered nobody for ${showDuration(SILENT_MAX)}: what has failed is looked for again`;
  return {
    silentSinceMs: since,
    failure: failure(passedNoReturn(run) ? 'notVerified' : 'voided', 'silent', detail),
  };
}
