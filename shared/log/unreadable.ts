import { z } from 'zod';
import { type IncidentEvent, parseEvent } from '../incident/events.ts';
import { isPortError, PortError } from '../ports/port-error.ts';
import type { EventRecord } from '../ports/store.ts';

// Logs that a newer version wrote, read by an older one: a deployment that was rolled back, or one of which both versions still run.
//
// U1. What is not understood is not guessed at: an unknown kind or member may change what everything else in the log means. Such a
//     log is gone on with by nobody who can't read it, and it stays as it is for whoever can.
// U2. That is this one incident's matter. Everything else goes on.

/** The code of the `PortError` (`permanent`) by which a log is refused that this version can't read. */
const CODE = 'not understood';

/** Reads an event of a log. Throws `PortError` where another version wrote it (U1). */
export function understoodEvent(record: EventRecord): IncidentEvent {
  try {
    return parseEvent(record);
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    throw new PortError('permanent', CODE, `reading ${nameOf(record)}, which another version wrote`, error);
  }
}

/** Whether a log was refused because another version wrote it; never for one that is damaged. */
export const isNotUnderstood = (error: unknown): error is PortError => isPortError(error) && error.code === CODE;

/** A log as far as this version understands it, for people to read; nothing may be decided on it. */
export interface UnderstoodPart {
  readonly events: readonly IncidentEvent[];
  /** The first event that is not understood, and with it all that follows; `undefined` where there is none. */
  readonly stoppedAt: Pick<EventRecord, 'at' | 'kind' | 'sequence'> | undefined;
}

/** Reads a log up to what another version wrote. */
export function understoodPart(records: readonly EventRecord[]): UnderstoodPart {
  const events: IncidentEvent[] = [];
  for (const record of records) {
    try {
      events.push(understoodEvent(record));
    } catch (error) {
      if (!isNotUnderstood(error)) throw error;
      return { events, stoppedAt: record };
    }
  }
  return { events, stoppedAt: undefined };
}

const nameOf = ({ incident, kind, sequence }: EventRecord): string => `event ${sequence} (${kind}) of ${incident}`;
