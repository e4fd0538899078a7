import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openForReading, type OpenedStore } from '../cli/read-incidents.ts';
import { ORDERLY } from '../sandbox/world/broker-delivery.ts';
import { dataOf } from '../sandbox/world/broker-message.ts';
import { monitoringAgent } from '../sandbox/world/service-agents.ts';
import { commitNow, measuredAt, writeSection } from '../scripts/benchmarks-page.ts';
import { bundleFunctions } from '../scripts/bundle-functions.ts';
import type { EventRecord } from '../shared/ports/store.ts';
import { watchKey } from '../shared/ports/watch-reading.ts';
import {
  FUNCTIONS,
  type FunctionName,
  type IncidentId,
  incidentIdOf,
  instanceName,
  type RunbookName,
} from '../shared/system/names.ts';
import { notificationOf, serveHealth, withTargets } from '../test/stories/mass-storm.ts';
import { onStage, type Stage } from '../test/stories/story.ts';
import { type ColdFunction, type ColdStart, coldStart, type FirstRequest } from './cold-process.ts';
import { quantile } from './quantile.ts';

// From the start of a function's process, out of its bundle, compiled as a deployment does it, and by the framework's own main, until
//
//   (a) it has answered a request that needs no client library, with its state in a file;
//   (b) its first real message or page is dealt with, with Google's emulators and a sandbox around it: of `heal` and `recover`, until
//       the first thing that it does is in an incident's log. Each start takes the incident over from the one before, which was killed
//       there. Of `tick`, which goes on watching for a minute on purpose, until its watch has put down a first look at each database.
//
// Beside each start the framework's bare hello world, started the same way, of which nothing is compiled beforehand. The figure is the
// ratio of the two.
//
//   npm run bench -- cold-start [--rounds 10] [--write]
//
// The sandbox's own copy of what is measured is stopped meanwhile, so that nobody else deals with the message.

/** What Terraform tells the Node of a function (terraform/modules/function). */
const DEPLOYED = { NODE_OPTIONS: '--max-old-space-size=512' };

/** Longest between an event in the log and its being seen here, wall milliseconds; half of it is an error against us. */
const LOOK_MS = 10;

const HELLO: Readonly<Record<ColdFunction['signature'], readonly [ColdFunction, FirstRequest]>> = {
  http: [
    { source: resolve('bench/hello'), target: 'hello', signature: 'http', env: {} },
    { method: 'GET', path: '/', statuses: [200] },
  ],
  cloudevent: [
    { source: resolve('bench/hello'), target: 'listen', signature: 'cloudevent', env: {} },
    pushed('dr-alerts', { hello: true }),
  ],
};

const signatureOf = (name: FunctionName): ColdFunction['signature'] =>
  name === 'approve' || name === 'status' ? 'http' : 'cloudevent';

/** A message as Pub/Sub pushes it. */
function pushed(topic: string, data: unknown, done?: () => Promise<void>): FirstRequest {
  const text = typeof data === 'string' ? data : JSON.stringify(data);
  const message = { data: Buffer.from(text).toString('base64'), messageId: `cold-${Math.random()}`, attributes: {} };
  const body = { subscription: 'projects/coditect-prod/subscriptions/cold', message };
  const path = `/projects/coditect-prod/topics/${topic}`;
  return { method: 'POST', path, body, statuses: [204], ...(done === undefined ? {} : { done }) };
}

/** (a): what each function answers without asking anybody. */
const IDLE: Readonly<Record<FunctionName, FirstRequest>> = {
  classify: pushed('dr-alerts', 'unreadable'),
  heal: pushed('dr-heal', 'unreadable'),
  recover: pushed('dr-recover', 'unreadable'),
  notify: pushed('dr-notices', 'unreadable'),
  tick: pushed('dr-alerts-dead', 'unreadable'),
  approve: { method: 'GET', path: '/approve/nobody', statuses: [404] },
  status: { method: 'GET', path: '/', statuses: [200] },
};

/** One start of ours beside one of hello world. */
interface Pair {
  readonly ours: ColdStart;
  readonly bare: ColdStart;
}

type Kind = 'a' | 'b';

class Measured {
  readonly #pairs = new Map<string, Pair[]>();

  async pair(kind: Kind, cold: ColdFunction & { readonly name: FunctionName }, request: FirstRequest): Promise<void> {
    const [hello, ask] = HELLO[cold.signature];
    const bare = await coldStart(hello, ask);
    const ours = await coldStart(cold, request);
    const key = `${cold.name} ${kind}`;
    this.#pairs.set(key, [...(this.#pairs.get(key) ?? []), { ours, bare }]);
    console.error(`${key}: ${Math.round(ours.ms)} ms beside ${Math.round(bare.ms)} ms`);
  }

  cells(name: FunctionName, kind: Kind): string {
    const pairs = this.#pairs.get(`${name} ${kind}`) ?? [];
    if (pairs.length === 0) return '– | – | –';
    const middle = (of: (pair: Pair) => number): number => quantile(pairs.map(of), 0.5);
    return [
      `${Math.round(middle(({ ours }) => ours.ms))} ms`,
      middle(({ ours, bare }) => ours.ms / bare.ms).toFixed(2),
      middle(({ ours, bare }) => (ours.memory ?? Number.NaN) / (bare.memory ?? Number.NaN)).toFixed(2),
    ].join(' | ');
  }
}

/** What a measured function finds around it. */
interface Around {
  readonly stage: Stage;
  readonly store: OpenedStore;
  readonly cold: (name: FunctionName) => ColdFunction & { readonly name: FunctionName };
  readonly stop: (...names: readonly FunctionName[]) => Promise<void>;
  readonly start: (...names: readonly FunctionName[]) => Promise<void>;
}

/** Waits for an event of an incident. */
async function untilEvent(
  { store }: Around,
  incident: IncidentId,
  after: number,
  isIt: (event: EventRecord) => boolean,
): Promise<void> {
  for (;;) {
    const events = await store.log.read(incident, after, 1_000).catch(() => []);
    if (events.some(isIt)) return;
    await wait(LOOK_MS);
  }
}

/** (b) for one function: what it is asked, in a round of that number. */
type Ask = (around: Around, round: number) => Promise<FirstRequest>;

/** An alert about a service of its own, until the first look at the protected system is in the log. */
const alert: Ask = async (around, round) => {
  const id = `0.cold${round}`;
  const incident = incidentIdOf(`alert/${id}/open`);
  return pushed('dr-alerts', notificationOf(around.stage.sandbox, id, round), () =>
    untilEvent(around, incident, 0, ({ kind }) => kind === 'looked'),
  );
};

/** Numbers from here on are no target. */
const UNKNOWN_FROM = 900;

/** (b) for `notify`: that it has told of an incident that the sandbox's `classify` has opened, about what dr.yaml does not know. */
const notice: Ask = async (around, round) => {
  const incident = incidentIdOf(`alert/0.unknown${round}/open`);
  const { messaging, world } = around.stage.sandbox;
  const data = dataOf(notificationOf(around.stage.sandbox, `0.unknown${round}`, UNKNOWN_FROM + round));
  messaging.courier.publish({ principal: monitoringAgent(world.project), from: 'google' }, 'dr-alerts', [
    { data, attributes: {} },
  ]);
  await untilEvent(around, incident, 0, ({ kind }) => kind === 'noticeDue');
  return pushed('dr-notices', { incident }, () =>
    untilEvent(around, incident, 0, ({ kind }) => kind === 'noticeDelivered'),
  );
};

/** Events that only whoever performs a run writes. */
const isWork = ({ kind }: EventRecord): boolean => kind === 'runStarted' || kind.startsWith('step');

/** (b) for `tick`: that its watch has put down a look at each database. Whoever else would do so is stopped. */
const ticked: Ask = async ({ store }) => {
  const looks = async (): Promise<ReadonlyMap<string, number>> =>
    new Map(
      (await store.documents.list(watchKey(instanceName('')), WATCHED_MAX)).map(({ key, version }) => [key, version]),
    );
  const before = await looks();
  return pushed('dr-ticks', {}, async () => {
    for (;;) {
      const now = await looks().catch(() => new Map<string, number>());
      if (now.size > 0 && [...now].every(([key, version]) => version > (before.get(key) ?? 0))) return;
      await wait(LOOK_MS);
    }
  });
};

/** More databases than the reference system has. */
const WATCHED_MAX = 100;

/** How often a step's time limit lets its worker be killed. */
const TAKE_OVERS_MAX = 5;

/** (b) for who performs steps: that it has done anything in an incident, whose lease nobody holds any more. */
const stepsOf =
  (topic: string, runbook: RunbookName): Ask =>
  async (around) => {
    const { stage, store } = around;
    const found = await stage.until('there is a plan', async () =>
      (await stage.incidents()).find(({ state }) => state.run?.plan.runbook === runbook),
    );
    const incident = found.state.id;
    await stage.until('nobody works on it', async () => {
      const lease = await store.leases.read(`incident/${incident}`);
      return lease === undefined || lease.expiresAt < stage.now() ? true : undefined;
    });
    const { sequence } = (await stage.incident(incident)).head;
    return pushed(topic, { incident }, () => untilEvent(around, incident, sequence, isWork));
  };

/** Milliseconds of hello world's start, and with what Node keeps of compiling all of it beforehand (`NODE_COMPILE_CACHE`). */
async function compiledHello(rounds: number, directory: string): Promise<readonly [number, number]> {
  const [hello, ask] = HELLO.http;
  const warm = { ...hello, env: { NODE_COMPILE_CACHE: join(directory, 'hello') } };
  // Node writes it at an orderly end.
  execFileSync(process.execPath, ['-e', LOAD_HELLO], { env: { PATH: process.env['PATH'], ...warm.env } });
  const bare: number[] = [];
  const compiled: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    bare.push((await coldStart(hello, ask)).ms);
    compiled.push((await coldStart(warm, ask)).ms);
  }
  return [quantile(bare, 0.5), quantile(compiled, 0.5)];
}

const LOAD_HELLO = `require('@google-cloud/functions-framework/testing'); import('${resolve('bench/hello/index.js')}')`;

async function around(stage: Stage, bundles: string, play: (around: Around) => Promise<void>): Promise<void> {
  const copies = stage.sandbox.copies.all();
  const of = (name: FunctionName) => {
    const copy = copies.find((known) => known.name === name);
    if (copy === undefined) throw new Error(`the sandbox runs no ${name}`);
    return copy;
  };
  const store = openForReading(stage.sandbox.facts.store);
  try {
    await play({
      stage,
      store,
      cold: (name) => {
        // The sandbox's own ways of starting many processes fast, which no deployment has.
        const { DR_WARM: _, FUNCTION_TARGET: __, NODE_COMPILE_CACHE: ___, ...env } = of(name).env;
        return {
          name,
          source: join(bundles, name),
          target: name,
          signature: signatureOf(name),
          env: { ...env, ...DEPLOYED },
        };
      },
      stop: async (...names) => void (await Promise.all(names.map((name) => of(name).process.stop()))),
      start: async (...names) => void (await Promise.all(names.map((name) => of(name).process.restart()))),
    });
  } finally {
    await store.close();
  }
}

async function measure(measured: Measured, rounds: number, bundles: string): Promise<void> {
  const health = await serveHealth();
  const files = mkdtempSync(join(tmpdir(), 'dr-cold-'));
  const opening = {
    name: 'cold-start',
    engines: 'google' as const,
    disorder: ORDERLY,
    config: (document: Parameters<typeof withTargets>[0]) => {
      withTargets(document, rounds, health.address);
      // A lost primary stays lost for as long as the bench takes, and its approval good; our own alerts are no mass failure.
      document.setIn(['objectives', 'rpo'], '24h');
      document.setIn(['databases', 0, 'lossBudget'], '24h');
      document.setIn(['guards', 'massFailure'], '1000 targets/2m');
    },
  };
  await onStage(opening, (stage) =>
    around(stage, bundles, async (here) => {
      const each = async (name: FunctionName, ask: Ask, most = rounds): Promise<void> => {
        for (let round = 0; round < Math.min(most, rounds); round += 1)
          await measured.pair('b', here.cold(name), await ask(here, round));
      };
      for (let round = 0; round < rounds; round += 1)
        for (const name of FUNCTIONS) {
          const { FIRESTORE_EMULATOR_HOST: _, ...env } = here.cold(name).env;
          const store = { DR_STORE: join(files, `${name}.sqlite`) };
          await measured.pair('a', { ...here.cold(name), env: { ...env, ...store } }, IDLE[name]);
        }

      await here.stop('classify', 'tick');
      await each('tick', ticked);
      await each('classify', alert);
      await here.start('classify');
      await here.stop('notify');
      await each('notify', notice);
      await here.start('notify', 'tick');

      await here.stop('heal');
      stage.break('pod');
      await each('heal', stepsOf('dr-heal', 'pod-heal'), TAKE_OVERS_MAX);
      await here.start('heal');

      stage.break('primary-database');
      const { links } = await stage.asked();
      await each('status', () => Promise.resolve({ method: 'GET', path: '/', statuses: [200] }));
      const page = new URL(links[0] ?? '').pathname;
      await each('approve', () => Promise.resolve({ method: 'GET', path: page, statuses: [200] }));

      await here.stop('recover');
      await stage.decide(links, 'approve');
      await each('recover', stepsOf('dr-recover', 'database-failover'), TAKE_OVERS_MAX);
    }),
  ).finally(() => {
    health.close();
    rmSync(files, { recursive: true, force: true });
  });
}

/** Measures and prints; `--write` puts the table into the page. */
export async function bench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { rounds: { type: 'string', default: '10' }, write: { type: 'boolean', default: false } },
  });
  const bundles = mkdtempSync(join(resolve('.dr'), 'bundles-'));
  const measured = new Measured();
  let hello: readonly [number, number];
  try {
    for (const { directory } of await bundleFunctions(resolve('.'), FUNCTIONS, bundles))
      execFileSync('npm', ['run', 'gcp-build'], { cwd: directory, stdio: ['ignore', 'ignore', 'inherit'] });
    await measure(measured, Number(values.rounds), bundles);
    hello = await compiledHello(Number(values.rounds), bundles);
  } finally {
    rmSync(bundles, { recursive: true, force: true });
  }
  const lines = [
    `${measuredAt(commitNow())}; ${values.rounds} starts each, medians; ratios to hello world beside it: wall time, memory.`,
    '',
    '| function | (a) answers | time | memory | (b) has dealt with it | time | memory |',
    '|---|---|---|---|---|---|---|',
    ...FUNCTIONS.map((name) => `| ${name} | ${measured.cells(name, 'a')} | ${measured.cells(name, 'b')} |`),
    '',
    `Hello world itself: ${Math.round(hello[0])} ms, and ${Math.round(hello[1])} ms with all of it compiled beforehand.`,
  ];
  console.log(lines.join('\n'));
  if (values.write) writeSection('cold-start', lines);
}
