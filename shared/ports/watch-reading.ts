import { z } from 'zod';
import { type InstanceName, instanceName } from '../system/names.ts';
import type { Contact, ContactOutcome } from './data-plane.ts';

// What the watch knows about one primary, kept as the document `watch/<instance>` between its looks. Loss bounds and diagnoses
// rest on it, so it stands beside the store's port and not in one of their rooms.

/** The last looks of the watch at one primary, folded (`shared/classify/fold-watch.ts`). All moments in clock time. */
export interface WatchReading {
  readonly version: 1;
  readonly instance: InstanceName;
  /** When the newest heartbeat that the primary is known to have taken was written; `null` before the first. */
  readonly lastWrittenAtMs: number | null;
  /** The sequence of that heartbeat; 0 before the first. */
  readonly lastSequence: number;
  /** The first look from which no heartbeat of ours was written; `null` while they are. Silence counts too: it is a suspicion. */
  readonly notWrittenSinceMs: number | null;
  /**
   * The first moment from which every vantage point, ours included, was positively refused, on a path that works, without a
   * gap of more than 15 s; `null` when there is no such moment. This is t_end of the loss bound (design.md section 6).
   */
  readonly refusedSinceMs: number | null;
  readonly lastLookAtMs: number;
  /** What each vantage point met at the last look. */
  readonly vantages: Readonly<
    Record<
      string,
      { readonly atMs: number; readonly outcome: ContactOutcome['kind']; readonly control: Contact['control'] }
    >
  >;
}

/** A reading as it is stored, here and inside of facts. */
export const watchReadingWire: z.ZodType<WatchReading> = z.strictObject({
  version: z.literal(1),
  instance: z.string().min(1).transform(instanceName),
  lastWrittenAtMs: z.number().nullable(),
  lastSequence: z.int().min(0),
  notWrittenSinceMs: z.number().nullable(),
  refusedSinceMs: z.number().nullable(),
  lastLookAtMs: z.number(),
  vantages: z.record(
    z.string(),
    z.strictObject({
      atMs: z.number(),
      outcome: z.enum(['written', 'refusedByServer', 'loginRefused', 'connectionRefused', 'unknown']),
      control: z.enum(['ok', 'failed', 'none']),
    }),
  ),
});

/** The document in which the reading of an instance is kept. */
export const watchKey = (instance: InstanceName): string => `watch/${instance}`;

/** Reads a stored reading. Throws `z.ZodError` on anything else. */
export function parseWatchReading(value: unknown): WatchReading {
  return watchReadingWire.parse(value);
}
