import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { millis, minutes, seconds } from '../../shared/core/time.ts';
import type { ReadIncident } from '../../cli/read-incidents.ts';
import { onStage, type Stage } from '../stories/story.ts';
import { type Cell, cellId, cellName } from './cells.ts';
import { type Fall, Killer } from './kill.ts';
import { isOf, type MatrixStory, planName } from './plan.ts';
import { outcome, tally, wrongs } from './verdict.ts';

/** What a cell came to. */
export const resultWire = z.object({
  plan: z.string(),
  cell: z.string(),
  /** Where the kill fell: what log and audit showed when the worker was gone. */
  fell: z.string(),
  hit: z.boolean(),
  /** The step has no such moment, as the log of its run says. */
  absent: z.boolean(),
  /** Everything that is wrong with the run; empty is right. */
  wrongs: z.array(z.string()),
  /** Whether a step that had begun when the worker died was tried once more. */
  repeated: z.boolean(),
  repeat: z.string(),
  rtoMs: z.number().nullable(),
  /** Of the whole run, and how many cells shared it. */
  wallMs: z.number(),
  shared: z.number(),
});
export type Result = z.infer<typeof resultWire>;

/** Users get a moment on what was recovered, so that the load can say what they see. */
const SETTLING = seconds(10);

/** Longest that a story takes to its end when nobody kills anything, and what each kill may add to it: a lease, a tick, a late arrival. */
const PATIENCE = minutes(60);
const PATIENCE_FOR_A_KILL = minutes(8);

/** Timelines of runs that went wrong. */
const LOGS = '.dr/matrix';

/**
 * Plays cells of one story on one sandbox. A story that can't be followed to an end is a wrong one, not a rejection; a sandbox that does
 * not start says nothing about the cells, which were not hit.
 */
export async function playCells(cells: readonly [Cell, ...Cell[]]): Promise<readonly Result[]> {
  const began = performance.now();
  const [first] = cells;
  const { story } = first;
  const name = `${story.name}.${cellName(first).replace('/', '.')}${cells.length === 1 ? '' : `.and-${cells.length - 1}`}`;
  let played: readonly Omit<Result, 'wallMs' | 'shared'>[] = cells.map((cell) =>
    unplayed(cell, 'nowhere', ['not played']),
  );
  let isStaged = false;
  try {
    await onStage({ name: `matrix/${name}`, ...story.opening }, async (stage) => {
      isStaged = true;
      played = await playOn(stage, story, cells);
      const [wrong] = played.filter((result) => result.wrongs.length > 0);
      if (wrong !== undefined || process.env['DR_STORY_VERBOSE'] === '1')
        keepLog(name, `${wrong?.wrongs.join('\n') ?? 'right'}\n\n${await stage.told()}`);
    });
  } catch (error) {
    const told = error instanceof Error ? error.message : String(error);
    keepLog(name, told);
    const first = told.split('\n')[0] ?? 'unknown';
    played = cells.map((cell) =>
      isStaged ? { ...unplayed(cell, 'nowhere', [first]), hit: true } : unplayed(cell, `nowhere: ${first}`, []),
    );
  }
  const wallMs = Math.round(performance.now() - began);
  return played.map((result) => ({ ...result, wallMs, shared: cells.length }));
}

/** A cell of which nothing is known. */
export const unplayed = (cell: Cell, fell: string, why: readonly string[]): Omit<Result, 'wallMs' | 'shared'> => ({
  plan: planName(cell.plan),
  cell: cellName(cell),
  fell,
  hit: false,
  absent: false,
  wrongs: [...why],
  repeated: false,
  repeat: 'unknown',
  rtoMs: null,
});

async function playOn(
  stage: Stage,
  story: MatrixStory,
  cells: readonly Cell[],
): Promise<readonly Omit<Result, 'wallMs' | 'shared'>[]> {
  const killer = new Killer(stage, cells);
  let falls: ReadonlyMap<string, Fall> | undefined;
  try {
    const promised = await story.play(stage);
    const within = millis(PATIENCE + cells.length * PATIENCE_FOR_A_KILL);
    const incidents = await stage.until('every plan has come to its end', () => ended(stage, story), within);
    await stage.pass(SETTLING);
    falls = await killer.end();
    const killed = [...falls.values()];
    // The last kill may have been a moment ago.
    await stage.until('every worker is there again', () => notReplaced(stage, killed).length === 0 || undefined);
    const complaints = await wrongs(stage, story, incidents, promised);
    return cells.map((cell) => {
      const fall = falls?.get(cellId(cell));
      const incident = incidents[story.plans.indexOf(cell.plan)];
      const { intents, repeat } = tally(cell.row, cell.plan, incident);
      return {
        ...unplayed(cell, fell(fall), complaints),
        hit: fall?.hit ?? false,
        absent: fall === undefined && incident !== undefined && isAbsent(cell, incident),
        repeated: fall !== undefined && fall.intents > 0 && intents > fall.intents,
        repeat,
        rtoMs: incident?.state.measures?.['rto'] ?? null,
      };
    });
  } finally {
    if (falls === undefined) await killer.end().catch(() => undefined); // what went wrong before is what counts
  }
}

/** The incident of each plan, once none of them needs anybody any more. */
async function ended(stage: Stage, { plans }: MatrixStory): Promise<readonly ReadIncident[] | undefined> {
  const known = await stage.incidents();
  const own = plans.flatMap((plan) => known.find((incident) => isOf(plan, incident)) ?? []);
  const settled = own.filter(({ state: { phase } }) =>
    ['resolved', 'dismissed', 'needsPerson', 'takenOver'].includes(phase.kind),
  );
  return settled.length === plans.length ? settled : undefined;
}

const fell = (fall: Fall | undefined): string =>
  fall === undefined ? 'nowhere' : `${fall.progress}, ${fall.effects} effects`;

/** A step that is done when it is first looked at has no intent; one that ends with a question has no outcome. */
function isAbsent({ plan, row, point }: Cell, incident: ReadIncident): boolean {
  const { seen, underWay, done } = outcome(row, plan, incident);
  switch (point) {
    case 'before-intent':
      return !seen;
    case 'intent-effect':
    case 'effect-outcome':
      return !underWay;
    case 'after':
      return !done;
  }
}

/** A kill proves something only if that process is gone and another one has gone on. */
function notReplaced(stage: Stage, falls: readonly Fall[]): readonly string[] {
  return [...Map.groupBy(falls, ({ worker }) => worker)].flatMap(([worker, own]) => {
    const { pid } = stage.sandbox.functions.get(worker) ?? {};
    return pid === undefined || own.some((fall) => fall.pid === pid) ? [`${worker} was not started again`] : [];
  });
}

function keepLog(name: string, text: string): void {
  mkdirSync(LOGS, { recursive: true });
  writeFileSync(join(LOGS, `${name}.log`), text);
}
