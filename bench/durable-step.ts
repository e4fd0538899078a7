import type { ChildProcess } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  fdatasyncSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { commitNow, measuredAt, writeSection } from '../scripts/benchmarks-page.ts';
import { incidentIdOf } from '../shared/system/names.ts';
import { quantile } from './quantile.ts';
import { findEngines, type StepEngine } from './step-engines.ts';
import { endProcess, startPlayer } from './started-process.ts';
import type { Play, Told } from './step-player.ts';

// What a durable step costs by itself: the time from one effect that does nothing to the next, which is the outcome of a step and
// whatever comes before the effect of the following one. Engines take turns, run by run, so that each round is a pair; the figure is
// each engine's median over DBOS's. Each is then killed once (kill -9) in the middle of a run, and goes on with it.
//
//   npm run bench -- durable-step [--steps 20] [--rounds 30] [--write]

/** Runs that are not counted: what is loaded and compiled on the way is not the cost of a step. */
const WARM_UP = 5;

/** Longest that one run may take, wall time, the wait for a killed worker's lease included. */
const RUN_MAX_MS = 120_000;

/** A process of one engine, ready for runs. */
class Player {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(engine: StepEngine, env: Readonly<Record<string, string>> = {}): Promise<Player> {
    const player = new Player(startPlayer(engine.player, { ...engine.env, ...env }));
    await player.#told('ready');
    return player;
  }

  /** The moments of the effects of one run. */
  async play(play: Play): Promise<readonly number[]> {
    const played = this.#told('played');
    this.#child.send(play);
    return (await played).moments;
  }

  /** Begins a run and resolves when it stands in the middle of a step. */
  async playUntilStanding(play: Play): Promise<void> {
    const standing = this.#told('standing');
    this.#child.send(play);
    await standing;
  }

  kill(): Promise<void> {
    return endProcess(this.#child);
  }

  async #told<K extends Told['kind']>(kind: K): Promise<Told & { readonly kind: K }> {
    const { promise, resolve, reject } = Promise.withResolvers<Told & { readonly kind: K }>();
    const hear = (message: unknown): void => {
      const told = message as Told; // a player says nothing else
      if (told.kind === kind) resolve(told as Told & { readonly kind: K });
    };
    const ended = (code: number | null): void => reject(new Error(`the player ended with ${code}`));
    const late = setTimeout(() => reject(new Error(`no "${kind}" after ${RUN_MAX_MS} ms`)), RUN_MAX_MS);
    this.#child.on('message', hear).once('exit', ended);
    try {
      return await promise;
    } finally {
      clearTimeout(late);
      this.#child.off('message', hear).off('exit', ended);
    }
  }
}

/** One engine's figures. */
interface Measured {
  readonly engine: StepEngine;
  readonly gaps: number[];
  /** For each round, the median of its run. */
  readonly medians: number[];
}

/** How long this disk takes to make a page durable, as often as a run has steps: each write of each engine waits for one. */
function flushes(file: number, count: number): readonly number[] {
  return Array.from({ length: count }, () => {
    writeSync(file, Buffer.alloc(4_096));
    const from = performance.now();
    fdatasyncSync(file);
    return performance.now() - from;
  });
}

let runs = 0;
const freshRun = (): string => incidentIdOf(`durable step ${process.pid} ${(runs += 1)}`);

/** All engines in turn, round after round, and the bare disk with them. */
async function measure(
  engines: readonly StepEngine[],
  { steps, rounds, folder }: { readonly steps: number; readonly rounds: number; readonly folder: string },
): Promise<{ readonly measured: readonly Measured[]; readonly flushed: readonly number[] }> {
  const file = openSync(join(folder, 'flushed'), 'w');
  const flushed: number[] = [];
  const players = await Promise.all(
    engines.map(async (engine) => ({ engine, player: await Player.start(engine), gaps: [], medians: [] })),
  );
  const measured: readonly (Measured & { readonly player: Player })[] = players;
  for (let round = -WARM_UP; round < rounds; round += 1) {
    flushed.push(...flushes(file, steps));
    for (const { player, gaps, medians } of measured) {
      const moments = await player.play({ run: freshRun(), steps });
      if (moments.length !== steps) throw new Error(`${moments.length} effects in a run of ${steps} steps`);
      if (round < 0) continue;
      const between = moments.slice(1).map((at, index) => at - (moments[index] ?? at));
      gaps.push(...between);
      medians.push(quantile(between, 0.5));
    }
  }
  for (const { player } of measured) await player.kill();
  closeSync(file);
  return { measured, flushed };
}

/** What became of a run whose process was killed in a step. */
interface Resumed {
  readonly ok: boolean;
  readonly text: string;
}

/** Kills the engine in the middle of a run, starts it again, and counts the effects of each step from outside. */
async function killOnce(engine: StepEngine, steps: number, folder: string): Promise<Resumed> {
  const effects = join(folder, `effects-${(runs += 1)}`);
  const [run, middle] = [freshRun(), Math.ceil(steps / 2)];
  const first = await Player.start(engine, { EFFECTS: effects, STAND_AT: String(middle) });
  await first.playUntilStanding({ run, steps });
  await first.kill();
  await engine.restart?.();
  const killed = performance.now();
  const second = await Player.start(engine, { EFFECTS: effects });
  await second.play({ run, steps });
  const seconds = ((performance.now() - killed) / 1_000).toFixed(1);
  await second.kill();
  const lines = existsSync(effects) ? readFileSync(effects, 'utf8').trim().split('\n').map(Number) : [];
  const times = (step: number): number => lines.filter((line) => line === step).length;
  const wrong = Array.from({ length: steps }, (_, index) => index + 1).filter((step) =>
    step === middle ? times(step) < 1 || times(step) > 2 : times(step) !== 1,
  );
  const again = times(middle) === 2 ? `step ${middle}, whose outcome was not written, again` : 'nothing twice';
  return wrong.length === 0
    ? { ok: true, text: `resumed in ${seconds} s; ${again}` }
    : { ok: false, text: `WRONG: ${wrong.map((step) => `step ${step} ${times(step)} times`).join(', ')}` };
}

/** One engine's row of the table. */
function rowOf({ engine, gaps, medians }: Measured, against: Measured | undefined, resumed: Resumed): string {
  const ratios = medians.map((median, round) => median / (against?.medians[round] ?? Number.NaN));
  const ratio = against === undefined ? 'not measured' : quantile(ratios, 0.5).toFixed(2);
  const [p50, p99] = [quantile(gaps, 0.5), quantile(gaps, 0.99)].map((ms) => `${ms.toFixed(1)} ms`);
  return `| ${engine.name} | ${engine.durability} | ${p50} | ${p99} | ${ratio} | ${resumed.text} |`;
}

/** Measures, kills, and prints; `--write` puts the table into the page. Throws when a step was lost or done twice. */
export async function bench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      steps: { type: 'string', default: '20' },
      rounds: { type: 'string', default: '30' },
      write: { type: 'boolean', default: false },
    },
  });
  const [steps, rounds] = [Number(values.steps), Number(values.rounds)];
  const folder = mkdtempSync(join(tmpdir(), 'dr-durable-step-'));
  // The user that PostgreSQL runs as passes through it.
  chmodSync(folder, 0o711);
  const found = await findEngines(folder);
  const missing = found.flatMap((each) => (each.kind === 'missing' ? [`${each.name}: ${each.because}`] : []));
  for (const what of missing) console.error(`\nSKIPPED: ${what}\n`);
  const engines = found.flatMap((each) => (each.kind === 'found' ? [each.engine] : []));
  const lines = [
    `${measuredAt(commitNow())}; ${rounds} rounds of ${steps} steps, the engines in turn.`,
    '',
    '| engine | a finished step is | p50 | p99 | p50 over DBOS | kill -9 in a step |',
    '|---|---|---|---|---|---|',
  ];
  let allRight = true;
  try {
    const { measured, flushed } = await measure(engines, { steps, rounds, folder });
    const dbos = measured.find(({ engine }) => engine.name.startsWith('DBOS'));
    for (const each of measured) {
      const resumed = await killOnce(each.engine, steps, folder);
      allRight &&= resumed.ok;
      lines.push(rowOf(each, dbos, resumed));
    }
    const [p50, p99] = [quantile(flushed, 0.5), quantile(flushed, 0.99)].map((ms) => `${ms.toFixed(1)} ms`);
    lines.push(`| one flush of this disk, bare | on the disk | ${p50} | ${p99} | | |`);
  } finally {
    for (const engine of engines) await engine.end();
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(lines.join('\n'));
  if (!allRight) throw new Error('a killed engine did not go on as it says');
  if (values.write && missing.length > 0) throw new Error('the page is written only with all engines');
  if (values.write) writeSection('durable-step', lines);
}
