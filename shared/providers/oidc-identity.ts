import type { JWTVerifyGetKey } from 'jose';
import { z } from 'zod';
import type { Instant, Millis } from '../core/time.ts';
import { millis } from '../core/time.ts';
import type { IdentityVerifier } from '../ports/signing.ts';
import { PortError } from '../ports/port-error.ts';
import type { Endpoints } from '../system/system.ts';
import { addressFor } from './addresses.ts';
import { normalizeError } from './normalize-error.ts';

// Who somebody is, by a signed token: an id token of one configured issuer, or the assertion of Identity-Aware Proxy.
//
// O1. Issuer, audience and algorithms are fixed here and in the configuration; nothing of the token chooses them.
// O2. A token that counts for nothing is an answer. Keys that can't be read are the world's failure: nobody is refused for it.

/** Wall time for reading an issuer's keys. */
const KEYS_LIMIT: Millis = millis(5_000);

/** How far the issuer's clock may be from the store's, in seconds. */
const CLOCK_TOLERANCE = 30;

const discoveryWire = z.object({ issuer: z.string(), jwks_uri: z.url() });
const idTokenWire = z.object({ email: z.email(), email_verified: z.literal(true) });
/** IAP has signed the person in itself; its assertion has no `email_verified`. */
const assertionWire = z.object({ email: z.email() });

/** Verifies OIDC id tokens of `issuer` for `audience`; its keys are found by its discovery document. */
export function createOidcIdentity(options: { readonly issuer: string; readonly audience: string }): IdentityVerifier {
  const { issuer, audience } = options;
  return identity({ issuer, audience, algorithms: ['RS256', 'ES256'], claims: idTokenWire }, () => discover(issuer));
}

/**
 * Verifies the assertions by which Identity-Aware Proxy says who is signed in, for `audience`
 * (cloud.google.com/iap/docs/signed-headers-howto, read 2026-11-23).
 */
export function createIapIdentity(options: {
  readonly audience: string;
  readonly hosts: Endpoints['hosts'];
}): IdentityVerifier {
  const { audience, hosts } = options;
  const keys = addressFor('https://www.gstatic.com/iap/verify/public_key-jwk', hosts);
  return identity(
    { issuer: 'https://cloud.google.com/iap', audience, algorithms: ['ES256'], claims: assertionWire },
    async () => keys,
  );
}

interface Expected {
  readonly issuer: string;
  readonly audience: string;
  readonly algorithms: string[];
  readonly claims: z.ZodType<{ readonly email: string }>;
}

function identity(expected: Expected, findKeys: () => Promise<URL>): IdentityVerifier {
  const { issuer, audience, algorithms, claims } = expected;
  const unreadable = { doing: `reading the keys of ${issuer}`, effect: 'reads' } as const;
  let found: Promise<JWTVerifyGetKey> | undefined;
  const keys = async (): Promise<JWTVerifyGetKey> => {
    const { createRemoteJWKSet } = await import('jose');
    return createRemoteJWKSet(await findKeys(), { timeoutDuration: KEYS_LIMIT });
  };
  return {
    verify: async (token: string, at: Instant) => {
      const { jwtVerify } = await import('jose');
      found ??= keys();
      const known = await found.catch((error: unknown) => {
        found = undefined;
        throw normalizeError(error, unreadable);
      });
      try {
        const { payload } = await jwtVerify(token, known, {
          issuer,
          audience,
          algorithms,
          requiredClaims: ['exp', 'iat'],
          currentDate: new Date(at),
          clockTolerance: CLOCK_TOLERANCE,
        });
        const parsed = claims.safeParse(payload);
        return parsed.success ? parsed.data.email : undefined;
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? String(error.code) : '';
        if (KEYS_UNREADABLE.has(code)) throw new PortError('retryable', 'keysUnreadable', unreadable.doing, error);
        if (code.startsWith('ERR_J')) return undefined;
        throw normalizeError(error, unreadable);
      }
    },
  };
}

/** `jose`'s codes for a key set that did not come, came late, or is none. */
const KEYS_UNREADABLE: ReadonlySet<string> = new Set(['ERR_JWKS_TIMEOUT', 'ERR_JOSE_GENERIC', 'ERR_JWKS_INVALID']);

async function discover(issuer: string): Promise<URL> {
  const answer = await fetch(`${issuer}/.well-known/openid-configuration`, {
    redirect: 'error',
    signal: AbortSignal.timeout(KEYS_LIMIT),
  });
  const found = discoveryWire.parse(await answer.json());
  if (found.issuer !== issuer) throw new PortError('permanent', 'otherIssuer', `reading the keys of ${issuer}`);
  return new URL(found.jwks_uri);
}
