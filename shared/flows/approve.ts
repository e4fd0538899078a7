import { z } from 'zod';
import { formNonce, isFreshNonce } from '../approvals/form.ts';
import { linkKey } from '../approvals/link.ts';
import { decidedPage, decidePage, refusedPage, tooLatePage } from '../approvals/page.ts';
import { type ApprovalView, approvalView } from '../approvals/page-view.ts';
import { sameMailbox } from '../approvals/verify-decisions.ts';
import { sha256 } from '../core/digest.ts';
import type { SecretText } from '../core/redact.ts';
import { instant, type Instant } from '../core/time.ts';
import { about, tell } from '../incident/telling.ts';
import { event, type NewEvent } from '../incident/events.ts';
import {
  type ApprovalState,
  hasEnded,
  type IncidentState,
  type IssuedLink,
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
// A5. Whoever holds a correctly signed token is told clearly why it came too late. Every refusal is an audit event.

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

/**
 * Refused attempts that are written into one incident's log: a scanner must not fill it. All of them go to the function's own
 * log, which has limits of its own.
 */
const REFUSALS_MAX = 20;

const linkWire = z.object({
  incident: z.string().transform(incidentId),
  approval: z.string(),
  approver: z.string().transform(personId),
});

/** Shows the page of an opaque id (A1). */
export async function showApproval(opaque: string, home: ApproveHome): Promise<PageAnswer> {
  const found = await find(opaque, home);
  const now = await home.store.now();
  const view = found === undefined ? undefined : viewOf(found, home, now);
  if (found === undefined || view === undefined) return refused();
  const { approval, approver, journal } = found;
  const may = (decision: 'approve' | 'deny'): boolean =>
    tooLate(journal.state(), approval.id, approver, decision, now) === undefined;
  const nonce = formNonce(opaque, now, home.formKey);
  if (may('approve')) return { status: 200, body: decidePage(view, nonce) };
  return { status: 200, body: decidedPage(view, saidOf(found, now), may('deny') ? nonce : undefined) };
}

/** Takes a decision (A2 to A5). */
export async function decide(posted: PostedDecision, home: ApproveHome): Promise<PageAnswer> {
  const found = await find(posted.opaque, home);
  if (found === undefined) return refused();
  const { journal, approval, approver } = found;
  const now = await home.store.now();
  const token = posted.token.trim();
  const checked = await check(token, found, posted.identity, now, home);
  if (checked.kind === 'refused') return await refuse(found, checked.because, home, refused());
  if (checked.kind === 'late')
    return await refuse(found, checked.because, home, fate(found, home, now, checked.because));
  const { decision } = checked;
  const late = tooLate(journal.state(), approval.id, approver, decision, now);
  if (late !== undefined) return await refuse(found, late, home, fate(found, home, now, late));
  if (!isFreshNonce(posted.nonce, posted.opaque, now, home.formKey))
    return await refuse(found, 'a form that is not of its page', home, {
      status: 400,
      body: tooLatePage('The form is too old or was not made by this page. Open the link from the message again.'),
    });
  const state = await journal.append((current, at) => {
    const because = tooLate(current, approval.id, approver, decision, later(now, at));
    if (because !== undefined) return refusal(current, approval, because);
    const identity = posted.identity ?? null;
    return [
      event('decided', { approval: approval.id, approver, identity, decision, token }),
      told(current, approval, approver, decision),
    ];
  });
  await afterAppend(state, home);
  return fate(found, home, now, undefined);
}

interface Found {
  readonly journal: Journal;
  readonly approval: ApprovalState;
  readonly approver: PersonId;
  readonly link: IssuedLink;
}

async function find(opaque: string, home: ApproveHome): Promise<Found | undefined> {
  if (!/^[\w-]{22}$/.test(opaque)) return undefined;
  const hash = sha256(opaque);
  const known = linkWire.safeParse((await home.store.documents.get(linkKey(hash)))?.value);
  if (!known.success) return undefined;
  const { incident, approver } = known.data;
  const journal = await journalOf(incident, home);
  const approval = journal?.state().approvals.find(({ id }) => id === known.data.approval);
  const link = approval?.links.find((issued) => issued.opaqueHash === hash && issued.approver === approver);
  return journal === undefined || approval === undefined || link === undefined
    ? undefined
    : { journal, approval, approver, link };
}

type Checked =
  | { readonly kind: 'good'; readonly decision: 'approve' | 'deny' }
  /** Rightly signed for this very link, and expired. */
  | { readonly kind: 'late'; readonly because: string }
  | { readonly kind: 'refused'; readonly because: string };

/** Whether the token is one of this link, and its holder who the token says (A2). */
async function check(
  token: string,
  found: Found,
  identity: string | undefined,
  now: Instant,
  home: ApproveHome,
): Promise<Checked> {
  const inTime = await home.verifier.verify(token, now);
  const isLate = !inTime.ok && inTime.error === 'expired';
  // Once it was good: only then may its holder read why it no longer is.
  const checked = isLate ? await home.verifier.verify(token, found.approval.askedAt) : inTime;
  if (!checked.ok) return { kind: 'refused', because: checked.error };
  const because = objection(checked.value, found, identity, home);
  if (because !== undefined) return { kind: 'refused', because };
  return isLate
    ? { kind: 'late', because: 'the time to decide is over' }
    : { kind: 'good', decision: checked.value.decision };
}

/** Why this token decides nothing here (A2). */
function objection(
  claims: DecisionClaims,
  { journal, approval, approver, link }: Found,
  identity: string | undefined,
  { system }: ApproveHome,
): string | undefined {
  if (claims.approver !== approver) return 'a token of another approver';
  if (claims.incident !== journal.id || claims.approval !== approval.id) return 'a token of another approval';
  if (claims.planDigest !== approval.planDigest || claims.evidenceDigest !== approval.evidence)
    return 'a token of another plan';
  if (!link.tokenIds.includes(claims.tokenId)) return 'a token of another link';
  const runbook = journal.state().run?.plan.runbook;
  const mayDecide =
    runbook === undefined || system.approvals.perRunbook[runbook]?.approvers.includes(approver) === true;
  const person = system.people.find(({ id }) => id === approver);
  if (person === undefined || !mayDecide) return 'not an approver of this runbook';
  if (system.approvals.identity !== 'link' && (identity === undefined || !sameMailbox(identity, person.email)))
    return 'signed in as somebody else';
  return undefined;
}

/** Why a decision of this approver comes too late, or undefined when it may be written. */
function tooLate(
  state: IncidentState,
  id: string,
  approver: PersonId,
  decision: 'approve' | 'deny',
  now: Instant,
): string | undefined {
  const approval = state.approvals.find((known) => known.id === id);
  if (approval === undefined) return 'there is no such approval';
  if (approval.decisions.some((known) => known.approver === approver)) return 'you have decided already';
  if (hasEnded(state)) return 'the incident has ended';
  const { run } = state;
  if (approval.voided === undefined && run?.digest !== approval.planDigest) return 'the plan has changed since';
  const stands = standing(approval, now);
  if (stands === 'approved' && decision === 'deny')
    return run !== undefined && (insideCommittedSection(run) || passedNoReturn(run))
      ? 'the committed section has begun; to act yourself, press takeover'
      : undefined;
  return stands === 'open' ? undefined : STANDS[stands];
}

const STANDS = {
  approved: 'the plan is approved already',
  denied: 'the plan is denied already',
  expired: 'the time to decide is over',
  voided: 'this approval is void',
} as const;

/** Tells everybody who was asked that it is decided (failover-rules 21). */
function told(state: IncidentState, asked: ApprovalState, approver: PersonId, decision: 'approve' | 'deny'): NewEvent {
  const approval = state.approvals.find(({ id }) => id === asked.id) ?? asked;
  const approvals = approval.decisions.filter((known) => known.decision === 'approve').length + 1;
  const text =
    decision === 'deny'
      ? `${approver} denied the plan: nothing of it will be done.`
      : `${approver} approved the plan (${approvals} of ${approval.quorum}).`;
  const did = decision === 'deny' ? 'denied' : 'approved';
  return tell(`decided/${approval.id}/${approver}`, 'approvalDecided', `${about(state)}: ${did} by ${approver}`, text);
}

/** The clear page for whoever holds a correctly signed token (A5). */
function fate(found: Found, home: ApproveHome, now: Instant, because: string | undefined): PageAnswer {
  const { journal, approver } = found;
  const approval = journal.state().approvals.find(({ id }) => id === found.approval.id) ?? found.approval;
  const newest = { ...found, approval };
  const mine = approval.decisions.some((decision) => decision.approver === approver);
  const said =
    mine || because === undefined ? saidOf(newest, now) : `Nothing was changed: ${because}. ${saidOf(newest, now)}`;
  const view = viewOf(newest, home, now);
  return { status: mine ? 200 : 409, body: view === undefined ? tooLatePage(said) : decidedPage(view, said) };
}

/** How this approval stands, in words for its approver. */
function saidOf({ journal, approval, approver }: Found, now: Instant): string {
  const mine = approval.decisions.find((decision) => decision.approver === approver);
  const newer = journal
    .state()
    .approvals.some((other) => other.askedAt > approval.askedAt && standing(other, now) === 'open');
  return [
    ...(mine === undefined ? [] : [`${mine.approver} decided: ${mine.decision}.`]),
    standsAs(approval, now),
    ...(newer ? ['A newer plan waits for a decision: open the newest message.'] : []),
  ].join(' ');
}

function standsAs(approval: ApprovalState, now: Instant): string {
  switch (standing(approval, now)) {
    case 'approved':
      return 'The plan is approved.';
    case 'denied':
      return 'The plan is denied.';
    case 'expired':
      return 'The time to decide is over.';
    case 'voided':
      return `This approval is void: ${approval.voided ?? ''}.`;
    case 'open':
      return `Waiting for ${approval.quorum} approval(s).`;
  }
}

function viewOf(
  { journal, approval, approver }: Found,
  { system }: ApproveHome,
  now: Instant,
): ApprovalView | undefined {
  const state = journal.state();
  const { run } = state;
  // Only the present plan can be shown in full; of an older one its fate is what matters.
  return run === undefined || run.digest !== approval.planDigest
    ? undefined
    : approvalView({ system, state, approval, approver, plan: run.plan }, now);
}

/** Writes a refused attempt down, and gives the page for it. */
async function refuse(
  { journal, approval }: Found,
  because: string,
  home: ApproveHome,
  answer: PageAnswer,
): Promise<PageAnswer> {
  home.note('an attempt to decide was refused', { incident: journal.id, approval: approval.id, because });
  await journal.append((state) => refusal(state, approval, because));
  return answer;
}

const refusal = (state: IncidentState, approval: ApprovalState, because: string): readonly NewEvent[] =>
  state.refusedAttempts >= REFUSALS_MAX ? [] : [event('attemptRefused', { approval: approval.id, because })];

const refused = (): PageAnswer => ({ status: 404, body: refusedPage() });

const later = (one: Instant, other: Instant): Instant => instant(Math.max(one, other));
