import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { formNonce, isFreshNonce } from '../../shared/approvals/form.ts';
import { SecretText } from '../../shared/core/redact.ts';
import { after, instant, minutes } from '../../shared/core/time.ts';

const KEY = new SecretText('the form key');
const HOUR = minutes(60);
const at = fc.nat({ max: 2_000_000_000_000 }).map(instant);
const opaque = fc.stringMatching(/^[\w-]{22}$/);

describe('the nonce of a form', () => {
  it('is always good for its own page in the hour after, and never two hours later or before', () => {
    fc.assert(
      fc.property(opaque, at, fc.nat({ max: HOUR }), (id, now, wait) => {
        const nonce = formNonce(id, now, KEY);
        expect(isFreshNonce(nonce, id, after(now, wait), KEY)).toBe(true);
        expect(isFreshNonce(nonce, id, after(now, 2 * HOUR + wait), KEY)).toBe(false);
        expect(isFreshNonce(nonce, id, after(now, -HOUR - wait), KEY)).toBe(false);
      }),
    );
  });

  it('is never good for another page, under another key, or when it was made up', () => {
    const now = instant(1_767_607_200_000);
    fc.assert(
      fc.property(opaque, opaque, fc.string(), (id, other, madeUp) => {
        fc.pre(id !== other);
        const nonce = formNonce(id, now, KEY);
        expect(isFreshNonce(nonce, other, now, KEY)).toBe(false);
        expect(isFreshNonce(nonce, id, now, new SecretText('another key'))).toBe(false);
        expect(isFreshNonce(madeUp, id, now, KEY)).toBe(false);
      }),
    );
  });
});
