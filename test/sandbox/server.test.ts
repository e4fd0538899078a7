import { connect } from 'node:net';
import { request } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import { answer } from '../../sandbox/http/google-error.ts';
import { json, type Route } from '../../sandbox/http/router.ts';
import { type RunningServer, startServer } from '../../sandbox/http/server.ts';
import { issueToken, principalOf } from '../../sandbox/http/tokens.ts';
import { ApiError } from '../../sandbox/world/kernel.ts';
import { createVirtualClock } from '../../sandbox/world/clock.ts';
import { after, instant, seconds } from '../../shared/core/time.ts';

const heal = 'dr-heal@coditect-prod.iam.gserviceaccount.com';
const token = 'a-token';

const routes: readonly Route[] = [
  {
    method: 'GET',
    pattern: /\/v1\/things\/(?<thing>[^/:]+)/,
    handle: ({ principal, from, host, query }, { thing }) =>
      json({ thing, principal, from, host, page: query.get('page') }),
  },
  { method: 'POST', pattern: /\/v1\/things/, handle: ({ body }) => json({ body: body ?? null }) },
  {
    method: 'GET',
    pattern: /\/v1\/busy/,
    handle: () => answer({ kind: 'error', error: new ApiError(409, 'operationInProgress', 'busy', 7) }, String),
  },
  {
    method: 'GET',
    pattern: /\/v1\/slow/,
    handle: () => answer({ kind: 'answer', value: 'late', delay: seconds(5) }, String),
  },
  { method: 'GET', pattern: /\/v1\/silent/, handle: () => ({ kind: 'silence' }) },
  {
    method: 'GET',
    pattern: /\/healthz/,
    anonymous: true,
    handle: () => ({ kind: 'text', status: 200, body: 'ok', contentType: 'text/plain' }),
  },
  {
    method: 'GET',
    pattern: /\/v1\/broken/,
    handle: () => {
      throw new TypeError('a bug of ours');
    },
  },
  {
    method: 'GET',
    pattern: /\/v1\/stream/,
    handle: () => ({
      kind: 'stream',
      start: (write, end) => {
        write('one\n');
        write('two\n');
        end();
      },
    }),
  },
];

const servers: RunningServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

const clock = createVirtualClock(instant(1_790_000_000_000));

async function started(bugs: unknown[] = []): Promise<string> {
  const server = await startServer({
    routes,
    clock,
    principals: (text) => (text === token ? heal : undefined),
    onBug: (bug) => bugs.push(bug),
  });
  servers.push(server);
  return `http://127.0.0.1:${server.port}`;
}

const authorized = { headers: { authorization: `Bearer ${token}` } };

describe('the HTTP kernel', () => {
  it('tells a route who calls, from where, and what', async () => {
    const base = await started();

    const reply = await fetch(`${base}/v1/things/a%20b?page=2`, authorized);

    expect(await reply.json()).toEqual({
      thing: 'a b',
      principal: heal,
      from: 'functions',
      host: base.slice(7),
      page: '2',
    });
  });

  it('serves the absolute URLs that a client sends to a proxy', async () => {
    const base = await started();

    const body = await throughProxy(base, 'http://us-central1-run.sim.test/v1/things/a');

    expect(JSON.parse(body)).toMatchObject({ thing: 'a', host: 'us-central1-run.sim.test' });
  });

  it.each([
    ['no token', {}],
    ['an unknown token', { headers: { authorization: 'Bearer forged' } }],
  ])('refuses %s with 401', async (_, init) => {
    const reply = await fetch(`${await started()}/v1/things/a`, init);

    expect(reply.status).toBe(401);
    expect(await reply.json()).toMatchObject({ error: { code: 401, status: 'UNAUTHENTICATED' } });
  });

  it('answers an anonymous route without a token', async () => {
    expect((await fetch(`${await started()}/healthz`)).status).toBe(200);
  });

  it('refuses an unknown path, and a known path with another method, in the form of Google', async () => {
    const base = await started();

    expect(await (await fetch(`${base}/v1/nothing`, authorized)).json()).toMatchObject({
      error: { code: 404, status: 'NOT_FOUND' },
    });
    expect((await fetch(`${base}/v1/things/a`, { ...authorized, method: 'DELETE' })).status).toBe(404);
  });

  it('refuses malformed JSON, a malformed path and a body past the limit', async () => {
    const base = await started();
    const post = (body: string) =>
      fetch(`${base}/v1/things`, {
        ...authorized,
        method: 'POST',
        body,
        headers: { ...authorized.headers, 'content-type': 'application/json' },
      });

    expect((await post('{')).status).toBe(400);
    expect((await post(`"${'x'.repeat(10_000_000)}"`)).status).toBe(413);
    expect((await fetch(`${base}/v1/things/%zz`, authorized)).status).toBe(400);
  });

  it('takes the empty JSON text that Google’s clients send for no message as no body', async () => {
    const base = await started();

    const reply = await fetch(`${base}/v1/things`, {
      ...authorized,
      method: 'POST',
      body: '""',
      headers: { ...authorized.headers, 'content-type': 'application/json' },
    });

    expect(await reply.json()).toEqual({ body: null });
  });

  it('turns a refusal of the world into the error that Google’s clients decode', async () => {
    const reply = await fetch(`${await started()}/v1/busy`, authorized);

    expect(reply.status).toBe(409);
    expect(reply.headers.get('retry-after')).toBe('7');
    expect(await reply.json()).toEqual({
      error: {
        code: 409,
        message: 'busy',
        status: 'ABORTED',
        errors: [{ domain: 'global', reason: 'operationInProgress', message: 'busy' }],
      },
    });
  });

  it('answers a bug of ours with 500 and reports it', async () => {
    const bugs: unknown[] = [];

    expect((await fetch(`${await started(bugs)}/v1/broken`, authorized)).status).toBe(500);
    expect(bugs).toEqual([expect.any(TypeError)]);
  });

  it('sends a slow answer only after its delay in clock time', async () => {
    const base = await started();
    let answered = false;
    const reply = fetch(`${base}/v1/slow`, authorized).then((response) => {
      answered = true;
      return response.json();
    });
    while (clock.nextAt() === undefined) await fetch(`${base}/healthz`);

    clock.advanceBy(seconds(4));
    await fetch(`${base}/healthz`);
    expect(answered).toBe(false);
    clock.advanceBy(seconds(1));

    expect(await reply).toBe('late');
  });

  it('streams what a route writes', async () => {
    expect(await (await fetch(`${await started()}/v1/stream`, authorized)).text()).toBe('one\ntwo\n');
  });

  it('holds a silent call open until the server closes, and then leaves no socket', async () => {
    const base = await started();
    const { port, hostname } = new URL(base);
    const socket = connect(Number(port), hostname);
    const ended = new Promise<string>((resolve) => {
      let heard = '';
      socket.on('data', (chunk) => {
        heard += chunk.toString();
      });
      socket.on('close', () => resolve(heard));
      socket.on('error', () => undefined);
    });
    socket.write(`GET /v1/silent HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`);
    // A second exchange on another connection: by its answer the server has long read the first.
    await fetch(`${base}/healthz`);

    await servers.splice(0)[0]?.close();

    expect(await ended).toBe('');
  });
});

describe('an access token', () => {
  const now = instant(1_790_000_000_000);
  const expiresAt = after(now, 3_600_000);

  it('names its principal until it expires', () => {
    const issued = issueToken('key', heal, expiresAt);

    expect(principalOf('key', issued, now)).toBe(heal);
    expect(principalOf('key', issued, expiresAt)).toBeUndefined();
  });

  it('is refused when it was forged, altered or is no token at all', () => {
    const issued = issueToken('key', heal, expiresAt);
    const altered = issued.replace(Buffer.from(heal).toString('base64url'), Buffer.from('root').toString('base64url'));

    for (const bad of [altered, issueToken('other key', heal, expiresAt), `${issued}x`, 'sandbox', '']) {
      expect(principalOf('key', bad, now)).toBeUndefined();
    }
  });
});

function throughProxy(proxy: string, url: string): Promise<string> {
  const { hostname, port } = new URL(proxy);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { hostname, port, path: url, headers: { ...authorized.headers, host: new URL(url).host } },
      (incoming) => {
        let text = '';
        incoming.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
        incoming.on('end', () => resolve(text));
      },
    );
    outgoing.on('error', reject);
    outgoing.end();
  });
}
