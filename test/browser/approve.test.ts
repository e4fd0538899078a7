import { existsSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { notifyIncident } from '../../shared/flows/notify.ts';
import type { AskedStage } from '../approvals/asked.ts';
import { type ServedApproval, serveApproval } from '../approvals/served.ts';

// The real approve function, served by the framework over a store on disk, and a real browser. One incident is lived through from
// top to bottom: looked at by scanners, approved by script, opened again, and denied by a person without script.
// `DR_SCREENSHOTS=FOLDER` keeps pictures of the pages.

const CHROMIUM = '/usr/bin/chromium';
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const PHONE: BrowserContextOptions = { viewport: { width: 360, height: 780 } };

const present = existsSync(CHROMIUM);
if (!present)
  console.warn(
    `SKIPPED: ${CHROMIUM} is missing, so the approval page is not tried in a browser (Debian: apt-get install chromium)`,
  );
const maybe = present ? describe : describe.skip;

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

maybe('the approval page in a browser', () => {
  const asked: Asked[] = [];
  let browser: Browser;
  let served: ServedApproval;
  let base: string;
  let stage: AskedStage;

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
    served = await serveApproval();
    ({ base, stage } = served);
    served.server.on('request', ({ method = '', url = '', headers }) => asked.push({ method, url, headers }));
    await notifyIncident(stage.id, stage.home);
  }, 60_000);

  afterAll(async () => {
    await browser.close();
    await served.close();
  });

  const linkOf = (destination: string): URL => {
    const link = stage.delivered.find(
      (message) => message.destination === destination && message.link !== undefined,
    )?.link;
    if (link === undefined) throw new Error(`${destination} got no link`);
    return new URL(link);
  };
  const tokensOf = (link: URL) => new URLSearchParams(link.hash.slice(1));

  /** Opens a page, with what the browser complained about. */
  async function visit(address: URL | string, options: BrowserContextOptions = {}) {
    const page = await (await browser.newContext(options)).newPage();
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(String(error)));
    await page.goto(String(address));
    return { page, complaints };
  }

  const post = async (link: URL, form: Readonly<Record<string, string>>, headers: Readonly<Record<string, string>>) =>
    await fetch(link.origin + link.pathname, { method: 'POST', headers, body: new URLSearchParams(form) });

  const decisions = async () =>
    (await stage.state()).approvals[0]?.decisions.map(({ approver, decision }) => `${approver} ${decision}`);

  it('is changed by no visit of a link scanner', async () => {
    const before = (await stage.state()).sequence;
    const { origin, pathname } = linkOf('oncall-pager');
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'GET', 'PUT', 'DELETE']) await fetch(origin + pathname, { method });
    await (await visit(linkOf('oncall-pager'))).page.waitForLoadState('networkidle');

    expect((await stage.state()).sequence).toBe(before);
  });

  it('refuses a form that another site posts', async () => {
    const link = linkOf('oncall-pager');
    const form = { token: tokensOf(link).get('a') ?? '', nonce: 'x' };
    const { status } = await post(link, form, { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' });

    expect(status).toBe(404);
    expect(await decisions()).toEqual([]);
  });

  it('is readable on a phone: nothing is wider than it, and the first line says what not to do', async () => {
    const { page, complaints } = await visit(linkOf('oncall-pager'), PHONE);

    expect(await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')).toBe(true);
    expect(await page.locator('main > *').first().textContent()).toMatch(/^Don’t run the runbook by hand beside this/);
    expect(complaints).toEqual([]);
    await picture(page, 'decide-phone');
  });

  it('lets a person see the plan and approve it, and puts the token nowhere but in the form’s body', async () => {
    const link = linkOf('oncall-pager');
    const { page, complaints } = await visit(link);
    expect(page.url()).toBe(link.origin + link.pathname);
    expect(await page.textContent('main')).toContain('Promote coditect-dms-db-replica to primary');
    expect(await page.locator('#approve [name=token]').isVisible()).toBe(false);
    await picture(page, 'decide');

    await page.click('#approve button');

    expect(await page.textContent('.first')).toContain('oncall decided: approve. The plan is approved.');
    expect(await decisions()).toEqual(['oncall approve']);
    expect(complaints).toEqual([]);
    expect(JSON.stringify(asked)).not.toContain('eyJ');
    expect(asked.filter(({ headers }) => headers.referer !== undefined)).toEqual([]);
    await picture(page, 'decided');
  });

  it('shows the outcome to a second click, and counts the decision once', async () => {
    const link = linkOf('oncall-pager');
    const { page } = await visit(link);
    expect(await page.textContent('.first')).toContain('oncall decided: approve');
    expect(await page.locator('form').count()).toBe(0);

    const again = await post(link, { token: tokensOf(link).get('a') ?? '' }, { origin: link.origin });

    expect(await again.text()).toContain('oncall decided: approve');
    expect(await decisions()).toEqual(['oncall approve']);
  });

  it('lets a person without script paste the code', async () => {
    const link = linkOf('cto-pager');
    // Somebody else has approved; until the committed section begins, a deny still stops the plan.
    const { page } = await visit(link.origin + link.pathname, { javaScriptEnabled: false });
    expect(await page.textContent('.first')).toContain('The plan is approved.');
    await page.fill('#deny [name=token]', tokensOf(link).get('d') ?? '');
    await page.click('#deny button');

    expect(await page.textContent('.first')).toContain('cto decided: deny. The plan is denied.');
    expect(await decisions()).toEqual(['oncall approve', 'cto deny']);
  });

  it('says nothing to whoever has no link', async () => {
    const { page, complaints } = await visit(`${base}/approve/AAAAAAAAAAAAAAAAAAAAAA#a=x&d=y`, PHONE);
    await picture(page, 'refused');
    await page.click('#ask button');

    expect(await page.textContent('h1')).toBe('This link does not work');
    expect(complaints.filter((text) => !text.includes('404'))).toEqual([]);
  });
});

async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env['DR_SCREENSHOTS'];
  if (folder !== undefined) await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}
