import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { parse } from 'yaml';
import { sandboxEnv } from '../cli/sandbox.ts';
import { REFERENCE } from '../sandbox/world/reference-system.ts';
import { commitNow, measuredAt, writeSection } from '../scripts/benchmarks-page.ts';
import { seconds } from '../shared/core/time.ts';
import { approveWhenAsked, onStage, type Stage } from '../test/stories/story.ts';
import { type Leg, legsOfRun, legsOfRunbook, Watched } from './cloud-time.ts';

// A recovery's makespan beside its critical path, which is what the simulated cloud itself took, one thing after the other, and beside
// people with the real gcloud and kubectl, each on a sandbox of its own of one seed, side by side, so that all have the same cloud
// and the same machine. Ours lasts from the start of its run to the last verified consumer, a script from its start to its end;
// nobody's thinking is in any.
//
// Two scripts: failover-by-hand.sh does what ours does, in its order, so that both have one critical path; runbook-3-1.sh is the chapter
// as it stands, which stops and fences nothing, holds nobody back and moves one consumer of two, and so has a shorter path of its own.
// What is compared is the time that is added to a path. Goals: ours at most 1.05 of its path, and at most a fifth of what a script adds.
//
//   npm run bench -- makespan [--rate 1] [--write]
//
// The rate multiplies every millisecond of this machine, ours and gcloud's, so that 1 is what a real recovery would see; at 1 it takes
// a quarter of an hour.

/** One way of recovering, as it was measured, in clock milliseconds. */
interface Recovery {
  readonly started: number;
  readonly ended: number;
  readonly path: readonly Leg[];
}

/** Between two looks at how far it is, clock time. */
const LOOK = seconds(2);

/** Our own functions, approved by a simulated engineer. */
async function byRun(rate: number): Promise<Recovery> {
  let recovery: Recovery | undefined;
  await onStage({ name: 'makespan', rate }, async (stage) => {
    const watched = new Watched(stage);
    stage.break('primary-database');
    await approveWhenAsked(stage);
    const [started, ended] = await verified(stage);
    recovery = { started, ended, path: legsOfRun(stage, watched) };
  });
  return there(recovery);
}

/** When the run began, and when its last consumer was verified. */
async function verified(stage: Stage): Promise<readonly [started: number, ended: number]> {
  for (;;) {
    const { state } = await stage.incident();
    const { run, phase } = state;
    const verifying = run?.plan.steps.filter((step) => step.stage === 'verify') ?? [];
    const done = verifying.flatMap(({ id }) => {
      const progress = run?.steps.get(id);
      return progress?.kind === 'done' ? [progress.at] : [];
    });
    if (done.length > 0 && done.length === verifying.length) return [run?.startedAt ?? Number.NaN, Math.max(...done)];
    if (phase.kind === 'needsPerson') throw new Error('the recovery went to people');
    await stage.pass(LOOK);
  }
}

/** By a script. Our functions look on, ask for an approval, and get none. */
async function byScript(
  rate: number,
  script: string,
  legs: (stage: Stage, watched: Watched) => readonly Leg[],
): Promise<Recovery> {
  let recovery: Recovery | undefined;
  await onStage({ name: 'makespan', rate }, async (stage) => {
    const watched = new Watched(stage);
    stage.break('primary-database');
    const started = stage.now();
    await follow(script, stage);
    const ended = stage.now();
    // What just came to be is seen at the next sample.
    await stage.pass(LOOK);
    recovery = { started, ended, path: legs(stage, watched) };
  });
  return there(recovery);
}

async function follow(name: string, { sandbox: { facts } }: Stage): Promise<void> {
  const { stdout } = await sandboxEnv(facts);
  const tools = [...stdout.matchAll(/^export (\w+)='([^']*)'$/gm)].map(([, name = '', value = '']) => [name, value]);
  const { endpoints } = parse(readFileSync(facts.config, 'utf8')) as {
    readonly endpoints: { readonly hosts: Readonly<Record<string, string>> };
  }; // the sandbox wrote it
  const script = spawn(fileURLToPath(new URL(name, import.meta.url)), {
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      ...Object.fromEntries(tools),
      HEALTH: `${endpoints.hosts[REFERENCE.publicHost]}/dr/health`,
      HEALTH_RUN: `${endpoints.hosts['coditect-dms-api-run.coditect.ai']}/dr/health`,
      SERVICE: REFERENCE.api,
      REGION: REFERENCE.region,
      DEPLOYMENT: REFERENCE.api,
      NAMESPACE: REFERENCE.namespace,
      PRIMARY: 'coditect-dms-db',
      REPLICA: 'coditect-dms-db-replica',
      SECRET: REFERENCE.databaseSecret,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [script.stdout, script.stderr]) stream.on('data', (part: Buffer) => (said += part.toString()));
  const [code] = await once(script, 'close');
  if (code !== 0) throw new Error(`${name} ended with ${String(code)}:\n${said}`);
}

function there(recovery: Recovery | undefined): Recovery {
  if (recovery === undefined) throw new Error('the story did not end');
  return recovery;
}

const tookOf = (path: readonly Leg[]): number => path.reduce((sum, { from, to }) => sum + (to - from), 0);
const addedBy = ({ started, ended, path }: Recovery): number => ended - started - tookOf(path);
const inSeconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

/** Where the time went, leg by leg. */
function account({ started, ended, path }: Recovery): string {
  const cells = (waited: number, took: number | undefined, what: string): string =>
    `${inSeconds(waited).padStart(9)} ${(took === undefined ? '' : inSeconds(took)).padStart(9)}  ${what}`;
  return [
    '   waited      took  of the critical path',
    ...path.map(({ what, from, to }, index) => cells(from - (path[index - 1]?.to ?? started), to - from, what)),
    cells(ended - (path.at(-1)?.to ?? started), undefined, 'until it was verified'),
  ].join('\n');
}

function rowOf(name: string, recovery: Recovery, share: string): string {
  const [makespan, path] = [recovery.ended - recovery.started, tookOf(recovery.path)];
  return `| ${name} | ${inSeconds(makespan)} | ${inSeconds(path)} | ${inSeconds(addedBy(recovery))} | ${(makespan / path).toFixed(3)} | ${share} |`;
}

/** Recovers in both ways at once and prints; `--write` puts the table into the page. */
export async function bench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { rate: { type: 'string', default: '1' }, write: { type: 'boolean', default: false } },
  });
  const rate = Number(values.rate);
  const [ours, byHand, runbook] = await Promise.all([
    byRun(rate),
    byScript(rate, './failover-by-hand.sh', legsOfRun),
    byScript(rate, './runbook-3-1.sh', legsOfRunbook),
  ]);
  for (const [name, recovery] of Object.entries({ ours, byHand, runbook }))
    console.log(`${name}\n${account(recovery)}\n`);
  const share = (script: Recovery): string => (addedBy(ours) / addedBy(script)).toFixed(2);
  const lines = [
    `${measuredAt(commitNow())}; rate ${rate}, all at once; clock time.`,
    '',
    '| | makespan | its critical path | added to it | ratio | ours adds, of that |',
    '|---|---|---|---|---|---|',
    rowOf('dr-autopilot', ours, ''),
    rowOf('the same order by gcloud and kubectl', byHand, share(byHand)),
    rowOf('runbook 3.1 as it stands, by gcloud and kubectl', runbook, share(runbook)),
  ];
  console.log(lines.join('\n'));
  if (values.write) writeSection('makespan', lines);
}
