import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../sandbox/host/free-port.ts';
import type { Intake } from './intake-side.ts';
import { endProcess, startProgram, untilServing } from './started-process.ts';

// Prometheus Alertmanager as Debian packages it, told to notify at once: every alert is a group of its own and waits for nobody.

const PROGRAM = 'prometheus-alertmanager';

/** What is missing here; `undefined` when nothing is. */
export function alertmanagerMissing(): string | undefined {
  const asked = spawnSync(PROGRAM, ['--version'], { encoding: 'utf8' });
  return asked.status === 0 ? undefined : `${PROGRAM} is not installed (apt-get install ${PROGRAM})`;
}

/** Its version, such as `0.25.0`. */
export const alertmanagerVersion = (): string =>
  /version (\S+)/.exec(spawnSync(PROGRAM, ['--version'], { encoding: 'utf8' }).stdout)?.[1] ?? 'unknown';

/** Starts it with a webhook of ours, whose call is the decision that we wait for. */
export async function startAlertmanager(): Promise<Intake> {
  const folder = mkdtempSync(join(tmpdir(), 'dr-alertmanager-'));
  const waiting = new Map<string, () => void>();
  const webhook = await listen((id) => {
    waiting.get(id)?.();
    waiting.delete(id);
  });
  const port = await freePort();
  const config = join(folder, 'config.yml');
  writeFileSync(config, configOf(webhook.address));
  const child = startProgram(
    PROGRAM,
    [
      `--config.file=${config}`,
      `--storage.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--cluster.listen-address=',
      '--log.level=error',
    ],
    {},
  );
  await untilServing(child, `http://127.0.0.1:${port}/-/ready`);
  return {
    publish: async (id) => {
      const decided = new Promise<void>((done) => waiting.set(id, done));
      const answer = await fetch(`http://127.0.0.1:${port}/api/v2/alerts`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify([
          {
            labels: { alertname: 'storm', id },
            annotations: { summary: `storm ${id}` },
            startsAt: new Date().toISOString(),
          },
        ]),
      });
      await answer.arrayBuffer();
      if (!answer.ok) throw new Error(`Alertmanager answered ${answer.status}`);
      await decided;
    },
    stop: async () => {
      await endProcess(child, 'SIGTERM');
      webhook.server.close();
      webhook.server.closeAllConnections();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const configOf = (webhook: string): string =>
  [
    'route:',
    "  group_by: ['id']",
    '  group_wait: 0s',
    '  group_interval: 1h',
    '  repeat_interval: 24h',
    '  receiver: bench',
    'receivers:',
    '  - name: bench',
    '    webhook_configs:',
    `      - url: ${webhook}`,
    '        send_resolved: false',
    '',
  ].join('\n');

async function listen(heard: (id: string) => void): Promise<{ readonly server: Server; readonly address: string }> {
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (part: string) => (text += part));
    request.on('end', () => {
      for (const [, id] of text.matchAll(/"labels":\{[^}]*"id":"([^"]+)"/g)) heard(id ?? '');
      response.end();
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the webhook has no port');
  return { server, address: `http://127.0.0.1:${address.port}/` };
}
