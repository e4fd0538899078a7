import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { endProcess, kept } from './started-process.ts';
import { freePort } from '../sandbox/host/free-port.ts';

// One cold start: a function's process as the platform starts it, by the framework's own main, from nothing until something is done.

const MAIN = new URL('../node_modules/@google-cloud/functions-framework/build/src/main.js', import.meta.url).pathname;

/** Between two tries to reach a process that is starting, wall time. */
const TRY_MS = 2;

/** Longest from the start until it is done, wall time, before the bench gives up. */
const DONE_MAX_MS = 60_000;

/** A function to start. */
export interface ColdFunction {
  /** The directory of its package. */
  readonly source: string;
  readonly target: string;
  readonly signature: 'http' | 'cloudevent';
  readonly env: Readonly<Record<string, string>>;
}

/** What is asked of it first. */
export interface FirstRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: unknown;
  /** Statuses that mean that it was dealt with. */
  readonly statuses: readonly number[];
  /** Resolves when it is done, where the answer is not what says so. */
  readonly done?: () => Promise<void>;
}

/** What a start took. */
export interface ColdStart {
  /** Wall milliseconds from the start of the process. */
  readonly ms: number;
  /** Resident memory by then, MiB; `undefined` where the system does not say. */
  readonly memory: number | undefined;
}

/** Starts a process, asks it at once, and ends it by force when the request is done. Rejects when it is not done in time, or refused. */
export async function coldStart(cold: ColdFunction, request: FirstRequest): Promise<ColdStart> {
  const port = await freePort();
  const args = [`--source=${cold.source}`, `--target=${cold.target}`, `--signature-type=${cold.signature}`];
  const from = performance.now();
  const child = kept(
    spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...args], {
      env: {
        PATH: process.env['PATH'],
        ...cold.env,
        PORT: String(port),
        FUNCTION_TARGET: cold.target,
        NODE_ENV: 'production',
      },
      stdio: ['ignore', 'ignore', 'inherit'],
    }),
  );
  try {
    const until = from + DONE_MAX_MS;
    const asked = answered(`http://127.0.0.1:${port}${request.path}`, request, until, () => child.exitCode);
    await (request.done === undefined
      ? asked
      : Promise.race([request.done(), asked.then(() => new Promise(() => {}))]));
    const ms = performance.now() - from;
    return { ms, memory: residentMiB(child.pid) };
  } finally {
    await endProcess(child);
  }
}

async function answered(
  url: string,
  { method, body, statuses }: FirstRequest,
  until: number,
  ended: () => number | null,
): Promise<void> {
  const init: RequestInit = {
    method,
    headers: { connection: 'close', 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  };
  for (;;) {
    const response = await fetch(url, init).catch(() => undefined);
    if (response !== undefined) {
      const text = await response.text();
      if (!statuses.includes(response.status))
        throw new Error(`${url} answered ${response.status}: ${text.slice(0, 300)}`);
      return;
    }
    if (ended() !== null) throw new Error(`${url} ended before it answered`);
    if (performance.now() > until) throw new Error(`${url} did not answer within ${DONE_MAX_MS} ms`);
    await new Promise((wake) => setTimeout(wake, TRY_MS));
  }
}

function residentMiB(pid: number | undefined): number | undefined {
  try {
    const kibi = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kibi === undefined ? undefined : Number(kibi) / 1_024;
  } catch {
    return undefined;
  }
}
