import { sha256 } from '../core/digest.ts';
import { canonicalJson } from '../core/json.ts';
import { after, millis, minutes, seconds, toIso } from '../core/time.ts';
import { understoodFacts } from '../classify/stored-facts.ts';
import { type Link, linkFor, linkKey } from '../approvals/link.ts';
import { type Holding, takeLeases } from '../engine/leases.ts';
import { about, tell } from '../incident/telling.ts';
import { event, type Notice } from '../incident/events.ts';
import { isOutstanding, missing } from '../incident/outstanding.ts';
import { type ApprovalState, hasEnded, type IncidentState, type NoticeState, standing } from '../incident/state.ts';
import type { Journal } from '../log/journal.ts';
import { internalUpdate } from '../notices/internal-update.ts';
import { approvedLimitMs } from '../plan/loss-bound.ts';
import { opensOf, planDigest } from '../plan/plan.ts';
import type { Delivery } from '../ports/messages.ts';
import { isPortError } from '../ports/port-error.ts';
import type { TokenSigner } from '../ports/signing.ts';
import type { IncidentId, PersonId } from '../system/names.ts';
import type { Destination } from '../system/system.ts';
import { drawPlan } from './draw-plan.ts';
import { type FlowHome, journalOf, wake, whereUnderstood } from './flow-home.ts';

// Delivers what people must be told, at least once, and makes the links by which they decide.
//
// N1. Only this flow signs, and only a plan of our own catalogue: it draws the plan again from the diagnosis and the evidence,
//     and signs nothing when the digest differs, or when the request says anything else than plan and configuration do
//     (design.md section 7).
// N2. A link is in the log (as hashes) before it is delivered. A redelivery makes a new one; each counts until it expires.
// N3. One dead destination holds up no other, and an urgent notice is never given up.
// N4. A destination gets the link of its own person only. Without a person it is told, and can't decide.

/** What notify runs on. Nothing here has power over anything but messages. */
export interface NotifyHome extends FlowHome {
  readonly signer: TokenSigner;
  readonly delivery: Delivery;
}

/**
 * Links of one incident in one hour; more would be somebody making us sign. Four destinations that are dead for the fifteen
 * minutes of an approval, tried once a minute, come to sixty.
 */
const LINKS_MAX = 120;

/** Between two tries of a notice that has failed: duplicates of a wake-up must not hammer a receiver that is down. */
const RETRY_AFTER = seconds(15);

/** Delivers every notice of the incident that is due. */
export function notifyIncident(id: IncidentId, home: NotifyHome): Promise<void> {
  return whereUnderstood(
    id,
    home,
    () => deliverDue(id, home),
    () => undefined,
  );
}

async function deliverDue(id: IncidentId, home: NotifyHome): Promise<void> {
  const journal = await journalOf(id, home);
  if (journal === undefined) return;
  const { store, clock, system, instance, chance } = home;
  const taken = await takeLeases([`notify/${id}`], {
    leases: store.leases,
    clock,
    holder: `${instance}/${chance.uuid()}`,
    length: system.guards.lease,
    skew: system.guards.clockSkew,
  });
  if (taken.kind === 'taken') return;
  const tried = new Set<string>();
  try {
    await journal.refresh();
    const due = await dueNotices(journal, tried, home);
    // Side by side, so that nobody waits for somebody else's receiver to time out (N3).
    await allSettled(system.notifications.map((to) => deliverAll(due, to, { journal, holding: taken.holding, home })));
  } finally {
    await taken.holding.release();
  }
  await afterDelivery(journal, tried, home);
}

/** Notices that came up meanwhile go out at once; those that failed, and those that may not be signed, wait for `tick`. */
async function afterDelivery(journal: Journal, tried: ReadonlySet<string>, home: NotifyHome): Promise<void> {
  const state = await journal.refresh();
  const fresh = [...state.notices.values()].some(
    (known) => known.attempts === 0 && !tried.has(known.notice.id) && isOutstanding(state, known, home.clock.now()),
  );
  if (fresh) await wake('dr-notices', state, home);
}

/** What must be delivered now, urgent things first. A request that may not be signed is none. */
async function dueNotices(journal: Journal, tried: Set<string>, home: NotifyHome): Promise<readonly NoticeState[]> {
  const now = home.clock.now();
  const state = journal.state();
  const destinations = home.system.notifications.map(({ id }) => id);
  const due: NoticeState[] = [];
  for (const known of state.notices.values()) {
    if (missing(state, known, destinations, now).length === 0) continue;
    if (known.attempts > 0 && now < after(known.dueAt, RETRY_AFTER)) continue;
    tried.add(known.notice.id);
    const approval = approvalOf(known.notice, state);
    if (approval === undefined || (await maySign(approval, journal, home))) due.push(known);
  }
  return due.toSorted((one, other) => Number(other.notice.urgent) - Number(one.notice.urgent));
}

const approvalOf = ({ approval }: Notice, state: IncidentState): ApprovalState | undefined =>
  approval === null ? undefined : state.approvals.find(({ id }) => id === approval);

/** One delivery's surroundings: the right to deliver, and where it is written down. */
interface Round {
  readonly journal: Journal;
  readonly holding: Holding;
  readonly home: NotifyHome;
}

/** Delivers to one destination, one notice after the other, for as long as the lease is ours. */
async function deliverAll(due: readonly NoticeState[], destination: Destination, round: Round): Promise<void> {
  const { journal, holding, home } = round;
  for (const known of due) {
    if (missing(journal.state(), known, [destination.id], home.clock.now()).length === 0) continue;
    if (!(await holding.ready(millis(0)))) return;
    await deliver(known, destination, journal, home);
  }
}

async function deliver(
  { notice, attempts }: NoticeState,
  destination: Destination,
  journal: Journal,
  home: NotifyHome,
): Promise<void> {
  const approval = approvalOf(notice, journal.state());
  const link = approval === undefined ? undefined : await linkOf(approval, destination, journal, home);
  const answer = await tryDelivery(home.delivery, destination, {
    subject: notice.subject,
    text: textOf(notice, journal.state(), link, home),
    link: link?.url,
    data: { incident: journal.id, notice: notice.id, kind: notice.kind, urgent: notice.urgent },
  });
  const { id } = destination;
  await journal.append(() => [
    answer.delivered
      ? event('noticeDelivered', { notice: notice.id, destination: id })
      : event('noticeFailed', { notice: notice.id, destination: id, detail: answer.detail, attempt: attempts + 1 }),
  ]);
}

/** A receiver that does not answer has perhaps got it, and gets it again: at least once is the promise. */
async function tryDelivery(
  delivery: Delivery,
  { id }: Destination,
  message: Parameters<Delivery['deliver']>[1],
): ReturnType<Delivery['deliver']> {
  try {
    return await delivery.deliver(id, message);
  } catch (error) {
    if (!isPortError(error)) throw error;
    return { delivered: false, detail: error.message };
  }
}

/** Waits for all to end, whatever becomes of them, and rejects with the first failure: nothing is left running behind. */
async function allSettled(parts: readonly Promise<void>[]): Promise<void> {
  for (const part of await Promise.allSettled(parts)) if (part.status === 'rejected') throw part.reason;
}

function textOf(notice: Notice, state: IncidentState, link: Link | undefined, home: NotifyHome): string {
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
          tell(`unsigned/${approval.id}`, 'blocked', `${about(state)}: an approval was not signed`, because, {
            urgent: true,
          }),
        ],
  );
  return false;
}

async function objection(
  approval: ApprovalState,
  state: IncidentState,
  { clock, store, system }: NotifyHome,
): Promise<string | undefined> {
  const { run, diagnosis } = state;
  if (run === undefined || diagnosis === undefined || run.digest !== approval.planDigest)
    return 'the approval is for another plan than the incident’s';
  const text = await store.evidence.read(run.evidence as Parameters<typeof store.evidence.read>[0]); // a digest that `keep` returned
  if (text === undefined || sha256(text) !== run.evidence || approval.evidence !== run.evidence)
    return 'the evidence of the plan is missing or is not what the plan rests on';
  const facts = understoodFacts(text);
  if (facts === undefined) return 'the evidence of the plan was written by another version of dr-autopilot';
  const drawn = drawPlan(system, state.id, diagnosis, facts, {
    warnings: run.plan.warnings,
    opens: opensOf(run.plan),
  });
  if (drawn.kind === 'none') return `no such plan can be drawn from the evidence: ${drawn.because}`;
  if (planDigest(drawn.plan) !== run.digest) return 'the plan in the log is not the one that the evidence leads to';
  if (approvedLimitMs(drawn.plan.lossBound) !== approval.lossLimitMs)
    return 'the approval names another loss bound than the plan';
  if (canonicalJson(approval.opens) !== canonicalJson(opensOf(drawn.plan)))
    return 'the approval says that it opens other walls than the plan';
  const policy = system.approvals.perRunbook[drawn.plan.runbook];
  if (policy === undefined) return `nobody of dr.yaml may approve ${drawn.plan.runbook}`;
  // What we sign now is asked for already, so it can't be good for longer than the configuration says from now.
  if (approval.expiresAt > clock.now() + policy.expiresIn + system.guards.clockSkew)
    return 'the approval would be good for longer than dr.yaml says';
  const recent = state.approvals.flatMap(({ links, askedAt }) => (askedAt > state.lastAt - minutes(60) ? links : []));
  return recent.length >= LINKS_MAX ? `${recent.length} links were made within an hour` : undefined;
}

/** The link of the destination's person, if that person may decide (N2, N4). */
async function linkOf(
  approval: ApprovalState,
  { person }: Destination,
  journal: Journal,
  home: NotifyHome,
): Promise<Link | undefined> {
  const runbook = journal.state().run?.plan.runbook;
  const policy = runbook === undefined ? undefined : home.system.approvals.perRunbook[runbook];
  const mayDecide = (who: PersonId): boolean =>
    policy?.approvers.includes(who) === true && approval.approvers.includes(who);
  return person !== undefined && mayDecide(person) ? await makeLink(approval, person, journal, home) : undefined;
}

async function makeLink(
  approval: ApprovalState,
  approver: PersonId,
  journal: Journal,
  { chance, signer, store, system }: NotifyHome,
): Promise<Link> {
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
