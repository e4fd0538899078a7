import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { violations } from './invariants.ts';
import { story, summarise, type Summary } from './report.ts';
import { simulate } from './simulate.ts';

// `npm run simulate -- --seeds N --from SEED`: plays seeds on all cores and exits 1 with the first failing ones.

/** Failing seeds that are told in full. */
const TOLD_MAX = 3;

if (isMainThread) await main();
else await work();

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '200' },
      from: { type: 'string', default: '1' },
      verbose: { type: 'boolean', default: false },
    },
  });
  const [seeds, from] = [Number(values.seeds), Number(values.from)];
  const summaries: Summary[] = [];
  const cores = Math.min(availableParallelism(), seeds);
  const began = performance.now();
  let next = from;
  await Promise.all(
    Array.from({ length: cores }, () => {
      const worker = new Worker(new URL(import.meta.url), { workerData: 'simulate', execArgv: [...process.execArgv] });
      return new Promise<void>((done, fail) => {
        const more = (): void => {
          if (next < from + seeds) worker.postMessage(next++);
          else void worker.terminate().then(() => done());
        };
        worker.on('message', (summary: Summary) => {
          summaries.push(summary);
          if (summaries.length % 50 === 0)
            process.stderr.write(
              `${summaries.length} of ${seeds} seeds, ${(summaries.length / ((performance.now() - began) / 1_000)).toFixed(1)} a second\n`,
            );
          more();
        });
        worker.on('error', fail);
        more();
      });
    }),
  );
  const failing = summaries.filter((summary) => summary.violations.length > 0).toSorted((a, b) => a.seed - b.seed);
  for (const { seed } of failing.slice(0, TOLD_MAX)) {
    const run = await simulate(seed);
    console.log(`${story(run, violations(run))}\n`);
  }
  if (values.verbose && seeds === 1 && failing.length === 0) {
    const run = await simulate(from);
    console.log(story(run, []));
  }
  const counted = summaries.filter((summary) => summary.steps.length > 0);
  console.log(coverage(summaries));
  console.log(
    failing.length === 0
      ? `No violation in ${seeds} seeds of the model (${counted.length} led to a step).`
      : `${failing.length} of ${seeds} seeds failed: ${failing.map(({ seed }) => seed).join(', ')}`,
  );
  for (const { seed, violations: found } of failing) console.log(`  ${seed}: ${found[0]?.slice(0, 200) ?? ''}`);
  process.exitCode = failing.length === 0 ? 0 : 1;
}

/** How often each disaster was met, and how it ended. */
function coverage(summaries: readonly Summary[]): string {
  const rows = new Map<string, Map<string, number>>();
  for (const { disaster, outcome } of summaries) {
    const name = disaster.split(',')[0] ?? disaster;
    const row = rows.get(name) ?? new Map<string, number>();
    row.set(outcome, (row.get(outcome) ?? 0) + 1);
    rows.set(name, row);
  }
  return [...rows]
    .map(([name, row]) => `${name.padEnd(40)} ${[...row].map(([outcome, count]) => `${outcome} ${count}`).join(', ')}`)
    .join('\n');
}

async function work(): Promise<void> {
  if (workerData !== 'simulate') return;
  parentPort?.on('message', (seed: number) => {
    simulate(seed).then(
      (run) => parentPort?.postMessage(summarise(run, violations(run))),
      (error: unknown) =>
        parentPort?.postMessage({
          seed,
          disaster: 'the simulation itself',
          people: '',
          outcome: 'error',
          steps: [],
          crashes: 0,
          violations: [error instanceof Error ? (error.stack ?? error.message) : String(error)],
        } satisfies Summary),
    );
  });
}
