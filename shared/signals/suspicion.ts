import type { Instant } from '../core/time.ts';
import type { InstanceName } from '../system/names.ts';

/** A failure that our own watch saw and perhaps no alert told of. It opens an incident; the diagnosis looks for itself. */
export interface Suspicion {
  readonly kind: 'suspicion';
  /** The primary that refuses. */
  readonly instance: InstanceName;
  /** The first moment from which every vantage point was refused, without a gap. */
  readonly refusedSince: Instant;
  readonly summary: string;
  /** One for each failure, to the minute: `tick/<instance>/<minutes since the epoch>`. */
  readonly dedupeKey: string;
}
