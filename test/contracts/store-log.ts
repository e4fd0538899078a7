import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { sha256 } from '../../shared/core/digest.ts';
import { instant } from '../../shared/core/time.ts';
import { EMPTY_CHAIN, type ChainEnd } from '../../shared/log/chain.ts';
import { verifyChain } from '../../shared/log/verify.ts';
import type { EventRecord, Head } from '../../shared/ports/store.ts';
import { targetId } from '../../shared/system/names.ts';
import { anyJsonObject } from '../log/logs.ts';
import {
  append,
  endOf,
  FIRE,
  FLOOD,
  idsOf,
  prepared,
  signal,
  vandalise,
  withStore,
  type Prepared,
} from './store-arranged.ts';
import type { ContractEffort, OpenEmptyStore } from './store.ts';

/** Logs: appended to after an expected event, read in order, found when due. */
export function logContract(open: OpenEmptyStore, { runs }: ContractEffort): void {
  describe('keeps logs', () => {
    appending(open, runs);
    refusing(open);
    listing(open);
  });
}

function appending(open: OpenEmptyStore, runs: number): void {
  it('knows nothing of an incident that was never appended to', () =>
    withStore(open, async ({ store }) => {
      expect(await store.log.head(FIRE)).toBeUndefined();
      expect(await store.log.read(FIRE, 0, 10)).toEqual([]);
    }));

  it('reads back the events and the head that were appended', () =>
    withStore(open, async ({ store }) => {
      const fire = prepared({ ids: ['a', 'b'], dueAt: 5_000.25 });
      expect(await append(store.log, fire)).toEqual({ kind: 'appended' });
      expect(await store.log.read(FIRE, 0, 10)).toEqual(fire.events);
      expect(await store.log.head(FIRE)).toEqual(fire.head);
      expect(await store.log.head(FLOOD)).toBeUndefined();
    }));

  it('pages through a log from any event', () =>
    withStore(open, async ({ store }) => {
      const { events, ...rest } = prepared({ ids: ['a', 'b', 'c', 'd'] });
      await append(store.log, { ...rest, events });
      expect(await store.log.read(FIRE, 1, 2)).toEqual(events.slice(1, 3));
      expect(await store.log.read(FIRE, 3, 2)).toEqual(events.slice(3));
      expect(await store.log.read(FIRE, 4, 2)).toEqual([]);
    }));

  it('shows the loser of a race the head that won, and keeps nothing of what it wanted', () =>
    withStore(open, async ({ store }) => {
      const winner = prepared({ ids: ['winner'] });
      await store.log.receive(signal('s'));
      await append(store.log, winner);

      const outcome = await append(store.log, prepared({ ids: ['loser', 'more'], dueAt: 1, absorbed: ['s'] }));

      expect(outcome).toEqual({ kind: 'lost', head: winner.head });
      expect(await idsOf(store, FIRE)).toEqual(['winner']);
      expect(await store.log.head(FIRE)).toEqual(winner.head);
      expect(await store.log.waiting(FIRE, 10)).toHaveLength(1);
    }));

  it('shows an empty head to somebody who expected a log that is not there', () =>
    withStore(open, async ({ store }) => {
      const later = prepared({ after: { sequence: 3, hash: sha256('x') } });
      const empty: Head = { incident: FIRE, ...EMPTY_CHAIN, dueAt: undefined, targets: [], summary: {} };
      expect(await append(store.log, later)).toEqual({ kind: 'lost', head: empty });
      expect(await store.log.head(FIRE)).toBeUndefined();
    }));

  it('lets exactly one of many simultaneous appends win', () =>
    withStore(open, async ({ store }) => {
      const rivals = Array.from({ length: 6 }, (_, n) => prepared({ ids: [`rival-${n}`, `again-${n}`] }));
      const outcomes = await Promise.all(rivals.map((rival) => append(store.log, rival)));
      const winners = rivals.filter((_, n) => outcomes[n]?.kind === 'appended');
      expect(winners).toHaveLength(1);
      expect(await store.log.read(FIRE, 0, 10)).toEqual(winners[0]?.events);
    }));

  it('replaces the head without an event, for a due time that changed', () =>
    withStore(open, async ({ store }) => {
      await append(store.log, prepared({ ids: ['a'], dueAt: 1_000 }));
      const later = prepared({ after: await endOf(store, FIRE), ids: [], dueAt: 2_000 });
      expect(await append(store.log, later)).toEqual({ kind: 'appended' });
      expect(await store.log.head(FIRE)).toEqual(later.head);
      expect(await idsOf(store, FIRE)).toEqual(['a']);
    }));

  it('gives back any JSON as it was', () =>
    fc.assert(
      fc.asyncProperty(anyJsonObject, (data) =>
        withStore(open, async ({ store }) => {
          const fire = prepared({ ids: ['a'], data });
          await append(store.log, fire);
          const read = await store.log.read(FIRE, 0, 1);
          expect(read).toEqual(fire.events);
          expect(verifyChain(read, { head: await endOf(store, FIRE) }).kind).toBe('sound');
        }),
      ),
      { numRuns: runs },
    ));

  it('never loses or doubles an event, whoever appends with whatever view of the log', () =>
    fc.assert(
      fc.asyncProperty(fc.array(anyMove, { maxLength: 25 }), (moves) =>
        withStore(open, (opened) => race(opened.store.log, moves)),
      ),
      { numRuns: runs },
    ));

  it('hands out nothing through which its state could be changed', () =>
    withStore(open, async ({ store }) => {
      const fire = prepared({ ids: ['a'], data: { deep: { list: [1] } }, dueAt: 1 });
      const original = structuredClone(fire);
      await append(store.log, fire);
      for (const leak of [fire.events, fire.head]) vandalise(leak);
      const reads = async () => ({
        events: await store.log.read(FIRE, 0, 9),
        head: await store.log.head(FIRE),
        due: await store.log.due(instant(9), 9),
        heads: await store.log.heads('all', 9),
        lost: await append(store.log, prepared({ ids: ['late'] })),
      });
      vandalise(await reads());
      const { head, events } = original;
      expect(await reads()).toEqual({ events, head, due: [head], heads: [head], lost: { kind: 'lost', head } });
    }));
}

/** A writer looks at the log, or appends after what it saw last; two may append at the same moment. */
type Move =
  | { readonly kind: 'look'; readonly writer: number }
  | { readonly kind: 'append'; readonly writers: readonly number[]; readonly count: number };

const writer = fc.nat({ max: 2 });
const anyMove: fc.Arbitrary<Move> = fc.oneof(
  fc.record({ kind: fc.constant('look' as const), writer }),
  fc.record({
    kind: fc.constant('append' as const),
    writers: fc.uniqueArray(writer, { minLength: 1 }),
    count: fc.integer({ min: 0, max: 3 }),
  }),
);

async function race(log: Parameters<typeof append>[0], moves: readonly Move[]): Promise<void> {
  const views = new Map<number, ChainEnd>();
  const kept: string[] = [];
  for (const [turn, move] of moves.entries()) {
    const head: ChainEnd = (await log.head(FIRE)) ?? EMPTY_CHAIN;
    if (move.kind === 'look') {
      views.set(move.writer, head);
      continue;
    }
    const tries = move.writers.map((writer) => {
      const ids = Array.from({ length: move.count }, (_, n) => `${turn}-${writer}-${n}`);
      return { ids, prepared: prepared({ after: views.get(writer) ?? EMPTY_CHAIN, ids }) };
    });
    const outcomes = await Promise.all(tries.map((attempt) => append(log, attempt.prepared)));
    const wins = tries.filter((_, n) => outcomes[n]?.kind === 'appended');
    const fresh = tries.filter((attempt) => attempt.prepared.expected === head.sequence);
    // Appends without events leave the head where it was, so several of them can succeed.
    expect(wins).toHaveLength(move.count === 0 ? fresh.length : Math.min(fresh.length, 1));
    kept.push(...wins.flatMap((win) => win.ids));
    const records = await log.read(FIRE, 0, 1_000);
    expect(records.map((record) => record.id)).toEqual(kept);
    expect(verifyChain(records, { head: (await log.head(FIRE)) ?? EMPTY_CHAIN }).kind).toBe('sound');
  }
}

function refusing(open: OpenEmptyStore): void {
  const whole = prepared({ ids: ['a', 'b', 'c'] });
  const { events, head } = whole;
  /** The append with one event changed and everything else fitting. */
  const changed = (n: number, change: (event: EventRecord) => EventRecord): Prepared => ({
    ...whole,
    events: events.map((event) => (event.sequence === n ? change(event) : event)),
  });

  it.each<readonly [string, Prepared]>([
    ['have a gap', changed(2, (event) => ({ ...event, sequence: 4 }))],
    ['do not follow the expected event', { ...whole, expected: 1, head: { ...head, sequence: 4 } }],
    ['are not chained', changed(2, (event) => ({ ...event, prevHash: sha256('x') }))],
    ['belong to another incident', changed(2, (event) => ({ ...event, incident: FLOOD }))],
    ['have the head of another incident', { ...whole, head: { ...head, incident: FLOOD } }],
    ['end before their head', { ...whole, head: { ...head, sequence: 4 } }],
    ['end with another hash than their head', { ...whole, head: { ...head, hash: sha256('x') } }],
    ['absorb one entry twice', { ...whole, absorbed: ['s', 's'] }],
  ])('refuses events that %s', (_what, wrong) =>
    withStore(open, async ({ store }) => {
      await store.log.receive(signal('s'));
      await expect(append(store.log, wrong)).rejects.toThrow();
      expect(await store.log.heads('all', 10)).toEqual([]);
      expect(await store.log.read(FIRE, 0, 10)).toEqual([]);
    }),
  );

  it('refuses events that continue another history than the stored one', () =>
    withStore(open, async ({ store }) => {
      await append(store.log, prepared({ ids: ['a'] }));
      const forked = prepared({ after: { sequence: 1, hash: sha256('rewritten') }, ids: ['b'] });
      await expect(append(store.log, forked)).rejects.toMatchObject({ kind: 'permanent', code: 'broken chain' });
      expect(await idsOf(store, FIRE)).toEqual(['a']);
    }));

  it.each<readonly [string, Prepared]>([
    ['one event is too large', prepared({ data: { text: 'x'.repeat(300_000) } })],
    ['there are too many events', prepared({ ids: Array.from({ length: 450 }, (_, n) => `e${n}`) })],
    [
      'its events are too large together',
      prepared({ ids: Array.from({ length: 50 }, (_, n) => `e${n}`), data: { text: 'x'.repeat(200_000) } }),
    ],
  ])('refuses an append for good when %s', (_what, large) =>
    withStore(open, async ({ store }) => {
      await expect(append(store.log, large)).rejects.toMatchObject({ kind: 'permanent', code: 'too large' });
      expect(await store.log.head(FIRE)).toBeUndefined();
    }),
  );

  it.each([0, -1, 1.5, Number.POSITIVE_INFINITY])('refuses a limit of %p', (limit) =>
    withStore(open, async ({ store }) => {
      await expect(store.log.read(FIRE, 0, limit)).rejects.toThrow();
      await expect(store.log.due(instant(0), limit)).rejects.toThrow();
      await expect(store.log.heads('all', limit)).rejects.toThrow();
      await expect(store.log.waiting(FIRE, limit)).rejects.toThrow();
    }),
  );
}

function listing(open: OpenEmptyStore): void {
  const incidents = async (heads: Promise<readonly Head[]>) => (await heads).map((head) => head.incident);

  it('finds what is due, the most overdue first, up to a limit', () =>
    withStore(open, async ({ store }) => {
      for (const [name, dueAt] of [
        ['late', 1_000],
        ['later', 2_000],
        ['latest', 3_000],
      ] as const)
        await append(store.log, prepared({ incident: `inc-${name}` as typeof FIRE, dueAt }));

      expect(await incidents(store.log.due(instant(999), 10))).toEqual([]);
      expect(await incidents(store.log.due(instant(2_000), 10))).toEqual(['inc-late', 'inc-later']);
      expect(await incidents(store.log.due(instant(9_000), 1))).toEqual(['inc-late']);
    }));

  it('no longer finds due what was put off or has ended', () =>
    withStore(open, async ({ store }) => {
      for (const incident of [FIRE, FLOOD]) await append(store.log, prepared({ incident, dueAt: 1_000 }));
      await append(store.log, prepared({ after: await endOf(store, FIRE), ids: ['b'], dueAt: 2_000 }));
      await append(store.log, prepared({ incident: FLOOD, after: await endOf(store, FLOOD), ids: ['b'] }));

      expect(await incidents(store.log.due(instant(1_500), 10))).toEqual([]);
      expect(await incidents(store.log.due(instant(2_500), 10))).toEqual([FIRE]);
    }));

  it('lists incidents, the newest first, all of them or those that have not ended', () =>
    withStore(open, async ({ store, advance }) => {
      await append(store.log, prepared({ incident: FIRE, dueAt: 1_000 }));
      await advance(10);
      await append(store.log, prepared({ incident: FLOOD }));
      await advance(10);
      // A new event does not make an incident newer.
      await append(store.log, prepared({ after: await endOf(store, FIRE), ids: ['b'], dueAt: 2_000 }));

      expect(await incidents(store.log.heads('all', 10))).toEqual([FLOOD, FIRE]);
      expect(await incidents(store.log.heads('open', 10))).toEqual([FIRE]);
      expect(await incidents(store.log.heads('all', 1))).toEqual([FLOOD]);
    }));

  it('finds open incidents by what they are about, the newest first, and none that has ended', () =>
    withStore(open, async ({ store, advance }) => {
      const many = Array.from({ length: 40 }, (_, number) => `target/${number}`);
      await append(store.log, prepared({ incident: FIRE, dueAt: 1_000, targets: ['target/1', 'other'] }));
      await advance(10);
      await append(store.log, prepared({ incident: FLOOD, dueAt: 1_000, targets: ['target/1', ...many.slice(30)] }));
      const about = (...targets: readonly string[]) => incidents(store.log.openAbout(targets.map(targetId), 10));

      expect(await about('other')).toEqual([FIRE]);
      expect(await about('other', 'target/1')).toEqual([FLOOD, FIRE]);
      expect(await about(...many)).toEqual([FLOOD, FIRE]);
      expect(await about('nothing')).toEqual([]);
      expect(await about()).toEqual([]);

      // Another target from now on, and the end of the other.
      const next = { after: await endOf(store, FIRE), ids: ['b'] };
      await append(store.log, prepared({ ...next, incident: FIRE, dueAt: 2_000, targets: ['target/1', 'new'] }));
      await append(
        store.log,
        prepared({ incident: FLOOD, after: await endOf(store, FLOOD), ids: ['b'], targets: many }),
      );
      expect(await about('other')).toEqual([]);
      expect(await about('new', 'target/1', 'target/35')).toEqual([FIRE]);
    }));
}
