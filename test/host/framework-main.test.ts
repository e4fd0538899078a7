import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

// Deployment starts the framework's own main on functions/index.ts; the sandbox serves the same functions by its test server
// (decisions.md 21). These start main as the platform does, with the types stripped by Node.

const MAIN = 'node_modules/@google-cloud/functions-framework/build/src/main.js';

let folder: string;
const running: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dr-main-'));
});

afterEach(async () => {
  for (const child of running.splice(0)) {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
  rmSync(folder, { recursive: true, force: true });
});

/** Starts one function on a free port and answers its address once it says that it serves. */
async function started(target: string, signature: 'http' | 'cloudevent'): Promise<string> {
  const port = await freePort();
  const args = ['--disable-warning=ExperimentalWarning', MAIN, '--source=functions/index.ts'];
  const child = spawn(process.execPath, [...args, `--target=${target}`, `--signature-type=${signature}`], {
    env: {
      PATH: process.env['PATH'],
      PORT: String(port),
      DR_CONFIG: 'dr.yaml',
      DR_STORE: join(folder, 'store.sqlite'),
      METADATA_SERVER_DETECTION: 'none',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.push(child);
  for await (const line of createInterface(child.stdout))
    if (line.includes('URL: http')) return `http://127.0.0.1:${port}`;
  throw new Error(`${target} ended before it served`);
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

describe('The functions as the platform starts them', () => {
  it('serve: what classify can’t read is acknowledged, and status shows it', async () => {
    const [classify, status] = [await started('classify', 'cloudevent'), await started('status', 'http')];
    const message = { data: Buffer.from('{"version": "9"}').toString('base64'), messageId: '1' };

    const answer = await fetch(`${classify}/projects/coditect-prod/topics/dr-alerts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ subscription: 'projects/coditect-prod/subscriptions/s', message }),
    });

    expect(answer.status).toBe(204);
    const seen = await fetch(`${status}/status.json`);
    expect(await seen.json()).toMatchObject({ incidents: [], refused: [{ key: expect.stringMatching(/^refused\//) }] });
  });
});
