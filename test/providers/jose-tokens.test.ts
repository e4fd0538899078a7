import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SignJWT } from 'jose';
import { generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { SecretText } from '../../shared/core/redact.ts';
import { instant } from '../../shared/core/time.ts';
import type { DecisionClaims, TokenSigner, TokenVerifier } from '../../shared/ports/signing.ts';
import { createTokenSigner, createTokenVerifier } from '../../shared/providers/jose-tokens.ts';

const pem = (key: KeyObject): string =>
  key.export({ format: 'pem', type: key.type === 'private' ? 'pkcs8' : 'spki' }).toString();
const ours = generateKeyPairSync('ed25519');
const theirs = generateKeyPairSync('ed25519');

let signer: TokenSigner;
let verifier: TokenVerifier;
beforeAll(async () => {
  signer = await createTokenSigner({ keyId: 'k1', privateKey: new SecretText(pem(ours.privateKey)) });
  verifier = await createTokenVerifier({ k1: pem(ours.publicKey) });
});

const now = instant(Date.parse('2026-11-22T10:00:00.123Z'));
const claims: DecisionClaims = {
  approval: 'approval-1',
  incident: 'inc-abcdefghij',
  approver: 'oncall',
  decision: 'approve',
  planDigest: 'a'.repeat(64),
  evidenceDigest: 'b'.repeat(64),
  lossBoundMs: 4_200,
  tokenId: 'token-1',
  expiresAt: instant(now + 900_000),
};

describe('a token', () => {
  it('says what was signed, to the millisecond', async () => {
    expect(await verifier.verify(await signer.sign(claims), now)).toEqual({ ok: true, value: claims });
    const unknownLoss = { ...claims, lossBoundMs: null, decision: 'deny' as const };
    expect(await verifier.verify(await signer.sign(unknownLoss), now)).toEqual({ ok: true, value: unknownLoss });
  });

  it('holds until its expiry, by the time that is given and no other', async () => {
    const token = await signer.sign(claims);
    expect(await verifier.verify(token, instant(claims.expiresAt - 1_000))).toMatchObject({ ok: true });
    expect(await verifier.verify(token, instant(claims.expiresAt + 1_000))).toEqual({ ok: false, error: 'expired' });
  });

  it('of a key that is not configured, or signed by another, counts for nothing', async () => {
    const foreign = await createTokenSigner({ keyId: 'k2', privateKey: new SecretText(pem(theirs.privateKey)) });
    expect(await verifier.verify(await foreign.sign(claims), now)).toEqual({ ok: false, error: 'unknownKey' });
    const forger = await createTokenSigner({ keyId: 'k1', privateKey: new SecretText(pem(theirs.privateKey)) });
    expect(await verifier.verify(await forger.sign(claims), now)).toEqual({ ok: false, error: 'badSignature' });
  });

  const { approver: sub, tokenId: jti, expiresAt, ...rest } = claims;
  const payload = { ...rest, sub, jti, exp: expiresAt / 1_000, aud: 'dr-autopilot/decision' };
  const sign = (body: Record<string, unknown>, header: Record<string, unknown> = {}) =>
    new SignJWT(body)
      .setProtectedHeader({ alg: 'EdDSA', typ: 'dr-decision+jwt', kid: 'k1', ...header })
      .sign(ours.privateKey);

  it.each([
    ['for another audience', { ...payload, aud: 'somebody-else' }, {}, 'wrongAudience'],
    ['without an audience', { ...payload, aud: undefined }, {}, 'wrongAudience'],
    ['without an expiry', { ...payload, exp: undefined }, {}, 'malformed'],
    ['without an approver', { ...payload, sub: undefined }, {}, 'malformed'],
    ['with a decision that nobody can make', { ...payload, decision: 'maybe' }, {}, 'malformed'],
    ['that says more than a decision', { ...payload, role: 'admin' }, {}, 'malformed'],
    ['of another type', payload, { typ: 'JWT' }, 'malformed'],
    ['without a key id', payload, { kid: undefined }, 'malformed'],
  ] as readonly (readonly [string, Record<string, unknown>, Record<string, unknown>, string])[])(
    '%s is refused',
    async (_, body, header, error) => {
      expect(await verifier.verify(await sign(body, header), now)).toEqual({ ok: false, error });
    },
  );

  it('can not choose its own algorithm', async () => {
    const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const none = `${encode({ alg: 'none', typ: 'dr-decision+jwt', kid: 'k1' })}.${encode(payload)}.`;
    expect(await verifier.verify(none, now)).toEqual({ ok: false, error: 'malformed' });
    const symmetric = await new SignJWT(payload)
      .setProtectedHeader({ alg: 'HS256', typ: 'dr-decision+jwt', kid: 'k1' })
      .sign(Buffer.from(pem(ours.publicKey)));
    expect(await verifier.verify(symmetric, now)).toEqual({ ok: false, error: 'malformed' });
  });

  it('with any character changed is never accepted, and no text ends the verifier', async () => {
    const token = await signer.sign(claims);
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: token.length - 1 }),
        fc.constantFrom('A', 'Z', 'a', 'z', '0', '9', '-', '_', '.'),
        async (at, character) => {
          const changed = `${token.slice(0, at)}${character}${token.slice(at + 1)}`;
          // The last character of a part may carry unused bits, so compare the bytes, not the letters.
          const bytes = (text: string) =>
            text
              .split('.')
              .map((part) => Buffer.from(part, 'base64url').toString('hex'))
              .join('.');
          const { ok } = await verifier.verify(changed, now);
          expect(ok).toBe(bytes(changed) === bytes(token));
        },
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.string(), async (text) =>
        expect(await verifier.verify(text, now)).toMatchObject({ ok: false }),
      ),
    );
  });
});

it('refuses a key that is no Ed25519 key', async () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  await expect(createTokenVerifier({ k1: pem(rsa.publicKey) })).rejects.toThrow();
  await expect(createTokenSigner({ keyId: 'k1', privateKey: new SecretText('no key') })).rejects.toThrow();
});
