import { z } from 'zod';
import { millis } from '../core/time.ts';
import type { IdentityVerifier } from '../ports/signing.ts';
import { normalizeError } from './normalize-error.ts';

// Who somebody is, by an id token of one configured issuer: Identity-Aware Proxy, Google, or the sandbox's own.
//
// O1. Issuer, audience and algorithms are fixed here and in the configuration; nothing of the token chooses them.

/** Wall time for reading the issuer's keys. */
const KEYS_LIMIT = millis(5_000);

const discoveryWire = z.object({ jwks_uri: z.url() });
const claimsWire = z.object({ email: z.email(), email_verified: z.literal(true) });

/** Algorithms that Google and IAP sign with. */
const ALGORITHMS = ['RS256', 'ES256'];

/** Verifies id tokens of `issuer` for `audience`; its keys are read when first needed and kept. */
export function createOidcIdentity(options: { readonly issuer: string; readonly audience: string }): IdentityVerifier {
  const { issuer, audience } = options;
  let keys: Promise<Awaited<ReturnType<typeof readKeys>>> | undefined;
  return {
    verify: async (idToken, at) => {
      const { jwtVerify } = await import('jose');
      keys ??= readKeys(issuer);
      const known = await keys.catch((error: unknown) => {
        keys = undefined;
        throw normalizeError(error, { doing: `reading the keys of ${issuer}`, effect: 'reads' });
      });
      try {
        const { payload } = await jwtVerify(idToken, known, {
          issuer,
          audience,
          algorithms: ALGORITHMS,
          currentDate: new Date(at),
          clockTolerance: 30,
        });
        const claims = claimsWire.safeParse(payload);
        return claims.success ? claims.data.email : undefined;
      } catch (error) {
        if (error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_J')) return undefined;
        throw normalizeError(error, { doing: `reading the keys of ${issuer}`, effect: 'reads' });
      }
    },
  };
}

async function readKeys(issuer: string) {
  const { createRemoteJWKSet } = await import('jose');
  const answer = await fetch(`${issuer}/.well-known/openid-configuration`, { signal: AbortSignal.timeout(KEYS_LIMIT) });
  const { jwks_uri: uri } = discoveryWire.parse(await answer.json());
  return createRemoteJWKSet(new URL(uri), { timeoutDuration: KEYS_LIMIT });
}
