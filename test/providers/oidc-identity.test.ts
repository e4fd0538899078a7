import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { instant, minutes } from '../../shared/core/time.ts';
import type { IdentityVerifier } from '../../shared/ports/signing.ts';
import { createIapIdentity, createOidcIdentity } from '../../shared/providers/oidc-identity.ts';
import { type Reply, type Seen, startVendorServer, type VendorServer } from './vendor-server.ts';

const NOW = instant(Date.UTC(2026, 0, 5, 10));
const SECONDS = NOW / 1_000;

type Keys = Awaited<ReturnType<typeof generateKeyPair>>;

let server: VendorServer;
/** A sound issuer. */
let good: (request: Seen) => Reply;
let rsa: Keys;
let ec: Keys;
let other: Keys;
beforeEach(async () => {
  server = await startVendorServer();
  [rsa, ec, other] = await Promise.all([generateKeyPair('RS256'), generateKeyPair('ES256'), generateKeyPair('ES256')]);
  const keys = [
    { ...(await exportJWK(rsa.publicKey)), kid: 'rsa', alg: 'RS256' },
    { ...(await exportJWK(ec.publicKey)), kid: 'ec', alg: 'ES256' },
  ];
  good = ({ url }) =>
    url.startsWith('/.well-known')
      ? { status: 200, body: { issuer: server.base, jwks_uri: `${server.base}/certs` } }
      : { status: 200, body: { keys } };
  server.answer(good);
});
afterEach(() => server.close());

const signed = (claims: object, key: Keys, header: { readonly alg: string; readonly kid?: string }): Promise<string> =>
  new SignJWT({ iat: SECONDS, exp: SECONDS + 600, ...claims }).setProtectedHeader(header).sign(key.privateKey);

describe('the assertion of Identity-Aware Proxy', () => {
  const AUDIENCE = '/projects/1/locations/us-east4/services/approve';
  const claims = {
    iss: 'https://cloud.google.com/iap',
    aud: AUDIENCE,
    email: 'cto@example.com',
    sub: 'accounts.google.com:1',
  };
  const es256 = { alg: 'ES256', kid: 'ec' };
  const iap = (): IdentityVerifier =>
    createIapIdentity({ audience: AUDIENCE, hosts: { 'www.gstatic.com': server.base } });

  it('says who is signed in, by the keys of its own key file', async () => {
    expect(await iap().verify(await signed(claims, ec, es256), NOW)).toBe('cto@example.com');
    expect(server.seen.map(({ url }) => url)).toEqual(['/iap/verify/public_key-jwk']);
  });

  it('says nothing for another audience or issuer, with another algorithm or key, without an e-mail, or expired', async () => {
    const verifier = iap();
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.`;
    const tokens = [
      await signed({ ...claims, aud: '/projects/1/locations/us-west1/services/approve' }, ec, es256),
      await signed({ ...claims, iss: 'https://accounts.google.com' }, ec, es256),
      await signed(claims, rsa, { alg: 'RS256', kid: 'rsa' }),
      await signed(claims, other, es256),
      await signed({ ...claims, email: undefined }, ec, es256),
      await signed({ ...claims, exp: SECONDS - 60 }, ec, es256),
      none,
      'no token',
    ];
    for (const token of tokens) expect(await verifier.verify(token, NOW)).toBeUndefined();
  });
});

describe('an id token', () => {
  const AUDIENCE = 'https://approve.example';
  const rs256 = { alg: 'RS256', kid: 'rsa' };
  const claims = () => ({ iss: server.base, aud: AUDIENCE, email: 'cto@example.com', email_verified: true });
  const oidc = (): IdentityVerifier => createOidcIdentity({ issuer: server.base, audience: AUDIENCE });

  it('says who somebody is, and its issuer’s keys are read once', async () => {
    const verifier = oidc();
    const token = await signed(claims(), rsa, rs256);
    for (let time = 0; time < 3; time += 1) expect(await verifier.verify(token, NOW)).toBe('cto@example.com');
    expect(server.seen).toHaveLength(2);
  });

  it('says nothing when its e-mail is not verified, or after its time', async () => {
    const verifier = oidc();
    const token = await signed(claims(), rsa, rs256);
    expect(
      await verifier.verify(await signed({ ...claims(), email_verified: false }, rsa, rs256), NOW),
    ).toBeUndefined();
    expect(await verifier.verify(token, instant(NOW + minutes(11)))).toBeUndefined();
  });

  it.each<readonly [string, Parameters<VendorServer['answer']>[0]]>([
    ['can’t be reached', 'reset'],
    ['answers with an error', { status: 503 }],
    ['answers with no key set', { status: 200, body: { hello: 'world' } }],
  ])('is no verdict on anybody when its issuer %s, and is asked about again', async (_, reply) => {
    const verifier = oidc();
    const token = await signed(claims(), rsa, rs256);
    server.answer(reply);

    await expect(verifier.verify(token, NOW)).rejects.toMatchObject({ name: 'PortError' });
    server.answer(good);
    expect(await verifier.verify(token, NOW)).toBe('cto@example.com');
  });

  it('is no verdict on anybody when what answers at the issuer’s address says that it is another', async () => {
    const discovery = { issuer: 'https://evil.example', jwks_uri: `${server.base}/certs` };
    server.answer((request) =>
      request.url.startsWith('/.well-known') ? { status: 200, body: discovery } : good(request),
    );
    await expect(oidc().verify(await signed(claims(), rsa, rs256), NOW)).rejects.toMatchObject({ code: 'otherIssuer' });
  });

  it('is no verdict on anybody when only its keys can’t be read', async () => {
    server.answer(({ url }) =>
      url.startsWith('/.well-known')
        ? { status: 200, body: { issuer: server.base, jwks_uri: `${server.base}/certs` } }
        : { status: 500 },
    );
    await expect(oidc().verify(await signed(claims(), rsa, rs256), NOW)).rejects.toMatchObject({
      name: 'PortError',
      kind: 'retryable',
    });
  });
});
