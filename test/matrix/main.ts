import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { type Cell, cellId, cellName, chosenCells, halves, together } from './cells.ts';
import { planName } from './plan.ts';
import { cellText, type Known, withoutResult, writePage } from './page.ts';
import { playCells, type Result, resultWire, unplayed } from './play-cells.ts';

// `npm run matrix`: a worker killed at each point of each step, on sandboxes with the real processes, on all cores. Cells of one story
// share a run, in which a worker is killed once for each of them (cells.ts); where anything is wrong with such a run its halves are played,
// down to single cells. Resumable: what has been played is kept in `.dr/matrix.json` for as long as nothing that it played has changed,
// and `--again` forgets it. Exit 1 when a cell is wrong.
//
//   npm run matrix -- --story pod-heal,cluster       some stories, or plans, in that order
//   npm run matrix -- --cells promote,stop/after     all cells of a step, or one
//   npm run matrix -- --missing                    only cells that the page has no right result of
//   npm run matrix -- --single                       a run for each cell
//   npm run matrix -- --minutes 9                    begins nothing more after nine minutes
//   npm run matrix -- --quick                        the cells at the point of no return; leaves docs/benchmarks.md alone
//   npm run matrix -- --json                         results as NDJSON on stdout, progress on stderr
//
// `--play CELL…` is one run in this process, whose results it prints: what the shards start.

const KEPT = '.dr/matrix.json';
const keptWire = z.object({ results: z.array(resultWire.extend({ commit: z.string() })) });

/** What a cell plays: as long as nothing of it has changed, its result holds for a later commit too. */
const PLAYED = ['cli', 'functions', 'sandbox', 'shared', 'test/matrix', 'test/stories', 'dr.yaml', 'package-lock.json'];

/** A poll may be late; three times in a row it is not the poll. */
const TRIES_MAX = 3;

/** Wall time after which a run has hung: the slowest cell takes two minutes on a busy machine, and one more kill some seconds. */
const runMax = (cells: number): number => (8 + cells / 2) * 60_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    story: { type: 'string' },
    cells: { type: 'string' },
    minutes: { type: 'string' },
    cores: { type: 'string', default: String(availableParallelism()) },
    quick: { type: 'boolean', default: false },
    single: { type: 'boolean', default: false },
    missing: { type: 'boolean', default: false },
    again: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    play: { type: 'boolean', default: false },
  },
});

/** Cells that share a run, and how often they were played without being hit. */
interface Batch {
  readonly cells: readonly Cell[];
  readonly tries: number;
}

async function playHere(): Promise<void> {
  const [first, ...rest] = positionals.flatMap((id) => chosenCells({ cells: id, quick: false }));
  if (first === undefined) throw new Error('--play takes the names of cells');
  for (const result of await playCells([first, ...rest])) process.stdout.write(`${JSON.stringify(result)}\n`);
}

async function playAll(): Promise<void> {
  const chosen = choose();
  if (chosen === undefined) return;
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  const results = values.again ? [] : known();
  const left = chosen.filter((cell) => resultOf(results, cell) === undefined);
  const say = (text: string): void => void (values.json ? process.stderr : process.stdout).write(`${text}\n`);
  say(`${chosen.length} cells, ${chosen.length - left.length} of them known`);

  const waiting: Batch[] = (values.single ? left.map((cell) => [cell]) : together(left)).map((cells) => ({
    cells,
    tries: 1,
  }));
  const until = performance.now() + Number(values.minutes ?? Number.POSITIVE_INFINITY) * 60_000;
  /** One core's share: the next batch that is waiting, until none is left. */
  const playWaiting = async (): Promise<void> => {
    while (performance.now() < until) {
      const batch = waiting.shift();
      if (batch === undefined) return;
      const { cells } = batch;
      const played = await playElsewhere(cells);
      if (played === undefined) {
        say(`${cells.map(cellId).join(', ')}: ended from outside, not judged`);
        continue;
      }
      const [settled, next] = judge(batch, played);
      waiting.unshift(...next);
      results.push(...settled.map((result) => ({ ...result, commit })));
      mkdirSync('.dr', { recursive: true });
      writeFileSync(KEPT, JSON.stringify({ results }));
      if (!values.quick) writePage(results);
      for (const result of settled) {
        say(`${result.plan} ${result.cell}: ${cellText(result)} (fell at ${result.fell})`);
        if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
      }
      const [wrong] = played.flatMap(({ wrongs }) => wrongs);
      const again = next.reduce((sum, { cells: own }) => sum + own.length, 0);
      say(
        `  ${cells.length} cells in ${seconds(played[0]?.wallMs ?? 0)}: ${wrong === undefined ? `${settled.length} settled` : `wrong: ${wrong}`}${again === 0 ? '' : `; ${again} are played again`}`,
      );
    }
  };
  await Promise.all(Array.from({ length: Number(values.cores) }, playWaiting));
  if (!values.quick) writePage(results);

  const played = chosen.flatMap((cell) => resultOf(results, cell) ?? []);
  const wrong = played.filter((result) => result.wrongs.length > 0 || (!result.hit && !result.absent));
  say(
    `${played.length - wrong.length} cells right, ${wrong.length} wrong, ${chosen.length - played.length} not played${wrong.length > 0 ? '; .dr/matrix has their timelines' : ''}`,
  );
  if (wrong.length > 0) process.exitCode = 1;
}

/** The cells that the command line names; `undefined`, with a sentence, when it names some that there are not. */
function choose(): readonly Cell[] | undefined {
  try {
    const cells = chosenCells(values);
    return values.missing ? withoutResult(cells) : cells;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
    return undefined;
  }
}

/** What is settled by a run, and what is to be played again. */
function judge({ cells, tries }: Batch, played: readonly Result[]): readonly [readonly Result[], readonly Batch[]] {
  // A wrong end counts wherever the kill fell; of several kills nobody knows which one it was.
  if (played.some(({ wrongs }) => wrongs.length > 0)) {
    const parts = halves(cells);
    return [parts.length === 0 ? played : [], parts.map((part) => ({ cells: part, tries: 1 }))];
  }
  // A right one counts only where the kills were meant to fall.
  const missed = cells.filter((_cell, index) => played[index]?.hit === false && !played[index].absent);
  if (missed.length === 0 || tries === TRIES_MAX) return [played, []];
  return [played.filter(({ hit, absent }) => hit || absent), [{ cells: missed, tries: tries + 1 }]];
}

function known(): Known[] {
  try {
    const kept = keptWire.parse(JSON.parse(readFileSync(KEPT, 'utf8')));
    const commits = new Set(kept.results.map(({ commit }) => commit).filter(isSameProduct));
    return kept.results.filter(({ commit }) => commits.has(commit));
  } catch {
    return [];
  }
}

/** Whether what is played now is what was played at that commit. */
const isSameProduct = (commit: string): boolean =>
  spawnSync('git', ['diff', '--quiet', commit, '--', ...PLAYED]).status === 0;

const resultOf = <T extends Result>(results: readonly T[], cell: Cell): T | undefined =>
  results.find((result) => result.plan === planName(cell.plan) && result.cell === cellName(cell));

const END_WITH_PARENT = fileURLToPath(new URL('../../sandbox/host/end-with-parent.ts', import.meta.url));

/** A process of its own for each run: a sandbox's world is one thread. `undefined` when somebody ended it. */
function playElsewhere(cells: readonly Cell[]): Promise<readonly Result[] | undefined> {
  const child = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      '--import',
      END_WITH_PARENT,
      fileURLToPath(import.meta.url),
      '--play',
      ...cells.map(cellId),
    ],
    { stdio: ['pipe', 'pipe', 'inherit'], timeout: runMax(cells.length), killSignal: 'SIGKILL' },
  );
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  const began = performance.now();
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const lines = text.split('\n').filter((each) => each.startsWith('{'));
      if (lines.length === cells.length) return resolve(lines.map((line) => resultWire.parse(JSON.parse(line))));
      // Ended by somebody else, it says nothing about the cells; only the limit, which is ours, means that it hung.
      if (signal !== null && signal !== 'SIGKILL') return resolve(undefined);
      const wallMs = Math.round(performance.now() - began);
      const why = [`the sandbox ended with ${signal ?? code}`];
      resolve(cells.map((cell) => ({ ...unplayed(cell, 'unknown', why), wallMs, shared: cells.length })));
    });
  });
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1_000)} s`;
}

if (values.play) await playHere();
else await playAll();
