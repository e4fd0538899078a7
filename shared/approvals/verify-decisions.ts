import { after, type Instant } from '../core/time.ts';
import type { ApprovalState } from '../incident/state.ts';
import type { DecisionClaims, TokenVerifier } from '../ports/signing.ts';
import type { IncidentId, PersonId } from '../system/names.ts';
import { personId } from '../system/names.ts';
import type { ApprovalPolicy, Approvals } from '../system/system.ts';

// Whether the decisions in a log really are an approval of this very plan. This is what stands between a forged event and a
// destructive effect: the log only carries the tokens, and nothing else of it is believed.
//
// A1. Who may decide, and how many must, comes from the deployed configuration; the approval event can't widen it.
// A2. A decision counts only with a token that verifies, for this incident, this approval and this plan's digest.
// A3. A valid deny outweighs every approval.

/** What the decisions amount to, with the figures that the approvers signed. */
export type Verification =
  | {
      readonly kind: 'approved';
      readonly approvers: readonly PersonId[];
      readonly evidence: string;
      readonly lossLimitMs: number | null;
      readonly startBefore: Instant;
    }
  | { readonly kind: 'denied'; readonly by: PersonId }
  | { readonly kind: 'unproved'; readonly because: string };

/** What is needed to check decisions. */
export interface VerificationRequest {
  readonly incident: IncidentId;
  readonly planDigest: string;
  readonly approval: ApprovalState;
  readonly policy: ApprovalPolicy | undefined;
  readonly identity: Approvals['identity'];
  readonly verifier: TokenVerifier;
}

/** Checks every decision by its signature (A1 to A3). The caller compares `startBefore` with its own clock. */
export async function verifyDecisions(request: VerificationRequest): Promise<Verification> {
  const { approval, policy, identity } = request;
  if (policy === undefined || policy.approvers.length === 0)
    return { kind: 'unproved', because: 'the configuration names no approvers' };
  const refusals: string[] = [];
  const valid: DecisionClaims[] = [];
  for (const decision of approval.decisions) {
    const checked = await request.verifier.verify(decision.token, decision.at);
    const because = checked.ok ? objection(checked.value, request, policy) : checked.error;
    if (because !== undefined || !checked.ok) refusals.push(`${decision.approver}: ${because}`);
    else if (identity !== 'link' && decision.identity !== checked.value.approver)
      refusals.push(`${decision.approver}: decided under another identity`);
    else valid.push(checked.value);
  }
  const deny = valid.find((claims) => claims.decision === 'deny');
  if (deny !== undefined) return { kind: 'denied', by: personId(deny.approver) };
  const approvers = [...new Set(valid.map((claims) => personId(claims.approver)))];
  const first = valid[0];
  if (first === undefined || approvers.length < policy.quorum) {
    return {
      kind: 'unproved',
      because: `${approvers.length} of ${policy.quorum} approvals verify${refusals.length === 0 ? '' : ` (${refusals.join('; ')})`}`,
    };
  }
  const limits = valid.map((claims) => claims.lossBoundMs);
  const lossLimitMs = limits.every((limit) => limit !== null)
    ? Math.min(...limits)
    : (limits.find((limit) => limit !== null) ?? null);
  const startBefore = after(
    valid.map((claims) => claims.expiresAt).reduce((a, b) => (a < b ? a : b), first.expiresAt),
    policy.startWithin,
  );
  return { kind: 'approved', approvers, evidence: first.evidenceDigest, lossLimitMs, startBefore };
}

function objection(claims: DecisionClaims, request: VerificationRequest, policy: ApprovalPolicy): string | undefined {
  if (claims.incident !== request.incident) return 'a token of another incident';
  if (claims.approval !== request.approval.id) return 'a token of another approval';
  if (claims.planDigest !== request.planDigest) return 'a token of another plan';
  if (!policy.approvers.includes(personId(claims.approver))) return 'not an approver of this runbook';
  return undefined;
}
