import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { notifyIncident } from '../../shared/flows/notify.ts';
import { readKillSwitch } from '../../shared/guards/kill-switch.ts';
import { startVendorServer, type VendorServer } from '../providers/vendor-server.ts';
import { decisionsOf, opened, type OpenedLink } from './links.ts';
import { type ServedApproval, serveApproval } from './served.ts';

// The function as the framework serves it: what it makes of paths, methods, headers and bodies before a flow is called.

const AUDIENCE = 'https://approve.example';

let issuer: VendorServer;
let served: ServedApproval;
let link: OpenedLink;
beforeAll(async () => {
  issuer = await startVendorServer();
  served = await serveApproval({ DR_OPERATORS_ISSUER: issuer.base, DR_OPERATORS_AUDIENCE: AUDIENCE });
  await notifyIncident(served.stage.id, served.stage.home);
  link = await opened(served.stage);
});
afterAll(async () => {
  await served.close();
  await issuer.close();
});

const request = (path: string, init: RequestInit = {}): Promise<Response> => fetch(served.base + path, init);

/** What a browser posts from our page, or something else. */
function post(changes: {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly as?: (token: string, nonce: string) => string;
  readonly origin?: string | undefined;
  readonly site?: string | undefined;
}): Promise<Response> {
  const { origin = 'null', site = 'same-origin' } = { ...changes };
  const headers: Record<string, string> = { 'content-type': 'application/x-www-form-urlencoded', ...changes.headers };
  if (!('origin' in changes) || changes.origin !== undefined) headers['origin'] = origin;
  if (!('site' in changes) || changes.site !== undefined) headers['sec-fetch-site'] = site;
  const form = (token: string, nonce: string): string => new URLSearchParams({ token, nonce }).toString();
  const body = changes.body ?? (changes.as ?? form)(link.approve, link.nonce);
  return request(`/approve/${link.opaque}`, { method: 'POST', headers, body });
}

describe('the approve function', () => {
  it('serves pages that nothing may cache, frame, index, load into or learn from', async () => {
    const { headers, status } = await request(`/approve/${link.opaque}`);

    expect(status).toBe(200);
    expect(Object.fromEntries(headers)).toMatchObject({
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'x-robots-tag': 'noindex, nofollow',
    });
    const policy = (headers.get('content-security-policy') ?? '').split('; ').map((part) => part.split(' '));
    expect(policy.map(([name]) => name)).toEqual([
      'default-src',
      'script-src',
      'style-src',
      'form-action',
      'frame-ancestors',
      'base-uri',
    ]);
    expect(policy[0]?.[1]).toBe("'none'");
    expect(policy[1]).toEqual(['script-src', expect.stringMatching(/^'sha256-[A-Za-z0-9+/]{43}='$/)]);
  });

  it('answers HEAD as GET, without a page', async () => {
    const head = await request(`/approve/${link.opaque}`, { method: 'HEAD' });

    expect(head.status).toBe(200);
    expect(head.headers.get('cache-control')).toBe('no-store');
    expect(await head.text()).toBe('');
  });

  it.each([
    ['GET', '/'],
    ['GET', '/approve'],
    ['GET', '/approve/'],
    ['GET', '/approve/x'],
    ['GET', '/approve/AAAAAAAAAAAAAAAAAAAAAA'],
    ['GET', '/approve/AAAAAAAAAAAAAAAAAAAAAA/more'],
    ['GET', '/approve/..%2f..%2fetc'],
    ['GET', '/operate'],
    ['PUT', '/approve/AAAAAAAAAAAAAAAAAAAAAA'],
    ['DELETE', '/operate'],
    ['POST', '/'],
    ['POST', '/approve/AAAAAAAAAAAAAAAAAAAAAA'],
  ])('answers %s %s with the page of every refusal', async (method, path) => {
    const answer = await request(path, { method });

    expect(answer.status).toBe(404);
    expect(await answer.text()).toContain('<h1>This link does not work</h1>');
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
  });

  it.each<readonly [string, Parameters<typeof post>[0]]>([
    ['from another site', { site: 'cross-site', origin: 'https://evil.example' }],
    ['from another site that names no origin', { site: 'cross-site' }],
    ['from another service of the same site', { site: 'same-site' }],
    ['that names another origin', { origin: 'https://evil.example' }],
    ['that says nothing of where it comes from', { site: undefined, origin: undefined }],
    ['that only says that it has no origin', { site: undefined }],
    [
      'as JSON',
      { as: (token, nonce) => JSON.stringify({ token, nonce }), headers: { 'content-type': 'application/json' } },
    ],
    ['as plain text', { headers: { 'content-type': 'text/plain' } }],
    ['without a type', { headers: { 'content-type': '' } }],
    ['with an object for a token', { body: 'token[a]=b&nonce=n' }],
    ['with two tokens', { body: 'token=a&token=b&nonce=n' }],
    ['without a token', { body: 'nonce=n' }],
    ['longer than any of ours', { as: (token, nonce) => `token=${token}&nonce=${nonce}&more=${'x'.repeat(20_000)}` }],
  ])('refuses a form %s', async (_, changes) => {
    expect((await post(changes)).status).toBe(404);
    expect(await decisionsOf(served.stage)).toEqual([]);
  });

  it('survives a body that can’t be parsed', async () => {
    const headers = { 'content-type': 'application/json' };
    expect((await request('/operate', { method: 'POST', headers, body: '{' })).status).toBe(400);
    expect((await request(`/approve/${link.opaque}`)).status).toBe(200);
  });

  it('lets only authenticated people operate, and says so when it can’t know whether somebody is', async () => {
    const keys = await generateKeyPair('RS256');
    const now = served.stage.clock.now() / 1_000;
    const token = await new SignJWT({ email: '1@az1.ai', email_verified: true, iat: now, exp: now + 600 })
      .setProtectedHeader({ alg: 'RS256', kid: 'k' })
      .setIssuer(issuer.base)
      .setAudience(AUDIENCE)
      .sign(keys.privateKey);
    const operate = async (authorization: string, reason = 'storm') => {
      const headers = { authorization, 'content-type': 'application/json' };
      const body = JSON.stringify({ verb: 'stop', reason });
      return (await request('/operate', { method: 'POST', headers, body })).status;
    };
    issuer.answer({ status: 503 });
    expect(await operate(`Bearer ${token}`)).toBe(503);
    const jwks = { keys: [{ ...(await exportJWK(keys.publicKey)), kid: 'k' }] };
    const discovery = { issuer: issuer.base, jwks_uri: `${issuer.base}/certs` };
    issuer.answer(({ url }) => ({ status: 200, body: url === '/certs' ? jwks : discovery }));

    expect(await operate('')).toBe(401);
    expect(await operate('Bearer x')).toBe(401);
    expect(await operate(`Basic ${token}`)).toBe(401);
    expect(await operate(`Bearer ${token}`, 'x'.repeat(20_000))).toBe(413);
    expect(await readKillSwitch(served.stage.home.store.documents)).toEqual({ kind: 'off' });
    expect(await operate(`Bearer ${token}`)).toBe(200);
    expect(await readKillSwitch(served.stage.home.store.documents)).toMatchObject({ kind: 'on', by: '1@az1.ai' });
  });

  it('believes no identity header that is not signed', async () => {
    const theirs = await opened(served.stage, 'cto-pager');
    const body = new URLSearchParams({ token: theirs.approve, nonce: link.nonce }).toString();
    const headers = {
      'content-type': 'application/x-www-form-urlencoded',
      'x-goog-authenticated-user-email': 'accounts.google.com:1@az1.ai',
    };
    expect((await post({ body, headers })).status).toBe(404);
    expect(await decisionsOf(served.stage)).toEqual([]);
  });

  it.each([
    ['same-origin', 'null'],
    ['none', undefined],
  ])('takes the form of its own page (Sec-Fetch-Site %s, Origin %s)', async (site, origin) => {
    const answer = await post({ site, origin });

    expect(answer.status).toBe(200);
    expect(await decisionsOf(served.stage)).toEqual(['oncall approve']);
  });
});
