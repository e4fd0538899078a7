import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { linkKey } from '../approvals/link.ts';
import { decidedPage, decidePage, refusedPage, tooLatePage } from '../approvals/page.ts';
import { approvalView } from '../approvals/page-view.ts';
import { sha256 } from '../core/digest.ts';
import type { SecretText } from '../core/redact.ts';
import { type Instant, minutes } from '../core/time.ts';
import { event } from '../incident/events.ts';
import {
  type ApprovalState,
  type IncidentState,
  insideCommittedSection,
  passedNoReturn,
  standing,
} from '../incident/state.ts';
import type { Journal } from '../log/journal.ts';
import type { DecisionClaims, TokenVerifier } from '../ports/signing.ts';
import { incidentId, type PersonId, personId } from '../system/names.ts';
import { afterAppend } from './after-append.ts';
import { type FlowHome, journalOf } from './flow-home.ts';

// Shows what will happen and takes decisions.
//
// A1. Showing changes nothing, however often and by whomever it is asked for: mail scanners follow links.
// A2. A decision counts only with a token that verifies at the store's time, for the link's approver, this approval and the
//     present plan. Every refusal looks the same to whoever has no such token.
// A3. One decision per approval and approver; a second one shows what was decided.
// A4. A deny stops the plan until its committed section has begun; an approval after a deny is none.

/** What approve runs on. It holds public keys only. */
export interface ApproveHome extends FlowHome {
  readonly verifier: TokenVerifier;
  /** Binds a form to its page; the same for all copies of the function. */
  readonly formKey: SecretText;
}

/** A page and its status. */
export interface PageAnswer {
  readonly status: number;
  readonly body: string;
}

/** A form as it was posted. `identity` is the signed identity's e-mail, where there is one. */
export interface PostedDecision {
  readonly opaque: string;
  readonly token: string;
  readonly nonce: string;
  readonly identity: string | undefined;
}

/** Refused attempts that are written into one incident's log within an hour: a scanner must not fill it. */
const REFUSALS_MAX = 20;

const linkWire = z.object({
  incident: z.string().transform(incidentId),
  approval: z.string(),
  approver: z.string().transform(personId),
});

/** Shows the page of an opaque id (A1). */
export async function showApproval(opaque: string, home: ApproveHome): Promise<PageAnswer> {
  const found = await find(opaque, home);
  if (found === undefined) return refused();
  const { approval } = found;
  const view = viewOf(found, home);
  if (view === undefined) return refused();
  const now = await home.store.now();
  const mine = approval.decisions.find((decision) => decision.approver === found.approver);
  if (mine !== undefined)
    return { status: 200, body: decidedPage(view, `${mine.approver} decided: ${mine.decision}.`) };
  if (standing(approval, now) !== 'open') return { status: 200, body: decidedPage(view, saidOf(approval, now)) };
  return { status: 200, body: decidePage(view, nonceOf(opaque, hourOf(now), home.formKey)) };
}

/** Takes a decision (A2 to A4). */
export async function decide(posted: PostedDecision, home: ApproveHome): Promise<PageAnswer> {
  const found = await find(posted.opaque, home);
  if (found === undefined) return refused();
  const { journal, approver } = found;
  const now = await home.store.now();
  const checked = await home.verifier.verify(posted.token.trim(), now);
  const because = checked.ok ? objection(checked.value, found, posted, home) : checked.error;
  if (!checked.ok || because !== undefined) {
    await note(journal, found.approval, because ?? 'malformed');
    return refused();
  }
  if (!isFresh(posted, now, home.formKey))
    return { status: 400, body: tooLatePage('The form is too old or was not made by this page. Open the link again.') };
  const { decision } = checked.value;
  const decided = event('decided', {
    approval: found.approval.id,
    approver,
    identity: posted.identity ?? null,
    decision,
    token: posted.token.trim(),
  });
  const state = await journal.append((current, at) =>
    mayDecide(current, found.approval.id, approver, decision, at) === undefined ? [decided] : [],
  );
  await afterAppend(state, home);
  return await shown(found, home, now);
}

interface Found {
  readonly journal: Journal;
  readonly approval: ApprovalState;
  readonly approver: PersonId;
}

async function find(opaque: string, home: ApproveHome): Promise<Found | undefined> {
  if (!/^[\w-]{22}$/.test(opaque)) return undefined;
  const hash = sha256(opaque);
  const link = linkWire.safeParse((await home.store.documents.get(linkKey(hash)))?.value);
  if (!link.success) return undefined;
  const journal = await journalOf(link.data.incident, home);
  const approval = journal?.state().approvals.find(({ id }) => id === link.data.approval);
  const known = approval?.links.some((issued) => issued.opaqueHash === hash && issued.approver === link.data.approver);
  return journal === undefined || approval === undefined || known !== true
    ? undefined
    : { journal, approval, approver: link.data.approver };
}

/** Why this token decides nothing here (A2). */
function objection(
  claims: DecisionClaims,
  { journal, approval, approver }: Found,
  posted: PostedDecision,
  { system }: ApproveHome,
): string | undefined {
  const link = approval.links.find((issued) => issued.opaqueHash === sha256(posted.opaque));
  if (claims.approver !== approver) return 'a token of another approver';
  if (claims.incident !== journal.id || claims.approval !== approval.id) return 'a token of another approval';
  if (claims.planDigest !== approval.planDigest || claims.evidenceDigest !== approval.evidence)
    return 'a token of another plan';
  if (link?.tokenIds.includes(claims.tokenId) !== true) return 'a token of another link';
  const person = system.people.find(({ id }) => id === approver);
  const policy = system.approvals.perRunbook[journal.state().run?.plan.runbook ?? 'database-failover'];
  if (person === undefined || policy?.approvers.includes(approver) !== true) return 'not an approver of this runbook';
  if (system.approvals.identity !== 'link' && posted.identity !== person.email) return 'signed in as somebody else';
  return undefined;
}

/** Why a decision of this approver comes too late, or undefined when it may be written. */
function mayDecide(
  state: IncidentState,
  id: string,
  approver: PersonId,
  decision: 'approve' | 'deny',
  now: Instant,
): string | undefined {
  const approval = state.approvals.find((known) => known.id === id);
  if (approval === undefined) return 'there is no such approval';
  if (approval.decisions.some((known) => known.approver === approver)) return 'already decided';
  if (
    decision === 'deny' &&
    state.run !== undefined &&
    (insideCommittedSection(state.run) || passedNoReturn(state.run))
  )
    return 'the committed section has begun';
  const stands = standing(approval, now);
  return stands === 'open' || (stands === 'approved' && decision === 'deny') ? undefined : stands;
}

async function shown(found: Found, home: ApproveHome, now: Instant): Promise<PageAnswer> {
  const approval = found.journal.state().approvals.find(({ id }) => id === found.approval.id) ?? found.approval;
  const view = viewOf({ ...found, approval }, home);
  const mine = approval.decisions.find((decision) => decision.approver === found.approver);
  if (view === undefined) return { status: 409, body: tooLatePage(saidOf(approval, now)) };
  return mine === undefined
    ? { status: 409, body: tooLatePage(saidOf(approval, now)) }
    : { status: 200, body: decidedPage(view, `${mine.approver} decided: ${mine.decision}. ${saidOf(approval, now)}`) };
}

function saidOf(approval: ApprovalState, now: Instant): string {
  switch (standing(approval, now)) {
    case 'approved':
      return 'The plan is approved.';
    case 'denied':
      return 'The plan is denied.';
    case 'expired':
      return 'The time to decide is over.';
    case 'voided':
      return `This approval is void: ${approval.voided ?? ''}`;
    case 'open':
      return `Waiting for ${approval.quorum} approval(s).`;
  }
}

function viewOf({ journal, approval }: Found, { system, clock }: ApproveHome) {
  const state = journal.state();
  const { run } = state;
  // Only the present plan can be shown in full; of an older one its fate is what matters.
  return run === undefined || run.digest !== approval.planDigest
    ? undefined
    : approvalView(system, state, approval, run.plan, clock.now());
}

async function note(journal: Journal, approval: ApprovalState, because: string): Promise<void> {
  await journal.append((state) =>
    state.refusedAttempts >= REFUSALS_MAX ? [] : [event('attemptRefused', { approval: approval.id, because })],
  );
}

const refused = (): PageAnswer => ({ status: 404, body: refusedPage() });

const hourOf = (now: Instant): number => Math.floor(now / minutes(60));

const nonceOf = (opaque: string, hour: number, key: SecretText): string =>
  createHmac('sha256', key.reveal()).update(`${opaque}.${hour}`).digest('base64url');

/** A form is good in the hour of its page and in the next, on every copy of the function. */
function isFresh({ opaque, nonce }: PostedDecision, now: Instant, key: SecretText): boolean {
  const given = Buffer.from(nonce);
  return [hourOf(now), hourOf(now) - 1].some((hour) => {
    const wanted = Buffer.from(nonceOf(opaque, hour, key));
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  });
}
