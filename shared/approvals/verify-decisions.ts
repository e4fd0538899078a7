import { after, type Instant } from '../core/time.ts';
import type { ApprovalState, Decision } from '../incident/state.ts';
import type { DecisionClaims, TokenVerifier } from '../ports/signing.ts';
import type { IncidentId, PersonId } from '../system/names.ts';
import { personId } from '../system/names.ts';
import type { ApprovalPolicy, Approvals, Person } from '../system/system.ts';

// Whether the decisions in a log really are an approval of this very plan. This is what stands between a forged event and a
// destructive effect: the log only carries the tokens, and nothing else of it is believed.
//
// A1. Who may decide, and how many must, comes from the deployed configuration; the approval event can't widen it.
// A2. A decision counts only with a token that verifies, for this incident, this approval and this plan's digest.
// A3. A valid deny outweighs every approval.
// A4. The token says what and the identity says who: beside `iap` and `oidc` an approval counts only when it was given under the
//     e-mail that `dr.yaml` names for the token's approver. An event that says something else than its token is no approval.

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
  /** Whose e-mail is whose, from the deployed configuration. */
  readonly people: readonly Pick<Person, 'id' | 'email'>[];
  readonly verifier: TokenVerifier;
}

/** Checks every decision by its signature (A1 to A4). The caller compares `startBefore` with its own clock. */
export async function verifyDecisions(request: VerificationRequest): Promise<Verification> {
  const { approval, policy } = request;
  if (policy === undefined || policy.approvers.length === 0)
    return { kind: 'unproved', because: 'the configuration names no approvers' };
  const refusals: string[] = [];
  const valid: DecisionClaims[] = [];
  for (const decision of approval.decisions) {
    const checked = await request.verifier.verify(decision.token, decision.at);
    const because = checked.ok ? objection(decision, checked.value, request, policy) : checked.error;
    if (checked.ok && because === undefined) valid.push(checked.value);
    else refusals.push(`${decision.approver}: ${because}`);
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
  const limits = valid.flatMap(({ lossBoundMs }) => (lossBoundMs === null ? [] : [lossBoundMs]));
  const lossLimitMs = limits.length === 0 ? null : Math.min(...limits);
  const startBefore = after(
    valid.map((claims) => claims.expiresAt).reduce((a, b) => (a < b ? a : b), first.expiresAt),
    policy.startWithin,
  );
  return { kind: 'approved', approvers, evidence: first.evidenceDigest, lossLimitMs, startBefore };
}

function objection(
  decision: Decision,
  claims: DecisionClaims,
  request: VerificationRequest,
  policy: ApprovalPolicy,
): string | undefined {
  if (claims.incident !== request.incident) return 'a token of another incident';
  if (claims.approval !== request.approval.id) return 'a token of another approval';
  if (claims.planDigest !== request.planDigest) return 'a token of another plan';
  if (!policy.approvers.includes(personId(claims.approver))) return 'not an approver of this runbook';
  if (request.identity !== 'link' && !isSignedInAs(decision, claims.approver, request.people))
    return 'decided under another identity';
  if (claims.decision === 'approve' && (decision.decision !== 'approve' || decision.approver !== claims.approver))
    return 'an event that says something else than its token';
  return undefined;
}

function isSignedInAs({ identity }: Decision, approver: string, people: VerificationRequest['people']): boolean {
  const person = people.find(({ id }) => id === approver);
  return person !== undefined && identity !== null && sameMailbox(identity, person.email);
}

/** Whether two addresses are one mailbox: identity providers keep the case in which an account was made. */
export const sameMailbox = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();
