import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { Coverage } from './coverage.ts';
import { drawPlot } from './draw-plot.ts';
import { violations } from './invariants.ts';
import { story, summarise, type Summary } from './report.ts';
import { invariantOf, shrink } from './shrink.ts';
import { simulate } from './simulate.ts';

// `npm run simulate -- --seeds N --from SEED [--verbose] [--quiet]`: plays seeds on all cores and exits 1 with the first failing
// ones, each shrunk to what its failure needs and told in full. `--verbose` tells the first seed as it was drawn.

/** Failing seeds that are shrunk and told. */
const TOLD_MAX = 3;

/** Seeds between two lines of progress. */
const PROGRESS = 100;

/** Wall time after which a seed, which takes about half a second, counts as one that never ends. */
const ENDLESS_MS = 300_000;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '200' },
      from: { type: 'string', default: '1' },
      verbose: { type: 'boolean', default: false },
      quiet: { type: 'boolean', default: false },
    },
  });
  const [seeds, from] = [Number(values.seeds), Number(values.from)];
  if (!Number.isSafeInteger(seeds) || !Number.isSafeInteger(from) || seeds < 1) {
    process.stderr.write('usage: npm run simulate -- --seeds N --from SEED [--verbose] [--quiet]\n');
    process.exitCode = 2;
    return;
  }
  if (values.verbose) {
    const run = await simulate(from);
    console.log(story(run, violations(run)));
    return;
  }
  const coverage = new Coverage();
  const failing: Summary[] = [];
  const began = performance.now();
  let [done, counted, virtual] = [0, 0, 0];
  await playAll(from, seeds, (summary) => {
    done += 1;
    coverage.add(summary);
    if (summary.counts) counted += 1;
    virtual += summary.virtualMs;
    if (summary.violations.length > 0) failing.push(summary);
    if (done % PROGRESS === 0)
      process.stderr.write(`${done} of ${seeds} seeds, ${rateOf(done, began)} a second, ${failing.length} failed\n`);
  });
  failing.sort((a, b) => a.seed - b.seed);
  for (const { seed } of failing.filter(({ outcome }) => outcome !== 'error').slice(0, TOLD_MAX)) {
    console.log(`${await shrunkStory(seed)}\n`);
  }
  if (!values.quiet) console.log(`${coverage.show()}\n`);
  const missing = coverage.missing();
  for (const cell of missing) console.log(`coverage: ${cell}`);
  const summed = `${counted} led to a step; ${Math.round(virtual / 3_600_000)} h of clock time, ${rateOf(done, began)} seeds a second`;
  console.log(
    failing.length === 0
      ? `No violation in ${seeds} seeds of the model (${summed}).`
      : `${failing.length} of ${seeds} seeds failed (${summed}):`,
  );
  for (const { seed, violations: found } of failing) console.log(`  ${seed}: ${found[0]?.slice(0, 240) ?? ''}`);
  process.exitCode = failing.length === 0 && missing.length === 0 ? 0 : 1;
}

/** Shrinks a failing seed and tells what is left of it. */
async function shrunkStory(seed: number): Promise<string> {
  const drawn = drawPlot(seed);
  const whole = await simulate(seed, drawn);
  const [found] = violations(whole);
  // It failed in a worker a moment ago; if not here, the seed is not worth its number, which is worse than the failure.
  if (found === undefined) return `seed ${seed} failed, and does not when it is played again`;
  process.stderr.write(`shrinking seed ${seed}…\n`);
  const { plot, played } = await shrink(drawn, invariantOf(found), async (smaller) => {
    const run = await simulate(seed, smaller);
    return new Set(violations(run).map(invariantOf));
  });
  const run = await simulate(seed, plot);
  const [before, after] = [drawn.happenings.length, plot.happenings.length];
  return `${story(run, violations(run))}\nshrunk from ${before} happenings to ${after} in ${played} plays; as drawn: --verbose`;
}

function rateOf(done: number, began: number): string {
  return (done / ((performance.now() - began) / 1_000)).toFixed(1);
}

/** What is told of a seed that could not be played to its end. */
const unplayed = (seed: number, why: string): Summary => ({
  seed,
  title: 'the simulation itself',
  mood: '',
  outcome: 'error',
  counts: false,
  meetings: [],
  virtualMs: 0,
  violations: [why],
});

/** Plays seeds on all cores; a worker gets its next seed when it has told of the last. */
async function playAll(from: number, seeds: number, tell: (summary: Summary) => void): Promise<void> {
  let next = from;
  const one = (): Promise<void> =>
    new Promise<void>((done, fail) => {
      let worker = start();
      let endless: NodeJS.Timeout | undefined;
      function told(summary: Summary): void {
        clearTimeout(endless);
        tell(summary);
        more();
      }
      function start(): Worker {
        const fresh = new Worker(new URL(import.meta.url), {
          workerData: 'simulate',
          execArgv: [...process.execArgv],
        });
        fresh.on('message', told);
        fresh.on('error', fail);
        return fresh;
      }
      function more(): void {
        if (next >= from + seeds) {
          void worker.terminate().then(() => done());
          return;
        }
        const seed = next++;
        endless = setTimeout(() => {
          void worker.terminate();
          worker = start();
          told(unplayed(seed, `did not end within ${ENDLESS_MS} ms of wall time`));
        }, ENDLESS_MS);
        worker.postMessage(seed);
      }
      more();
    });
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), seeds) }, one));
}

function work(): void {
  if (workerData !== 'simulate') return;
  parentPort?.on('message', (seed: number) => {
    simulate(seed).then(
      (run) => parentPort?.postMessage(summarise(run, violations(run))),
      (error: unknown) =>
        parentPort?.postMessage(
          unplayed(seed, error instanceof Error ? (error.stack ?? error.message) : String(error)),
        ),
    );
  });
}

if (isMainThread) await main();
else work();
