import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';

// The page of figures: what a script measured stands between two markers of its own, with commit and date.

const PAGE = 'docs/benchmarks.md';

const markers = (section: string) => [`<!-- ${section} -->`, `<!-- /${section} -->`] as const;

/** The lines of one section; none for one that was never written. Throws when the page has no such markers. */
export function readSection(section: string): readonly string[] {
  return cut(readFileSync(PAGE, 'utf8'), section).inside.split('\n');
}

/** Replaces one section; what stands around it stays. */
export function writeSection(section: string, lines: readonly string[]): void {
  const [begin, end] = markers(section);
  const { before, behind } = cut(readFileSync(PAGE, 'utf8'), section);
  writeFileSync(PAGE, `${before}${begin}\n${lines.join('\n')}\n${end}${behind}`);
}

/** `Commit 1a2b3c4, 2026-11-23, 2 cores, …`: what was measured, when, and on which machine. */
export const measuredAt = (commit: string): string =>
  `Commit ${commit}, ${new Date().toISOString().slice(0, 10)}, ${availableParallelism()} cores, ${cpus()[0]?.model ?? 'unknown'}`;

/** The commit of the present working tree, in short. */
export const commitNow = (): string =>
  spawnSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).stdout.trim();

function cut(page: string, section: string) {
  const [begin, end] = markers(section);
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${PAGE} has no ${begin} … ${end}`);
  return {
    before: page.slice(0, from),
    inside: page.slice(from + begin.length, to).trim(),
    behind: page.slice(to + end.length),
  };
}
