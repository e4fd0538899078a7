import type { Instant } from '../core/time.ts';

/** The claims of one approver's token for one decision on one plan (design.md section 7). */
export interface DecisionClaims {
  readonly approval: string;
  readonly incident: string;
  readonly approver: string;
  readonly decision: 'approve' | 'deny';
  readonly planDigest: string;
  readonly evidenceDigest: string;
  /** Milliseconds that people accept to lose at most; `null` when it was unknown and the plan says so. */
  readonly lossBoundMs: number | null;
  /** Unique to this token. */
  readonly tokenId: string;
  readonly expiresAt: Instant;
}

/** Makes tokens. Only `notify` is given one. */
export interface TokenSigner {
  readonly keyId: string;
  sign(claims: DecisionClaims): Promise<string>;
}

/** Why a token counts for nothing. The page doesn't tell these apart; the audit does. */
export type TokenRefusal = 'malformed' | 'unknownKey' | 'badSignature' | 'wrongAudience' | 'expired';

/** Checks tokens against the public keys of the configuration. `at` is compared with the expiry. */
export interface TokenVerifier {
  verify(
    token: string,
    at: Instant,
  ): Promise<
    { readonly ok: true; readonly value: DecisionClaims } | { readonly ok: false; readonly error: TokenRefusal }
  >;
}

/** Checks who somebody is, by an OIDC id token of the configured issuer for the configured audience. */
export interface IdentityVerifier {
  /** The verified e-mail, or `undefined` for a token that counts for nothing. Rejects with `PortError` when the issuer's keys can't be read. */
  verify(idToken: string, at: Instant): Promise<string | undefined>;
}
