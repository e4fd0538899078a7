import { z } from 'zod';
import { err, ok } from '../core/result.ts';
import type { SecretText } from '../core/redact.ts';
import { instant } from '../core/time.ts';
import type { DecisionClaims, TokenRefusal, TokenSigner, TokenVerifier } from '../ports/signing.ts';

// Tokens of decisions: JWS with Ed25519, through `jose` (design.md section 7).
//
// T1. Algorithm, audience and type are fixed here, never taken from a token.
// T2. The signature is checked before any claim is believed; an expiry is compared with the time that the caller gives.
// T3. A token that says more than these claims, or says them otherwise, is malformed: nothing of ours makes one.

const ALGORITHM = 'EdDSA';
const AUDIENCE = 'dr-autopilot/decision';
const TYPE = 'dr-decision+jwt';

const wire = z.strictObject({
  aud: z.literal(AUDIENCE),
  jti: z.string().min(1),
  sub: z.string().min(1),
  exp: z.number().positive(), // seconds since the epoch, with a fraction
  approval: z.string().min(1),
  incident: z.string().min(1),
  decision: z.enum(['approve', 'deny']),
  planDigest: z.string().min(1),
  evidenceDigest: z.string().min(1),
  lossBoundMs: z.number().nonnegative().nullable(),
});

/** Signs with a private key in PKCS #8 PEM. Only `notify` is given one. Rejects when the text is no Ed25519 key. */
export async function createTokenSigner(options: {
  readonly keyId: string;
  readonly privateKey: SecretText;
}): Promise<TokenSigner> {
  const { importPKCS8, SignJWT } = await import('jose');
  const key = await importPKCS8(options.privateKey.reveal(), ALGORITHM);
  return {
    keyId: options.keyId,
    sign: ({ tokenId, approver, expiresAt, ...rest }) =>
      new SignJWT({ ...rest })
        .setProtectedHeader({ alg: ALGORITHM, typ: TYPE, kid: options.keyId })
        .setAudience(AUDIENCE)
        .setJti(tokenId)
        .setSubject(approver)
        .setExpirationTime(expiresAt / 1_000)
        .sign(key),
  };
}

/** Verifies with public keys in SPKI PEM, by key id. Rejects when one of them is no Ed25519 key. */
export async function createTokenVerifier(publicKeys: Readonly<Record<string, string>>): Promise<TokenVerifier> {
  const { decodeProtectedHeader, importSPKI, jwtVerify } = await import('jose');
  const imported = Object.entries(publicKeys).map(async ([id, pem]) => [id, await importSPKI(pem, ALGORITHM)] as const);
  const keys = new Map(await Promise.all(imported));

  return {
    verify: async (token, at) => {
      const keyId = keyIdOf(token, decodeProtectedHeader);
      if (keyId === undefined) return err('malformed');
      const key = keys.get(keyId);
      if (key === undefined) return err('unknownKey');
      try {
        const { payload } = await jwtVerify(token, key, {
          algorithms: [ALGORITHM],
          audience: AUDIENCE,
          typ: TYPE,
          currentDate: new Date(at),
          clockTolerance: 0,
        });
        const parsed = wire.safeParse(payload);
        return parsed.success ? ok(claimsOf(parsed.data)) : err('malformed');
      } catch (error) {
        const refusal = refusalOf(error);
        if (refusal === undefined) throw error;
        return err(refusal);
      }
    },
  };
}

function claimsOf(payload: z.infer<typeof wire>): DecisionClaims {
  const { approval, incident, decision, planDigest, evidenceDigest, lossBoundMs, jti, sub, exp } = payload;
  const expiresAt = instant(Math.round(exp * 1_000));
  return {
    approval,
    incident,
    approver: sub,
    decision,
    planDigest,
    evidenceDigest,
    lossBoundMs,
    tokenId: jti,
    expiresAt,
  };
}

function keyIdOf(token: string, decode: (token: string) => { readonly kid?: string | undefined }): string | undefined {
  try {
    return decode(token).kid;
  } catch {
    return undefined; // no JWS at all
  }
}

const failure = z.object({ code: z.string(), claim: z.string().optional() });

/** By `jose`'s codes; `undefined` for what is no verdict on the token. */
function refusalOf(error: unknown): TokenRefusal | undefined {
  const parsed = failure.safeParse(error);
  if (!parsed.success || !parsed.data.code.startsWith('ERR_J')) return undefined;
  const { code, claim } = parsed.data;
  if (code === 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED') return 'badSignature';
  if (code === 'ERR_JWT_EXPIRED') return 'expired';
  return code === 'ERR_JWT_CLAIM_VALIDATION_FAILED' && claim === 'aud' ? 'wrongAudience' : 'malformed';
}
