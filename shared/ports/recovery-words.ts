import type { Instant } from '../core/time.ts';
import { parseInstant, toIso } from '../core/time.ts';

// What people say about a recovery, as verbs of `./dr accept`: each is asked for by an authenticated person and acts through a plan
// that is approved, or through none.

/** Names the last good moment: `last-good/2026-01-05T10:03:00.000Z`. */
const LAST_GOOD = 'last-good/';

/** Gives back the writer that was paused. */
export const RELEASE_WRITER = 'release-writer';

/** Deletes the clones that the incident made. */
export const DELETE_CLONES = 'delete-clones';

/** The verb by which a person names the last good moment. */
export const lastGood = (moment: Instant): string => `${LAST_GOOD}${toIso(moment)}`;

/** The moment that a verb names; `undefined` for another verb, or for what is no moment. */
export const momentIn = (verb: string): Instant | undefined =>
  verb.startsWith(LAST_GOOD) ? parseInstant(verb.slice(LAST_GOOD.length)) : undefined;

/** The moment that people named last. */
export const momentNamed = (verbs: readonly string[]): Instant | undefined =>
  verbs.flatMap((verb) => momentIn(verb) ?? []).at(-1);
