// A process of its own that uses a store which other processes use too. Run by Node itself; speaks in lines.
//
//   node store-process.ts take-turns PATH NAME COUNT   appends COUNT batches to one log, deciding again after each lost race
//   node store-process.ts keep-on    PATH NAME COUNT   the same without leases, meant to be killed, or to meet a full disk
//
// It says `ready`, waits for a line, and only then opens the file: so that several can be made to open it at once. It ends
// when its input does, so that it never outlives the test that started it.

import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { instant, minutes } from '../../shared/core/time.ts';
import { EMPTY_CHAIN } from '../../shared/log/chain.ts';
import { isPortError } from '../../shared/ports/port-error.ts';
import { openSqliteStore, type SqliteStore } from '../../shared/store/sqlite-store.ts';
import { append, FIRE, prepared, signal } from '../contracts/store-arranged.ts';

/** Events of one append: a log that was torn has a number of events that this does not divide. */
export const BATCH = 3;

const say = (line: string) => process.stdout.write(`${line}\n`);

/** Waits longer than the store does: on a loaded machine a turn can take its time. */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!isPortError(error) || error.code !== 'busy') throw error;
      await setImmediate();
    }
  }
}

async function appendBatch(store: SqliteStore, batch: string): Promise<void> {
  await store.log.receive(signal(batch));
  for (;;) {
    const after = (await store.log.head(FIRE)) ?? EMPTY_CHAIN;
    const ids = Array.from({ length: BATCH }, (_, n) => `${batch}.${n}`);
    const { kind } = await append(store.log, prepared({ after, ids, absorbed: [batch] }));
    if (kind === 'appended') return;
  }
}

async function takeLease(store: SqliteStore, name: string): Promise<void> {
  for (;;) {
    const outcome = await store.leases.acquire('turn', name, minutes(60));
    if (outcome.kind === 'held') {
      say(`token ${outcome.lease.token}`);
      return store.leases.release(outcome.lease);
    }
    await setImmediate();
  }
}

async function run(mode: string, path: string, name: string, count: number): Promise<void> {
  const store = openSqliteStore({ path, clock: { now: () => instant(Date.now()) } });
  for (let n = 1; n <= count; n += 1) {
    await patiently(() => appendBatch(store, `${name}-${n}`));
    say(`kept ${name}-${n}`);
    if (mode === 'take-turns') await patiently(() => takeLease(store, name));
    await setImmediate();
  }
  store.close();
}

if (import.meta.main) {
  const [mode = '', path = '', name = '', count = ''] = process.argv.slice(2);
  process.stdin.once('end', () => process.exit(1));
  say('ready');
  await once(process.stdin, 'data');
  await run(mode, path, name, Number(count)).catch((error: unknown) => {
    if (!isPortError(error)) throw error;
    say(`failed ${error.kind} ${error.code}`);
  });
  process.exit(0);
}
