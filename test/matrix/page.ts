import { measuredAt, readSection, writeSection } from '../../scripts/benchmarks-page.ts';
import { cellName } from './cells.ts';
import { MATRIX, type MatrixStory, POINTS, pointsOf } from './plans.ts';
import type { Result } from './play-cell.ts';

/** What happened in a cell, in a few words. */
export function cellText({ story, wrongs, hit, intents, repeat, fell }: Result): string {
  const end = MATRIX.find(({ runbook }) => runbook === story)?.asks === undefined ? 'resolved' : 'people asked';
  if (wrongs.length > 0) return `WRONG: ${wrongs.join('; ')}`;
  if (!hit) return fell.startsWith('nowhere') ? `not played: ${fell}` : `${end}, but the kill fell elsewhere: ${fell}`;
  return intents > 1 ? `${end}, step repeated (${repeat})` : end;
}

/**
 * Writes the tables between their markers of the page of figures: one for each plan, with the commit at which it was played. A plan of
 * which nothing was played now keeps the table that it has.
 */
export function writePage(commit: string, results: readonly Result[]): void {
  const former = formerTables();
  const tables = MATRIX.flatMap((story) => {
    const own = results.filter((result) => result.story === story.runbook);
    const kept = former.get(story.runbook);
    return ['', ...(own.length === 0 && kept !== undefined ? kept : table(commit, story, own))];
  });
  writeSection('matrix', tables.slice(1));
}

/** The tables of the page as it is, each with the line before it that says when it was played. */
function formerTables(): ReadonlyMap<string, readonly string[]> {
  const blocks = readSection('matrix')
    .join('\n')
    .split(/\n\n(?=Commit )/);
  return new Map(blocks.map((block) => [/^\| ([a-z-]+) \|/m.exec(block)?.[1] ?? '', block.trim().split('\n')]));
}

function table(commit: string, story: MatrixStory, results: readonly Result[]): readonly string[] {
  const right = results.filter(({ wrongs, hit }) => wrongs.length === 0 && hit).length;
  const total = story.rows.reduce((sum, row) => sum + pointsOf(row).length, 0);
  const rows = story.rows.map((row) => {
    const cells = POINTS.map((point) => {
      if (!pointsOf(row).includes(point)) return '–';
      const cell = cellName({ row, point });
      const result = results.find((each) => each.cell === cell);
      return result === undefined ? 'not played yet' : cellText(result).replaceAll('|', '/').replaceAll('\n', ' ');
    });
    return `| ${row.step}${row.effect === undefined ? '' : ' *'} | ${cells.join(' | ')} |`;
  });
  return [
    `${measuredAt(commit)}: ${results.length} of ${total} cells played, ${right} right.`,
    '',
    `| ${story.runbook} | before the intent | between intent and effect | between effect and outcome | after the outcome |`,
    '|---|---|---|---|---|',
    ...rows,
  ];
}
