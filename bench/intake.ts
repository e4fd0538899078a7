import { parseArgs } from 'node:util';
import { commitNow, measuredAt, writeSection } from '../scripts/benchmarks-page.ts';
import { findFirestoreEmulator, findPubsubEmulator } from '../sandbox/host/google-emulators.ts';
import { alertmanagerMissing, alertmanagerVersion, startAlertmanager } from './alertmanager.ts';
import { type Block, publishBlock } from './intake-side.ts';
import { startOwnIntake } from './own-intake.ts';
import { quantile } from './quantile.ts';

// `npm run bench -- intake [--blocks 10] [--alerts 40] [--burst 200] [--write]`: from an alert that is published to the decision that
// is logged, beside Prometheus Alertmanager from its API to its webhook. Both are measured in one run, a block of the one after a
// block of the other, so that whatever else the machine does meets both. Goal: p50 on the embedded engine no slower.

/** Alerts under way at any moment of a burst: what the sandbox pushes at once. */
const BURST_AT_ONCE = 32;

/** Blocks of each side, and alerts of the calm and of the burst in each. */
interface Size {
  readonly blocks: number;
  readonly alerts: number;
  readonly burst: number;
}

interface Figures {
  readonly p50: number;
  readonly p99: number;
  readonly perSecond: number;
}

/** Runs the bench and prints its table; `--write` puts it into docs/benchmarks.md. */
export async function bench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      blocks: { type: 'string', default: '10' },
      alerts: { type: 'string', default: '40' },
      burst: { type: 'string', default: '200' },
      engines: { type: 'string', default: 'embedded,google' },
      write: { type: 'boolean', default: false },
    },
  });
  const size = { blocks: Number(values.blocks), alerts: Number(values.alerts), burst: Number(values.burst) };
  const missing = alertmanagerMissing();
  if (missing !== undefined) console.error(`\nSKIPPED: ${missing}, so there is nothing to compare with.\n`);
  const rows: string[] = [];
  for (const engines of ['embedded', 'google'] as const) {
    if (!values.engines.split(',').includes(engines)) continue;
    const absent = engines === 'google' ? emulatorsMissing() : undefined;
    if (absent !== undefined) console.error(`\nSKIPPED: ${absent}, so nothing is known of Google's engines.\n`);
    else rows.push(...(await pair(engines, missing === undefined, engines === 'google' ? fewer(size) : size)));
  }
  const lines = tableOf(rows);
  console.log(lines.join('\n'));
  if (values.write) writeSection('intake', lines);
}

/** An absorber on Firestore takes one turn a second: a tenth of the alerts takes as long. */
const fewer = ({ blocks, alerts, burst }: Size): Size => ({
  blocks: Math.ceil(blocks / 3),
  alerts: Math.ceil(alerts / 4),
  burst: Math.ceil(burst / 10),
});

function emulatorsMissing(): string | undefined {
  for (const found of [findFirestoreEmulator(), findPubsubEmulator()])
    if (found.kind === 'missing') return found.because;
  return undefined;
}

/** Our engine and Alertmanager, block by block in turn. */
async function pair(engines: 'embedded' | 'google', isCompared: boolean, size: Size): Promise<readonly string[]> {
  const own = await startOwnIntake(engines);
  const peer = isCompared ? await startAlertmanager() : undefined;
  const sides = [own, ...(peer === undefined ? [] : [peer])].map((intake) => {
    const calm: Block[] = [];
    const bursts: Block[] = [];
    return { intake, calm, bursts };
  });
  try {
    for (const { intake } of sides) await publishBlock(intake, { prefix: `warm-${engines}`, alerts: 20, atOnce: 1 });
    for (let block = 0; block < size.blocks; block += 1)
      for (const { intake, calm, bursts } of sides) {
        calm.push(await publishBlock(intake, { prefix: `calm-${engines}-${block}`, alerts: size.alerts, atOnce: 1 }));
        const burst = { prefix: `burst-${engines}-${block}`, alerts: size.burst, atOnce: BURST_AT_ONCE };
        bursts.push(await publishBlock(intake, burst));
      }
  } finally {
    await own.stop();
    await peer?.stop();
  }
  const [ours, theirs] = sides.map(({ calm, bursts }) => figuresOf(calm, bursts));
  if (ours === undefined) return [];
  const name = engines === 'embedded' ? 'embedded: SQLite, in-process broker' : 'Google’s emulators';
  const kept =
    engines === 'embedded'
      ? 'signal and decision fsynced, each before it counts'
      : 'signal and decision committed, in memory';
  return [
    rowOf(`dr-autopilot, ${name}`, ours, theirs, kept),
    ...(theirs === undefined
      ? []
      : [rowOf(`Alertmanager ${alertmanagerVersion()}, beside it`, theirs, theirs, 'alerts in memory only')]),
  ];
}

function figuresOf(calm: readonly Block[], bursts: readonly Block[]): Figures {
  const latencies = calm.flatMap((block) => block.latencies);
  const alerts = bursts.reduce((sum, block) => sum + block.latencies.length, 0);
  const took = bursts.reduce((sum, block) => sum + block.took, 0);
  return { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99), perSecond: (1_000 * alerts) / took };
}

function rowOf(name: string, own: Figures, peer: Figures | undefined, kept: string): string {
  const ratio = (of: number, by: number | undefined): string => (by === undefined ? '' : ` (${(of / by).toFixed(2)})`);
  return `| ${name} | ${own.p50.toFixed(1)} ms${ratio(own.p50, peer?.p50)} | ${own.p99.toFixed(1)} ms${ratio(own.p99, peer?.p99)} | ${own.perSecond.toFixed(0)}/s${ratio(own.perSecond, peer?.perSecond)} | ${kept} |`;
}

const tableOf = (rows: readonly string[]): readonly string[] => [
  `${measuredAt(commitNow())}; in brackets the ratio to Alertmanager in the same run.`,
  '',
  '| | p50 | p99 | in a burst | what is kept |',
  '|---|---|---|---|---|',
  ...rows,
];
