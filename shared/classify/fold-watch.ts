import { type Instant, instant, minutes, seconds, showDuration, toIso } from '../core/time.ts';
import type { Contact, ContactOutcome } from '../ports/data-plane.ts';
import type { WatchReading } from '../ports/watch-reading.ts';
import type { Suspicion } from '../signals/suspicion.ts';
import type { InstanceName } from '../system/names.ts';

// The watch, folded look by look. What it says bounds the loss of a promotion, so every doubt makes the bound larger.
//
// W1. `refusedSinceMs` is a moment at or after the last write that anybody could have made, or `null`.
// W2. One vantage point that was not refused, one look too late, or one vantage point more, begins anew.
// W3. Two watches in two regions fold into one reading in any order; an older look never makes it surer.

/** How our own place is called among the vantage points. */
export const OWN_VANTAGE = 'dr-autopilot';

/** One look of the watch at a primary. */
export interface WatchLook {
  readonly instance: InstanceName;
  /** When all answers were there, by our clock: no write that they rule out can be newer. */
  readonly at: Instant;
  /** The heartbeat that was tried. */
  readonly heartbeat: { readonly sequence: number; readonly at: Instant };
  /** Every vantage point that a consumer connects from, and ours, whose outcome is the heartbeat's. */
  readonly contacts: readonly Contact[];
}

/** Longest between two looks that still count as one stretch: three looks of 5 s. */
const GAP_MAX = seconds(15);

/** How long everybody must have been refused before it is a signal. It only makes somebody look; the diagnosis confirms. */
const REFUSED_IS_SUSPECT = seconds(15);

/** How long silence must last before it is a signal: longer than an ordinary blip (failover-rules 2). */
const SILENCE_IS_SUSPECT = minutes(1);

/** The reading after one more look. */
export function foldWatch(reading: WatchReading | undefined, look: WatchLook): WatchReading {
  const own = look.contacts.find(({ vantage }) => vantage === OWN_VANTAGE)?.outcome;
  const known = reading?.instance === look.instance ? reading : fresh(look.instance);
  const written = afterHeartbeat(known, look, own);
  return known.lastLookAtMs > look.at ? olderLook(written, look, own) : newerLook(written, look, own);
}

const fresh = (instance: InstanceName): WatchReading => ({
  version: 1,
  instance,
  lastWrittenAtMs: null,
  lastSequence: 0,
  notWrittenSinceMs: null,
  refusedSinceMs: null,
  lastLookAtMs: Number.MIN_SAFE_INTEGER,
  vantages: {},
});

function afterHeartbeat(
  reading: WatchReading,
  { heartbeat }: WatchLook,
  own: ContactOutcome | undefined,
): WatchReading {
  if (own?.kind !== 'written') return reading;
  return {
    ...reading,
    lastWrittenAtMs: Math.max(reading.lastWrittenAtMs ?? heartbeat.at, heartbeat.at),
    lastSequence: Math.max(reading.lastSequence, heartbeat.sequence),
  };
}

function newerLook(reading: WatchReading, look: WatchLook, own: ContactOutcome | undefined): WatchReading {
  const isStretch =
    reading.refusedSinceMs !== null &&
    look.at - reading.lastLookAtMs <= GAP_MAX &&
    look.contacts.every(({ vantage }) => vantage in reading.vantages);
  return {
    ...reading,
    notWrittenSinceMs: own?.kind === 'written' ? null : (reading.notWrittenSinceMs ?? look.at),
    refusedSinceMs: isRefusedEverywhere(look) ? (isStretch ? reading.refusedSinceMs : look.at) : null,
    lastLookAtMs: look.at,
    vantages: Object.fromEntries(
      look.contacts.map(({ vantage, at, outcome, control }) => [vantage, { atMs: at, outcome: outcome.kind, control }]),
    ),
  };
}

/** Another watch was faster. Its look may take certainty away from what is known, and add none (W3). */
function olderLook(reading: WatchReading, look: WatchLook, own: ContactOutcome | undefined): WatchReading {
  const covers = (since: number | null): boolean => since !== null && look.at >= since;
  return {
    ...reading,
    notWrittenSinceMs: own?.kind === 'written' && covers(reading.notWrittenSinceMs) ? null : reading.notWrittenSinceMs,
    refusedSinceMs: !isRefusedEverywhere(look) && covers(reading.refusedSinceMs) ? null : reading.refusedSinceMs,
  };
}

function isRefusedEverywhere({ contacts }: WatchLook): boolean {
  return contacts.some(({ vantage }) => vantage === OWN_VANTAGE) && contacts.every(isRefusal);
}

/** A refusal counts on a path that reached another instance at the same time; else it may be the path that refuses. */
const isRefusal = ({ outcome, control }: Contact): boolean =>
  (outcome.kind === 'refusedByServer' || outcome.kind === 'connectionRefused') && control === 'ok';

/** What the reading gives reason to look at: at most one signal, the same for as long as the failure lasts. */
export function suspicions(reading: WatchReading, now: Instant): readonly Suspicion[] {
  const since = reading.notWrittenSinceMs;
  if (since === null) return [];
  const isRefused = reading.refusedSinceMs !== null;
  const lasts = now - since;
  if (lasts < (isRefused ? REFUSED_IS_SUSPECT : SILENCE_IS_SUSPECT)) return [];
  const { instance } = reading;
  const how = isRefused ? 'every vantage point is refused' : 'our heartbeat is not taken';
  const last = reading.lastWrittenAtMs === null ? 'never' : `last at ${toIso(instant(reading.lastWrittenAtMs))}`;
  return [
    {
      kind: 'suspicion',
      instance,
      refusedSince: instant(since),
      summary: `${instance} takes no writes since ${toIso(instant(since))}: ${how} (written ${last}; after ${showDuration(seconds(Math.floor(lasts / 1_000)))})`,
      dedupeKey: `tick/${instance}/${Math.floor(since / minutes(1))}`,
    },
  ];
}
