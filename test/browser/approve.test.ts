import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Browser, chromium, type Page } from 'playwright-core';
import { parseDocument } from 'yaml';
import { notifyIncident } from '../../shared/flows/notify.ts';
import { openSqliteStore, type SqliteStore } from '../../shared/store/sqlite-store.ts';
import { type AskedStage, askedStage } from '../approvals/asked.ts';

// The real approve function, served by the framework, and a real browser.

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

/** A skipped test is a failure in CI, which has a browser. */
const present = existsSync(CHROMIUM);
if (!present)
  console.warn(
    `SKIPPED: ${CHROMIUM} is missing, so the approval page is not tried in a browser (Debian: apt-get install chromium)`,
  );
const maybe = present ? describe : describe.skip;

maybe('the approval page in a browser', () => {
  const folder = mkdtempSync(join(tmpdir(), 'dr-page-'));
  let browser: Browser;
  let server: Server;
  let base: string;
  let store: SqliteStore;
  let stage: AskedStage;

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
    base = `http://127.0.0.1:${await freePort()}`;
    stage = await askedStage(
      (clock) => {
        store = openSqliteStore({ path: join(folder, 'store.sqlite'), clock });
        return store;
      },
      [base],
    );
    const config = parseDocument(readFileSync('dr.yaml', 'utf8'));
    config.setIn(['endpoints'], config.createNode({ approve: [base] }));
    const write = (name: string, text: string): string => {
      const path = join(folder, name);
      writeFileSync(path, text);
      return path;
    };
    Object.assign(process.env, {
      DR_CONFIG: write('dr.yaml', config.toString()),
      DR_STORE: join(folder, 'store.sqlite'),
      DR_CLOCK_START: `${Date.now()}:${stage.clock.now()}`,
      DR_PUBLIC_KEYS_FILE: write('keys.json', JSON.stringify({ 'test-key': stage.publicKey })),
      DR_FORM_KEY_FILE: write('form.txt', 'a form key of this test'),
      FUNCTION_TARGET: 'approve',
    });
    await import('../../functions/index.ts');
    const { getTestServer } = await import('@google-cloud/functions-framework/testing');
    server = getTestServer('approve');
    await new Promise<void>((ready) => server.listen(Number(new URL(base).port), '127.0.0.1', ready));
    await notifyIncident(stage.id, stage.home);
  }, 60_000);

  afterAll(async () => {
    await browser.close();
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
    store.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const linkOf = (destination: string): string => {
    const link = stage.delivered.find(
      (message) => message.destination === destination && message.link !== undefined,
    )?.link;
    if (link === undefined) throw new Error(`${destination} got no link`);
    return link;
  };

  /** Opens a page and keeps what was asked for over the network, with the referrers. */
  async function visit(
    link: string,
    javaScriptEnabled = true,
  ): Promise<{
    readonly page: Page;
    readonly requests: { readonly url: string; readonly referer: string | undefined }[];
  }> {
    const context = await browser.newContext({ javaScriptEnabled, viewport: { width: 420, height: 900 } });
    const page = await context.newPage();
    const requests: { readonly url: string; readonly referer: string | undefined }[] = [];
    page.on('request', (request) =>
      requests.push({ url: request.url().split('#')[0] ?? '', referer: request.headers()['referer'] }),
    );
    await page.goto(link);
    return { page, requests };
  }

  const decisions = async () => (await stage.state()).approvals[0]?.decisions ?? [];

  it('is changed by no visit of a link scanner', async () => {
    const address = linkOf('oncall-pager').split('#')[0] ?? '';
    for (const method of ['GET', 'HEAD', 'GET']) await fetch(address, { method });

    expect(await decisions()).toEqual([]);
  });

  it('refuses a form that another site posts', async () => {
    const link = new URL(linkOf('oncall-pager'));
    const token = new URLSearchParams(link.hash.slice(1)).get('a') ?? '';
    const answer = await fetch(link.origin + link.pathname, {
      method: 'POST',
      headers: {
        origin: 'https://evil.example',
        'sec-fetch-site': 'cross-site',
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: new URLSearchParams({ token, nonce: 'x' }),
    });

    expect(answer.status).toBe(404);
    expect(await decisions()).toEqual([]);
  });

  it('lets a person without script paste the code', async () => {
    const link = new URL(linkOf('cto-pager'));
    const code = new URLSearchParams(link.hash.slice(1)).get('a') ?? '';
    const { page } = await visit(link.origin + link.pathname, false);
    await page.fill('#approve [name=token]', code);
    await page.click('#approve button');

    expect(await page.textContent('.first')).toContain('cto decided: approve');
    expect((await decisions()).map(({ approver }) => approver)).toEqual(['cto']);
  });

  it('shows the outcome to whoever opens their link afterwards, and offers no form', async () => {
    const { page, requests } = await visit(linkOf('eng-lead-pager'));

    expect(await page.textContent('body')).toContain('The plan is approved.');
    expect(await page.locator('form').count()).toBe(0);
    expect(requests.every(({ url, referer }) => !url.includes('eyJ') && !(referer ?? '').includes('eyJ'))).toBe(true);
  });
});

maybe('a click in a browser', () => {
  it('approves by the link alone, and sends the token nowhere but in the form’s body', async () => {
    // A process of the framework can serve one function of one configuration; the first block's server is gone by now, so the
    // page itself is opened from a server that answers with the same flow.
    const { decide, showApproval } = await import('../../shared/flows/approve.ts');
    const { PAGE_HEADERS } = await import('../../shared/approvals/page.ts');
    const port = await freePort();
    const stage = await askedStage(undefined, [`http://127.0.0.1:${port}`]);
    await notifyIncident(stage.id, stage.home);
    const seen: string[] = [];
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        seen.push(`${request.method ?? ''} ${request.url ?? ''} ${request.headers.referer ?? ''}`);
        const opaque = (request.url ?? '').split('/').at(-1) ?? '';
        const form = new URLSearchParams(Buffer.concat(chunks).toString());
        const answering =
          request.method === 'POST'
            ? decide(
                { opaque, token: form.get('token') ?? '', nonce: form.get('nonce') ?? '', identity: undefined },
                stage.home,
              )
            : showApproval(opaque, stage.home);
        answering
          .then((answer) => response.writeHead(answer.status, PAGE_HEADERS).end(answer.body))
          .catch((error: unknown) => response.writeHead(500).end(String(error)));
      });
    });
    await new Promise<void>((ready) => server.listen(port, '127.0.0.1', ready));
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
    try {
      const page = await browser.newPage({ viewport: { width: 820, height: 1_600 } });
      await page.goto(
        stage.delivered.find((message) => message.destination === 'oncall-pager' && message.link !== undefined)?.link ??
          '',
      );
      if (process.env['DR_SCREENSHOT'] !== undefined)
        await page.screenshot({ path: process.env['DR_SCREENSHOT'], fullPage: true });
      expect(page.url()).not.toContain('eyJ');
      await page.click('#approve button');

      expect(await page.textContent('.first')).toContain('oncall decided: approve');
      expect(seen.some((line) => line.includes('eyJ'))).toBe(false);
      expect((await stage.state()).approvals[0]?.decisions).toHaveLength(1);
    } finally {
      await browser.close();
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    }
  }, 60_000);
});

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((ready) => probe.listen(0, '127.0.0.1', ready));
  const address = probe.address();
  await new Promise((closed) => probe.close(closed));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
