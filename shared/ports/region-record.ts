import { z } from 'zod';
import { type InstanceName, instanceName } from '../system/names.ts';
import { limitsWire, type ServiceLimits } from './standby-record.ts';

// What a region failover writes down before it changes anything, kept as the document `region/<region>` until everything is back where
// it was: whoever watches for the return of the region, and whoever leads everything back, reads it there and not in the log of an
// incident that has ended.

/** A region whose users, and whose database, are elsewhere or about to be. */
export interface RegionRecord {
  readonly version: 1;
  readonly incident: string;
  readonly region: string;
  /** The primary that was there. */
  readonly former: InstanceName;
  /** The replica that takes its place. */
  readonly promoted: InstanceName;
  /** The application that takes the users, and its limits before and for that. */
  readonly standby: string;
  readonly before: ServiceLimits;
  readonly wanted: ServiceLimits;
  readonly recordedAtMs: number;
}

/** A record as it is stored, here and inside of facts. */
export const regionRecordWire: z.ZodType<RegionRecord> = z.strictObject({
  version: z.literal(1),
  incident: z.string(),
  region: z.string(),
  former: z.string().transform(instanceName),
  promoted: z.string().transform(instanceName),
  standby: z.string(),
  before: limitsWire,
  wanted: limitsWire,
  recordedAtMs: z.number(),
});

/** The document in which the record of a region is kept. */
export const regionKey = (region: string): string => `region/${region}`;
