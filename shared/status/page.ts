import { toIso, instant } from '../core/time.ts';
import { cspHash, Html, html } from '../core/html.ts';
import type { TimelineLine } from './timeline.ts';

// The plain status pages. They load nothing and run nothing.

const STYLE = `:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.25rem .6rem;border-bottom:1px solid;vertical-align:top;overflow-wrap:anywhere}
.bad{font-weight:700}.stop{border:3px solid;padding:.6rem}`;

/** Headers of the status pages. */
export const STATUS_HEADERS: Readonly<Record<string, string>> = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy': `default-src 'none'; style-src ${cspHash(STYLE)}; frame-ancestors 'none'; base-uri 'none'`,
  'Cache-Control': 'no-store',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

/** What the overview page lists; `text` values are shown as they are. */
export interface OverviewView {
  readonly incidents: readonly {
    readonly id: string;
    readonly phase: string;
    readonly scenario: string;
    readonly headline: string;
  }[];
  readonly stopped: string | undefined;
  readonly refused: readonly string[];
}

/** The overview page. */
export function overviewPage(view: OverviewView): string {
  const rows = view.incidents.map(
    (incident) =>
      html`<tr><td><a href="/incidents/${incident.id}">${incident.id}</a></td><td>${incident.phase}</td><td>${incident.scenario}</td><td>${incident.headline}</td></tr>`,
  );
  return page(
    'dr-autopilot',
    html`<h1>dr-autopilot</h1>
${view.stopped === undefined ? html`` : html`<p class="stop">The kill switch is on: ${view.stopped}</p>`}
<table><tr><th>Incident</th><th>Phase</th><th>Scenario</th><th>Headline</th></tr>${rows}</table>
${view.incidents.length === 0 ? html`<p>No incidents.</p>` : html``}
${view.refused.length === 0 ? html`` : html`<h2>Messages that could not be read</h2><ul>${view.refused.map((text) => html`<li>${text}</li>`)}</ul>`}`,
  );
}

/** The page of one incident. */
export function incidentPage(
  id: string,
  incident: { readonly headline: string; readonly phase: string; readonly lines: readonly TimelineLine[] },
): string {
  return page(
    id,
    html`<h1>${id}: ${incident.phase}</h1><p>${incident.headline}</p><table>${incident.lines.map((line) => html`<tr><td>${toIso(instant(line.at))}</td><td class="${line.tone}">${line.text}</td></tr>`)}</table><p><a href="/">All incidents</a></p>`,
  );
}

const page = (title: string, content: Html): string =>
  html`<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${title}</title>${new Html(`<style>${STYLE}</style>`)}</head><body>${content}</body></html>`
    .text;
