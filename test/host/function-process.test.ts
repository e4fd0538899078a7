import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  type FunctionProcess,
  type OutputLine,
  type ProcessExit,
  startFunction,
} from '../../sandbox/host/function-process.ts';

const SERVED = fileURLToPath(new URL('./served-function.ts', import.meta.url));
const NEXT = fileURLToPath(new URL('./served-version.ts', import.meta.url));
const PARENT = fileURLToPath(new URL('./supervising-parent.ts', import.meta.url));

const running: FunctionProcess[] = [];
const parents: ChildProcess[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((served) => served.stop()));
  for (const parent of parents.splice(0)) parent.kill('SIGKILL');
});

/** A function with what it wrote, and its ends as they come. */
function served(env: Record<string, string> = {}, port = 0) {
  const lines: OutputLine[] = [];
  const exits: ProcessExit[] = [];
  const waiting: ((exit: ProcessExit) => void)[] = [];
  const listening: ((text: string) => void)[] = [];
  const process = startFunction({
    name: 'heal',
    script: SERVED,
    port,
    env,
    restartDelayMs: 10,
    stopGraceMs: 200,
    onLine: (line) => {
      lines.push(line);
      for (const heard of listening) heard(line.text);
    },
    onExit: (exit) => {
      exits.push(exit);
      waiting.shift()?.(exit);
    },
  });
  running.push(process);
  return {
    process,
    lines,
    exits,
    nextExit: () => new Promise<ProcessExit>((resolve) => waiting.push(resolve)),
    nextLine: (text: string) => new Promise<void>((resolve) => listening.push((said) => said === text && resolve())),
  };
}

async function ask(url: string): Promise<{ pid: number; env: Record<string, string> }> {
  return JSON.parse(await (await fetch(url)).text());
}

describe('a function’s process', () => {
  it('is ready when it says that it listens, and its lines are heard', async () => {
    const { process: heal, lines } = served();

    await heal.ready();

    expect((await ask(heal.url)).pid).toBe(heal.pid);
    expect(lines).toContainEqual({ stream: 'stderr', text: 'a line for people', record: undefined });
    expect(lines.find(({ record }) => record !== undefined)?.record).toMatchObject({ message: 'listening' });
  });

  it('gets its own environment and nothing of ours but the path', async () => {
    const { process: heal } = served({ GCE_METADATA_HOST: '127.0.0.1:1' });
    await heal.ready();

    const { env } = await ask(heal.url);

    expect(Object.keys(env).sort()).toEqual(['GCE_METADATA_HOST', 'PATH', 'PORT']);
  });

  it('is started again on the same port when it is killed', async () => {
    const { process: heal, nextExit } = served();
    await heal.ready();
    const { url, pid } = heal;

    const exit = nextExit();
    heal.kill('SIGKILL');
    expect(await exit).toEqual({ pid, code: null, signal: 'SIGKILL', restarts: true });
    await heal.ready();

    expect(heal.url).toBe(url);
    expect((await ask(url)).pid).not.toBe(pid);
  });

  it('is started again when it ends by itself', async () => {
    const { process: heal, nextExit } = served();
    await heal.ready();

    const exit = nextExit();
    await fetch(`${heal.url}/crash`).catch(() => undefined);

    expect(await exit).toMatchObject({ code: 16, restarts: true });
    await heal.ready();
    expect(heal.pid).toBeDefined();
  });

  it('is given up when it never comes to serve', async () => {
    const { process: heal, exits } = served({ ENDING: 'atOnce' });

    await expect(heal.ready()).rejects.toThrow('heal does not start');

    expect(exits.map(({ code, restarts }) => ({ code, restarts }))).toEqual([
      { code: 3, restarts: true },
      { code: 3, restarts: true },
      { code: 3, restarts: true },
      { code: 3, restarts: true },
      { code: 3, restarts: false },
    ]);
  });

  it('says in its own words why it never comes to serve', async () => {
    const { process: first } = served();
    await first.ready();

    const { process: second } = served({}, Number(new URL(first.url).port));

    await expect(second.ready()).rejects.toThrow(/heal does not start\n[^]*EADDRINUSE/);
  });

  it('is another process after a restart, and serves when that is over', async () => {
    const { process: heal, exits } = served();
    await heal.ready();
    const { pid, url } = heal;

    await heal.restart();

    expect((await ask(url)).pid).toBe(heal.pid);
    expect(heal.pid).not.toBe(pid);
    expect(exits).toEqual([{ pid, code: null, signal: 'SIGTERM', restarts: false }]);
  });

  it('of a former version answers what it was asked for, beside that of the next one, which gets all that is asked from then on', async () => {
    const { process: heal, exits, nextLine } = served();
    await heal.ready();
    const { pid, url } = heal;
    const holding = nextLine('held');
    const answer = fetch(`${url}/held`).then((response) => response.text());
    await holding;

    await heal.deploy([NEXT], 'finishes');
    const next = (await ask(url)).pid;
    process.kill(pid ?? 0, 'SIGHUP');

    expect(await answer).toBe('first');
    await heal.drained();
    expect(next).toBe(heal.pid);
    expect(next).not.toBe(pid);
    expect(exits).toEqual([{ pid, code: 0, signal: null, restarts: false }]);
  });

  it('of a former version is told to end where it may not finish, and is not started again', async () => {
    const { process: heal, exits } = served();
    await heal.ready();
    const { pid } = heal;

    await heal.deploy([NEXT], 'ends');
    await heal.drained();

    expect(exits).toEqual([{ pid, code: null, signal: 'SIGTERM', restarts: false }]);
    expect((await ask(heal.url)).pid).toBe(heal.pid);
  });

  it('is gone after a stop, for good', async () => {
    const { process: heal, exits } = served();
    await heal.ready();

    await heal.stop();

    expect(exits).toHaveLength(1);
    expect(heal.pid).toBeUndefined();
    await expect(heal.ready()).rejects.toThrow('has been stopped');
    await expect(fetch(heal.url)).rejects.toThrow();
  });

  it('can be stopped even while it is frozen', async () => {
    const { process: heal, exits } = served();
    await heal.ready();
    heal.kill('SIGSTOP');

    await heal.stop();

    expect(exits).toMatchObject([{ signal: 'SIGKILL', restarts: false }]);
  });

  it('can be stopped while it waits to be started again', async () => {
    const { process: heal, nextExit, exits } = served();
    await heal.ready();
    const exit = nextExit();
    heal.kill('SIGKILL');
    await exit;

    await heal.stop();

    expect(exits).toHaveLength(1);
    await expect(heal.ready()).rejects.toThrow('has been stopped');
  });
});

describe('when the sandbox ends', () => {
  it.each<[string, NodeJS.Signals]>([
    ['is killed', 'SIGKILL'],
    ['is asked to end and does not clean up', 'SIGTERM'],
  ])('because it %s, its functions end with it', async (_, signal) => {
    const parent = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', PARENT], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    parents.push(parent);
    const [line] = await once(createInterface({ input: parent.stdout }), 'line');
    const { url } = JSON.parse(String(line));
    // A connection to the function lives exactly as long as the function.
    const connection = connect(Number(new URL(url).port), '127.0.0.1');
    connection.on('error', () => undefined);
    await once(connection, 'connect');

    const functionEnded = once(connection, 'close');
    parent.kill(signal);

    await functionEnded;
    await expect(fetch(url)).rejects.toThrow();
  });
});
