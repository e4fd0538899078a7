import { styleText } from 'node:util';
import type { TimelineLine } from '../shared/status/timeline.ts';

const TONES: Readonly<Record<TimelineLine['tone'], Parameters<typeof styleText>[0]>> = {
  info: 'dim',
  step: 'cyan',
  person: 'yellow',
  good: 'green',
  bad: 'red',
};

/** A text in the colour of its tone; plain where nobody could see the colour. */
export function paint(tone: TimelineLine['tone'], text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return styleText(TONES[tone], text, { stream });
}

/** Rows with their columns aligned. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_cell, column) => Math.max(...rows.map((row) => (row[column] ?? '').length))) ?? [];
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
