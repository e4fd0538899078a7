import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import type { Document } from 'yaml';
import { operateCommand } from '../cli/commands.ts';
import { openPage } from '../cli/person.ts';
import { ORDERLY } from '../sandbox/world/broker-delivery.ts';
import { RETENTION_MAX, RETRY_DEFAULT } from '../sandbox/world/broker-message.ts';
import { commitNow, measuredAt, writeSection } from '../scripts/benchmarks-page.ts';
import { minutes } from '../shared/core/time.ts';
import { onStage, type Stage } from '../test/stories/story.ts';
import { quantile } from './quantile.ts';

// From a person's click on "approve" until the next step starts: the form is posted as a browser posts it, `approve` verifies the
// token and writes the decision, wakes `recover` by Pub/Sub, which takes its leases, verifies the signature and every guard, looks
// at the world and writes the intent of the first step. Beside each click, in the same sandbox, a bare message: published and pushed
// to a subscriber that does nothing. The figure is a ratio of the two.
//
//   npm run bench -- approval-click [--sandboxes 2] [--clicks 10] [--engines embedded,google] [--write]
//
// A run is approved once. So that one lost database gives many clicks, an operator takes each run over as soon as its first step has
// begun, and hands it back: the product looks again, draws a new plan, and asks again; its first change is refused meanwhile, so that
// it stays possible. The messages of this sandbox come once and at once; the delays that it usually simulates are its own and would
// hide what is measured.

/** What the first step that changes anything asks for. */
const HOLD = 'k8s.apps.deployments/scale.patch';

/** Between two looks whether the run has begun, wall time: the operator must be quicker than the run. */
const LOOK_MS = 5;

/** Longest from a click until the run begins, wall time, before the bench gives up. */
const STEP_MAX_MS = 60_000;

type Engines = 'embedded' | 'google';

/** Wall time of one click, in milliseconds. */
interface Click {
  readonly untilAnswered: number;
  readonly untilStep: number;
  readonly bare: number;
}

/** A subscriber of `dr-recover` that does nothing but to note when a message came. */
class BareSubscriber {
  readonly #came = new Map<string, (at: number) => void>();
  readonly #server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const at = performance.now();
      response.writeHead(204).end();
      const { message } = JSON.parse(Buffer.concat(parts).toString()) as {
        readonly message: { readonly data: string };
      }; // Pub/Sub's push
      const { incident } = JSON.parse(Buffer.from(message.data, 'base64').toString()) as { readonly incident: string }; // a wake-up
      this.#came.get(incident)?.(at);
    });
  });

  async listen({ sandbox }: Stage): Promise<void> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done));
    const { port } = this.#server.address() as AddressInfo; // it listens on TCP
    const endpoint = `http://127.0.0.1:${port}`;
    await sandbox.messaging.courier.subscribe({
      name: 'bench-bare',
      topic: 'dr-recover',
      ackDeadline: minutes(10),
      retry: RETRY_DEFAULT,
      deadLetter: undefined,
      retention: RETENTION_MAX,
      delivery: {
        kind: 'push',
        endpoint,
        oidc: { email: 'bench@coditect-prod.iam.gserviceaccount.com', audience: endpoint },
        outstandingMax: 10,
      },
    });
  }

  /** How long a wake-up for an incident that does not exist takes from its publishing until it is here. */
  async trip({ sandbox }: Stage, number: number): Promise<number> {
    const { facts } = sandbox;
    const incident = `inc-bare${String(number).padStart(6, 'a')}`;
    const came = new Promise<number>((done) => this.#came.set(incident, done));
    const from = performance.now();
    const answer = await fetch(`${facts.google}/v1/projects/${facts.project}/topics/dr-recover:publish`, {
      method: 'POST',
      headers: { authorization: `Bearer ${facts.operatorToken}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        messages: [{ data: Buffer.from(JSON.stringify({ incident, sequence: 1 })).toString('base64') }],
      }),
    });
    if (!answer.ok) throw new Error(`publishing answered ${answer.status}: ${await answer.text()}`);
    return (await came) - from;
  }

  close(): void {
    this.#server.close();
  }
}

/** Clicks once; resolves with the time until the first step of the run that was approved. */
async function click(stage: Stage, link: string): Promise<Pick<Click, 'untilAnswered' | 'untilStep'>> {
  const { facts } = stage.sandbox;
  const page = await openPage(link, 'approve');
  const from = Date.now();
  const { status, said } = await page.click();
  if (status !== 200) throw new Error(`the page answered ${status}: ${said}`);
  const untilAnswered = Date.now() - from;
  const clickedAt = facts.startClock + (from - facts.startWall) * facts.rate;
  for (;;) {
    const { events } = await stage.incident();
    const began = events.find(({ kind, at }) => kind === 'stepStarted' && at >= clickedAt)?.at;
    if (began !== undefined) return { untilAnswered, untilStep: (began - clickedAt) / facts.rate };
    if (Date.now() - from > STEP_MAX_MS) throw new Error(`no step within ${STEP_MAX_MS} ms of the click`);
    await new Promise((wake) => setTimeout(wake, LOOK_MS));
  }
}

/** Takes the run over and hands it back, as an operator does. */
async function askAgain(stage: Stage): Promise<void> {
  const { state } = await stage.incident();
  for (const verb of ['takeover', 'resume']) {
    const wish = { verb, incident: state.id, reason: 'another click' };
    const { exitCode, stderr } = await operateCommand(stage.sandbox.facts, wish, { json: true });
    if (exitCode !== 0) throw new Error(`${verb}: ${stderr}`);
  }
}

/** As many clicks as asked for on one sandbox, each beside a bare message. */
async function clicks(engines: Engines, count: number): Promise<readonly Click[]> {
  const made: Click[] = [];
  const opening = {
    name: `clicks-${engines}`,
    engines,
    disorder: ORDERLY,
    // The primary stays lost for as long as it takes; what could be lost by then is not what is measured.
    config: (document: Document) => {
      document.setIn(['objectives', 'rpo'], '24h');
      document.setIn(['databases', 0, 'lossBudget'], '24h');
    },
  };
  await onStage(opening, async (stage) => {
    const subscriber = new BareSubscriber();
    await subscriber.listen(stage);
    // The API refuses the first change each time that it is tried: however late the operator is, the run has changed nothing yet.
    stage.sandbox.world.kernel.faults.inject({ what: { kind: 'serverError' }, on: { permission: HOLD } });
    stage.break('primary-database');
    let seen = 0;
    for (let number = 0; number < count; number += 1) {
      const { link } = await stage.asked('oncall', seen);
      const bare = await subscriber.trip(stage, number);
      made.push({ ...(await click(stage, link)), bare });
      seen = stage.paged.length;
      await askAgain(stage);
    }
    subscriber.close();
  });
  return made;
}

function rowOf(engines: string, made: readonly Click[]): string {
  const ms = (values: readonly number[], share: number): string => `${Math.round(quantile(values, share))} ms`;
  const cells = [made.map(({ untilAnswered }) => untilAnswered), made.map(({ untilStep }) => untilStep)].map(
    (values) => `${ms(values, 0.5)}, ${ms(values, 0.99)}`,
  );
  const bare = made.map((each) => each.bare);
  const ratio = quantile(
    made.map((each) => each.untilStep / each.bare),
    0.5,
  ).toFixed(1);
  return `| ${engines} | ${made.length} | ${cells.join(' | ')} | ${ms(bare, 0.5)}, ${ms(bare, 0.99)} | ${ratio} |`;
}

/** Clicks on both engines and prints; `--write` puts the table into the page. */
export async function bench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      sandboxes: { type: 'string', default: '2' },
      clicks: { type: 'string', default: '10' },
      engines: { type: 'string', default: 'embedded,google' },
      write: { type: 'boolean', default: false },
    },
  });
  const lines = [
    `${measuredAt(commitNow())}; wall time, p50 and p99.`,
    '',
    '| engines | clicks | until the page answers | until the next step starts | a bare message | ratio, median |',
    '|---|---|---|---|---|---|',
  ];
  for (const engines of ['embedded', 'google'] as const) {
    if (!values.engines.split(',').includes(engines)) continue;
    const made: Click[] = [];
    for (let sandbox = 0; sandbox < Number(values.sandboxes); sandbox += 1)
      made.push(...(await clicks(engines, Number(values.clicks))));
    lines.push(rowOf(engines, made));
  }
  console.log(lines.join('\n'));
  if (values.write) writeSection('approval-click', lines);
}
