import type { ApprovalView } from './page-view.ts';
import { cspHash, Html, html } from '../core/html.ts';

// The pages on which people decide. A GET shows one and changes nothing; only the forms' POST decides (design.md section 7).
//
// G1. The tokens come in the fragment, which no server, log or scanner sees; the script puts each into its own form and takes
//     it out of the address bar. Without script a person pastes the code that the message also carries. Only the chosen token
//     leaves the browser; asking what became of a dead link uses the one that could approve nothing.
// G2. Nothing is loaded from anywhere, nothing else runs: the policy allows this one script and this one style by their hashes.

const STYLE = `
:root{color-scheme:light dark}
*{box-sizing:border-box}
body{font:17px/1.5 system-ui,sans-serif;max-width:46rem;margin:0 auto;padding:1rem;background:Canvas;color:CanvasText}
h1{font-size:1.4rem;line-height:1.25;margin:1rem 0 .4rem}h2{font-size:1.1rem;margin:1.5rem 0 .3rem;border-bottom:2px solid}
p{margin:.4rem 0}code{font-size:.95em;overflow-wrap:anywhere}
.first{border:3px solid;padding:.6rem .8rem;font-weight:600;margin:0 0 .6rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem .9rem;margin:.6rem 0}dt{font-weight:600}dd{margin:0;overflow-wrap:anywhere}
ol,ul{padding-left:1.5rem;margin:.3rem 0}li{margin:.3rem 0;overflow-wrap:anywhere}
.section{border-left:6px solid;padding-left:.6rem}
.tag{font-size:.8rem;border:1px solid;border-radius:.3rem;padding:0 .35rem;margin-right:.4rem;white-space:nowrap}
.destructive{background:CanvasText;color:Canvas;border-color:CanvasText;font-weight:700}
.forms{border:3px solid;padding:.2rem .8rem .8rem;margin:1.5rem 0}
.forms h2{border:0;margin:.6rem 0}
form{margin:.8rem 0}label{display:block;margin:.2rem 0}[hidden]{display:none}
button{font:inherit;font-weight:700;width:100%;min-height:3rem;padding:.6rem 1rem;border:3px solid CanvasText;border-radius:.4rem;background:Canvas;color:CanvasText;cursor:pointer}
.go{background:CanvasText;color:Canvas}
button:focus-visible,input:focus-visible{outline:3px solid Highlight;outline-offset:3px}
input[type=text]{font:inherit;width:100%;padding:.4rem;border:2px solid}
small{font-size:.9rem}
@media(max-width:34rem){dl{grid-template-columns:1fr}dd{margin-bottom:.5rem}}
`;

const SCRIPT = `
const given = new URLSearchParams(location.hash.slice(1));
for (const [key, id] of [['a', 'approve'], ['d', 'deny'], ['d', 'ask']]) {
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
  return page(
    `Approve? ${view.heading}`,
    html`${warning(view)}
<h1>Approve? ${view.heading}</h1>
<p><span class="tag">${view.standing}</span>${view.outcome}</p>
${summary(view)}
${deeds(view)}
<section class="forms"><h2>Decide</h2>
${form('approve', 'Approve this plan', nonce)}
${form('deny', 'Deny: nothing of it is done', nonce)}
<p><small>Plan ${view.digest}. An approval is good for exactly this plan; if the world moves past it, you are asked again.</small></p></section>
${details(view)}`,
    true,
  );
}

/**
 * The page after a decision, also for whoever opens the link later. With a nonce it offers the deny that still stops an approved
 * plan.
 */
export function decidedPage(view: ApprovalView, said: string, nonce?: string): string {
  const deny =
    nonce === undefined
      ? html``
      : html`<section class="forms"><h2>Deny it all the same</h2>
<p>You have not decided yet. Until the committed section begins, your deny stops the plan.</p>
${form('deny', 'Deny: nothing of it is done', nonce)}</section>`;
  return page(
    `Decided: ${view.heading}`,
    html`<p class="first">${said}</p>
<h1>${view.heading}</h1>
<p><span class="tag">${view.standing}</span>${view.outcome}</p>
${list('Decisions', view.decisions)}
${list('What has been done so far', view.progress)}
${warning(view)}
${deny}
${summary(view)}
${deeds(view)}
${details(view)}`,
    nonce !== undefined,
  );
}

/**
 * The same page for every refusal: unknown, tampered, foreign, or without a token (decisions.md 14). Whoever holds a rightly
 * signed token learns by its form what became of the approval; the form decides nothing, since it carries no nonce.
 */
export function refusedPage(): string {
  return page(
    'This link does not work',
    html`<h1>This link does not work</h1>
<p class="first">Nothing was changed.</p>
<p>The link may be mistyped, too old, or meant for somebody else; or the plan that it was for is no longer wanted. If you were asked again since, open the newest message.</p>
<p>To see where the incident stands: <code>./dr incidents</code></p>
<form id="ask" method="post"><label>The code of your message: <input type="text" name="token" autocomplete="off" required></label>
<button type="submit">What became of it?</button></form>`,
    true,
  );
}

/** For a correctly signed token that comes too late, and for a form that has gone stale. */
export function tooLatePage(because: string): string {
  return page(
    'Nothing was changed',
    html`<h1>Nothing was changed</h1><p class="first">${because}</p><p>To see where the incident stands: <code>./dr incidents</code></p>`,
    false,
  );
}

/** When what we need to answer can't be reached. */
export function unavailablePage(): string {
  return page(
    'Not now',
    html`<h1>We can’t tell now</h1><p class="first">Something that we need for an answer can’t be reached. A decision that you have just sent may have been kept.</p><p>Open the link from the message again, or the one for the other region: it shows what has been decided. Deciding twice counts once.</p>`,
    false,
  );
}

function form(decision: 'approve' | 'deny', label: string, nonce: string): Html {
  return html`<form id="${decision}" method="post">
<input type="hidden" name="nonce" value="${nonce}"><input type="hidden" name="decision" value="${decision}">
<label>Code to ${decision}, from the message: <input type="text" name="token" autocomplete="off" autocapitalize="off" spellcheck="false" required></label>
<button type="submit" class="${decision === 'approve' ? 'go' : ''}">${label}</button></form>`;
}

const warning = (view: ApprovalView): Html =>
  html`<p class="first">Don’t run the runbook by hand beside this: press takeover first. <code>${view.takeover}</code></p>`;

const summary = (view: ApprovalView): Html =>
  html`<dl>${view.situation.map(({ name, text }) => html`<dt>${name}</dt><dd>${text}</dd>`)}</dl>`;

/** What will happen, and what can't be taken back. */
function deeds(view: ApprovalView): Html {
  return html`${list('This approval opens', view.opens)}
<h2>What will happen</h2>
<ol>${view.steps.map((step) => html`<li class="${step.committed ? 'section' : ''}"><span class="tag ${step.risk}">${step.risk}</span>${step.title}<br><small>${step.target}, ${step.takes}${step.note === undefined ? '' : html`; ${step.note}`}</small></li>`)}</ol>
<p><small>Steps with a bar form the committed section: once begun it is finished, or taken back as a whole and people are paged.</small></p>
${list('What can’t be undone', view.noReturn)}`;
}

/** What the decision rests on, and what else could be done. */
function details(view: ApprovalView): Html {
  return html`${list('Evidence', view.evidence)}
${list('What would change our mind', view.wouldChangeMind)}
<h2>Alternatives</h2><ul>${view.alternatives.map((other) => html`<li>${other.text}: ${other.figures}<br><small>${other.because}</small></li>`)}</ul>
<h2>Guards</h2>${view.warnings.length === 0 ? html`<p>No guard holds this plan back.</p>` : html`<p>This approval releases:</p><ul>${view.warnings.map((item) => html`<li>${item}</li>`)}</ul>`}
<h2>Failing back</h2><p>${view.failback}</p>`;
}

const list = (title: string, items: readonly string[]): Html =>
  items.length === 0 ? html`` : html`<h2>${title}</h2><ul>${items.map((item) => html`<li>${item}</li>`)}</ul>`;

function page(title: string, content: Html, scripted: boolean): string {
  // Style and script are our own constants, byte for byte what the policy's hashes allow.
  const script = scripted ? new Html(`<script>${SCRIPT}</script>`) : html``;
  return html`<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${title}</title>${new Html(`<style>${STYLE}</style>`)}</head><body><main>${content}</main>${script}</body></html>`
    .text;
}
