import { describe, expect, it } from '@jest/globals';
import { instant } from '../../shared/core/time.ts';
import type { Store } from '../../shared/ports/store.ts';
import { append, endOf, FIRE, FLOOD, idsOf, prepared, signal, vandalise, withStore } from './store-arranged.ts';
import type { OpenEmptyStore } from './store.ts';

const keys = async (store: Store, incident: typeof FIRE | 'unassigned', limit = 10) =>
  (await store.log.waiting(incident, limit)).map((entry) => entry.key);

/** The inbox: a signal is received once, waits, and is absorbed by one append. */
export function inboxContract(open: OpenEmptyStore): void {
  describe('keeps an inbox', () => {
    receiving(open);
    absorbing(open);
  });
}

function receiving(open: OpenEmptyStore): void {
  it('receives a signal once, whatever comes under its key later', () =>
    withStore(open, async ({ store }) => {
      const first = signal('s', { signal: { text: 'first' } });
      expect(await store.log.receive(first)).toBe('received');
      expect(await store.log.receive(signal('s', { incident: FLOOD, signal: { text: 'second' } }))).toBe('duplicate');
      expect(await store.log.waiting(FIRE, 10)).toEqual([first]);
      expect(await store.log.waiting(FLOOD, 10)).toEqual([]);
    }));

  it('receives one of many simultaneous copies', () =>
    withStore(open, async ({ store }) => {
      const answers = await Promise.all(Array.from({ length: 8 }, () => store.log.receive(signal('s'))));
      expect(answers.filter((answer) => answer === 'received')).toHaveLength(1);
      expect(await keys(store, FIRE)).toEqual(['s']);
    }));

  it('lets signals wait in the order of their arrival, each incident for itself, up to a limit', () =>
    withStore(open, async ({ store }) => {
      await store.log.receive(signal('third', { receivedAt: instant(30) }));
      await store.log.receive(signal('first', { receivedAt: instant(10) }));
      await store.log.receive(signal('second-b', { receivedAt: instant(20.5) }));
      await store.log.receive(signal('second-a', { receivedAt: instant(20.5) }));
      await store.log.receive(signal('other', { incident: FLOOD }));
      await store.log.receive(signal('new', { incident: 'unassigned' }));

      expect(await keys(store, FIRE)).toEqual(['first', 'second-a', 'second-b', 'third']);
      expect(await keys(store, FIRE, 2)).toEqual(['first', 'second-a']);
      expect(await keys(store, 'unassigned')).toEqual(['new']);
    }));

  it('tells keys apart that look alike', () =>
    withStore(open, async ({ store }) => {
      const alike = ['a', 'A', 'a ', 'á', 'a\u0301', 'а'];
      for (const key of alike) expect(await store.log.receive(signal(key))).toBe('received');
      expect((await keys(store, FIRE)).toSorted()).toEqual(alike.toSorted());
    }));

  it.each([
    ['is empty', ''],
    ['is longer than 512 characters', 'x'.repeat(513)],
    ['takes more than 900 bytes', 'é'.repeat(451)],
    ['has a NUL', 'a\u0000b'],
    ['has a line break', 'a\nb'],
    ['has half a character', '\ud800'],
  ])('refuses a key that %s', (_what, key) =>
    withStore(open, async ({ store }) => {
      await expect(store.log.receive(signal(key))).rejects.toThrow();
    }),
  );

  it('refuses a signal for good that is too large', () =>
    withStore(open, async ({ store }) => {
      const large = signal('s', { signal: { text: 'ä'.repeat(140_000) } });
      await expect(store.log.receive(large)).rejects.toMatchObject({ kind: 'permanent', code: 'too large' });
      expect(await keys(store, FIRE)).toEqual([]);
    }));
}

function absorbing(open: OpenEmptyStore): void {
  it('marks what an append absorbs in the same moment as it keeps the events', () =>
    withStore(open, async ({ store }) => {
      await store.log.receive(signal('a'));
      await store.log.receive(signal('b'));
      await store.log.receive(signal('c', { incident: 'unassigned' }));

      await append(store.log, prepared({ ids: ['e1'], absorbed: ['a', 'c'] }));

      expect(await keys(store, FIRE)).toEqual(['b']);
      expect(await keys(store, 'unassigned')).toEqual([]);
      expect(await idsOf(store, FIRE)).toEqual(['e1']);
    }));

  it('still knows a signal as a duplicate after it was absorbed', () =>
    withStore(open, async ({ store }) => {
      await store.log.receive(signal('s'));
      await append(store.log, prepared({ ids: ['e1'], absorbed: ['s'] }));
      expect(await store.log.receive(signal('s'))).toBe('duplicate');
      expect(await keys(store, FIRE)).toEqual([]);
    }));

  it.each(['was absorbed before', 'was never received'])(
    'keeps nothing of an append when a signal that it absorbs %s',
    (what) =>
      withStore(open, async ({ store }) => {
        await store.log.receive(signal('first'));
        await store.log.receive(signal('second'));
        await append(store.log, prepared({ incident: FLOOD, ids: ['e1'], absorbed: ['first'] }));
        const missing = what === 'was absorbed before' ? 'first' : 'stranger';
        const greedy = prepared({ ids: ['e1'], dueAt: 1, absorbed: ['second', missing] });

        await expect(append(store.log, greedy)).rejects.toMatchObject({ kind: 'conflict' });

        expect(await endOf(store, FIRE)).toEqual({ sequence: 0, hash: '' });
        expect(await idsOf(store, FIRE)).toEqual([]);
        expect(await keys(store, FIRE)).toEqual(['second']);
      }),
  );

  it('hands out nothing through which a waiting signal could be changed', () =>
    withStore(open, async ({ store }) => {
      const entry = signal('s', { signal: { deep: { list: [1] } } });
      const original = structuredClone(entry);
      await store.log.receive(entry);
      vandalise(entry);
      vandalise(await store.log.waiting(FIRE, 10));
      expect(await store.log.waiting(FIRE, 10)).toEqual([original]);
    }));
}
