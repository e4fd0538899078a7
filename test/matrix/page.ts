import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { cellName, MATRIX, type MatrixStory, POINTS } from './cells.ts';
import type { Result } from './play-cell.ts';

const PAGE = 'docs/benchmarks.md';
const [BEGIN, END] = ['<!-- matrix -->', '<!-- /matrix -->'];

/** What happened in a cell, in a few words. */
export function cellText({ wrongs, hit, intents, repeat, fell }: Result): string {
  if (wrongs.length > 0) return `WRONG: ${wrongs.join('; ')}`;
  if (!hit) return `resolved, but the kill fell elsewhere: ${fell}`;
  return intents > 1 ? `resolved, step repeated (${repeat})` : 'resolved';
}

/** Writes the table between its markers. Throws when the page has none: a table must not end up just anywhere. */
export function writePage(commit: string, results: readonly Result[]): void {
  const page = readFileSync(PAGE, 'utf8');
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error(`${PAGE} has no ${BEGIN} … ${END}`);
  writeFileSync(PAGE, `${before}${BEGIN}\n${tables(commit, results)}\n${END}${after}`);
}

function tables(commit: string, results: readonly Result[]): string {
  const right = results.filter(({ wrongs, hit }) => wrongs.length === 0 && hit).length;
  const total = MATRIX.reduce((sum, { rows }) => sum + rows.length * POINTS.length, 0);
  const machine = `${availableParallelism()} cores, ${cpus()[0]?.model ?? 'unknown'}`;
  return [
    `Commit ${commit}, ${new Date().toISOString().slice(0, 10)}, ${machine}: ${results.length} of ${total} cells played, ${right} right.`,
    ...MATRIX.map((story) => table(story, results)),
  ].join('\n\n');
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
