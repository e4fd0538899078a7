import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { runFrontRoutes } from '../../sandbox/http/run-front.ts';
import { type RunningServer, startServer } from '../../sandbox/http/server.ts';
import { createVirtualClock, type VirtualClock } from '../../sandbox/world/clock.ts';
import { instant, minutes, seconds } from '../../shared/core/time.ts';
import { startGoogleWorld } from './google-world.ts';

// Cloud Run services that come and go, as its REST face makes them and as their own addresses answer.

let clock: VirtualClock;
let world: Awaited<ReturnType<typeof startGoogleWorld>>;
let front: RunningServer;

beforeEach(async () => {
  clock = createVirtualClock(instant(1_767_607_200_000));
  world = await startGoogleWorld(clock);
  front = await startServer({ clock, principals: () => undefined, routes: runFrontRoutes(world) });
});

afterEach(async () => {
  await front.close();
  await world.close();
});

const SERVICES = '/v2/projects/coditect-prod/locations/us-central1/services';

function ask(method: string, path: string, body?: unknown): Promise<Response> {
  const headers = { authorization: `Bearer ${world.tokens.operator}`, 'content-type': 'application/json' };
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  return fetch(`http://127.0.0.1:${world.port}${path}`, { method, headers, ...sent });
}

const create = (more: object = {}): Promise<Response> =>
  ask('POST', `${SERVICES}?serviceId=greeting`, { template: { containers: [{ image: 'hello' }] }, ...more });

/** What a client of the service's own address is answered, once instances had the time to start. */
async function visit(service: string): Promise<number> {
  const url = world.run.services().find(({ ref }) => ref.service === service)?.url ?? 'https://gone.run.app';
  const get = (): Promise<Response> =>
    fetch(`http://127.0.0.1:${front.port}/`, { headers: { 'x-forwarded-host': new URL(url).hostname } });
  await get();
  clock.advanceBy(seconds(30));
  return (await get()).status;
}

describe('a Cloud Run service that is made', () => {
  it('is deployed first, and then serves at its own address whoever it is open to', async () => {
    const made = (await (await create({ invokerIamDisabled: true })).json()) as { name: string; done: boolean };
    expect(made.done).toBe(false);
    clock.advanceBy(minutes(2));
    expect(await (await ask('GET', `/v2/${made.name}`)).json()).toMatchObject({ done: true });
    expect(await (await ask('GET', `${SERVICES}/greeting`)).json()).toMatchObject({
      invokerIamDisabled: true,
      terminalCondition: { type: 'Ready', state: 'CONDITION_SUCCEEDED' },
    });
    expect(await visit('greeting')).toBe(200);
  });

  it('lets nobody in who shows no token, unless it says so', async () => {
    await create();
    clock.advanceBy(minutes(2));
    expect(await visit('greeting')).toBe(403);
  });

  it('has a name that no other has, and one that Cloud Run takes', async () => {
    await create();
    expect((await create()).status).toBe(409);
    const body = { template: { containers: [{ image: 'hello' }] } };
    expect((await ask('POST', `${SERVICES}?serviceId=Greeting`, body)).status).toBe(400);
    expect((await ask('POST', `${SERVICES}?serviceId=empty`, {})).status).toBe(400);
  });

  it('is gone once it is deleted, and its operation can still be read', async () => {
    await create({ invokerIamDisabled: true });
    clock.advanceBy(minutes(2));
    const stale = await ask('DELETE', `${SERVICES}/greeting?etag=stale`);
    expect(stale.status).toBe(409);
    const { name } = (await (await ask('DELETE', `${SERVICES}/greeting`)).json()) as { name: string };
    expect((await ask('GET', `${SERVICES}/greeting`)).status).toBe(404);
    expect(await (await ask('GET', `/v2/${name}`)).json()).toMatchObject({ done: true });
    expect(await visit('greeting')).toBe(404);
  });
});
