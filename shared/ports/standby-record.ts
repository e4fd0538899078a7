import { z } from 'zod';

// What a standby was before it was made ready to take another application's users, kept as the document `standby/<application>`
// from before the first change until everything has been taken back; then it is `null`. A failback goes back to this, and never to a literal 0.

/** Service-level limits of a Cloud Run service; `max` is `null` where it has none of its own. */
export interface ServiceLimits {
  readonly min: number;
  readonly max: number | null;
}

/** The standby of one application while it is, or may be, more than it was. */
export interface StandbyRecord {
  readonly version: 1;
  readonly incident: string;
  /** The application on GKE whose users it takes. */
  readonly home: string;
  readonly standby: string;
  readonly before: ServiceLimits;
  readonly wanted: ServiceLimits;
  readonly recordedAtMs: number;
}

/** Limits as plans and records hold them. */
export const limitsWire: z.ZodType<ServiceLimits> = z.strictObject({
  min: z.int().min(0),
  max: z.int().min(1).nullable(),
});

/** A record as it is stored, here and inside of facts. */
export const standbyRecordWire: z.ZodType<StandbyRecord> = z.strictObject({
  version: z.literal(1),
  incident: z.string(),
  home: z.string(),
  standby: z.string(),
  before: limitsWire,
  wanted: limitsWire,
  recordedAtMs: z.number(),
});

/** The document in which the record of an application's standby is kept. */
export const standbyKey = (home: string): string => `standby/${home}`;
