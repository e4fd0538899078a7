import { z } from 'zod';
import { type Millis, seconds } from '../core/time.ts';
import { type ActionContext, failure, LEASE_LOST, type Progress } from '../engine/action.ts';
import { isPortError } from '../ports/port-error.ts';
import type { RowPlace, RowReader } from '../ports/rows.ts';
import type { InstanceName } from '../system/names.ts';

// What every comparison of a copy with production has in common: both are open at once, and one that does not answer yet is asked again.

/** Between two tries to reach a copy that has just been started. */
const AGAIN = seconds(10);

/**
 * Tries that a copy is given however long they take: one that reads for minutes before it is given up would use up all patience alone.
 * The step's own limit ends it.
 */
const TRIES_MIN = 4;

/** Since when a comparison has been tried, and how often in vain: up to what counts. */
export const triesHandle = z.strictObject({ sinceMs: z.number(), tries: z.number().int().exactOptional() });

/** The two sides of a comparison, each with what reads it. */
export interface Sides {
  readonly source: { readonly place: RowPlace; readonly reader: RowReader };
  readonly production: { readonly place: RowPlace; readonly reader: RowReader };
}

/** What is compared, and for how long a copy may take to answer. */
export interface SideBySide {
  readonly copy: InstanceName;
  readonly source: InstanceName;
  readonly rows: { readonly database: string; readonly login: string };
  readonly patience: Millis;
}

/** Opens both sides and compares them by `write`; runs on while they can't be read, up to the patience. */
export async function sideBySide(
  { copy, source, rows, patience }: SideBySide,
  { sinceMs, tries = 0 }: z.infer<typeof triesHandle>,
  context: ActionContext,
  write: (sides: Sides) => Promise<Progress>,
): Promise<Progress> {
  const at = (instance: InstanceName): RowPlace => ({ instance, database: rows.database, login: rows.login });
  const [mine, theirs] = [at(copy), at(source)];
  const world = context.world.rows;
  try {
    return await world.reading(mine, (reader) =>
      world.reading(theirs, (other) =>
        write({ source: { place: mine, reader }, production: { place: theirs, reader: other } }),
      ),
    );
  } catch (error) {
    // That somebody else may act by now says nothing of the rows: nobody's patience ends by it.
    if (!isPortError(error) || error.kind !== 'retryable' || error.code === LEASE_LOST) throw error;
    const tried = Math.min(tries + 1, TRIES_MIN);
    if (context.clock.now() - sinceMs < patience || tried < TRIES_MIN) {
      const handle = { sinceMs, tries: tried };
      return { kind: 'running', handle, detail: `${copy} is not compared yet`, again: AGAIN };
    }
    return notCompared('rowsUnreadable', `the rows of ${copy} and ${source} could not be compared: ${error.message}`);
  }
}

/** A comparison that came to nothing. */
export const notCompared = (code: string, detail: string): Progress => ({
  kind: 'failed',
  failure: failure('notVerified', code, detail),
});

/** A file as people find it. */
export const showFile = ({
  bucket,
  name,
  generation,
}: {
  readonly bucket: string;
  readonly name: string;
  readonly generation: string;
}): string => `gs://${bucket}/${name}, generation ${generation},`;
