import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { type Cell, cellName, chosenCells } from './cells.ts';
import { cellText, writePage } from './page.ts';
import { playCell, type Result, resultWire } from './play-cell.ts';

// `npm run matrix`: a worker killed at each point of each step, on sandboxes with the real processes, on all cores. Resumable: what
// has been played is kept in `.dr/matrix.json` for the present commit, and `--again` forgets it. Exit 1 when a cell is wrong.
//
//   npm run matrix -- --story database-failover      one plan
//   npm run matrix -- --cells promote,stop/after     all cells of a step, or one
//   npm run matrix -- --quick                        the cells at the point of no return; leaves docs/benchmarks.md alone
//   npm run matrix -- --json                         results as NDJSON on stdout, progress on stderr
//
// `--play STORY STEP/POINT` is one cell in this process, whose result it prints: what the shards start.

const KEPT = '.dr/matrix.json';
const keptWire = z.object({ commit: z.string(), results: z.array(resultWire) });

/** A poll may be late; three times in a row it is not the poll. */
const TRIES_MAX = 3;

/** Wall time after which a cell has hung; the slowest takes two minutes on a busy machine. */
const CELL_MAX_MS = 8 * 60_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    story: { type: 'string' },
    cells: { type: 'string' },
    quick: { type: 'boolean', default: false },
    again: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    play: { type: 'boolean', default: false },
  },
});

async function playHere(): Promise<void> {
  const [story, cells] = positionals;
  for (const cell of chosenCells({ story, cells, quick: false }))
    process.stdout.write(`${JSON.stringify(await playCell(cell))}\n`);
}

async function playAll(): Promise<void> {
  const chosen = choose();
  if (chosen === undefined) return;
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  const results = values.again ? [] : known(commit);
  const waiting = chosen.filter((cell) => resultOf(results, cell) === undefined);
  const say = (text: string): void => void (values.json ? process.stderr : process.stdout).write(`${text}\n`);
  say(`${chosen.length} cells, ${chosen.length - waiting.length} of them known for ${commit}`);

  let left = waiting.length;
  /** One core's share: the next cell that is waiting, until none is left. */
  const playWaiting = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const result = await playUntilHit(next);
      left -= 1;
      if (result === undefined) {
        say(`${next.story.runbook} ${cellName(next)}: ended from outside, not judged (${left} left)`);
        continue;
      }
      results.push(result);
      mkdirSync('.dr', { recursive: true });
      writeFileSync(KEPT, JSON.stringify({ commit, results }));
      if (!values.quick) writePage(commit, results);
      say(
        `${result.story} ${result.cell}: ${cellText(result)} (${seconds(result.wallMs)}; fell at ${result.fell}; ${left} left)`,
      );
      if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, playWaiting));
  if (!values.quick) writePage(commit, results);

  const played = chosen.flatMap((cell) => resultOf(results, cell) ?? []);
  const wrong = played.filter((result) => result.wrongs.length > 0 || !result.hit);
  say(
    `${played.length - wrong.length} cells right, ${wrong.length} wrong${wrong.length > 0 ? '; .dr/matrix has their timelines' : ''}`,
  );
  process.exitCode = wrong.length === 0 && played.length === chosen.length ? 0 : 1;
}

/** `undefined`, with a sentence and exit 2, when there are no such cells. */
function choose(): readonly Cell[] | undefined {
  try {
    return chosenCells(values);
  } catch (error) {
    process.stderr.write(`matrix: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
    return undefined;
  }
}

const resultOf = (results: readonly Result[], cell: Cell): Result | undefined =>
  results.find(({ story, cell: name }) => story === cell.story.runbook && name === cellName(cell));

function known(commit: string): Result[] {
  try {
    const kept = keptWire.parse(JSON.parse(readFileSync(KEPT, 'utf8')));
    return kept.commit === commit ? kept.results : [];
  } catch {
    return [];
  }
}

/** A wrong end counts wherever the kill fell; a right one only where it was meant to fall. */
async function playUntilHit(cell: Cell): Promise<Result | undefined> {
  for (let tries = 1; ; tries += 1) {
    const played = await playElsewhere(cell);
    if (played === undefined) return undefined;
    const result = { ...played, tries };
    if (result.hit || result.wrongs.length > 0 || tries === TRIES_MAX) return result;
  }
}

/** A process of its own for each cell: a sandbox's world is one thread. `undefined` when somebody ended it. */
function playElsewhere(cell: Cell): Promise<Result | undefined> {
  const child = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      fileURLToPath(import.meta.url),
      '--play',
      cell.story.runbook,
      cellName(cell),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], timeout: CELL_MAX_MS, killSignal: 'SIGKILL' },
  );
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  const began = performance.now();
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const line = text.split('\n').find((each) => each.startsWith('{'));
      if (line !== undefined) return resolve(resultWire.parse(JSON.parse(line)));
      // Ended by somebody else, it says nothing about the cell; only the limit, which is ours, means that it hung.
      if (signal !== null && signal !== 'SIGKILL') return resolve(undefined);
      resolve(ended(cell, `ended with ${signal ?? code}`, Math.round(performance.now() - began)));
    });
  });
}

const ended = (cell: Cell, why: string, wallMs: number): Result => ({
  story: cell.story.runbook,
  cell: cellName(cell),
  fell: 'unknown',
  hit: false,
  wrongs: [`the sandbox ${why}`],
  intents: 0,
  repeat: 'unknown',
  rtoMs: null,
  wallMs,
  tries: 1,
});

function seconds(ms: number): string {
  return `${Math.round(ms / 1_000)} s`;
}

if (values.play) await playHere();
else await playAll();
