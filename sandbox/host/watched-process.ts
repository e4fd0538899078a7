import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

// Other people's servers as processes of ours, on loopback: Google's emulators, Redis.
//
// E1. A server is ready when it says so in its output. Nobody probes and nobody sleeps for it.
// E2. It never outlives us: a shell beside it holds the other end of a pipe that closes when we end, even by SIGKILL, and
//     ends it then. The server itself does not watch its input.
// E3. It is ended by its own process group, and nothing else is.

/** Longest start, wall time: ten times what was seen on a busy machine. */
const START_MAX_MS = 60_000;

/**
 * Runs its arguments and kills them when its input ends (E2). `cat` waits for that end; when the server ends first, the
 * watch ends too, so that no other process is ever killed under a number that was given anew.
 */
const WATCHED = `exec 3<&0
"$@" 3<&- </dev/null &
server=$!
{ cat >/dev/null; kill -KILL "$server"; } <&3 >/dev/null 2>&1 &
watch=$!
wait "$server"
ended=$?
kill "$watch"
exit "$ended"`;

type Served =
  | { readonly kind: 'serves'; readonly pid: number }
  | { readonly kind: 'ended'; readonly said: readonly string[] };

/** A server that serves, or the last words of one that did not come up. */
export type Watched =
  | {
      readonly kind: 'serves';
      /** Leads its process group. */
      readonly pid: number;
      /** Ends it; resolves when it is gone. All that it held is lost. */
      readonly stop: () => Promise<void>;
    }
  | { readonly kind: 'ended'; readonly said: readonly string[] };

/** Starts a command and waits until a line of its output holds `ready`. */
export async function startWatched(command: readonly string[], ready: string): Promise<Watched> {
  const child = spawn('sh', ['-c', WATCHED, 'sh', ...command], {
    env: { PATH: process.env['PATH'] },
    stdio: ['pipe', 'pipe', 'pipe'],
    // A group of its own: Ctrl-C in a terminal reaches us alone, and we end it in order.
    detached: true,
  });
  const outcome = await serving(child, ready);
  if (outcome.kind === 'serves') return { ...outcome, stop: () => end(child) };
  await end(child);
  return outcome;
}

/** Waits until it serves or has ended. What it says afterwards is read and forgotten, or its output would fill up. */
async function serving(child: ChildProcess, ready: string): Promise<Served> {
  const said: string[] = [];
  const { promise, resolve } = Promise.withResolvers<'serves' | 'ended'>();
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on('line', (line) => {
      if (line.includes(ready)) resolve('serves');
      if (said.length < 200) said.push(line);
    });
  }
  child.once('error', (error) => said.push(String(error)));
  child.once('close', () => resolve('ended'));
  const tooLate = setTimeout(() => resolve('ended'), START_MAX_MS);
  const kind = await promise;
  clearTimeout(tooLate);
  return kind === 'serves' && child.pid !== undefined ? { kind, pid: child.pid } : { kind: 'ended', said };
}

/** Nothing is lost by an end without warning: it holds its data in memory. `close` comes when nobody has its output any more. */
async function end(child: ChildProcess): Promise<void> {
  child.stdin?.destroy();
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'close');
  killGroup(child.pid);
  await gone;
}

/** The whole group (E3), which may have ended meanwhile. */
function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
