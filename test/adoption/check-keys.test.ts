import { describe, expect, it } from '@jest/globals';
import { exportPKCS8, exportSPKI, generateKeyPair } from 'jose';
import { checkKeys } from '../../shared/adoption/check-keys.ts';
import type { Facts } from '../../shared/adoption/facts.ts';
import type { Finding, Reading } from '../../shared/adoption/finding.ts';
import { SecretText } from '../../shared/core/redact.ts';
import { instant } from '../../shared/core/time.ts';
import { publicHalfOf, readPublicKeys } from '../../shared/providers/key-halves.ts';
import { reference } from '../system/reference.ts';

const system = reference();

async function pair() {
  const { privateKey, publicKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  return { signing: new SecretText(await exportPKCS8(privateKey)), known: await exportSPKI(publicKey) };
}

const read = <T>(value: T): Reading<T> => ({ kind: 'read', value });
const enabled = read([{ version: '1', state: 'enabled' as const, createdAt: instant(0), etag: 'e' }]);

function said({
  known,
  signing,
  keyId = '2026-01',
  secret = enabled,
}: {
  readonly known: Facts['keys']['known'];
  readonly signing: Facts['keys']['signing'];
  readonly keyId?: string | undefined;
  readonly secret?: Facts['secrets'][string];
}): readonly Finding[] {
  const signer = read({ keyId, version: 'latest' });
  return checkKeys(system, {
    keys: { known, signing },
    secrets: { 'dr-signing-key': secret, 'dr-public-keys': enabled },
    signers: Object.fromEntries(system.controlRegions.map((region) => [region, signer])),
  });
}

describe('the pair that signs and verifies', () => {
  it('goes together also where an older key is kept for links in flight', async () => {
    const [old, now] = [await pair(), await pair()];
    const known = read(readPublicKeys(JSON.stringify({ '2025-07': old.known, '2026-01': now.known })));
    expect(said({ known, signing: read(publicHalfOf(now.signing)) })).toEqual([
      { check: 'signing key', verdict: 'fine', says: 'what notify signs as 2026-01 is verified by dr-public-keys' },
    ]);
  });

  it('does not where notify signs under the id of the older one', async () => {
    const [old, now] = [await pair(), await pair()];
    const known = read(readPublicKeys(JSON.stringify({ '2025-07': old.known, '2026-01': now.known })));
    const found = said({ known, signing: read(publicHalfOf(now.signing)), keyId: '2025-07' });
    expect(found.map(({ says }) => says)).toEqual(
      system.controlRegions.map(() => expect.stringContaining('dr-public-keys has another key under that')),
    );
  });

  it.each([
    ['no JSON', 'not JSON', /no JSON object of PEM/],
    [
      'a text that is no key',
      JSON.stringify({ '2026-01': 'MCow' }),
      /^2026-01 of dr-public-keys: no Ed25519 public key/,
    ],
  ])('is named where the public keys are %s', async (_what, text, why) => {
    const { signing } = await pair();
    expect(said({ known: read(readPublicKeys(text)), signing: read(publicHalfOf(signing)) })).toEqual([
      expect.objectContaining({ verdict: 'wrong', says: expect.stringMatching(why) }),
    ]);
  });

  it('is never looked for in a private key among the public ones', async () => {
    const { signing } = await pair();
    expect(readPublicKeys(JSON.stringify({ a: signing.reveal() }))).toEqual({ a: undefined });
  });

  it('is named where what should sign is no key', async () => {
    const { known } = await pair();
    const found = said({ known: read(readPublicKeys(JSON.stringify({ '2026-01': known }))), signing: read(undefined) });
    expect(found).toEqual([expect.objectContaining({ verdict: 'wrong', says: expect.stringContaining('PKCS #8') })]);
  });

  it('can be compared by whoever may read the secret, where this caller may not', async () => {
    const { known } = await pair();
    const found = said({
      known: read(readPublicKeys(JSON.stringify({ '2026-01': known }))),
      signing: { kind: 'unread', because: 'forbidden' },
    });
    expect(found).toEqual([
      expect.objectContaining({
        verdict: 'unknown',
        mend: expect.stringMatching(/secretAccessor on dr-signing-key.*openssl pkey -pubout/),
      }),
    ]);
  });

  it('is nothing to say more of, where one half is missing and said to be', () => {
    const disabled = read([{ version: '1', state: 'disabled' as const, createdAt: instant(0), etag: 'e' }]);
    const unread: Reading<never> = { kind: 'unread', because: 'failedPrecondition' };
    expect(said({ known: unread, signing: unread, secret: disabled })).toEqual([]);
  });
});
