import { minutes } from '../core/time.ts';
import { nextLook } from '../engine/next-move.ts';
import { anchorKey } from '../log/verify.ts';
import type { Heartbeat } from '../ports/heartbeat.ts';
import { isPortError } from '../ports/port-error.ts';
import type { IncidentId } from '../system/names.ts';
import { afterAppend } from './after-append.ts';
import { journalOf, whereUnderstood, type WorldHome } from './flow-home.ts';
import { absorb } from './absorb.ts';
import { type Intake, receiveNotUnderstood, receiveSuspicion } from './intake.ts';
import { lookAt, withLooks } from './look.ts';
import { watchDatabases } from './watch.ts';
import { watchBackups } from './watch-backups.ts';
import { watchRegions } from './watch-regions.ts';
import { watchStandbys } from './watch-standbys.ts';

// Owns time: finds what is due because a message was lost, a worker died or a moment has come, and wakes whoever goes on. It
// looks and tells; it changes nothing in the protected system.

/** Incidents taken up in one tick; more are left to the next, the most overdue first. */
const DUE_MAX = 50;

/** How long the watch goes on: until shortly before the next tick begins. */
const WATCH_FOR = minutes(1);

/** What a tick runs on. */
export interface TickHome extends WorldHome {
  /** Told of each tick that did all it had to; absent where nobody outside listens. */
  readonly heartbeat?: Heartbeat;
}

/** What one tick found, for its log line. */
export interface TickReport {
  readonly due: number;
  readonly absorbed: number;
}

/**
 * One tick: signals that nobody absorbed, incidents that are due, and the watch over the databases side by side. Each part goes
 * on when another fails; the tick rejects at its end with the first failure, so that it is delivered again.
 */
export async function tick(home: TickHome): Promise<TickReport> {
  const [, swept] = await all([watch(home), sweep(home), anchorLogs(home), lookBeside(home)]);
  await beat(home);
  return swept;
}

/** Only a tick that did all it had to comes here. A party that can't be told is no reason to tick again: its alarm is what we want then. */
async function beat({ heartbeat, note }: TickHome): Promise<void> {
  try {
    await heartbeat?.beat();
  } catch (error) {
    if (!isPortError(error)) throw error;
    note('the party outside could not be told that all is well', { error: error.message });
  }
}

async function sweep(home: WorldHome): Promise<TickReport> {
  const touched = await absorb(home);
  const due = (await home.store.log.due(home.clock.now(), DUE_MAX)).map((head) => head.incident);
  const told = await all([...new Set([...touched, ...due])].map((id) => attend(id, home)));
  if (told.includes('received')) await withLooks(home, (look) => absorb(home, look));
  return { due: due.length, absorbed: touched.length };
}

/** Waits for all to end, whatever becomes of them, and rejects with the first failure: nothing is left running behind. */
async function all<T extends readonly unknown[]>(parts: { readonly [K in keyof T]: Promise<T[K]> }): Promise<T> {
  const ended = await Promise.allSettled(parts);
  const failed = ended.find((part) => part.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return await Promise.all(parts);
}

/** Logs that one tick anchors: those that moved last. */
const ANCHORED_MAX = 20;

/**
 * Writes down, create-only and under another identity than those that append, how far each log has come and with which hash:
 * what `verify` can rest on when somebody has written the store (design.md section 4).
 */
async function anchorLogs({ store }: WorldHome): Promise<void> {
  const heads = await store.log.heads('all', ANCHORED_MAX);
  await Promise.all(
    heads.flatMap(({ incident, sequence, hash }) =>
      hash === ''
        ? []
        : [store.documents.put(anchorKey({ incident, sequence, hash }), { incident, sequence, hash }, 0)],
    ),
  );
}

/** What nobody alerts of: what was lent, and what a restore rests on. */
async function lookBeside(home: WorldHome): Promise<void> {
  const told = await all([watchStandbys(home), watchRegions(home), watchBackups(home)]);
  if (told.includes(true)) await withLooks(home, async (look) => void (await absorb(home, look)));
}

async function watch(home: WorldHome): Promise<void> {
  // The watch must not stop to look.
  await withLooks(home, (look) =>
    watchDatabases(home, WATCH_FOR, async (suspicion) => {
      await receiveSuspicion(suspicion, home);
      await absorb(home, look);
    }),
  );
}

/**
 * Does what is due for one incident: a look of our own, or waking the function whose move it is. One that this version can't read goes
 * to people; answers what became of that.
 */
function attend(id: IncidentId, home: WorldHome): Promise<Intake['kind'] | undefined> {
  return whereUnderstood(
    id,
    home,
    async () => {
      const journal = await journalOf(id, home);
      if (journal === undefined) return undefined;
      if (nextLook(journal.state(), home.clock.now()).kind === 'look') await lookAt(id, home);
      await afterAppend(await journal.refresh(), home);
      return undefined;
    },
    async (because) => (await receiveNotUnderstood(id, because, home)).kind,
  );
}
