import { measuredAt, writeSection } from '../../scripts/benchmarks-page.ts';
import { cellName, MATRIX, type MatrixStory, POINTS } from './cells.ts';
import type { Result } from './play-cell.ts';

/** What happened in a cell, in a few words. */
export function cellText({ wrongs, hit, intents, repeat, fell }: Result): string {
  if (wrongs.length > 0) return `WRONG: ${wrongs.join('; ')}`;
  if (!hit)
    return fell.startsWith('nowhere') ? `not played: ${fell}` : `resolved, but the kill fell elsewhere: ${fell}`;
  return intents > 1 ? `resolved, step repeated (${repeat})` : 'resolved';
}

/** Writes the table between its markers of the page of figures. */
export function writePage(commit: string, results: readonly Result[]): void {
  writeSection('matrix', tables(commit, results));
}

function tables(commit: string, results: readonly Result[]): readonly string[] {
  const right = results.filter(({ wrongs, hit }) => wrongs.length === 0 && hit).length;
  const total = MATRIX.reduce((sum, { rows }) => sum + rows.length * POINTS.length, 0);
  return [
    `${measuredAt(commit)}: ${results.length} of ${total} cells played, ${right} right.`,
    ...MATRIX.flatMap((story) => ['', table(story, results)]),
  ];
}

function table(story: MatrixStory, results: readonly Result[]): string {
  const rows = story.rows.map((row) => {
    const cells = POINTS.map((point) => {
      const cell = cellName({ row, point });
      const result = results.find((each) => each.story === story.runbook && each.cell === cell);
      return result === undefined ? 'not played yet' : cellText(result).replaceAll('|', '/').replaceAll('\n', ' ');
    });
    return `| ${row.step}${row.effect === undefined ? '' : ' *'} | ${cells.join(' | ')} |`;
  });
  return [
    `| ${story.runbook} | before the intent | between intent and effect | between effect and outcome | after the outcome |`,
    '|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}
