import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { commitNow, measuredAt, writeSection } from '../scripts/benchmarks-page.ts';
import type { Summary } from '../test/simulation/report.ts';
import { quantile } from './quantile.ts';

// Simulated disasters per second, of those that lead to a step (decisions.md 29): the same seeds by one worker and by two, in turn,
// so that each round is a pair. The figure is what the second worker brings.
//
//   npm run bench -- simulation [--seeds 40] [--rounds 4] [--write]

/** A worker of the simulation, loaded and ready. */
class Player {
  /** The simulation's own worker, as `npm run simulate` starts it. */
  readonly #worker = new Worker(new URL('../test/simulation/main.ts', import.meta.url), { workerData: 'simulate' });

  async play(seed: number): Promise<Summary> {
    this.#worker.postMessage(seed);
    const [summary] = await once(this.#worker, 'message');
    return summary as Summary; // the worker says nothing else
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** Disasters per second of wall time over these seeds; each player gets its next seed when it has told of the last. */
async function rate(players: readonly Player[], seeds: readonly number[]): Promise<number> {
  const waiting = [...seeds];
  let disasters = 0;
  const from = performance.now();
  const playWaiting = async (player: Player): Promise<void> => {
    for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) {
      const { counts, violations } = await player.play(seed);
      if (violations.length > 0) throw new Error(`seed ${seed}: ${violations.join('; ')}`);
      if (counts) disasters += 1;
    }
  };
  await Promise.all(players.map(playWaiting));
  return disasters / ((performance.now() - from) / 1_000);
}

/** Plays and prints; `--write` puts the figures into the page. */
export async function bench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: 'string', default: '40' },
      rounds: { type: 'string', default: '4' },
      write: { type: 'boolean', default: false },
    },
  });
  const [count, rounds] = [Number(values.seeds), Number(values.rounds)];
  const [first, second] = [new Player(), new Player()];
  // The first seeds load and compile what the others find.
  await Promise.all([rate([first], [1, 2, 3]), rate([second], [1, 2, 3])]);
  const [one, two]: readonly [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    const seeds = Array.from({ length: count }, (_, index) => 1 + round * count + index);
    const alone = async (): Promise<unknown> => one.push(await rate([first], seeds));
    const together = async (): Promise<unknown> => two.push(await rate([first, second], seeds));
    // Who comes first takes turns: the machine may become busier in between.
    for (const play of round % 2 === 0 ? [alone, together] : [together, alone]) await play();
  }
  await Promise.all([first.end(), second.end()]);
  const median = (rates: readonly number[]): string => quantile(rates, 0.5).toFixed(1);
  const ratio = quantile(
    two.map((rates, round) => rates / (one[round] ?? Number.NaN)),
    0.5,
  );
  const lines = [
    `${measuredAt(commitNow())}; ${rounds} rounds of ${count} seeds from 1.`,
    '',
    '| one worker, disasters a second | two workers | ratio, median |',
    '|---|---|---|',
    `| ${median(one)} | ${median(two)} | ${ratio.toFixed(2)} |`,
  ];
  console.log(lines.join('\n'));
  if (values.write) writeSection('simulation', lines);
}
