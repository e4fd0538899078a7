import { type ChildProcess, fork, spawn, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';

// Processes that a bench starts. They end with it: in order when it ends, and by the exit handler when it breaks.

const living = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

/** Starts a program whose words nobody reads. */
export function startProgram(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  return kept(spawn(command, args, { ...options, stdio: 'ignore' }));
}

/** Starts a script of ours with a channel for messages. What it says on standard error is ours to show. */
export function startPlayer(file: URL, env: Readonly<Record<string, string>>): ChildProcess {
  return kept(
    fork(file, {
      env: { PATH: process.env['PATH'], ...env },
      execArgv: ['--no-warnings'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    }),
  );
}

/** Ends one process by a signal; resolves when it is gone. */
export async function endProcess(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}

/** Asks until it is answered with success; rejects when the process ends meanwhile or `limitMs` have passed. */
export async function untilServing(child: ChildProcess, url: string, limitMs = 60_000): Promise<void> {
  const until = performance.now() + limitMs;
  while (performance.now() < until) {
    if (child.exitCode !== null) throw new Error(`${child.spawnfile} ended with ${child.exitCode}`);
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok === true) return;
    await new Promise((wake) => setTimeout(wake, 50));
  }
  throw new Error(`${child.spawnfile} does not serve ${url}`);
}

/** Sees to it that a process ends with the bench. */
export function kept(child: ChildProcess): ChildProcess {
  living.add(child);
  child.once('exit', () => living.delete(child));
  return child;
}
