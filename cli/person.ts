import { z } from 'zod';
import { control, type Facts } from './sandbox-facts.ts';

// A simulated person with a pager and a browser. Knows the notice that a webhook brought, opens its link with a GET, fills in
// the form that the page shows, and posts it: nothing of the product's own.

const noticeWire = z.array(
  z.object({
    number: z.number(),
    person: z.string(),
    body: z.object({ subject: z.string().optional(), text: z.string().optional(), link: z.string().nullish() }).loose(),
  }),
);

/** A notice as the person's pager shows it. */
export interface PagedNotice {
  readonly number: number;
  readonly person: string;
  readonly subject: string;
  readonly text: string;
  readonly link: string | undefined;
  /** The same page on every host that the message names, the link's own first: a region may be gone. */
  readonly links: readonly string[];
}

/** Notices after a number; waits for the next for as long as the sandbox does. */
export async function notices(facts: Facts, after: number): Promise<readonly PagedNotice[]> {
  const posted = noticeWire.parse(await control(facts, 'GET', `/notices?after=${after}`));
  return posted.map(({ number, person, body }) => ({
    number,
    person,
    subject: body.subject ?? '',
    text: body.text ?? '',
    link: body.link ?? undefined,
    links: [
      body.link,
      ...[...(body.text ?? '').matchAll(/The same page in the other region: (\S+)/g)].map(([, url]) => url),
    ].filter((url) => typeof url === 'string'),
  }));
}

/** Decides on the first of the links whose host answers. Rejects when none does. */
export async function decideByLinks(links: readonly string[], decision: 'approve' | 'deny'): Promise<Decided> {
  const [link, ...others] = links;
  if (link === undefined) throw new Error('no host of the link answers');
  return await decideByLink(link, decision).catch((error: unknown) => {
    if (others.length === 0) throw error;
    return decideByLinks(others, decision);
  });
}

/** Opens the link and decides as a browser would. Returns the page's answer in words. */
async function decideByLink(link: string, decision: 'approve' | 'deny'): Promise<Decided> {
  return await (await openPage(link, decision)).click();
}

/** What a page said to a decision. */
export interface Decided {
  readonly status: number;
  readonly said: string;
}

/** Opens the link as a browser would, and fills in the form of that decision; `click` posts it. */
export async function openPage(
  link: string,
  decision: 'approve' | 'deny',
): Promise<{ readonly click: () => Promise<Decided> }> {
  const url = new URL(link);
  const tokens = new URLSearchParams(url.hash.slice(1));
  const address = url.origin + url.pathname;
  const page = await (await fetch(address)).text();
  const form = new RegExp(`<form id="${decision}"[\\s\\S]*?</form>`).exec(page)?.[0] ?? '';
  const nonce = /name="nonce" value="([^"]*)"/.exec(form)?.[1] ?? '';
  const token = tokens.get(decision === 'approve' ? 'a' : 'd') ?? '';
  const click = async (): Promise<Decided> => {
    const answer = await fetch(address, {
      method: 'POST',
      redirect: 'manual',
      headers: {
        origin: url.origin,
        'sec-fetch-site': 'same-origin',
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: new URLSearchParams({ nonce, decision, token }),
    });
    const text = await answer.text();
    return { status: answer.status, said: /<p class="first">([^<]*)/.exec(text)?.[1] ?? '' };
  };
  return { click };
}
