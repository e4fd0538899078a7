// `npm run bench` lists the benches, `npm run bench -- NAME …` runs one with the arguments that follow its name. Each figure is a
// ratio from one paired run: two things measured side by side on one machine, since an absolute figure says more about the machine.

/** What a bench's file exports. */
interface Bench {
  bench(args: readonly string[]): Promise<void>;
}

/** Every bench: what it measures, and its file, loaded only when it runs. */
const BENCHES: Readonly<Record<string, readonly [measures: string, load: () => Promise<Bench>]>> = {
  'approval-click': [
    'from an approval click until the next step, beside a bare message',
    () => import('./approval-click.ts'),
  ],
  'cold-start': ['a function’s start until its first answer, beside hello world', () => import('./cold-start.ts')],
  'durable-step': ['what a durable step costs, beside DBOS and Restate', () => import('./durable-step.ts')],
  intake: ['an alert until its logged decision, beside Alertmanager', () => import('./intake.ts')],
  makespan: [
    'a recovery beside its critical path and the runbook by gcloud and kubectl',
    () => import('./makespan.ts'),
  ],
  simulation: ['simulated disasters per second, by one worker and by two', () => import('./simulation.ts')],
};

const [name = '', ...args] = process.argv.slice(2);
const chosen = BENCHES[name];
if (chosen === undefined) {
  if (name !== '') console.error(`There is no bench ${name}.`);
  for (const [known, [measures]] of Object.entries(BENCHES)) console.log(`${known.padEnd(20)} ${measures}`);
  process.exit(name === '' ? 0 : 2);
}
const [, load] = chosen;
await (await load()).bench(args);
process.exit();
