import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type FunctionProcess, type ProcessExit, startFunction } from '../../sandbox/host/function-process.ts';
import { type Messaging, startMessaging } from '../../sandbox/host/messaging.ts';
import { type RunningServer, startServer } from '../../sandbox/http/server.ts';
import { issueToken, principalOf } from '../../sandbox/http/tokens.ts';
import { balances } from '../../sandbox/world/broker-delivery.ts';
import { dataOf } from '../../sandbox/world/broker-message.ts';
import { createScaledClock, type ScaledClock } from '../../sandbox/world/clock.ts';
import { createKernel } from '../../sandbox/world/create-kernel.ts';
import { REFERENCE_PROJECT } from '../../sandbox/world/project.ts';
import { grantReferenceRoles } from '../../sandbox/world/reference-roles.ts';
import { OPERATOR } from '../../sandbox/world/reference-system.ts';
import { monitoringAgent } from '../../sandbox/world/service-agents.ts';
import { after, instant, millis, minutes } from '../../shared/core/time.ts';
import type { FunctionName } from '../../shared/system/names.ts';

jest.setTimeout(60_000); // processes start slowly on a busy machine

const SERVE = fileURLToPath(new URL('../../sandbox/host/serve-function.ts', import.meta.url));
const FUNCTIONS = fileURLToPath(new URL('./relay-functions.ts', import.meta.url));
const KEY = 'the key of a test';

/** A line of a function: what it says, and who says it. */
interface Said {
  readonly message: string;
  readonly text: string;
  readonly source: string | undefined;
  readonly pid: number;
}

let clock: ScaledClock;
let messaging: Messaging;
let api: RunningServer;
const functions: FunctionProcess[] = [];
let said: Said[] = [];
let exits: ProcessExit[] = [];
let listeners: ((line: Said) => void)[] = [];

beforeEach(async () => {
  [said, exits, listeners] = [[], [], []];
  clock = createScaledClock(100, instant(Date.UTC(2026, 0, 5, 10)));
  const kernel = createKernel({ clock, seed: 1 });
  grantReferenceRoles(kernel.iam);
  const disorder = { duplicates: 0.2, delayMax: millis(10_000) };
  messaging = await startMessaging({
    kernel,
    clock,
    project: REFERENCE_PROJECT,
    tokenKey: KEY,
    disorder,
  });
  api = await startServer({
    routes: messaging.routes,
    principals: (token) => principalOf(KEY, token, clock.now()),
    clock,
  });
});

afterEach(async () => {
  await messaging.stop();
  await Promise.all(functions.splice(0).map((served) => served.stop()));
  await api.close();
  clock.close();
});

async function running(name: FunctionName): Promise<FunctionProcess> {
  const served = startFunction({
    name,
    script: SERVE,
    preload: [FUNCTIONS],
    port: 0,
    env: { ...(await messaging.environmentOf(name, 'us-east4')), API_PORT: String(api.port) },
    restartDelayMs: 10,
    onLine: ({ record }) => {
      if (record === undefined) return;
      const { message, text, source, pid } = record;
      const line = { message: String(message), text: String(text), source: source?.toString(), pid: Number(pid) };
      said.push(line);
      for (const listener of listeners) listener(line);
    },
    onExit: (exit) => exits.push(exit),
  });
  functions.push(served);
  await served.ready();
  await messaging.subscribe(name, served.url);
  return served;
}

/** Resolves with the first line, from now on or said before, that fits. */
function heard(fits: (line: Said) => boolean): Promise<Said> {
  const before = said.find(fits);
  if (before) return Promise.resolve(before);
  return new Promise((resolve) => listeners.push((line) => fits(line) && resolve(line)));
}

const publish = (text: string) =>
  messaging.courier.publish({ principal: OPERATOR, from: 'internet' }, 'dr-heal', [
    { data: dataOf(text), attributes: {} },
  ]);

describe('functions in processes of their own', () => {
  it('hear of each other through the broker, with their own identities', async () => {
    await Promise.all([running('heal'), running('notify')]);

    publish('inc-1');
    await heard(({ message, text }) => message === 'notified' && text === 'inc-1');

    expect(said.find(({ message }) => message === 'working')?.source).toBe(
      '//pubsub.googleapis.com/projects/coditect-prod/topics/dr-heal',
    );
    expect(messaging.courier.ledger().every(balances)).toBe(true);
  });

  it('get again what they had in hand when they were killed', async () => {
    const heal = await running('heal');
    publish('for ever');
    const { pid } = await heard(({ message }) => message === 'working');

    heal.kill('SIGKILL');

    const again = await heard((line) => line.message === 'working' && line.pid !== pid);
    expect(again.text).toBe('for ever');
    expect(messaging.courier.ledger().find((row) => row.subscription === 'heal-dr-heal')).toMatchObject({
      accepted: 1,
      waiting: 1,
    });
  });

  it('end on a rejection that nobody handles, and their successor gets the message', async () => {
    const heal = await running('heal');
    publish('for ever');
    const { pid } = await heard(({ message }) => message === 'working');

    heal.kill('SIGUSR2');

    await heard((line) => line.message === 'working' && line.pid !== pid);
    expect(exits[0]).toMatchObject({ pid, code: 16, restarts: true });
  });

  it('stay, and get the message again, when a rejection is left behind within a call', async () => {
    const heal = await running('heal');
    const { pid } = heal;

    publish('a bug');
    await heard(() => said.filter(({ message }) => message === 'working').length > 2);

    expect(heal.pid).toBe(pid);
  });

  it('can’t be made to publish an alert', async () => {
    await running('heal');
    publish('an alert');
    await heard(({ message }) => message === 'working');
    await heard((line) => line.message === 'working' && said.filter((other) => other.message === 'working').length > 2);

    expect(messaging.embedded?.broker.topicLedger().find(({ topic }) => topic === 'dr-alerts')?.published).toBe(0);
    const alert = messaging.embedded?.api.publish(
      { principal: monitoringAgent(REFERENCE_PROJECT), from: 'google' },
      'dr-alerts',
      [{ data: dataOf('{}'), attributes: {} }],
    );
    expect(alert?.kind).toBe('answer');
  });

  it('are invoked by Pub/Sub alone, unless they are pages', async () => {
    const [heal, status] = await Promise.all([running('heal'), running('status')]);
    const statusOf = async (authorization?: string) =>
      (await fetch(heal.url, { method: 'POST', headers: authorization === undefined ? {} : { authorization } })).status;

    expect(await statusOf()).toBe(403);
    expect(await statusOf('Bearer forged')).toBe(401);
    expect(await statusOf(`Bearer ${issueToken(KEY, OPERATOR, after(clock.now(), minutes(60)))}`)).toBe(401);
    expect(await (await fetch(status.url)).text()).toBe('all is well');
  });
});
