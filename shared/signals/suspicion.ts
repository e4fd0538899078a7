import type { Instant } from '../core/time.ts';
import type { InstanceName } from '../system/names.ts';

/** A failure that our own watch saw and perhaps no alert told of. It opens an incident; the diagnosis looks for itself. */
export interface Suspicion {
  readonly kind: 'suspicion';
  /** The primary that no longer takes our heartbeat. */
  readonly instance: InstanceName;
  /** The first look at which it did not take one, by refusal or by silence. */
  readonly refusedSince: Instant;
  readonly summary: string;
  /** One for each failure, to the minute: `tick/<instance>/<minutes since the epoch>`. */
  readonly dedupeKey: string;
}
