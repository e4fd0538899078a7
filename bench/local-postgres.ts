import { spawnSync } from 'node:child_process';
import { chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../sandbox/host/free-port.ts';
import { folderOfPrograms, userForPostgres } from '../sandbox/postgres/local-programs.ts';
import { endProcess, startProgram } from './started-process.ts';

// A PostgreSQL of our own in a folder, as it is delivered: fsync and synchronous_commit on. It refuses to run as root, so root
// gives it the user `postgres`, which Debian's package brings, or else `nobody`.

/** A database that serves, or why there is none. */
export type LocalPostgres =
  | { readonly kind: 'missing'; readonly because: string }
  | { readonly kind: 'serves'; readonly url: string; readonly version: string; end(): Promise<void> };

/** Longest start, wall time. */
const START_MAX_S = 60;

/** Makes a cluster in `folder`, which must not exist, and starts it on a free port of loopback. */
export async function startPostgres(folder: string): Promise<LocalPostgres> {
  const programs = folderOfPrograms(['initdb', 'postgres', 'pg_isready']);
  if (programs === undefined) return { kind: 'missing', because: 'there is no PostgreSQL here (initdb)' };
  const user = userForPostgres();
  if (user === undefined) return { kind: 'missing', because: 'PostgreSQL refuses root, and there is no other user' };
  mkdirSync(folder, { mode: 0o700 });
  if ('uid' in user) chownSync(folder, user.uid, user.gid);
  const run = (program: string, args: readonly string[]) =>
    spawnSync(join(programs, program), args, { ...user, cwd: folder, encoding: 'utf8' });
  const made = run('initdb', ['--pgdata', folder, '--username=bench', '--auth=trust', '--no-instructions']);
  if (made.status !== 0) return { kind: 'missing', because: `initdb failed: ${made.stderr.trim()}` };
  const port = await freePort();
  const server = startProgram(
    join(programs, 'postgres'),
    ['-D', folder, '-p', String(port), '-h', '127.0.0.1', '-c', 'unix_socket_directories='],
    { ...user, cwd: folder },
  );
  for (let waited = 0; run('pg_isready', ['-h', '127.0.0.1', '-p', String(port)]).status !== 0; waited += 0.1) {
    if (server.exitCode !== null || waited > START_MAX_S)
      return { kind: 'missing', because: 'PostgreSQL did not start' };
    await new Promise((wake) => setTimeout(wake, 100));
  }
  return {
    kind: 'serves',
    url: `postgresql://bench@127.0.0.1:${port}/bench`,
    version: /\d+\.\d+/.exec(run('postgres', ['--version']).stdout)?.[0] ?? 'of unknown version',
    end: () => endProcess(server, 'SIGINT'),
  };
}
