import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { EngineKind } from '../../sandbox/postgres/engine.ts';
import { findLocalPostgres, LocalKind } from '../../sandbox/postgres/local-engine.ts';
import { PgliteKind } from '../../sandbox/postgres/pglite-engine.ts';
import { openPostgresPort, type PostgresPort } from '../../sandbox/postgres/postgres-port.ts';
import { RealDatabases } from '../../sandbox/postgres/real-databases.ts';
import { createSqlWorld } from '../world/sql-world.ts';

/** The passwords of these tests. */
export const PASSWORDS = { dms: 'a secret', postgres: 'an administrator’s' } as const;

/** The kinds of engine that this machine has. What is missing is said, and nothing is known of it. */
export function kinds(): readonly (readonly [string, () => EngineKind])[] {
  const local = findLocalPostgres();
  if (local.kind === 'missing')
    process.stderr.write(`\nSKIPPED: ${local.because}, so nothing is known of the databases on a local server.\n\n`);
  return [
    ['PGlite', () => new PgliteKind()],
    ...(local.kind === 'missing'
      ? []
      : [['PostgreSQL 15', () => new LocalKind(local, mkdtempSync(join(tmpdir(), 'pg-')))] as const]),
  ];
}

/** A fleet with real databases, on a clock that stands still. */
export function realFleet(kind: EngineKind, limits: { readonly idleInTransactionMax?: number } = {}) {
  const world = createSqlWorld();
  for (const [user, password] of Object.entries(PASSWORDS)) world.servers.logins.set(user, password);
  const databases = new RealDatabases(kind, world.servers, limits);
  const ports = new Map<string, PostgresPort>();
  const clients = new Set<pg.Client>();

  const open = async (instance: string): Promise<PostgresPort> => {
    const known = ports.get(instance);
    if (known !== undefined) return known;
    const { clock, servers } = world;
    const port = await openPostgresPort({ clock, servers, instance, database: databases.of(instance) });
    ports.set(instance, port);
    return port;
  };
  const connect = async (instance: string, more: pg.ClientConfig = {}): Promise<pg.Client> => {
    const { port } = await open(instance);
    const client = new pg.Client({
      host: '127.0.0.1',
      port,
      user: 'dms',
      password: PASSWORDS.dms,
      database: 'dms',
      ...more,
    });
    client.on('error', () => {});
    clients.add(client);
    await client.connect();
    return client;
  };
  const sql = async (instance: string, text: string, values: readonly unknown[] = []) => {
    const client = await connect(instance);
    try {
      return (await client.query(text, [...values])).rows;
    } finally {
      await client.end();
      clients.delete(client);
    }
  };
  const close = async (): Promise<void> => {
    // One that its server has cut off has ended already, and says so.
    await Promise.allSettled([...clients].map((client) => client.end()));
    for (const port of ports.values()) await port.close();
    await databases.close();
  };
  return { world, databases, open, connect, sql, close };
}

/** Whether `psql` is installed. What is missing is said. */
export function hasPsql(): boolean {
  const found = spawnSync('psql', ['--version']).status === 0;
  if (!found) process.stderr.write('\nSKIPPED: psql is not installed, so nothing is known of what it meets.\n\n');
  return found;
}

/** What a program came to. */
export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A real program of PostgreSQL, which reads `input` as a person types it. */
export async function programs(
  program: string,
  args: readonly string[],
  variables: Readonly<Record<string, string>>,
  input = '',
): Promise<Ended> {
  const child = spawn(program, [...args], { env: { ...process.env, ...variables } });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (text: Buffer) => (stdout += text.toString()));
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
  child.stdin.end(input);
  await once(child, 'close');
  return { status: child.exitCode, stdout, stderr };
}

/** The real `psql` at a port of these tests. */
export function psql(port: number, args: readonly string[], input: string): Promise<Ended> {
  const where = ['-X', '-A', '-t', '-h', '127.0.0.1', '-p', String(port), '-U', 'dms', '-d', 'dms'];
  return programs('psql', [...where, ...args], { PGPASSWORD: PASSWORDS.dms }, input);
}
