import { createHmac, timingSafeEqual } from 'node:crypto';
import { type Instant, instant } from '../../shared/core/time.ts';
import type { Principal } from '../world/kernel.ts';

// Access tokens of the sandbox: `sandbox.<base64url(principal)>.<expiry, ms, base 36>.<HMAC-SHA-256 of what stands before>`.
// They name the caller and end; they carry no permission. Only the sandbox's own processes hold the key.

/** Makes an access token for `principal` that ends at `expiresAt`. */
export function issueToken(key: string, principal: Principal, expiresAt: Instant): string {
  const claim = `sandbox.${Buffer.from(principal).toString('base64url')}.${expiresAt.toString(36)}`;
  return `${claim}.${sign(key, claim)}`;
}

/** Who a token names; `undefined` for a forged, foreign, malformed or expired one. */
export function principalOf(key: string, token: string, now: Instant): Principal | undefined {
  const match = /^(sandbox\.([\w-]+)\.([0-9a-z]{1,12}))\.([\w-]{43})$/.exec(token);
  const [, claim, name, expiry, signature] = match ?? [];
  if (claim === undefined || name === undefined || expiry === undefined || signature === undefined) return undefined;
  if (!timingSafeEqual(Buffer.from(signature), Buffer.from(sign(key, claim)))) return undefined;
  if (now >= instant(Number.parseInt(expiry, 36))) return undefined;
  return Buffer.from(name, 'base64url').toString();
}

function sign(key: string, claim: string): string {
  return createHmac('sha256', key).update(claim).digest('base64url');
}
