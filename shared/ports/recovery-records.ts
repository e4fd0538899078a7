import { z } from 'zod';
import { instant, type Instant } from '../core/time.ts';

// What a recovery writes down before it changes anything, in our own store and not only in the log of an incident that may end:
// the document `clone/<instance>` says whose clone it is and of which moment (nothing of the call that makes one does), and
// `paused/<writer>` how many replicas a writer had; `imported/<instance>` which set of a clone's rows was brought back last. Once all has been taken back they are `null`.

/** A clone, written down before it is asked for. */
export interface CloneRecord {
  readonly version: 1;
  readonly incident: string;
  readonly source: string;
  /** The moment whose rows it holds. */
  readonly moment: Instant;
  readonly recordedAt: Instant;
}

/** A writer, written down before it is paused. */
export interface PausedRecord {
  readonly version: 1;
  readonly incident: string;
  /** What it had, and gets again. */
  readonly replicas: number;
}

/** A set of rows of a clone that was imported: it is not asked for again. */
export interface ImportedRecord {
  readonly version: 1;
  readonly incident: string;
  /** SHA-256 of the set. */
  readonly digest: string;
}

const moment = z.number().transform(instant);

/** A clone's record as it is stored, here and inside of facts. */
export const cloneRecordWire: z.ZodType<CloneRecord> = z.strictObject({
  version: z.literal(1),
  incident: z.string(),
  source: z.string(),
  moment,
  recordedAt: moment,
});

/** A writer's record as it is stored, here and inside of facts. */
export const pausedRecordWire: z.ZodType<PausedRecord> = z.strictObject({
  version: z.literal(1),
  incident: z.string(),
  replicas: z.int().min(1),
});

/** An import's record as it is stored, here and inside of facts. */
export const importedRecordWire: z.ZodType<ImportedRecord> = z.strictObject({
  version: z.literal(1),
  incident: z.string(),
  digest: z.string(),
});

/** The document in which the last import of a clone's rows is kept. */
export const importedKey = (instance: string): string => `imported/${instance}`;

/** The document in which the record of a clone is kept. */
export const cloneKey = (instance: string): string => `clone/${instance}`;

/** The document in which the record of a paused writer is kept. */
export const pausedKey = (writer: string): string => `paused/${writer}`;
