import { measuredAt, readSection, writeSection } from '../../scripts/benchmarks-page.ts';
import { type Cell, cellName } from './cells.ts';
import { type MatrixPlan, planName, POINTS } from './plan.ts';
import { MATRIX } from './plans.ts';
import type { Result } from './play-cells.ts';

/** A result with the commit that it was played at. */
export type Known = Result & { readonly commit: string };

const PLANS = MATRIX.flatMap(({ plans }) => plans);

/** What happened in a cell, in a few words. */
export function cellText({ plan, wrongs, hit, absent, repeated, repeat, fell }: Result): string {
  const end = PLANS.find((known) => planName(known) === plan)?.asks === undefined ? 'resolved' : 'people asked';
  if (wrongs.length > 0) return `WRONG: ${wrongs.join('; ')}`;
  if (absent) return '–';
  if (!hit) return fell.startsWith('nowhere') ? `not played: ${fell}` : `${end}, but the kill fell elsewhere: ${fell}`;
  return repeated ? `${end}, step repeated (${repeat})` : end;
}

/**
 * Writes the tables between their markers of the page of figures: one for each plan, with the commits at which it was played. What was
 * not played now stays as it stands there.
 */
export function writePage(results: readonly Known[]): void {
  const former = formerTables(readSection('matrix'));
  const tables = PLANS.flatMap((plan) => {
    const own = results.filter((result) => result.plan === planName(plan));
    const kept = former.get(planName(plan));
    const stays = own.length === 0 && kept !== undefined && kept.commits.length > 0;
    return ['', ...(stays ? kept.lines : table(plan, own, kept))];
  });
  writeSection('matrix', tables.slice(1));
}

/** A table as it stands on the page, with the commits and cells that it is of. */
interface Former {
  readonly lines: readonly string[];
  readonly commits: readonly string[];
  readonly cells: ReadonlyMap<string, string>;
}

/** The tables of a section, by the names of their plans. */
export function formerTables(section: readonly string[]): ReadonlyMap<string, Former> {
  const blocks = section.join('\n').split(/\n\n(?=Commits? |Not played)/);
  return new Map(
    blocks.map((block) => {
      const lines = block.trim().split('\n');
      const [, said = ''] = /^Commits? ([0-9a-f]+(?: and [0-9a-f]+)*),/.exec(block) ?? [];
      const commits = said === '' ? [] : said.split(' and ');
      return [
        /^\| ([a-z][^|]*) \|/m.exec(block)?.[1] ?? '',
        { lines, commits, cells: new Map(lines.flatMap(cellsOf)) },
      ];
    }),
  );
}

/** The cells of a line, by their names; none of one that is no row. */
function cellsOf(line: string): readonly (readonly [string, string])[] {
  const [, step, ...texts] = line.split('|').map((text) => text.trim().replace(/ \*$/, ''));
  if (step === undefined || texts.length !== POINTS.length + 1) return [];
  return POINTS.map((point, index) => [`${step}/${point}`, texts[index] ?? ''] as const);
}

/** Cells that the page has no right result of. */
export function withoutResult(cells: readonly Cell[]): readonly Cell[] {
  const former = formerTables(readSection('matrix'));
  return cells.filter((cell) => {
    const text = former.get(planName(cell.plan))?.cells.get(cellName(cell)) ?? UNPLAYED;
    return text !== '–' && !RIGHT.test(text);
  });
}

const UNPLAYED = 'not played yet';

/** What a cell says that ended as it should, with the kill where it was meant to fall. */
const RIGHT = /^(resolved|people asked)(, step repeated \([a-z]+\))?$/;

function table(plan: MatrixPlan, results: readonly Known[], former: Former | undefined): readonly string[] {
  const texts = plan.rows.map((row) =>
    POINTS.map((point) => {
      const cell = cellName({ row, point });
      const result = results.find((each) => each.cell === cell);
      if (result === undefined) return former?.cells.get(cell) ?? UNPLAYED;
      return cellText(result).replaceAll('|', '/').replaceAll('\n', ' ');
    }),
  );
  const cells = texts.flat().filter((text) => text !== '–');
  const played = cells.filter((text) => text !== UNPLAYED);
  const right = played.filter((text) => RIGHT.test(text));
  const commits = [...new Set([...(former?.commits ?? []), ...results.map(({ commit }) => commit)])];
  const at = commits.length === 0 ? 'Not played yet' : measuredAt(commits.join(' and '));
  return [
    `${at}: ${played.length} of ${cells.length} cells played, ${right.length} right.`,
    '',
    `| ${planName(plan)} | before the intent | between intent and effect | between effect and outcome | after the outcome |`,
    '|---|---|---|---|---|',
    ...plan.rows.map(({ step, effect }, index) => {
      const own = texts[index] ?? [];
      return `| ${step}${effect === undefined ? '' : ' *'} | ${own.join(' | ')} |`;
    }),
  ];
}
