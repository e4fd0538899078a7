import { type MatrixPlan, type MatrixStory, planName, type Point, POINTS, type Row } from './plan.ts';
import { MATRIX } from './plans.ts';

// Which cells are played: each point of each step of each plan, or what the command line names; and which of them together.

/** One cell. */
export interface Cell {
  readonly story: MatrixStory;
  readonly plan: MatrixPlan;
  readonly row: Row;
  readonly point: Point;
}

/** A cell's name within its table, and on the command line. */
export const cellName = ({ row, point }: Pick<Cell, 'row' | 'point'>): string => `${row.step}/${point}`;

/** A cell's name among all. */
export const cellId = (cell: Pick<Cell, 'plan' | 'row' | 'point'>): string =>
  `${planName(cell.plan)} ${cellName(cell)}`;

const allCells = (): readonly Cell[] =>
  MATRIX.flatMap((story) =>
    story.plans.flatMap((plan) => plan.rows.flatMap((row) => POINTS.map((point) => ({ story, plan, row, point })))),
  );

/** The cells at the point of no return: its request is on its way, and it has taken effect with nobody told. */
const QUICK = ['promote/intent-effect', 'promote/effect-outcome'].map((name) => `database-failover ${name}`);

/** Whose process is killed: the one that performs the step. */
export const workerOf = ({ plan, row }: Pick<Cell, 'plan' | 'row'>) => row.worker ?? plan.worker;

/** Cells by what the command line says: `story` names stories or runbooks. Throws a sentence when it names what there is not. */
export function chosenCells(options: {
  readonly story?: string | undefined;
  readonly cells?: string | undefined;
  readonly quick: boolean;
}): readonly Cell[] {
  const all = allCells();
  const stories = options.story?.split(',') ?? MATRIX.map(({ name }) => name);
  const missing = stories.find((name) => !all.some((cell) => isIn(cell, name)));
  if (missing !== undefined)
    throw new Error(`there is no story ${missing}; there are ${MATRIX.map(({ name }) => name).join(', ')}`);
  const known = [...new Set(stories.flatMap((name) => all.filter((cell) => isIn(cell, name))))];
  const named = options.cells?.split(',') ?? (options.quick ? QUICK : undefined);
  if (named === undefined) return known;
  const unknown = named.find((name) => !known.some((cell) => isNamed(cell, name)));
  if (unknown !== undefined) throw new Error(`there is no cell ${unknown}; cells are STEP or STEP/${POINTS.join('|')}`);
  return known.filter((cell) => named.some((name) => isNamed(cell, name)));
}

const isIn = ({ story, plan }: Cell, name: string): boolean => story.name === name || plan.runbook === name;

const isNamed = (cell: Cell, name: string): boolean => [cell.row.step, cellName(cell), cellId(cell)].includes(name);

/** Cells of a story from which on those within its steps have runs of their own: beyond, a run takes longer than a sandbox's start is worth. */
const CELLS_OF_ONE_RUN_MAX = 28;

/** Deaths within steps that one run takes, and in a wide story deaths anywhere: each costs what is under way beside it minutes of its time limit. */
const WITHIN_MAX = 8;

/**
 * Cells that are played on one sandbox, in an order of their own: those around the steps of a story, where the outcome of one is the moment
 * before the next, and those within them. A step's time limit allows for a successor, and not for many: within one run its worker
 * dies once while it is under way, and what runs side by side, which stands side by side in a plan, is dealt to different runs.
 */
export const together = (cells: readonly Cell[]): readonly (readonly Cell[])[] =>
  [...Map.groupBy(cells, ({ story }) => story).values()].flatMap((own) => {
    const isLarge = own.length > CELLS_OF_ONE_RUN_MAX;
    const runs = Map.groupBy(own, ({ point }) => {
      if (point === 'effect-outcome') return point;
      return point === 'intent-effect' && isLarge ? point : 'around';
    });
    return [...runs].flatMap(([point, run]) =>
      point === 'around' && run[0]?.story.isWide !== true ? [run] : dealt(run, WITHIN_MAX),
    );
  });

/** As few hands as have at most `most` cells each, neighbours in different ones. */
function dealt(cells: readonly Cell[], most: number): readonly (readonly Cell[])[] {
  const hands = Math.ceil(cells.length / most);
  return [...Map.groupBy(cells, (_cell, index) => index % hands).values()];
}

/** What is played next where something was wrong with cells together: either half of them. A single cell is what it is. */
export function halves(cells: readonly Cell[]): readonly (readonly Cell[])[] {
  const half = Math.ceil(cells.length / 2);
  return cells.length < 2 ? [] : [cells.slice(0, half), cells.slice(half)];
}
