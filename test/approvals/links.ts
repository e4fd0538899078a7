import { showApproval } from '../../shared/flows/approve.ts';
import { notifyIncident } from '../../shared/flows/notify.ts';
import { standing } from '../../shared/incident/state.ts';
import type { AskedStage } from './asked.ts';

/** A link as its holder sees it: the page's address, the form's nonce, and the two tokens. */
export interface OpenedLink {
  readonly opaque: string;
  readonly nonce: string;
  readonly page: { readonly status: number; readonly body: string };
  readonly approve: string;
  readonly deny: string;
}

/** Opens the link of a destination as a browser does, the first or a later one; notices go out when none has. */
export async function opened(stage: AskedStage, destination = 'oncall-pager', which = 0): Promise<OpenedLink> {
  if (stage.delivered.length === 0) await notifyIncident(stage.id, stage.home);
  const link = stage.delivered.filter((message) => message.destination === destination && message.link !== undefined)[
    which
  ]?.link;
  if (link === undefined) throw new Error(`${destination} got no link`);
  const url = new URL(link);
  const tokens = new URLSearchParams(url.hash.slice(1));
  const opaque = url.pathname.split('/').at(-1) ?? '';
  const page = await showApproval(opaque, stage.home);
  const nonce = /name="nonce" value="([^"]*)"/.exec(page.body)?.[1] ?? '';
  return { opaque, nonce, page, approve: tokens.get('a') ?? '', deny: tokens.get('d') ?? '' };
}

/** What the form of an opened page posts. */
export const post = (
  form: OpenedLink,
  token: string,
  changes: Partial<{ nonce: string; opaque: string; identity: string }> = {},
) => ({ opaque: form.opaque, nonce: form.nonce, token, identity: undefined, ...changes });

/** How the first approval stands now. */
export async function stands(stage: AskedStage): Promise<string> {
  const [approval] = (await stage.state()).approvals;
  if (approval === undefined) throw new Error('nothing was asked');
  return standing(approval, stage.clock.now());
}

/** Who decided what on the first approval. */
export async function decisionsOf(stage: AskedStage): Promise<readonly string[]> {
  return ((await stage.state()).approvals[0]?.decisions ?? []).map(
    ({ approver, decision }) => `${approver} ${decision}`,
  );
}

/** Claims of a token as `notify` would sign them for an approver, under a made-up id. */
export async function claimsFor(stage: AskedStage, approver = 'oncall') {
  const { approvals, run } = await stage.state();
  const [approval] = approvals;
  if (approval === undefined || run === undefined) throw new Error('nothing was asked');
  return {
    sub: approver,
    jti: 'made-up',
    exp: approval.expiresAt / 1_000,
    approval: approval.id,
    incident: stage.id,
    decision: 'approve',
    planDigest: run.digest,
    evidenceDigest: run.evidence,
    lossBoundMs: approval.lossLimitMs,
  };
}
