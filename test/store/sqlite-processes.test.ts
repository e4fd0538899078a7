import { afterEach, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { EMPTY_CHAIN } from '../../shared/log/chain.ts';
import { verifyChain, type Verification } from '../../shared/log/verify.ts';
import { append, FIRE, prepared } from '../contracts/store-arranged.ts';
import { withFile, withStoreAt } from './sqlite-file.ts';

// Real processes on one file: what they are told was kept must be there, whole, whoever dies and whenever.

const SCRIPT = fileURLToPath(new URL('store-process.ts', import.meta.url));
const BATCH = 3;

const started: Worker[] = [];
afterEach(async () => {
  for (const worker of started.splice(0)) await worker.killed();
});

/** A process of `store-process.ts` that waits for `start`. */
class Worker {
  readonly said: string[] = [];
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #ended: Promise<unknown>;
  #wanted: { readonly lines: number; readonly reached: () => void } | undefined;

  private constructor(command: string, args: readonly string[]) {
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#ended = once(this.#child, 'close');
    createInterface(this.#child.stdout).on('line', (line) => {
      this.said.push(line);
      if (this.#wanted !== undefined && this.said.length >= this.#wanted.lines) this.#wanted.reached();
    });
    createInterface(this.#child.stderr).on('line', (line) => this.said.push(`failed ${line}`));
    started.push(this);
  }

  static async ready(args: readonly string[], limitKiB?: number): Promise<Worker> {
    const node = [process.execPath, '--disable-warning=ExperimentalWarning', SCRIPT, ...args];
    const limited = ['-c', `ulimit -f ${limitKiB}; exec "$@"`, 'limited', ...node];
    const worker = limitKiB === undefined ? new Worker(process.execPath, node.slice(1)) : new Worker('bash', limited);
    await worker.hasSaid(1);
    return worker;
  }

  start(): void {
    this.#child.stdin.write('go\n');
  }

  /** Resolves when that many lines have come, or none can come any more. */
  async hasSaid(lines: number): Promise<void> {
    const reached = new Promise<void>((resolve) => {
      this.#wanted = { lines, reached: resolve };
    });
    if (this.said.length < lines) await Promise.race([reached, this.#ended]);
  }

  async killed(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  async ended(): Promise<void> {
    await this.#ended;
  }

  /** The batches that the store said it had kept. */
  get kept(): readonly string[] {
    return this.#after('kept ');
  }

  get tokens(): readonly string[] {
    return this.#after('token ');
  }

  get failures(): readonly string[] {
    return this.#after('failed ');
  }

  #after(word: string): readonly string[] {
    return this.said.filter((line) => line.startsWith(word)).map((line) => line.slice(word.length));
  }
}

/** What a fresh process finds in the file. */
async function found(path: string): Promise<{ readonly log: Verification; readonly batches: readonly string[] }> {
  return withStoreAt(path, async (store) => {
    const records = await store.log.read(FIRE, 0, 100_000);
    const head = (await store.log.head(FIRE)) ?? EMPTY_CHAIN;
    const batches = records.filter((_, n) => n % BATCH === 0).map((record) => record.id.replace(/\.0$/, ''));
    // A batch is there with all its events, and its signal no longer waits.
    expect(records.map((record) => record.id)).toEqual(
      batches.flatMap((batch) => [0, 1, 2].map((n) => `${batch}.${n}`)),
    );
    const waiting = (await store.log.waiting(FIRE, 1_000)).map((entry) => entry.key);
    expect(waiting.filter((key) => batches.includes(key))).toEqual([]);
    return { log: verifyChain(records, { incident: FIRE, head }), batches };
  });
}

describe('many processes on one file', () => {
  it(
    'open it at the same moment, and keep everything once, in one order',
    () =>
      withFile(async (path) => {
        const names = ['ann', 'bob', 'cid', 'dan'];
        const workers = await Promise.all(names.map((name) => Worker.ready(['take-turns', path, name, '15'])));
        for (const worker of workers) worker.start();
        for (const worker of workers) await worker.ended();

        const { log, batches } = await found(path);
        expect(workers.flatMap((worker) => worker.failures)).toEqual([]);
        expect(log).toEqual({ kind: 'sound', upTo: 4 * 15 * BATCH, anchoredTo: 0 });
        expect(batches.toSorted()).toEqual(workers.flatMap((worker) => worker.kept).toSorted());
        for (const worker of workers)
          expect(batches.filter((batch) => worker.kept.includes(batch))).toEqual(worker.kept);
        const tokens = workers.flatMap((worker) => worker.tokens);
        expect(new Set(tokens).size).toBe(4 * 15);
      }),
    60_000,
  );

  it(
    'lose nothing that was kept, and tear nothing, when one after the other is killed at work',
    () =>
      withFile(async (path) => {
        const kept: string[] = [];
        for (const round of [1, 2, 3, 4, 5, 6]) {
          const workers = await Promise.all(
            ['ann', 'bob'].map((name) => Worker.ready(['keep-on', path, `${name}${round}`, '500'])),
          );
          for (const worker of workers) worker.start();
          await workers[round % 2]?.hasSaid(1 + round * 4);
          for (const worker of workers) await worker.killed();
          kept.push(...workers.flatMap((worker) => worker.kept));

          const { log, batches } = await found(path);
          expect(log.kind).toBe('sound');
          expect(batches).toEqual(expect.arrayContaining(kept));
        }
        expect(kept.length).toBeGreaterThan(6 * 4);
      }),
    60_000,
  );
});

describe('a disk that takes no more', () => {
  it(
    'leaves a commit ambiguous, and the log whole with or without it',
    () =>
      withFile(async (path) => {
        await withStoreAt(path, (store) => append(store.log, prepared({ ids: ['first.0', 'first.1', 'first.2'] })));
        const worker = await Worker.ready(['keep-on', path, 'ann', '500'], 256);
        worker.start();
        await worker.ended();

        expect(worker.failures).toEqual([expect.stringMatching(/^ambiguous disk/)]);
        expect(worker.kept.length).toBeGreaterThan(0);
        const { log, batches } = await found(path);
        expect(log.kind).toBe('sound');
        expect(batches).toEqual(expect.arrayContaining(worker.kept.slice()));
      }),
    60_000,
  );
});
