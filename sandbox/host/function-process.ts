import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { unreachable } from '../../shared/core/assert.ts';
import { LAST_REQUESTS } from './function-settings.ts';

// One function as an operating system process: started, listened to, started again when it ends.
//
//   starting ──"listening"──▶ serving ──ends──▶ waiting ──1 s──▶ starting …
//      └──ends, too often in a row──▶ gaveUp            stop() ──▶ stopped
//
// P1. A process is ready when it says so in its output. Nobody probes and nobody sleeps for it.
// P2. It gets the environment that it is given, and of ours only PATH: no home, no key file, no login of whoever started us.
// P3. It never outlives us: killed when we exit, and by its own hand when we are killed (end-with-parent.ts).
// P4. Its port stays the same from one process to the next, because subscriptions point there.
// P5. Where another version is deployed, as Cloud Run does it: the former process takes no more requests and ends when those that it has
//     are answered, beside the new one; or it is told to end, and has ten seconds for it.

/** A line that a function wrote. */
export interface OutputLine {
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
  /** The object that the line holds, when it is JSON, as pino's lines are. */
  readonly record: Readonly<Record<string, unknown>> | undefined;
}

/** How a process ended. Exactly one of `code` and `signal` is known, none when it could not be started. */
export interface ProcessExit {
  readonly pid: number | undefined;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Whether another one will be started in its place. */
  readonly restarts: boolean;
}

/** What a function is started with. */
export interface FunctionProcessOptions {
  readonly name: string;
  /**
   * The file that Node runs. It listens on 127.0.0.1 at `PORT` and then writes one line of JSON to its standard output with
   * `message` (or `msg`) `listening` and `port`.
   */
  readonly script: string;
  /** Modules that Node imports before the script: those that register the functions. */
  readonly preload?: readonly string[];
  /** 0 takes a free one, which stays for good. */
  readonly port: number;
  /** All of its environment but `PATH` and `PORT`. */
  readonly env: Readonly<Record<string, string>>;
  readonly onLine: (line: OutputLine) => void;
  readonly onExit: (exit: ProcessExit) => void;
  /** Wall milliseconds between an end and the next start; Cloud Run starts an instance at the next request. */
  readonly restartDelayMs?: number;
  /** Wall milliseconds that an orderly end may take before it is made a disorderly one. */
  readonly stopGraceMs?: number;
}

/** A function that is kept running. */
export interface FunctionProcess {
  readonly name: string;
  /** Of the process that runs now, if one does. */
  readonly pid: number | undefined;
  /** Where it listens. Throws until the port is known, which is when it has been ready once. */
  readonly url: string;
  /** Resolves when it serves. Rejects when it has been stopped or given up. */
  ready(): Promise<void>;
  /** Ends the process in an orderly way and starts another at once; resolves when that one serves. */
  restart(): Promise<void>;
  /**
   * Starts a process of other modules in the place of the one that runs now (P5); resolves when it serves. The former one `finishes` what
   * it has been asked for, or `ends` at once.
   */
  deploy(preload: readonly string[], former: 'finishes' | 'ends'): Promise<void>;
  /** Resolves when no former process runs any more. */
  drained(): Promise<void>;
  /** Sends a signal to the process that runs now, as a disaster would: what ends is started again. */
  kill(signal: NodeJS.Signals): void;
  /** Ends it for good. Resolves when the process is gone. */
  stop(): Promise<void>;
}

type State =
  | { readonly kind: 'starting'; readonly child: ChildProcess; readonly tooLate: NodeJS.Timeout }
  | { readonly kind: 'serving'; readonly child: ChildProcess }
  | { readonly kind: 'waiting'; readonly timer: NodeJS.Timeout }
  | { readonly kind: 'gaveUp' }
  | { readonly kind: 'stopped' };

const RESTART_DELAY_MS = 1_000;

/** The heap that Node collects within: half of the 1 GiB that a function has in the cloud (docs/deployment.md). */
const HEAP_MAX = '--max-old-space-size=512';

/** Processes in a row that may end without having served: beyond, it is no crash but a mistake. */
const FAILED_STARTS_MAX = 5;

/** What Cloud Run leaves an instance after SIGTERM, wall time. */
const TERMINATION_MS = 10_000;

/** Lines of a failed start that are told: a message, and where it came from. */
const COMPLAINT_LINES = 12;

/** Longest start, wall time: 14 functions that load Google's clients at once on two cores take 15 s. */
const START_MAX_MS = 60_000;

/** Less than a person waits after Ctrl-C. */
const STOP_GRACE_MS = 5_000;

const END_WITH_PARENT = fileURLToPath(new URL('./end-with-parent.ts', import.meta.url));

/** Starts a function and keeps it running until it is stopped. */
export function startFunction(options: FunctionProcessOptions): FunctionProcess {
  return new Supervised(options);
}

class Supervised implements FunctionProcess {
  readonly name: string;
  readonly #options: FunctionProcessOptions;
  #state: State;
  #port: number;
  #failedStarts = 0;
  /** What it wrote last to its standard error since it was started: why it does not start, if it does not. */
  #complaint: string[] = [];
  #waitingForReady: { readonly resolve: () => void; readonly reject: (why: Error) => void }[] = [];
  #waitingForEnd: (() => void)[] = [];
  /** Resolves when the process that was ended last is gone. */
  #gone: Promise<void> = Promise.resolve();
  #preload: readonly string[];
  /** Processes in whose places others were deployed, until they are gone. */
  readonly #former = new Map<ChildProcess, PromiseWithResolvers<void>>();

  constructor(options: FunctionProcessOptions) {
    this.name = options.name;
    this.#options = options;
    this.#port = options.port;
    this.#preload = options.preload ?? [];
    this.#state = this.#started();
  }

  get pid(): number | undefined {
    return this.#child()?.pid;
  }

  get url(): string {
    if (this.#port === 0) throw new Error(`the port of ${this.name} is not known before it is ready`);
    return `http://127.0.0.1:${this.#port}`;
  }

  ready(): Promise<void> {
    const { kind } = this.#state;
    if (kind === 'serving') return Promise.resolve();
    if (kind === 'gaveUp' || kind === 'stopped') return Promise.reject(this.#ended());
    return new Promise((resolve, reject) => this.#waitingForReady.push({ resolve, reject }));
  }

  async restart(): Promise<void> {
    await this.#end();
    this.#failedStarts = 0;
    this.#state = this.#started();
    return this.ready();
  }

  async deploy(preload: readonly string[], former: 'finishes' | 'ends'): Promise<void> {
    const child = this.#child();
    this.#preload = preload;
    if (child === undefined) return this.restart();
    if (this.#state.kind === 'starting') clearTimeout(this.#state.tooLate);
    const gone = Promise.withResolvers<void>();
    this.#former.set(child, gone);
    if (former === 'finishes') child.kill(LAST_REQUESTS);
    else {
      child.kill('SIGTERM');
      const impatience = setTimeout(() => child.kill('SIGKILL'), TERMINATION_MS);
      void gone.promise.then(() => clearTimeout(impatience));
    }
    this.#failedStarts = 0;
    this.#state = this.#started();
    return this.ready();
  }

  async drained(): Promise<void> {
    await Promise.all([...this.#former.values()].map(({ promise }) => promise));
  }

  kill(signal: NodeJS.Signals): void {
    this.#child()?.kill(signal);
  }

  stop(): Promise<void> {
    return this.#end();
  }

  #child(): ChildProcess | undefined {
    return 'child' in this.#state ? this.#state.child : undefined;
  }

  #started(): State {
    const { script, env } = this.#options;
    const imports = [END_WITH_PARENT, ...this.#preload].flatMap((module) => ['--import', module]);
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', HEAP_MAX, ...imports, script], {
      env: { PATH: process.env['PATH'], ...env, PORT: String(this.#port) },
      stdio: ['pipe', 'pipe', 'pipe'],
      // A group of its own: Ctrl-C in a terminal reaches us alone, and we end it in order.
      detached: true,
    });
    living.add(child);
    this.#complaint = [];
    child.stdin.on('error', () => undefined); // it ended while we held its input: its exit says so
    createInterface({ input: child.stdout }).on('line', (text) => this.#heard(child, 'stdout', text));
    createInterface({ input: child.stderr }).on('line', (text) => this.#heard(child, 'stderr', text));
    child.on('error', () => undefined); // it could not be started: `close` follows
    child.on('close', (code, signal) => this.#closed(child, code, signal));
    return { kind: 'starting', child, tooLate: setTimeout(() => child.kill('SIGKILL'), START_MAX_MS) };
  }

  #heard(child: ChildProcess, stream: OutputLine['stream'], text: string): void {
    const record = stream === 'stdout' ? recordOf(text) : undefined;
    const port = portOf(record);
    if (port !== undefined && this.#state.kind === 'starting' && this.#state.child === child) this.#serves(child, port);
    if (stream === 'stderr') this.#complaint = [...this.#complaint, text].slice(-COMPLAINT_LINES);
    this.#options.onLine({ stream, text, record });
  }

  #serves(child: ChildProcess, port: number): void {
    if (this.#state.kind === 'starting') clearTimeout(this.#state.tooLate);
    this.#state = { kind: 'serving', child };
    this.#port = port;
    this.#failedStarts = 0;
    for (const { resolve } of this.#waitingForReady.splice(0)) resolve();
  }

  #closed(child: ChildProcess, code: number | null, signal: NodeJS.Signals | null): void {
    living.delete(child);
    const former = this.#former.get(child);
    this.#former.delete(child);
    const restarts = former === undefined && this.#afterEnd();
    this.#options.onExit({ pid: child.pid, code: signal === null ? code : null, signal, restarts });
    if (former === undefined) for (const resolve of this.#waitingForEnd.splice(0)) resolve();
    else former.resolve();
  }

  /** What follows on the end of a process; whether that is another one. */
  #afterEnd(): boolean {
    const state = this.#state;
    switch (state.kind) {
      case 'starting':
        clearTimeout(state.tooLate);
        this.#failedStarts += 1;
        if (this.#failedStarts < FAILED_STARTS_MAX) return this.#wait();
        this.#rest({ kind: 'gaveUp' });
        return false;
      case 'serving':
        return this.#wait();
      case 'waiting':
      case 'gaveUp':
      case 'stopped':
        return false;
      default:
        return unreachable(state);
    }
  }

  #wait(): true {
    const timer = setTimeout(() => {
      this.#state = this.#started();
    }, this.#options.restartDelayMs ?? RESTART_DELAY_MS);
    this.#state = { kind: 'waiting', timer };
    return true;
  }

  /** To a state in which nothing runs, and those who wait for it to serve wait in vain. */
  #rest(state: State): void {
    this.#state = state;
    for (const { reject } of this.#waitingForReady.splice(0)) reject(this.#ended());
  }

  #ended(): Error {
    if (this.#state.kind !== 'gaveUp') return new Error(`${this.name} has been stopped`);
    return new Error([`${this.name} does not start`, ...this.#complaint].join('\n  '));
  }

  async #end(): Promise<void> {
    for (const former of this.#former.keys()) former.kill('SIGKILL');
    const child = this.#child();
    if (this.#state.kind === 'waiting') clearTimeout(this.#state.timer);
    if (this.#state.kind === 'starting') clearTimeout(this.#state.tooLate);
    this.#rest({ kind: 'stopped' });
    if (child === undefined) return this.#gone;
    this.#gone = new Promise((resolve) => this.#waitingForEnd.push(resolve));
    child.kill('SIGTERM');
    const impatience = setTimeout(() => child.kill('SIGKILL'), this.#options.stopGraceMs ?? STOP_GRACE_MS);
    await this.#gone;
    clearTimeout(impatience);
  }
}

/** Every process that runs, of all functions. */
const living = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

function recordOf(text: string): Readonly<Record<string, unknown>> | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : undefined;
  } catch {
    return undefined; // a line of text that happens to start with a brace
  }
}

/** The port of a `listening` line. */
function portOf(record: OutputLine['record']): number | undefined {
  const message = record?.['message'] ?? record?.['msg'];
  const port = record?.['port'];
  return message === 'listening' && typeof port === 'number' ? port : undefined;
}
