import { sha256 } from '../core/digest.ts';
import { after, minutes, seconds, toIso } from '../core/time.ts';
import { parseFacts } from '../classify/stored-facts.ts';
import { linkFor, linkKey } from '../approvals/link.ts';
import { tell } from '../incident/decide.ts';
import { event, type Notice } from '../incident/events.ts';
import { type ApprovalState, hasEnded, type IncidentState, type NoticeState, standing } from '../incident/state.ts';
import type { Journal } from '../log/journal.ts';
import { internalUpdate } from '../notices/internal-update.ts';
import { approvedLimitMs } from '../plan/loss-bound.ts';
import { opensOf, planDigest } from '../plan/plan.ts';
import type { Delivery } from '../ports/messages.ts';
import type { TokenSigner } from '../ports/signing.ts';
import type { IncidentId, PersonId } from '../system/names.ts';
import type { Destination } from '../system/system.ts';
import { drawPlan } from './draw-plan.ts';
import { type FlowHome, journalOf, wake } from './flow-home.ts';

// Delivers what people must be told, at least once, and makes the links by which they decide.
//
// N1. Only this flow signs, and only a plan of our own catalogue: it draws the plan again from the diagnosis and the evidence,
//     and signs nothing when the digest differs (design.md section 7).
// N2. A link is in the log (as hashes) before it is delivered. A redelivery makes a new one; each counts until it expires.
// N3. One dead destination holds up no other, and an urgent notice is never given up.
// N4. A destination gets the link of its own person only. Without a person it is told, and can't decide.

/** What notify runs on. Nothing here has power over anything but messages. */
export interface NotifyHome extends FlowHome {
  readonly signer: TokenSigner;
  readonly delivery: Delivery;
}

/** Deliveries of one notice to one destination before an ordinary one is given up. */
const ATTEMPTS_MAX = 8;

/** Links of one incident in one hour: more would be somebody making us sign. */
const LINKS_MAX = 40;

/** Delivers every notice of the incident that is due. */
export async function notifyIncident(id: IncidentId, home: NotifyHome): Promise<void> {
  const journal = await journalOf(id, home);
  if (journal === undefined) return;
  const { store, system, instance, chance } = home;
  const lease = await store.leases.acquire(`notify/${id}`, `${instance}/${chance.uuid()}`, system.guards.lease);
  if (lease.kind === 'taken') return;
  const tried = new Set<string>();
  try {
    await journal.refresh();
    for (const notice of dueNotices(journal.state(), home)) {
      tried.add(notice.notice.id);
      await deliver(notice, journal, home);
    }
  } finally {
    await store.leases.release(lease.lease);
  }
  await afterDelivery(journal, tried, home);
}

/** Notices that came up meanwhile go out at once; those that failed, and those that may not be signed, wait for `tick`. */
async function afterDelivery(journal: Journal, tried: ReadonlySet<string>, home: NotifyHome): Promise<void> {
  const state = await journal.refresh();
  const fresh = [...state.notices.values()].some(
    ({ notice, delivered, attempts }) => delivered.length === 0 && attempts === 0 && !tried.has(notice.id),
  );
  if (fresh) await wake('dr-notices', state, home);
}

function dueNotices(state: IncidentState, home: NotifyHome): readonly NoticeState[] {
  const now = home.clock.now();
  return [...state.notices.values()].filter((known) => {
    if (outstanding(known, home.system.notifications).length === 0) return false;
    if (known.attempts >= ATTEMPTS_MAX && !known.notice.urgent) return false;
    return known.attempts === 0 || now >= after(known.dueAt, seconds(15));
  });
}

/** An ordinary notice has arrived when anybody has it; an urgent one goes to all. */
function outstanding(known: NoticeState, destinations: readonly Destination[]): readonly Destination[] {
  const missing = destinations.filter((destination) => !known.delivered.includes(destination.id));
  return known.notice.urgent || known.delivered.length === 0 ? missing : [];
}

async function deliver(known: NoticeState, journal: Journal, home: NotifyHome): Promise<void> {
  const { notice } = known;
  const approval = journal.state().approvals.find((asked) => asked.id === notice.approval);
  if (notice.approval !== null && approval === undefined) return;
  if (approval !== undefined && !(await maySign(approval, journal, home))) return;
  await Promise.all(
    outstanding(known, home.system.notifications).map(async (destination) => {
      const link = approval === undefined ? undefined : await linkOf(approval, destination, journal, home);
      const answer = await home.delivery.deliver(destination.id, {
        subject: notice.subject,
        text: textOf(notice, journal.state(), link, home),
        link: link?.url,
        data: { incident: journal.id, notice: notice.id, kind: notice.kind, urgent: notice.urgent },
      });
      await journal.append(() => [
        answer.delivered
          ? event('noticeDelivered', { notice: notice.id, destination: destination.id })
          : event('noticeFailed', {
              notice: notice.id,
              destination: destination.id,
              detail: answer.detail,
              attempt: known.attempts + 1,
            }),
      ]);
    }),
  );
}

function textOf(
  notice: Notice,
  state: IncidentState,
  link: { readonly codes: string } | undefined,
  home: NotifyHome,
): string {
  const parts = [notice.text];
  if (link !== undefined) parts.push(`Without script, paste this code into the page:\n${link.codes}`);
  if (!hasEnded(state)) parts.push(internalUpdate(state, home.clock.now()));
  return parts.join('\n\n');
}

/** Whether this approval asks for a plan of our own, for exactly what its evidence says (N1). What is wrong is told to people. */
async function maySign(approval: ApprovalState, journal: Journal, home: NotifyHome): Promise<boolean> {
  const state = journal.state();
  if (standing(approval, home.clock.now()) !== 'open') return false;
  const because = await objection(approval, state, home);
  if (because === undefined) return true;
  await journal.append((now) =>
    now.notices.has(`unsigned/${approval.id}`)
      ? []
      : [
          event('attemptRefused', { approval: approval.id, because }),
          tell(`unsigned/${approval.id}`, 'blocked', `${state.headline}: an approval was not signed`, because, {
            urgent: true,
          }),
        ],
  );
  return false;
}

async function objection(
  approval: ApprovalState,
  state: IncidentState,
  { store, system }: NotifyHome,
): Promise<string | undefined> {
  const { run, diagnosis } = state;
  if (run === undefined || diagnosis === undefined || run.digest !== approval.planDigest)
    return 'the approval is for another plan than the incident’s';
  const text = await store.evidence.read(run.evidence as Parameters<typeof store.evidence.read>[0]); // a digest that `keep` returned
  if (text === undefined || sha256(text) !== run.evidence || approval.evidence !== run.evidence)
    return 'the evidence of the plan is missing or is not what the plan rests on';
  const drawn = drawPlan(system, state.id, diagnosis, parseFacts(text), {
    warnings: run.plan.warnings,
    opens: opensOf(run.plan),
  });
  if (drawn.kind === 'none') return `no such plan can be drawn from the evidence: ${drawn.because}`;
  if (planDigest(drawn.plan) !== run.digest) return 'the plan in the log is not the one that the evidence leads to';
  if (approvedLimitMs(drawn.plan.lossBound) !== approval.lossLimitMs)
    return 'the approval names another loss bound than the plan';
  const recent = state.approvals.flatMap(({ links, askedAt }) => (askedAt > state.lastAt - minutes(60) ? links : []));
  return recent.length >= LINKS_MAX ? `${recent.length} links were made within an hour` : undefined;
}

/** The link of the destination's person, if that person may decide (N2, N4). */
async function linkOf(
  approval: ApprovalState,
  destination: Destination,
  journal: Journal,
  home: NotifyHome,
): Promise<{ readonly url: string; readonly codes: string } | undefined> {
  const policy = home.system.approvals.perRunbook[journal.state().run?.plan.runbook ?? 'database-failover'];
  const approver = destination.person;
  if (approver === undefined || policy?.approvers.includes(approver) !== true || !approval.approvers.includes(approver))
    return undefined;
  const link = await makeLink(approval, approver, journal, home);
  return link;
}

async function makeLink(
  approval: ApprovalState,
  approver: PersonId,
  journal: Journal,
  { chance, signer, store, system }: NotifyHome,
): Promise<{ readonly url: string; readonly codes: string }> {
  const opaque = Buffer.from(chance.bytes(16)).toString('base64url');
  const tokenIds = [chance.uuid(), chance.uuid()] as const;
  const claims = {
    approval: approval.id,
    incident: journal.id,
    approver,
    planDigest: approval.planDigest,
    evidenceDigest: approval.evidence,
    lossBoundMs: approval.lossLimitMs,
    expiresAt: approval.expiresAt,
  };
  const [approve, deny] = await Promise.all([
    signer.sign({ ...claims, decision: 'approve', tokenId: tokenIds[0] }),
    signer.sign({ ...claims, decision: 'deny', tokenId: tokenIds[1] }),
  ]);
  const opaqueHash = sha256(opaque);
  await store.documents.put(linkKey(opaqueHash), { incident: journal.id, approval: approval.id, approver }, 0);
  await journal.append(() => [
    event('linkIssued', {
      approval: approval.id,
      approver,
      keyId: signer.keyId,
      opaqueHash,
      tokenIds: [...tokenIds],
      expiresAt: approval.expiresAt,
    }),
  ]);
  return linkFor(system.endpoints.approve, opaque, { approve, deny }, toIso(approval.expiresAt));
}
