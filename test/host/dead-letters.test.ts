import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { startMessaging } from '../../sandbox/host/messaging.ts';
import { dataOf } from '../../sandbox/world/broker-message.ts';
import { createScaledClock } from '../../sandbox/world/clock.ts';
import { createKernel } from '../../sandbox/world/create-kernel.ts';
import { REFERENCE_PROJECT } from '../../sandbox/world/project.ts';
import { grantReferenceRoles } from '../../sandbox/world/reference-roles.ts';
import { monitoringAgent } from '../../sandbox/world/service-agents.ts';
import { instant, millis } from '../../shared/core/time.ts';

jest.setTimeout(60_000);

const ending: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).toReversed()) await end();
});

/** A function that answers everything with that status and hands on what it was sent. */
async function answering(status: number, heard: (path: string, body: string) => void = () => undefined) {
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      heard(request.url ?? '', body);
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  ending.push(() => server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it listens on a port');
  return `http://127.0.0.1:${address.port}`;
}

describe('an alert that its function gives up on', () => {
  it('is delivered to tick as a dead letter', async () => {
    // The backoff of twenty attempts is two and a half hours.
    const clock = createScaledClock(5_000, instant(Date.UTC(2026, 0, 5, 10)));
    const kernel = createKernel({ clock, seed: 1 });
    grantReferenceRoles(kernel.iam);
    const messaging = await startMessaging({
      kernel,
      clock,
      project: REFERENCE_PROJECT,
      tokenKey: 'the key of a test',
      disorder: { duplicates: 0, delayMax: millis(0) },
    });
    ending.push(
      () => clock.close(),
      () => messaging.stop(),
    );
    const { promise, resolve } = Promise.withResolvers<readonly [string, string]>();
    await messaging.subscribe('classify', await answering(500));
    await messaging.subscribe('tick', await answering(204, (path, body) => resolve([path, body])));

    messaging.courier.publish({ principal: monitoringAgent(REFERENCE_PROJECT), from: 'google' }, 'dr-alerts', [
      { data: dataOf('an alert'), attributes: {} },
    ]);

    const [path, body] = await promise;
    expect(path).toBe(`/projects/${REFERENCE_PROJECT.id}/topics/dr-alerts-dead`);
    expect(JSON.parse(body)).toMatchObject({
      message: {
        data: dataOf('an alert'),
        attributes: { CloudPubSubDeadLetterSourceSubscription: 'classify-dr-alerts' },
      },
    });
  });
});
