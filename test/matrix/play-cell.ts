import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { seconds } from '../../shared/core/time.ts';
import { onStage, type Stage } from '../stories/story.ts';
import { type Cell, cellName, workerOf } from './cells.ts';
import { type Fall, Killer } from './kill.ts';
import { tally, wrongs } from './verdict.ts';

/** What a cell came to. */
export const resultWire = z.object({
  story: z.string(),
  cell: z.string(),
  /** Where the kill fell: what log and audit showed when the worker was gone. */
  fell: z.string(),
  hit: z.boolean(),
  /** Everything that is wrong; empty is right. */
  wrongs: z.array(z.string()),
  intents: z.number(),
  repeat: z.string(),
  rtoMs: z.number().nullable(),
  wallMs: z.number(),
  tries: z.number(),
});
export type Result = z.infer<typeof resultWire>;

/** Users get a moment on what was recovered, so that the load can say what they see. */
const SETTLING = seconds(10);

/** Timelines of cells that went wrong. */
const LOGS = '.dr/matrix';

/**
 * Plays one cell on a sandbox of its own. A story that can't be followed to an end is a wrong cell, not a rejection; a sandbox that does not
 * start says nothing about the cell, which was not hit.
 */
export async function playCell(cell: Cell): Promise<Result> {
  const began = performance.now();
  const name = cellName(cell);
  const played: Omit<Result, 'wallMs'> = {
    story: cell.story.runbook,
    cell: name,
    fell: 'nowhere',
    hit: false,
    wrongs: ['not played'],
    intents: 0,
    repeat: 'unknown',
    rtoMs: null,
    tries: 1,
  };
  let result = played;
  let isStaged = false;
  try {
    await onStage({ name: `matrix/${cell.story.runbook}/${name}` }, async (stage) => {
      isStaged = true;
      result = { ...played, ...(await playOn(stage, cell)) };
      if (result.wrongs.length > 0) keepLog(name, `${result.wrongs.join('\n')}\n\n${await stage.told()}`);
    });
  } catch (error) {
    const told = error instanceof Error ? error.message : String(error);
    keepLog(name, told);
    const first = told.split('\n')[0] ?? 'unknown';
    result = isStaged
      ? { ...played, hit: true, wrongs: [first] }
      : { ...played, fell: `nowhere: ${first}`, wrongs: [] };
  }
  return { ...result, wallMs: Math.round(performance.now() - began) };
}

async function playOn(
  stage: Stage,
  cell: Cell,
): Promise<Pick<Result, 'fell' | 'hit' | 'wrongs' | 'intents' | 'repeat' | 'rtoMs'>> {
  const { story, row } = cell;
  const killer = new Killer(stage, cell);
  let fall: Fall | undefined;
  try {
    const promised = await story.play(stage);
    const { id } = (await stage.settled()).state;
    await stage.pass(SETTLING);
    fall = await killer.end();
    // An alert that closes after the end begins an incident of its own, which is looked at and dismissed.
    const incident = await stage.incident(id);
    const complaints = await wrongs(stage, cell, incident, promised);
    return {
      fell: fell(fall),
      hit: fall?.hit ?? false,
      wrongs: [...complaints, ...notReplaced(stage, cell, fall)],
      ...tally(row, incident.state, incident.events),
      rtoMs: incident.state.measures?.['rto'] ?? null,
    };
  } finally {
    if (fall === undefined) await killer.end().catch(() => undefined); // what went wrong before is what counts
  }
}

const fell = (fall: Fall | undefined): string =>
  fall === undefined ? 'nowhere' : `${fall.progress}, ${fall.effects} effects`;

/** A kill proves something only if that process is gone and another one has gone on. */
function notReplaced(stage: Stage, cell: Cell, fall: Fall | undefined): readonly string[] {
  if (fall === undefined) return [];
  const worker = workerOf(cell);
  const { pid } = stage.sandbox.functions.get(worker) ?? {};
  return pid === undefined || pid === fall.pid ? [`${worker} was not started again`] : [];
}

function keepLog(name: string, text: string): void {
  mkdirSync(LOGS, { recursive: true });
  writeFileSync(join(LOGS, `${name.replace('/', '.')}.log`), text);
}
