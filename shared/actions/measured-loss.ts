import { z } from 'zod';
import type { ActionContext } from '../engine/action.ts';
import type { InstanceName } from '../system/names.ts';

/** What the watch leaves for us; only the part that the measured loss needs. */
const watched = z.object({ lastWrittenAtMs: z.number().nullable() });

/** When the newest heartbeat that a primary is known to have taken was written; `null` when that is not known. */
export async function newestWritten(
  primary: InstanceName,
  { documents }: Pick<ActionContext, 'documents'>,
): Promise<number | null> {
  const reading = watched.safeParse((await documents.get(`watch/${primary}`))?.value);
  return reading.success ? reading.data.lastWrittenAtMs : null;
}

/** From the newest acknowledged heartbeat to the newest that survived; `null` when either is not known. */
export const lossBetween = (writtenAt: number | null, survivedAt: number | undefined): number | null =>
  writtenAt === null || survivedAt === undefined ? null : Math.max(0, writtenAt - survivedAt);
