import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createVirtualClock, type VirtualClock } from '../../sandbox/world/clock.ts';
import { instant, seconds } from '../../shared/core/time.ts';
import { API, SECRET } from '../world/run-world.ts';
import { startGoogleWorld } from './google-world.ts';

// What no client of Google's would send, and what faults at the door look like from outside.

let clock: VirtualClock;
let world: Awaited<ReturnType<typeof startGoogleWorld>>;

beforeEach(async () => {
  clock = createVirtualClock(instant(1_767_607_200_000));
  world = await startGoogleWorld(clock);
});

afterEach(async () => {
  await world.close();
});

function ask(path: string, init: { method?: string; body?: unknown; signal?: AbortSignal } = {}): Promise<Response> {
  const { body, ...rest } = init;
  const headers = { authorization: `Bearer ${world.tokens.operator}`, 'content-type': 'application/json' };
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  return fetch(`http://127.0.0.1:${world.port}${path}`, { ...rest, ...sent, headers });
}

/** Until the world has got a call with that permission: other calls are answered meanwhile. */
async function heardOf(permission: string): Promise<void> {
  while (!world.kernel.audit.entries().some(({ call }) => call.permission === permission)) await ask(secrets);
}

const secrets = '/v1/projects/coditect-prod/secrets';
const service = '/v2/projects/coditect-prod/locations/us-central1/services/coditect-dms-api';

describe('a Google API of the sandbox', () => {
  it.each([
    ['an unknown query parameter', `${secrets}?page=2`, {}],
    [
      'an unknown JSON name',
      `${secrets}/${SECRET}:addVersion`,
      { method: 'POST', body: { payload: { data: '', extra: 1 } } },
    ],
    [
      'a payload that is not base64',
      `${secrets}/${SECRET}:addVersion`,
      { method: 'POST', body: { payload: { data: '§' } } },
    ],
    ['a mask with an unknown path', `${service}?updateMask=scaling.minimum`, { method: 'PATCH', body: {} }],
    [
      'a record of an unknown form',
      '/dns/v1/projects/coditect-prod/managedZones/coditect-zone/rrsets',
      { method: 'POST', body: { name: 1 } },
    ],
    ['types without a name', '/dns/v1/projects/coditect-prod/managedZones/coditect-zone/rrsets?type=A', {}],
    [
      'logs of another kind of resource',
      '/v2/entries:list',
      { method: 'POST', body: { resourceNames: ['folders/1'] } },
    ],
  ])('refuses %s with 400', async (_, path, init) => {
    const reply = await ask(path, init);

    expect(reply.status).toBe(400);
    expect(await reply.json()).toMatchObject({ error: { status: 'INVALID_ARGUMENT', errors: [{ domain: 'global' }] } });
  });

  it.each([secrets, service, '/dns/v1/projects/coditect-prod/managedZones'])(
    'refuses another project: %s',
    async (path) => {
      expect((await ask(path.replace('coditect-prod', 'someone-else'))).status).toBe(403);
      expect((await ask(path.replace('coditect-prod', '482913746501'))).status).toBe(200);
    },
  );

  it('names what an update without a mask would have lost', async () => {
    const reply = await ask(service, { method: 'PATCH', body: { scaling: { minInstanceCount: 3 } } });

    expect(await reply.json()).toMatchObject({ error: { code: 400, message: expect.stringContaining('image') } });
    expect(world.run.service(API).generation).toBe(1);
  });

  it('gives a list in pages', async () => {
    world.secrets.addVersion(SECRET, Buffer.from('two'));
    world.secrets.addVersion(SECRET, Buffer.from('three'));
    const numbers = ({ versions }: { versions: { name: string }[] }) =>
      versions.map(({ name }) => name.split('/').at(-1));

    const first = (await (await ask(`${secrets}/${SECRET}/versions?pageSize=2`)).json()) as never;
    const { nextPageToken } = first as { nextPageToken: string };
    const rest = (await (
      await ask(`${secrets}/${SECRET}/versions?pageSize=2&pageToken=${nextPageToken}`)
    ).json()) as never;

    expect([numbers(first), numbers(rest)]).toEqual([['3', '2'], ['1']]);
    expect(rest).not.toHaveProperty('nextPageToken');
  });

  it('never answers a call whose reply is lost, although it happened', async () => {
    world.kernel.faults.inject({
      what: { kind: 'loseReplyAfter' },
      on: { permission: 'secretmanager.versions.add' },
      count: 1,
    });
    const patience = new AbortController();
    const body = { payload: { data: Buffer.from('new address').toString('base64') } };
    const call = ask(`${secrets}/${SECRET}:addVersion`, { method: 'POST', body, signal: patience.signal });
    await heardOf('secretmanager.versions.add');

    patience.abort();

    await expect(call).rejects.toThrow('abort');
    expect(world.secrets.readSecret(SECRET)).toBe('new address');
    expect(world.kernel.audit.effects('secretmanager.versions.add')).toHaveLength(1);
  });

  it('takes the time that a slow answer takes', async () => {
    world.kernel.faults.inject({ what: { kind: 'slow', delay: seconds(100) }, on: { permission: 'run.services.get' } });
    let answered = false;
    const call = ask(service).then((reply) => {
      answered = true;
      return reply.status;
    });
    await heardOf('run.services.get');

    clock.advanceBy(seconds(99));
    await ask(secrets);
    expect(answered).toBe(false);
    clock.advanceBy(seconds(1));

    expect(await call).toBe(200);
  });

  it('tells a throttled caller so', async () => {
    world.kernel.faults.inject({ what: { kind: 'throttled' }, on: { api: 'dns' } });

    const reply = await ask('/dns/v1/projects/coditect-prod/managedZones');

    expect(reply.status).toBe(429);
    expect(await reply.json()).toMatchObject({ error: { status: 'RESOURCE_EXHAUSTED' } });
  });
});
