import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type InvokerPolicy, invokerCheck, type OidcIssuer, startOidcIssuer } from '../../sandbox/http/oidc.ts';
import { createVirtualClock } from '../../sandbox/world/clock.ts';
import { instant, minutes } from '../../shared/core/time.ts';

const clock = createVirtualClock(instant(Date.UTC(2026, 0, 5, 10)));
const email = 'dr-pubsub-push@coditect-prod.iam.gserviceaccount.com';
const audience = 'http://127.0.0.1:8080';

let issuer: OidcIssuer;
beforeEach(async () => {
  issuer = await startOidcIssuer(clock);
});
afterEach(() => issuer.close());

const check = (authorization: string | undefined, change: Partial<InvokerPolicy> = {}) =>
  invokerCheck({ issuer: issuer.issuer, audience, invokers: [email], now: () => clock.now(), ...change })(
    authorization,
  );

/** The token with other claims under the same signature. */
function forged(token: string, claims: object): string {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const changed = { ...JSON.parse(Buffer.from(payload, 'base64url').toString()), ...claims };
  return [header, Buffer.from(JSON.stringify(changed)).toString('base64url'), signature].join('.');
}

describe('id tokens', () => {
  it('admit their bearer until they expire', async () => {
    const token = await issuer.idToken({ email, audience });

    expect(await check(`Bearer ${token}`)).toEqual({ kind: 'admitted', email });
    const later = instant(clock.now() + minutes(60));
    expect(await check(`Bearer ${token}`, { now: () => later })).toMatchObject({ kind: 'invalid' });
  });

  it('carry the claims that Google’s carry', async () => {
    const token = await issuer.idToken({ email, audience });

    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());

    expect(claims).toEqual({
      iss: issuer.issuer,
      aud: audience,
      azp: expect.stringMatching(/^\d{21}$/),
      sub: expect.stringMatching(/^\d{21}$/),
      email,
      email_verified: true,
      iat: clock.now() / 1_000,
      exp: clock.now() / 1_000 + 3_600,
    });
  });

  it.each<[string, (token: string) => string | undefined, string]>([
    ['nothing', () => undefined, 'missing'],
    ['a word', () => 'Bearer token', 'invalid'],
    ['another e-mail', (token) => `Bearer ${forged(token, { email: 'operator@coditect.ai' })}`, 'invalid'],
    ['a longer life', (token) => `Bearer ${forged(token, { exp: 9_999_999_999 })}`, 'invalid'],
    ['no signature', (token) => `Bearer ${token.split('.').slice(0, 2).join('.')}.`, 'invalid'],
  ])('do not admit %s', async (_, change, kind) => {
    const token = await issuer.idToken({ email, audience });

    expect(await check(change(token))).toMatchObject({ kind });
  });

  it('do not admit the token of another issuer, even one that claims the name', async () => {
    const other = await startOidcIssuer(clock);
    const token = await other.idToken({ email, audience });
    await other.close();

    expect(await check(`Bearer ${token}`)).toMatchObject({ kind: 'invalid' });
    expect(await check(`Bearer ${forged(token, { iss: issuer.issuer })}`)).toMatchObject({ kind: 'invalid' });
  });

  it('do not admit a token that names another issuer, although the key is the right one', async () => {
    const token = await issuer.idToken({ email, audience });
    const sameAddress = issuer.issuer.replace('127.0.0.1', '127.1');

    expect(await check(`Bearer ${token}`, { issuer: sameAddress })).toMatchObject({ kind: 'invalid' });
  });

  it('are verified with the keys that discovery leads to', async () => {
    const discovery: unknown = await (await fetch(`${issuer.issuer}/.well-known/openid-configuration`)).json();
    expect(discovery).toMatchObject({ issuer: issuer.issuer, jwks_uri: `${issuer.issuer}/oauth2/v3/certs` });

    const keys: unknown = await (await fetch(`${issuer.issuer}/oauth2/v3/certs`)).json();
    expect(keys).toMatchObject({ keys: [{ kty: 'RSA', alg: 'RS256' }] });
    expect(JSON.stringify(keys)).not.toContain('"d"');
  });
});
