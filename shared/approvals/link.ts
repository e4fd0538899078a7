import type { Digest } from '../core/digest.ts';

// The form of an approval link: `<base>/approve/<opaque id>#a=<token>&d=<token>`. The path names the page and decides nothing;
// the fragment, which no server, log, referrer or scanner sees, carries one token for each decision (design.md section 7).

/** The document by which `approve` finds the approval of an opaque id, by its hash. */
export const linkKey = (opaqueHash: Digest): string => `link/${opaqueHash}`;

/** A link, and the text that carries the same for people without script. */
export interface Link {
  readonly url: string;
  readonly codes: string;
}

/** The link on the first host, the other hosts in the text, and the codes for people without script. */
export function linkFor(
  bases: readonly string[],
  opaque: string,
  tokens: { readonly approve: string; readonly deny: string },
  expires: string,
): Link {
  const urls = bases.map((base) => `${base.replace(/\/$/, '')}/approve/${opaque}#a=${tokens.approve}&d=${tokens.deny}`);
  const others = urls.slice(1).map((url) => `The same page in the other region: ${url}`);
  return {
    url: urls[0] ?? `/approve/${opaque}`,
    codes: [`to approve: ${tokens.approve}`, `to deny: ${tokens.deny}`, `good until ${expires}`, ...others].join('\n'),
  };
}
