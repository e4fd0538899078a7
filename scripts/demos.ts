import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { commitNow, readSection, writeSection } from './benchmarks-page.ts';

// `npm run demos`: each story with ten seeds of duplicates and reordering, on all cores. Resumable: what has been played is kept in
// `.dr/demos.json` for the present commit, and `--again` forgets it. Writes its rows into the table of docs/benchmarks.md; those of
// what was not played stay, with the commit that they were measured at.
//
//   npm run demos -- pod-heal --cores 1  one story, one run after the other
//   npm run demos -- --engines google    on Google's emulators
//   npm run demos -- --bundles dist      the functions from what `npm run bundle` has made there
//   npm run demos -- --quick             one seed of each story, one of them on Google's emulators; writes nothing

const KEPT = '.dr/demos.json';

const resultWire = z.object({
  story: z.string(),
  seed: z.number(),
  engines: z.string(),
  held: z.boolean(),
  wallMs: z.number().nullable(),
  rtoMs: z.number().nullable(),
  failed: z.array(z.string()),
});
type Result = z.infer<typeof resultWire>;
const keptWire = z.object({ commit: z.string(), results: z.array(resultWire) });

const eventWire = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('measured'), wallMs: z.number(), measures: z.record(z.string(), z.number().nullable()) }),
  z.object({ kind: z.literal('check'), check: z.object({ name: z.string(), held: z.boolean(), figure: z.string() }) }),
]);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    cores: { type: 'string', default: String(availableParallelism()) },
    seeds: { type: 'string', default: '10' },
    from: { type: 'string', default: '1' },
    engines: { type: 'string', default: 'embedded' },
    bundles: { type: 'string' },
    again: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
  },
});

/** One run of a demo. */
type Show = Pick<Result, 'story' | 'seed' | 'engines'>;

const QUICK: readonly Show[] = [
  { story: 'database-failover', seed: 12, engines: 'google' },
  { story: 'pod-heal', seed: 11, engines: 'embedded' },
];

const STORIES = [
  'pod-heal',
  'rollout-undo',
  'service-scale-up',
  'backup-restore',
  'breach-response',
  'lift-isolation',
  'point-in-time-recovery',
  'tenant-restore',
  'cluster-failover',
  'cluster-failback',
  'region-failover',
  'region-return',
  'region-failback',
  'database-failover',
];

const seeds = Array.from({ length: Number(values.seeds) }, (_nothing, index) => Number(values.from) + index);
const commit = commitNow();
const results = values.again || values.quick ? [] : known();
const waiting: Show[] = values.quick
  ? [...QUICK]
  : STORIES.filter((story) => positionals.length === 0 || positionals.includes(story)).flatMap((story) =>
      seeds.map((seed) => ({ story, seed, engines: values.engines })),
    );
if (waiting.length === 0) throw new Error(`there is no such story; there are ${STORIES.join(', ')}`);
await Promise.all(Array.from({ length: Number(values.cores) }, playWaiting));
if (!values.quick) writePage();
process.exitCode = results.every((result) => result.held) ? 0 : 1;

/** One core's share: the next story that is waiting and not known, until none is left. */
async function playWaiting(): Promise<void> {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const { story, seed, engines } = next;
    if (results.some((known) => known.story === story && known.seed === seed && known.engines === engines)) continue;
    const result = await playOnce(next);
    results.push(result);
    if (!values.quick) keep();
    console.log(
      `${story} seed ${seed}, ${engines} engines: ${result.held ? 'held' : `FAILED: ${result.failed.join('; ')}`}${result.rtoMs === null ? '' : `, RTO ${Math.round(result.rtoMs / 1_000)} s`}`,
    );
  }
}

function keep(): void {
  mkdirSync('.dr', { recursive: true });
  writeFileSync(KEPT, JSON.stringify({ commit, results }));
}

function known(): Result[] {
  try {
    const kept = keptWire.parse(JSON.parse(readFileSync(KEPT, 'utf8')));
    return kept.commit === commit ? kept.results : [];
  } catch {
    return [];
  }
}

async function playOnce({ story, seed, engines }: Show): Promise<Result> {
  const args = ['demo', story, '--seed', String(seed), '--engines', engines, '--json'];
  if (values.bundles !== undefined) args.push('--bundles', values.bundles);
  const { text, exitCode } = await output('./dr', args);
  const events = text.split('\n').flatMap((line) => {
    const read = line.startsWith('{') ? eventWire.safeParse(JSON.parse(line)) : undefined;
    return read?.success === true ? [read.data] : [];
  });
  const measured = events.find((event) => event.kind === 'measured');
  const checks = events.flatMap((event) => (event.kind === 'check' ? [event.check] : []));
  const failed = checks.filter((check) => !check.held).map((check) => `${check.name} (${check.figure})`);
  return {
    story,
    seed,
    engines,
    held: exitCode === 0 && checks.length > 0 && failed.length === 0,
    wallMs: measured?.wallMs ?? null,
    rtoMs: measured?.measures['rto'] ?? null,
    failed,
  };
}

function output(
  command: string,
  args: readonly string[],
): Promise<{ readonly text: string; readonly exitCode: number | null }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    child.on('error', reject);
    child.on('close', (exitCode) => resolve({ text, exitCode }));
  });
}

function writePage(): void {
  const seconds = (ms: number | null): string => (ms === null ? '–' : `${Math.round(ms / 1_000)} s`);
  const date = new Date().toISOString().slice(0, 10);
  const rows = new Map(readSection('demos').flatMap((line) => rowOf(line) ?? []));
  for (const { story, seed, engines, held, failed, rtoMs, wallMs } of results) {
    const key = `| ${story} | ${seed} | ${engines} |`;
    const how = held ? 'all held' : `failed: ${failed.join('; ')}`;
    rows.set(key, `${key} ${how} | ${seconds(rtoMs)} | ${seconds(wallMs)} | ${commit}, ${date} |`);
  }
  const inOrder = [...rows].toSorted(([one], [other]) => rankOf(one) - rankOf(other) || one.localeCompare(other));
  writeSection('demos', [
    'Each row is one run of `./dr demo`.',
    '',
    '| story | seed | engines | verifications | RTO, clock time | story, wall time | measured at |',
    '|---|---|---|---|---|---|---|',
    ...inOrder.map(([, line]) => line),
  ]);
}

/** A row as it stands on the page, under what it is of. */
function rowOf(line: string): readonly [readonly [string, string]] | undefined {
  const [key] = /^\| [a-z-]+ \| \d+ \| [a-z]+ \|/.exec(line) ?? [];
  return key === undefined ? undefined : [[key, line]];
}

/** Stories as they are listed above, and seeds by number. */
function rankOf(key: string): number {
  const [, story = '', seed] = key.split('|').map((cell) => cell.trim());
  return STORIES.indexOf(story) * 1_000 + Number(seed);
}
