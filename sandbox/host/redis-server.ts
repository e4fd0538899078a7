import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@redis/client';
import { makeServerCertificate } from '../http/kubernetes-certificate.ts';
import { freePort } from './free-port.ts';
import { startWatched } from './watched-process.ts';

// A real Redis behind the sandbox's Memorystore, where one is installed: TLS and AUTH as Memorystore has them, empty at its start, and
// nothing on the disk but its key and settings, which go with it.

/** A Redis that serves. */
export interface RunningRedis {
  readonly host: string;
  readonly port: number;
  readonly authString: string;
  /** PEM of the authority that signs its certificate. */
  readonly caCertificate: string;
  stop(): Promise<void>;
}

/** Whether there is a Redis here that speaks TLS. */
export const hasRedis = (): boolean => spawnSync('redis-server', ['--version']).status === 0;

/** Starts one on a free port. Rejects with its last words when it does not come up. */
export async function startRedis(): Promise<RunningRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'dr-redis-'));
  const { key, cert } = makeServerCertificate('redis');
  const authString = randomUUID();
  const port = await freePort();
  const settings = [
    'port 0',
    `tls-port ${port}`,
    'bind 127.0.0.1',
    `tls-cert-file ${join(folder, 'cert.pem')}`,
    `tls-key-file ${join(folder, 'key.pem')}`,
    `tls-ca-cert-file ${join(folder, 'cert.pem')}`,
    'tls-auth-clients no',
    `requirepass ${authString}`,
    'save ""',
    'appendonly no',
    `dir ${folder}`,
  ];
  writeFileSync(join(folder, 'cert.pem'), cert);
  writeFileSync(join(folder, 'key.pem'), key, { mode: 0o600 });
  writeFileSync(join(folder, 'redis.conf'), settings.join('\n'), { mode: 0o600 });
  const started = await startWatched(['redis-server', join(folder, 'redis.conf')], 'Ready to accept connections');
  const clean = (): void => rmSync(folder, { recursive: true, force: true });
  if (started.kind === 'ended') {
    clean();
    throw new Error(`redis-server did not start:\n${started.said.slice(-10).join('\n')}`);
  }
  return {
    host: '127.0.0.1',
    port,
    authString,
    caCertificate: cert,
    stop: async () => {
      await started.stop();
      clean();
    },
  };
}

/** A client of it. Whoever opens one closes it. */
export async function connectTo({ host, port, authString, caCertificate }: Omit<RunningRedis, 'stop'>) {
  const socket = { host, port, tls: true, ca: caCertificate, reconnectStrategy: false } as const;
  const client = createClient({ socket, password: authString });
  client.on('error', () => undefined); // its calls reject as well
  await client.connect();
  return client;
}
