import { createRemoteJWKSet, errors, exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose';
import { sha256, shortId } from '../../shared/core/digest.ts';
import { type Instant, minutes } from '../../shared/core/time.ts';
import type { Principal, WorldClock } from '../world/kernel.ts';
import { json, type Route } from './router.ts';
import { startServer } from './server.ts';

// Google's issuer of id tokens, and the check that Cloud Run makes of them.
//
// O1. The key is made when the issuer starts and never leaves it: who wants to verify fetches the public half.
// O2. Times in tokens are clock time; who verifies says what time it is.

/** Path of the public keys, as Google's certificate endpoint has it. */
const KEYS_PATH = '/oauth2/v3/certs';

/** How long Google's id tokens are good for. */
const LIFETIME = minutes(60);

/** Whom a token is about and whom it is for. */
export interface IdTokenClaims {
  readonly email: Principal;
  readonly audience: string;
}

/** An issuer that listens on loopback. */
export interface OidcIssuer {
  /** Its address, which is also the `iss` of its tokens. */
  readonly issuer: string;
  /** A signed id token, good for an hour of clock time from now. */
  readonly idToken: (claims: IdTokenClaims) => Promise<string>;
  close(): Promise<void>;
}

/** Makes a key and starts to answer for it on a free port. */
export async function startOidcIssuer(clock: WorldClock): Promise<OidcIssuer> {
  const { publicKey, privateKey } = await generateKeyPair('RS256');
  const kid = shortId(JSON.stringify(await exportJWK(publicKey)), 16);
  const keys = { keys: [{ ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' }] };
  const open = (path: RegExp, body: () => unknown): Route => ({
    method: 'GET',
    pattern: path,
    anonymous: true,
    handle: () => json(body()),
  });
  const server = await startServer({
    routes: [
      open(/\/\.well-known\/openid-configuration/, () => discovery(issuer)),
      open(/\/oauth2\/v3\/certs/, () => keys),
    ],
    principals: () => undefined,
  });
  const issuer = `http://127.0.0.1:${server.port}`;

  return {
    issuer,
    close: () => server.close(),
    idToken({ email, audience }) {
      const now = Math.floor(clock.now() / 1_000);
      return new SignJWT({ email, email_verified: true, azp: subjectOf(email) })
        .setProtectedHeader({ alg: 'RS256', kid, typ: 'JWT' })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject(subjectOf(email))
        .setIssuedAt(now)
        .setExpirationTime(now + LIFETIME / 1_000)
        .sign(privateKey);
    },
  };
}

const discovery = (issuer: string): unknown => ({
  issuer,
  jwks_uri: `${issuer}${KEYS_PATH}`,
  response_types_supported: ['id_token'],
  subject_types_supported: ['public'],
  id_token_signing_alg_values_supported: ['RS256'],
});

/** A service account's unique id: 21 digits, the same for the same account. */
const subjectOf = (email: Principal): string =>
  BigInt(`0x${sha256(email).slice(0, 16)}`)
    .toString()
    .padStart(21, '1');

/** What Cloud Run makes of the `Authorization` header of a request to a service that isn't public. */
export type InvokerVerdict =
  | { readonly kind: 'admitted'; readonly email: Principal }
  | { readonly kind: 'missing' }
  | { readonly kind: 'invalid'; readonly because: string }
  | { readonly kind: 'notInvoker'; readonly email: string };

/** What is expected of a token. */
export interface InvokerPolicy {
  readonly issuer: string;
  readonly audience: string;
  /** Who has `run.routes.invoke` on the service. */
  readonly invokers: readonly Principal[];
  readonly now: () => Instant;
}

/** A check of `Authorization` headers that fetches the issuer's keys once. Rejects when they can't be fetched. */
export function invokerCheck(policy: InvokerPolicy): (authorization: string | undefined) => Promise<InvokerVerdict> {
  const keys = createRemoteJWKSet(new URL(`${policy.issuer}${KEYS_PATH}`));
  return async (authorization) => {
    const token = /^bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) return { kind: 'missing' };
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer: policy.issuer,
        audience: policy.audience,
        algorithms: ['RS256'],
        currentDate: new Date(policy.now()),
        requiredClaims: ['exp', 'iat', 'email'],
      });
      const { email, email_verified: verified } = payload;
      if (typeof email !== 'string' || verified !== true) return { kind: 'invalid', because: 'e-mail not verified' };
      return policy.invokers.includes(email) ? { kind: 'admitted', email } : { kind: 'notInvoker', email };
    } catch (error) {
      if (error instanceof errors.JOSEError) return { kind: 'invalid', because: error.message };
      throw error;
    }
  };
}
