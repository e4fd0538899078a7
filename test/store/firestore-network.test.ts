import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { type Instant, millis, minutes, seconds } from '../../shared/core/time.ts';
import type { Store } from '../../shared/ports/store.ts';
import { PortError } from '../../shared/ports/port-error.ts';
import type { FirestoreAccess } from '../../shared/providers/firestore-client.ts';
import { append, FIRE, FLOOD, idsOf, prepared, signal } from '../contracts/store-arranged.ts';
import { identity, nobodyListens } from '../providers/vendor-server.ts';
import { freshDatabase, onEmulator, withStores } from './firestore-emulator.ts';
import { type LossyLink, openLossyLink } from './lossy-link.ts';

// What others and the network do to a store between its look and its commit. `timeOf` is asked exactly there, once in
// each round, so that is where these tests interfere.

jest.setTimeout(60_000);

/** Two stores of one database, of which one is behind a link that may fail. */
interface Apart {
  readonly far: Store;
  readonly near: Store;
  readonly link: LossyLink;
  /** Does something between look and commit of `far`, in so many rounds from now on. */
  readonly interfere: (rounds: number, act: () => void) => void;
}

let link: LossyLink | undefined;
afterEach(() => link?.close());

async function apart(
  host: string,
  test: (apart: Apart) => Promise<void>,
  limits?: NonNullable<FirestoreAccess['limits']>,
): Promise<void> {
  const opened = await openLossyLink(host);
  link = opened;
  let [left, act] = [0, () => undefined as void];
  const timeOf = (google: Instant): Instant => {
    left -= 1;
    if (left >= 0) act();
    return google;
  };
  const near = freshDatabase(host);
  const far = { ...near, timeOf, server: { kind: 'emulator', host: opened.host }, ...(limits && { limits }) } as const;
  await withStores([far, near], (one, other) =>
    test({
      far: one,
      near: other,
      link: opened,
      interfere: (rounds, what) => {
        [left, act] = [rounds, what];
      },
    }),
  );
}

/** What is read, as soon as it is there: the emulator takes its time with what it was sent. */
async function onceThere<T>(read: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await read();
    if (found !== undefined) return found;
  }
}

onEmulator('a store behind a network', (host) => {
  describe('a commit whose reply is lost', () => {
    it('is in doubt, has happened once, and is recognised by whoever asks again', () =>
      apart(host(), async ({ far, near, link: lossy, interfere }) => {
        interfere(1, () => lossy.turn('silent'));
        const wanted = prepared({ ids: ['a'] });
        const doubt = expect(append(far.log, wanted)).rejects.toMatchObject({ kind: 'ambiguous', code: 'grpc 14' });
        expect(await onceThere(() => near.log.head(FIRE))).toEqual(wanted.head);
        lossy.cut();
        await doubt;

        lossy.turn('clear');
        expect(await append(far.log, wanted)).toEqual({ kind: 'lost', head: wanted.head });
        expect(await idsOf(far, FIRE)).toEqual(['a']);
      }));

    it('is in doubt at the deadline, when nobody says that it is lost', () =>
      apart(
        host(),
        async ({ far, near, link: lossy, interfere }) => {
          interfere(1, () => lossy.turn('silent'));
          await expect(far.leases.acquire('lock', 'ann', minutes(1))).rejects.toMatchObject({
            kind: 'ambiguous',
            code: 'timeout',
          });
          expect(await onceThere(() => near.leases.read('lock'))).toMatchObject({ holder: 'ann', token: 1 });
        },
        { reads: seconds(20), writes: millis(500) },
      ));
  });

  it('asks for another try when a look is not answered in time, since nothing can have happened', () =>
    apart(
      host(),
      async ({ far, near, link: lossy }) => {
        await far.now();
        lossy.turn('silent');
        const nothing = { kind: 'retryable', code: 'timeout' };
        await expect(append(far.log, prepared({}))).rejects.toMatchObject(nothing);
        expect(await near.log.head(FIRE)).toBeUndefined();
        lossy.turn('clear');
        lossy.cut();
      },
      { reads: seconds(3), writes: seconds(20) },
    ));

  it('connects anew after a connection that answered nothing, however long that one lives', () =>
    apart(
      host(),
      async ({ far, link: lossy, interfere }) => {
        interfere(1, () => lossy.turn('silent'));
        await expect(append(far.log, prepared({ ids: ['a'] }))).rejects.toMatchObject({ kind: 'ambiguous' });
        lossy.turn('clear');
        expect(await onceThere(() => far.log.head(FIRE))).toMatchObject({ sequence: 1 });
      },
      { reads: seconds(20), writes: millis(500) },
    ));

  it('decides again, on what the winner wrote, when somebody else was faster', () =>
    apart(host(), async ({ far, near, link: lossy, interfere }) => {
      interfere(1, () => {
        lossy.turn('held');
        void near.leases.acquire('lock', 'bob', minutes(1)).then(() => lossy.turn('clear'));
      });
      const answer = await far.leases.acquire('lock', 'ann', minutes(1));
      expect(answer).toMatchObject({ kind: 'taken', by: { holder: 'bob', token: 1 } });
      expect(await far.leases.read('lock')).toMatchObject({ holder: 'bob' });
    }));

  it('absorbs each signal once, in one of two appends that both saw it waiting', () =>
    apart(host(), async ({ far, near, link: lossy, interfere }) => {
      await near.log.receive(signal('s'));
      interfere(1, () => {
        lossy.turn('held');
        const flood = prepared({ incident: FLOOD, absorbed: ['s'] });
        void append(near.log, flood).then(() => lossy.turn('clear'));
      });
      const greedy = append(far.log, prepared({ absorbed: ['s'] }));
      await expect(greedy).rejects.toMatchObject({ kind: 'conflict', code: 'not waiting' });
      expect([await idsOf(near, FIRE), await idsOf(near, FLOOD)]).toEqual([[], ['e1']]);
    }));

  it('asks for another try when others are faster in every round', () =>
    apart(host(), async ({ far, near, link: lossy, interfere }) => {
      interfere(99, () => {
        lossy.turn('held');
        const idle = (sequence: number) => prepared({ ids: [], dueAt: sequence });
        rounds += 1;
        void append(near.log, idle(rounds)).then(() => lossy.turn('clear'));
      });
      let rounds = 0;
      const late = append(far.log, prepared({ ids: ['late'] }));
      await expect(late).rejects.toMatchObject({ kind: 'retryable', code: 'contention' });
      expect(rounds).toBe(5);
      expect(await idsOf(near, FIRE)).toEqual([]);
    }));

  it('asks for another try, with nothing sent, while there are no credentials', async () => {
    const nobody = new PortError('retryable', 'credentials', 'getting our credentials');
    const refused = { ...identity(), client: () => Promise.reject(nobody) };
    const access = { ...freshDatabase(host()), server: { kind: 'google', identity: refused } } as const;
    await withStores([access], async ({ log }) => {
      await expect(log.receive(signal('s'))).rejects.toBe(nobody);
    });
  });

  it('does not call a signal received that reached nobody', async () => {
    const nobody = (await nobodyListens()).replace('http://', '');
    await withStores([freshDatabase(nobody)], async ({ log }) => {
      await expect(log.receive(signal('s'))).rejects.toMatchObject({ kind: 'ambiguous', code: 'grpc 14' });
    });
  });

  it('answers nothing any more once it is closed', async () => {
    await withStores([freshDatabase(host())], async (store) => {
      await store.now();
      await store.close();
      await expect(store.now()).rejects.toMatchObject({ kind: 'permanent', code: 'closed' });
    });
  });
});
