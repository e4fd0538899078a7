import { measuredAt, readSection, writeSection } from '../../scripts/benchmarks-page.ts';
import { cellName } from './cells.ts';
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
 * Writes the tables between their markers of the page of figures: one for each plan, with the commits at which it was played. A plan of
 * which nothing was played now keeps the table that it has.
 */
export function writePage(results: readonly Known[]): void {
  const former = formerTables();
  const tables = PLANS.flatMap((plan) => {
    const own = results.filter((result) => result.plan === planName(plan));
    const kept = former.get(planName(plan));
    return ['', ...(own.length === 0 && kept !== undefined ? kept : table(plan, own))];
  });
  writeSection('matrix', tables.slice(1));
}

/** The tables of the page as it is, each with the line before it that says when it was played. */
function formerTables(): ReadonlyMap<string, readonly string[]> {
  const blocks = readSection('matrix')
    .join('\n')
    .split(/\n\n(?=Commit |Not played)/);
  return new Map(blocks.map((block) => [/^\| ([a-z][^|]*) \|/m.exec(block)?.[1] ?? '', block.trim().split('\n')]));
}

function table(plan: MatrixPlan, results: readonly Known[]): readonly string[] {
  const right = results.filter(({ wrongs, hit }) => wrongs.length === 0 && hit).length;
  const absent = results.filter((result) => result.absent).length;
  const total = plan.rows.length * POINTS.length - absent;
  const rows = plan.rows.map((row) => {
    const cells = POINTS.map((point) => {
      const cell = cellName({ row, point });
      const result = results.find((each) => each.cell === cell);
      return result === undefined ? 'not played yet' : cellText(result).replaceAll('|', '/').replaceAll('\n', ' ');
    });
    return `| ${row.step}${row.effect === undefined ? '' : ' *'} | ${cells.join(' | ')} |`;
  });
  const commits = [...new Set(results.map(({ commit }) => commit))].join(' and ');
  const at = results.length === 0 ? 'Not played yet' : measuredAt(commits);
  return [
    `${at}: ${results.length - absent} of ${total} cells played, ${right} right.`,
    '',
    `| ${planName(plan)} | before the intent | between intent and effect | between effect and outcome | after the outcome |`,
    '|---|---|---|---|---|',
    ...rows,
  ];
}
