import type { ApprovalView } from './page-view.ts';
import { cspHash, Html, html } from '../core/html.ts';

// The pages on which people decide. A GET shows one and changes nothing; only the forms' POST decides (design.md section 7).
//
// G1. The tokens come in the fragment, which no server, log or scanner sees; the script puts each into its own form and takes
//     it out of the address bar. Without script a person pastes the code that the message also carries.
// G2. Nothing is loaded from anywhere, nothing else runs: the policy allows this one script and this one style by their hashes.

const STYLE = `
:root{color-scheme:light dark}
body{font:17px/1.5 system-ui,sans-serif;max-width:46rem;margin:0 auto;padding:1rem;background:Canvas;color:CanvasText}
h1{font-size:1.35rem;margin:.4rem 0}h2{font-size:1.05rem;margin:1.4rem 0 .3rem;border-bottom:1px solid}
.first{border:3px solid;padding:.6rem .8rem;font-weight:600}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem .9rem;margin:0}dt{font-weight:600}dd{margin:0;overflow-wrap:anywhere}
ol,ul{padding-left:1.4rem;margin:.3rem 0}li{margin:.2rem 0;overflow-wrap:anywhere}
.committed{border-left:5px solid;padding-left:.6rem}
.tag{font-size:.75rem;border:1px solid;border-radius:.3rem;padding:0 .35rem;margin-right:.35rem;white-space:nowrap}
.destructive{font-weight:700}
form{display:inline-block;margin:.4rem 1rem .4rem 0;vertical-align:top}
button{font:inherit;font-weight:700;padding:.7rem 1.6rem;border:2px solid;border-radius:.4rem;cursor:pointer}
input[type=text]{font:inherit;width:16rem;max-width:100%}
small{opacity:.85}
@media(max-width:34rem){dl{grid-template-columns:1fr}dd{margin-bottom:.4rem}}
`;

const SCRIPT = `
const given = new URLSearchParams(location.hash.slice(1));
for (const [key, id] of [['a', 'approve'], ['d', 'deny']]) {
  const field = document.querySelector('#' + id + ' [name=token]');
  const token = given.get(key);
  if (field && token) { field.value = token; field.closest('label').hidden = true; }
}
history.replaceState(null, '', location.pathname);
`;

/** Headers of every page: nothing is cached, framed, indexed or sent along. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy': `default-src 'none'; script-src ${cspHash(SCRIPT)}; style-src ${cspHash(STYLE)}; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
  'Cache-Control': 'no-store',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'X-Robots-Tag': 'noindex, nofollow',
  'Cross-Origin-Opener-Policy': 'same-origin',
};

/** The page on which a person decides. */
export function decidePage(view: ApprovalView, nonce: string): string {
  const form = (decision: 'approve' | 'deny', label: string): Html => html`<form id="${decision}" method="post">
<input type="hidden" name="nonce" value="${nonce}"><input type="hidden" name="decision" value="${decision}">
<label>Code to ${decision}: <input type="text" name="token" autocomplete="off" required></label>
<button type="submit">${label}</button></form>`;
  return page(
    `Approve? ${view.heading}`,
    html`${body(view)}
<h2>Decide</h2>
${form('approve', 'Approve this plan')}${form('deny', 'Deny')}
<p><small>Plan ${view.digest}. An approval is good for exactly this plan; if the world moves past it, you are asked again.</small></p>`,
    true,
  );
}

/** The page after a decision, also for whoever opens the link later. */
export function decidedPage(view: ApprovalView, said: string): string {
  return page(`Decided: ${view.heading}`, html`<p class="first">${said}</p>${body(view)}`, false);
}

/** The same page for every refusal: unknown, expired, tampered, foreign, or without a token (decisions.md 14). */
export function refusedPage(): string {
  return page(
    'This link does not work',
    html`<h1>This link does not work</h1><p>It may be mistyped, too old, or meant for somebody else. Nothing was changed.</p><p>Ask for a new one, or look at the incident with <code>./dr incidents</code>.</p>`,
    false,
  );
}

/** For a correctly signed token that comes too late, and for a form that has gone stale. */
export function tooLatePage(because: string): string {
  return page(
    'Too late',
    html`<h1>Nothing was changed</h1><p class="first">${because}</p><p>Look at the incident with <code>./dr incidents</code>.</p>`,
    false,
  );
}

function body(view: ApprovalView): Html {
  return html`<p class="first">Don’t run the runbook by hand beside this. If you want to act yourself, press takeover first: <code>./dr takeover</code> with the incident’s id.</p>
<h1>${view.heading}</h1>
<p><span class="tag">${view.standing}</span>${view.outcome}</p>
<dl>${view.situation.map(({ name, text }) => html`<dt>${name}</dt><dd>${text}</dd>`)}</dl>
${list('Decisions', view.decisions)}
${list('This approval opens', view.opens)}
<h2>What will happen</h2>
<ol>${view.steps.map((step) => html`<li class="${step.committed ? 'committed' : ''}"><span class="tag ${step.risk}">${step.risk}</span>${step.title}${step.note === undefined ? '' : html`<br><small>${step.note}</small>`}</li>`)}</ol>
<p><small>Steps with a bar form the committed section: once begun it is finished, or taken back as a whole and people are paged.</small></p>
${list('What can’t be undone', view.noReturn)}
${list('Evidence', view.evidence)}
${list('What would change our mind', view.wouldChangeMind)}
<h2>Alternatives</h2><ul>${view.alternatives.map((other) => html`<li>${other.text}: ${other.figures}<br><small>${other.because}</small></li>`)}</ul>
${list('Guards that this approval releases', view.warnings)}
<h2>Failing back</h2><p>${view.failback}</p>`;
}

const list = (title: string, items: readonly string[]): Html =>
  items.length === 0 ? html`` : html`<h2>${title}</h2><ul>${items.map((item) => html`<li>${item}</li>`)}</ul>`;

function page(title: string, content: Html, scripted: boolean): string {
  // Style and script are our own constants, byte for byte what the policy's hashes allow.
  const script = scripted ? new Html(`<script>${SCRIPT}</script>`) : html``;
  return html`<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${title}</title>${new Html(`<style>${STYLE}</style>`)}</head><body>${content}${script}</body></html>`
    .text;
}
