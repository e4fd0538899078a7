import { MATRIX, type MatrixStory, type Point, POINTS, pointsOf, type Row } from './plans.ts';

// Which cells are played: each point of each step of each plan, or what the command line names.

/** One cell. */
export interface Cell {
  readonly story: MatrixStory;
  readonly row: Row;
  readonly point: Point;
}

/** A cell's name on the command line. */
export const cellName = ({ row, point }: Pick<Cell, 'row' | 'point'>): string => `${row.step}/${point}`;

const allCells = (): readonly Cell[] =>
  MATRIX.flatMap((story) => story.rows.flatMap((row) => pointsOf(row).map((point) => ({ story, row, point }))));

/** The cells at the point of no return: its request is on its way, and it has taken effect with nobody told. */
const QUICK = ['promote/intent-effect', 'promote/effect-outcome'];

/** Whose process is killed: the one that performs the step. */
export const workerOf = ({ story, row }: Pick<Cell, 'story' | 'row'>) => row.worker ?? story.worker;

/** Cells by what the command line says. Throws a sentence when it names something that there is not. */
export function chosenCells(options: {
  readonly story?: string | undefined;
  readonly cells?: string | undefined;
  readonly quick: boolean;
}): readonly Cell[] {
  const { story, quick } = options;
  const known = allCells().filter((cell) => story === undefined || cell.story.runbook === story);
  if (known.length === 0)
    throw new Error(`there is no story ${story ?? ''}; there are ${MATRIX.map(({ runbook }) => runbook).join(', ')}`);
  const named = options.cells?.split(',') ?? (quick ? QUICK : undefined);
  if (named === undefined) return known;
  const unknown = named.find((name) => !known.some((cell) => isNamed(cell, name)));
  if (unknown !== undefined) throw new Error(`there is no cell ${unknown}; cells are STEP or STEP/${POINTS.join('|')}`);
  return known.filter((cell) => named.some((name) => isNamed(cell, name)));
}

const isNamed = (cell: Cell, name: string): boolean => name === cell.row.step || name === cellName(cell);
