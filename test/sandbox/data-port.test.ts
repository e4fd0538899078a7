import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { applicationServers } from '../../sandbox/http/application-port.ts';
import { dataServers, openDataPort } from '../../sandbox/http/data-port.ts';
import { createVirtualClock, type VirtualClock } from '../../sandbox/world/clock.ts';
import { SERVICES } from '../../sandbox/world/reference-world.ts';
import { createWorld, type World } from '../../sandbox/world/world.ts';
import { instant, minutes, seconds, toIso } from '../../shared/core/time.ts';
import { principals, tokenOf } from './sql-sandbox.ts';

// Data ports and application ports from outside: what a socket meets.

const START = instant(1_767_607_200_000);
const PRIMARY = 'coditect-dms-db';
const REPLICA = 'coditect-dms-db-replica';

let clock: VirtualClock;
let world: World;
let closing: (() => Promise<void>)[];

beforeEach(() => {
  clock = createVirtualClock(START);
  world = createWorld({ clock, seed: 7, publish: () => {} });
  clock.advanceBy(minutes(2));
  closing = [];
});

afterEach(async () => {
  for (const close of closing) await close();
});

/** Wall time after which a caller of this test gives up on a silent server. */
const PATIENCE_MS = 300;

type Met = { readonly status: number; readonly body: unknown } | { readonly error: string };

/** One request, and what it met: an answer, or the error of the socket. */
async function ask(url: string, body?: unknown, token: string | undefined = tokenOf('tick')): Promise<Met> {
  try {
    const answer = await fetch(url, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    return { status: answer.status, body: await answer.json() };
  } catch (error) {
    const { name, cause } = error as { name: string; cause?: { code?: string } }; // fetch's own error
    return { error: cause?.code ?? name };
  }
}

describe('the data port of an instance', () => {
  async function open(instance: string) {
    const port = await openDataPort({ clock, ...world.sql, instance, principals });
    closing.push(() => port.close());
    return { ...port, url: (path: string) => `http://127.0.0.1:${port.port}/dr/${path}` };
  }

  it('writes and reads canaries, heartbeats and epochs, and tells of replication and sessions', async () => {
    const [primary, replica] = [await open(PRIMARY), await open(REPLICA)];
    expect(await ask(primary.url('canary'), { token: 'c1' })).toEqual({ status: 201, body: { written: true } });
    expect(await ask(primary.url('canary/c1'))).toEqual({ status: 200, body: { found: true } });
    expect(await ask(primary.url('canary/c2'))).toEqual({ status: 404, body: { found: false } });
    const at = toIso(clock.now());
    expect(await ask(primary.url('heartbeat'), { sequence: 9, at })).toMatchObject({ status: 201 });
    expect(await ask(primary.url('epoch'))).toEqual({ status: 200, body: { epoch: null } });
    expect(await ask(primary.url('epoch'), { epoch: 'e1' })).toMatchObject({ status: 201 });
    clock.advanceBy(seconds(2));
    expect(await ask(replica.url('replication'))).toMatchObject({
      status: 200,
      body: { role: 'replica', receiving: true, heartbeat: { sequence: 9, at }, position: expect.any(Number) },
    });
    expect(await ask(replica.url('epoch'))).toEqual({ status: 200, body: { epoch: 'e1' } });
    const sessions = await ask(primary.url('sessions'));
    expect(sessions).toEqual({
      status: 200,
      body: {
        sessions: [
          { client: 'cloudRun', count: 1 },
          { client: 'pods', count: 3 },
        ],
      },
    });
  });

  it('says in the words of the contract that a replica refuses to write', async () => {
    const { url } = await open(REPLICA);
    expect(await ask(url('canary'), { token: 'c' })).toEqual({
      status: 409,
      body: { refused: 'cannot execute INSERT in a read-only transaction' },
    });
  });

  it('answers nobody without the login, and no malformed body', async () => {
    const { url } = await open(PRIMARY);
    expect(await ask(url('canary'), { token: 'c' }, '')).toMatchObject({ status: 401 });
    expect(await ask(url('canary'), { token: 'c' }, tokenOf('notify'))).toMatchObject({ status: 403 });
    expect(await ask(url('canary'), { token: 'c', more: 1 })).toMatchObject({ status: 400 });
    expect(await ask(url('heartbeat'), { sequence: 1, at: 'now' })).toMatchObject({ status: 400 });
    expect(world.sql.fleet.server(PRIMARY).history.hasCanary('c')).toBe(false);
  });

  it('is closed while the instance refuses, and open again under the same number', async () => {
    const { url, settle } = await open(PRIMARY);
    world.disasters.break('primary-database');
    await settle();
    expect(await ask(url('replication'))).toEqual({ error: 'ECONNREFUSED' });
    world.disasters.mend('primary-database');
    clock.advanceBy(minutes(2));
    await settle();
    expect(await ask(url('replication'))).toMatchObject({ status: 200 });
  });

  it('closes by itself within a second of clock time', async () => {
    const { url } = await open(PRIMARY);
    world.disasters.break('primary-database');
    clock.advanceBy(seconds(1));
    // The port closes in its own turn of the event loop, not in the clock's.
    const met = await ask(url('replication'));
    expect(met).toMatchObject({ error: expect.stringMatching(/ECONNREFUSED|ECONNRESET|UND_ERR_SOCKET/) });
    expect(await ask(url('replication'))).toEqual({ error: 'ECONNREFUSED' });
  });

  it.each(['hangs', 'cut'])('accepts and never answers when the instance %s', async (how) => {
    const { url, settle } = await open(PRIMARY);
    world.disasters.break(
      how === 'cut' ? 'functions-cut-from-primary' : 'primary-database',
      undefined,
      how === 'cut' ? undefined : how,
    );
    await settle();
    expect(await ask(url('canary'), { token: 'c' })).toEqual({ error: 'TimeoutError' });
    expect(world.sql.fleet.server(PRIMARY).history.hasCanary('c')).toBe(false);
  });

  it('exists for every instance of the world', async () => {
    const { urls, close } = await dataServers({ world, principals });
    closing.push(close);
    expect(Object.keys(urls).sort()).toEqual([PRIMARY, 'coditect-dms-db-east', REPLICA]);
    expect(await ask(`${urls[REPLICA] ?? ''}/dr/replication`)).toMatchObject({ body: { role: 'replica' } });
  });
});

describe('the ports of the application', () => {
  async function open() {
    const { urls, close } = await applicationServers({ world });
    closing.push(close);
    return (service: string, path: string): string => `${urls[service] ?? ''}/dr/${path}`;
  }

  it('answer deep health and canaries without a token, in the cluster and on Cloud Run', async () => {
    const url = await open();
    for (const service of [SERVICES.apiGke, SERVICES.apiRun]) {
      expect(await ask(url(service, 'health'), undefined, undefined)).toMatchObject({
        status: 200,
        body: { status: 'ok', instance: expect.any(String), database: { address: '10.20.0.3:5432', writable: true } },
      });
      expect(await ask(url(service, 'canary'), { token: service.replace('/', '-') })).toEqual({
        status: 201,
        body: { written: true },
      });
    }
    // Written through one, read through the other: it is one database.
    expect(await ask(url(SERVICES.apiRun, 'canary/gke-coditect-dms-api'))).toEqual({
      status: 200,
      body: { found: true },
    });
    expect(await ask(url(SERVICES.apiRun, 'canary/never'))).toMatchObject({ status: 404 });
    expect(await ask(url(SERVICES.apiGke, 'nothing'))).toMatchObject({ status: 404 });
    expect(await ask(url(SERVICES.apiGke, 'canary'), { token: 'x', force: true })).toMatchObject({ status: 400 });
  });

  it('answer 503 and 500 while the database refuses', async () => {
    const url = await open();
    world.disasters.break('primary-database');
    expect(await ask(url(SERVICES.apiGke, 'health'))).toMatchObject({ status: 503, body: { status: 'failing' } });
    expect(await ask(url(SERVICES.apiGke, 'canary'), { token: 'x' })).toMatchObject({ status: 500 });
  });

  it('carry a probe to the address that it names', async () => {
    const url = await open();
    world.disasters.break('primary-database');
    const probe = (service: string, address: string) => ask(url(service, 'probe'), { address, token: 'p' });
    for (const service of [SERVICES.proberGke, SERVICES.proberRun]) {
      expect(await probe(service, '10.20.0.3:5432')).toMatchObject({
        body: { outcome: 'connectionRefused', control: 'ok', detail: expect.any(String) },
      });
      expect(await probe(service, '10.20.0.4:5432')).toMatchObject({
        body: { outcome: 'refusedByServer', control: 'ok' },
      });
    }
    expect(await probe(SERVICES.proberGke, 'http://10.20.0.3/')).toMatchObject({ status: 400 });
    expect(await probe(SERVICES.apiGke, '10.20.0.3:5432')).toMatchObject({ status: 404 });
  });

  it('take as long as the application waits for its database', async () => {
    const url = await open();
    world.disasters.break('network', `pods,sql/${PRIMARY}`);
    const asked = ask(url(SERVICES.apiGke, 'canary'), { token: 'x' });
    const first = await Promise.race([asked, new Promise((done) => setImmediate(() => done('waiting')))]);
    expect(first).toBe('waiting');
    for (let turn = 0; turn < 200; turn++) {
      await new Promise((done) => setImmediate(done));
      clock.advanceBy(seconds(1));
    }
    expect(await asked).toMatchObject({ status: 500 });
  });

  it('are silent to a caller whom the network does not carry', async () => {
    const url = await open();
    world.disasters.break('network', 'functions,cloudRun');
    expect(await ask(url(SERVICES.apiRun, 'health'))).toEqual({ error: 'TimeoutError' });
    expect(await ask(url(SERVICES.apiGke, 'health'))).toMatchObject({ status: 200 });
  });
});
