import { createServer, type Server } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Courier } from '../../sandbox/host/courier.ts';
import { startGoogleCourier } from '../../sandbox/host/google-courier.ts';
import { findPubsubEmulator, startPubsubEmulator } from '../../sandbox/host/google-emulators.ts';
import { httpPusher } from '../../sandbox/http/broker-push.ts';
import { balances } from '../../sandbox/world/broker-delivery.ts';
import { dataOf, RETENTION_MAX, RETRY_DEFAULT } from '../../sandbox/world/broker-message.ts';
import { createScaledClock, type ScaledClock } from '../../sandbox/world/clock.ts';
import { createKernel } from '../../sandbox/world/create-kernel.ts';
import { REFERENCE_PROJECT } from '../../sandbox/world/project.ts';
import { grantReferenceRoles } from '../../sandbox/world/reference-roles.ts';
import { OPERATOR } from '../../sandbox/world/reference-system.ts';
import { instant, millis, minutes, seconds } from '../../shared/core/time.ts';

jest.setTimeout(60_000); // Java starts slowly on a busy machine

const found = findPubsubEmulator();
if (found.kind === 'missing')
  console.warn(`SKIPPED: messages are not tried on Google's Pub/Sub emulator: ${found.because} (docs/sandbox.md)`);
const maybe = found.kind === 'found' ? describe : describe.skip;

/** A push as the function behind it sees it. */
interface Push {
  readonly text: string;
  readonly path: string;
  readonly authorization: string | undefined;
}

maybe('Google’s Pub/Sub emulator as the courier', () => {
  let courier: Courier;
  let clock: ScaledClock;
  let server: Server;
  let pushes: Push[] = [];
  let statusFor: (push: Push, attempt: number) => number = () => 204;
  let listeners: (() => void)[] = [];
  /** Before this no push is answered. */
  let answers: Promise<void> = Promise.resolve();
  let [open, openMost] = [0, 0];

  beforeAll(async () => {
    server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (part: string) => {
        body += part;
      });
      request.on('end', () => {
        const { message } = JSON.parse(body) as { message: { data: string } };
        const text = Buffer.from(message.data, 'base64').toString();
        const push = { text, path: request.url ?? '', authorization: request.headers.authorization };
        pushes.push(push);
        open += 1;
        openMost = Math.max(openMost, open);
        response.once('close', () => {
          open -= 1;
        });
        void answers.then(() =>
          response.writeHead(statusFor(push, pushes.filter((other) => other.text === text).length)).end(),
        );
        for (const listener of listeners) listener();
      });
    }).listen(0, '127.0.0.1');
  });

  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  });

  beforeEach(async () => {
    [pushes, listeners] = [[], []];
    [open, openMost, answers] = [0, 0, Promise.resolve()];
    statusFor = () => 204;
    clock = createScaledClock(1_000, instant(Date.UTC(2026, 0, 5, 10)));
    const { kernel, door, chance, network } = ((made) => ({ kernel: made, ...made }))(createKernel({ clock, seed: 1 }));
    grantReferenceRoles(kernel.iam);
    kernel.iam.grant(OPERATOR, ['pubsub.topics.publish']);
    const project = REFERENCE_PROJECT;
    const deliver = httpPusher({
      project: project.id,
      network,
      idToken: async () => 'a token',
      now: () => clock.now(),
    });
    const emulator = await startPubsubEmulator(found.kind === 'found' ? found.classPath : '');
    const disorder = { duplicates: 0.3, delayMax: millis(10_000) };
    courier = await startGoogleCourier(
      { project, clock, chance, door, publishers: { 'dr-heal': [OPERATOR] }, deliver, disorder, emulator },
      ['dr-heal', 'dr-heal-dead', 'dr-alerts'],
    );
    const address = server.address();
    const endpoint = `http://127.0.0.1:${typeof address === 'object' ? (address?.port ?? 0) : 0}`;
    const common = { ackDeadline: minutes(10), retry: RETRY_DEFAULT, retention: RETENTION_MAX };
    await courier.subscribe({
      ...common,
      name: 'dr-heal-dead',
      topic: 'dr-heal-dead',
      deadLetter: undefined,
      delivery: { kind: 'pull' },
    });
    await courier.subscribe({
      ...common,
      name: 'heal-dr-heal',
      topic: 'dr-heal',
      deadLetter: { topic: 'dr-heal-dead', attemptsMax: 5 },
      delivery: { kind: 'push', endpoint, oidc: { email: 'us', audience: endpoint }, outstandingMax: 10 },
    });
  });

  afterEach(async () => {
    await courier.stop();
    clock.close();
  });

  const publish = (text: string, topic = 'dr-heal') =>
    courier.publish({ principal: OPERATOR, from: 'internet' }, topic, [{ data: dataOf(text), attributes: {} }]);

  const row = () => courier.ledger().find(({ subscription }) => subscription === 'heal-dr-heal');

  /** Resolves once it holds, looked at after each push and each moment in which the ledger may have changed. */
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds())
      await new Promise<void>((again) => {
        const cancel = clock.schedule(instant(clock.now() + seconds(30)), again);
        listeners.push(() => (cancel(), again()));
      });
  };

  it('pushes as many at once as the subscription may, and no more, however many wait', async () => {
    let answer = (): void => undefined;
    answers = new Promise((done) => {
      answer = done;
    });
    for (let number = 0; number < 40; number += 1) publish(`message ${number}`);
    await until(() => open === 10);
    answer();

    await until(() => row()?.acknowledged === 40);

    expect(openMost).toBe(10);
  });

  it('delivers everything with an id token, tries again what is refused, and accounts for each message', async () => {
    statusFor = (_push, attempt) => (attempt === 1 ? 500 : 204);
    const texts = Array.from({ length: 20 }, (_, number) => `inc-${number}`);
    for (const text of texts) publish(text);

    await until(() => row()?.acknowledged === 20);

    expect(new Set(pushes.map(({ text }) => text))).toEqual(new Set(texts));
    expect(pushes[0]).toMatchObject({
      path: '/projects/coditect-prod/topics/dr-heal',
      authorization: 'Bearer a token',
    });
    expect(row()).toMatchObject({ accepted: 20, acknowledged: 20, deadLettered: 0, waiting: 0 });
    expect(courier.ledger().every(balances)).toBe(true);
  });

  it('gives up into dead letters what is refused for ever, and counts it there', async () => {
    statusFor = ({ text }) => (text === 'poison' ? 500 : 204);
    publish('poison');
    publish('water');

    await until(() => row()?.deadLettered === 1 && row()?.acknowledged === 1);

    expect(row()).toMatchObject({ accepted: 2, waiting: 0 });
    expect(courier.ledger().find(({ subscription }) => subscription === 'dr-heal-dead')).toMatchObject({ accepted: 1 });
  });

  it('takes nothing from whoever may not publish', () => {
    expect(publish('an alert of our own', 'dr-alerts')).toMatchObject({ kind: 'error', error: { status: 403 } });
  });
});
