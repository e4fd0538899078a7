import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { between, instant, millis, seconds, type Instant } from '../../shared/core/time.ts';
import type { Lease, LeaseStore, Store } from '../../shared/ports/store.ts';
import { vandalise, withStore } from './store-arranged.ts';
import type { ContractEffort, OpenEmptyStore, OpenStore } from './store.ts';

const KEY = 'target/database/main';
const MINUTE = seconds(60);

async function held(leases: LeaseStore, holder: string, key = KEY): Promise<Lease> {
  const outcome = await leases.acquire(key, holder, MINUTE);
  if (outcome.kind !== 'held') throw new Error(`${holder} did not get ${key}: ${outcome.by.holder} has it`);
  return outcome.lease;
}

const remaining = async (store: Store, lease: Lease) => between(await store.now(), lease.expiresAt);

/** Leases: at most one holder at any moment of the store's time, and a token that only grows. */
export function leasesContract(open: OpenEmptyStore, { runs }: ContractEffort): void {
  describe('keeps leases', () => {
    holding(open);
    losing(open);
    laws(open, runs);
  });
}

function holding(open: OpenEmptyStore): void {
  it('gives a free lease to whoever asks, for the length asked for', () =>
    withStore(open, async ({ store }) => {
      const lease = await held(store.leases, 'ann');
      expect(lease).toMatchObject({ key: KEY, holder: 'ann', token: 1 });
      expect(await remaining(store, lease)).toBe(MINUTE);
      expect(await store.leases.read(KEY)).toEqual(lease);
    }));

  it('tells everybody else who has it', () =>
    withStore(open, async ({ store }) => {
      const lease = await held(store.leases, 'ann');
      expect(await store.leases.acquire(KEY, 'bob', MINUTE)).toEqual({ kind: 'taken', by: lease });
      expect(await store.leases.read(KEY)).toEqual(lease);
    }));

  it('gives it to one of many who ask at the same moment', () =>
    withStore(open, async ({ store }) => {
      const answers = await Promise.all(
        Array.from({ length: 6 }, (_, n) => store.leases.acquire(KEY, `holder-${n}`, MINUTE)),
      );
      expect(answers.filter((answer) => answer.kind === 'held')).toHaveLength(1);
    }));

  it('keeps the leases of different keys apart', () =>
    withStore(open, async ({ store }) => {
      await held(store.leases, 'ann');
      expect(await held(store.leases, 'bob', 'other')).toMatchObject({ key: 'other', token: 1 });
    }));

  it('prolongs a lease that its holder asks for again, under the same token', () =>
    withStore(open, async ({ store, advance }) => {
      const first = await held(store.leases, 'ann');
      await advance(20_000);
      const again = await held(store.leases, 'ann');
      expect(again.token).toBe(first.token);
      expect(await remaining(store, again)).toBe(MINUTE);
    }));

  it('never makes a lease shorter', () =>
    withStore(open, async ({ store }) => {
      const lease = await held(store.leases, 'ann');
      expect(await store.leases.renew(lease, seconds(1))).toEqual(lease);
      expect(await store.leases.acquire(KEY, 'ann', seconds(1))).toEqual({ kind: 'held', lease });
    }));

  it('renews a lease for its holder, also from a copy that does not know the latest end', () =>
    withStore(open, async ({ store, advance }) => {
      const lease = await held(store.leases, 'ann');
      await advance(40_000);
      await store.leases.renew(lease, MINUTE);
      await advance(40_000);
      const renewed = await store.leases.renew(lease, MINUTE);
      expect(renewed).toEqual({ ...lease, expiresAt: instant((await store.now()) + MINUTE) });
      expect(await store.leases.read(KEY)).toEqual(renewed);
    }));

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('refuses a length of %p', (length) =>
    withStore(open, async ({ store }) => {
      await expect(store.leases.acquire(KEY, 'ann', millis(length))).rejects.toThrow();
      expect(await store.leases.read(KEY)).toBeUndefined();
    }),
  );

  it('hands out nothing through which a lease could be changed', () =>
    withStore(open, async ({ store }) => {
      const lease = { ...(await held(store.leases, 'ann')) };
      vandalise(await held(store.leases, 'ann'));
      vandalise(await store.leases.read(KEY));
      vandalise(await store.leases.acquire(KEY, 'bob', MINUTE));
      vandalise(await store.leases.renew(lease, MINUTE));
      expect(await store.leases.read(KEY)).toEqual(lease);
    }));
}

function losing(open: OpenEmptyStore): void {
  it('ends a lease at its expiry, not before and not after', () =>
    withStore(open, async ({ store, advance }) => {
      await held(store.leases, 'ann');
      await advance(59_999);
      expect((await store.leases.acquire(KEY, 'bob', MINUTE)).kind).toBe('taken');
      await advance(1);
      expect(await held(store.leases, 'bob')).toMatchObject({ holder: 'bob', token: 2 });
    }));

  it('still shows an expired lease, whose end says that it is over', () =>
    withStore(open, async ({ store, advance }) => {
      const lease = await held(store.leases, 'ann');
      await advance(90_000);
      expect(await store.leases.read(KEY)).toEqual(lease);
    }));

  it('gives a new token to a holder whose lease had expired, even if nobody else had it', () =>
    withStore(open, async ({ store, advance }) => {
      await held(store.leases, 'ann');
      await advance(60_000);
      expect((await held(store.leases, 'ann')).token).toBe(2);
    }));

  it('renews nothing that expired, was taken over, was released or is somebody else’s', () =>
    withStore(open, async ({ store, advance }) => {
      const lost = await held(store.leases, 'ann');
      await advance(60_000);
      expect(await store.leases.renew(lost, MINUTE)).toBeUndefined();
      const taken = await held(store.leases, 'bob');
      expect(await store.leases.renew(lost, MINUTE)).toBeUndefined();
      expect(await store.leases.renew({ ...taken, holder: 'ann' }, MINUTE)).toBeUndefined();
      await store.leases.release(taken);
      expect(await store.leases.renew(taken, MINUTE)).toBeUndefined();
      expect(await store.leases.renew({ ...taken, key: 'unknown' }, MINUTE)).toBeUndefined();
    }));

  it('is free at once after its release, and the next token is higher', () =>
    withStore(open, async ({ store }) => {
      const lease = await held(store.leases, 'ann');
      await store.leases.release(lease);
      expect(await store.leases.read(KEY)).toBeUndefined();
      expect((await held(store.leases, 'bob')).token).toBe(2);
    }));

  it('is not released by somebody who does not hold it', () =>
    withStore(open, async ({ store, advance }) => {
      const lost = await held(store.leases, 'ann');
      await advance(60_000);
      const lease = await held(store.leases, 'bob');
      for (const stranger of [lost, { ...lease, holder: 'ann' }, { ...lease, token: 1 }, { ...lease, key: 'unknown' }])
        await store.leases.release(stranger);
      expect(await store.leases.read(KEY)).toEqual(lease);
      expect((await store.leases.acquire(KEY, 'ann', MINUTE)).kind).toBe('taken');
    }));
}

type Move =
  | { readonly kind: 'acquire'; readonly holders: readonly string[]; readonly length: number }
  | { readonly kind: 'renew' | 'release'; readonly which: number; readonly length: number }
  | { readonly kind: 'wait'; readonly length: number };

const holder = fc.constantFrom('ann', 'bob', 'cid');
const length = fc.integer({ min: 1, max: 20 });
const anyMove: fc.Arbitrary<Move> = fc.oneof(
  fc.record({ kind: fc.constant('acquire' as const), holders: fc.uniqueArray(holder, { minLength: 1 }), length }),
  fc.record({ kind: fc.constantFrom('renew' as const, 'release' as const), which: fc.nat(), length }),
  fc.record({ kind: fc.constant('wait' as const), length }),
);

/** One stretch of time in which somebody was told that the lease is theirs. */
interface Grant {
  readonly holder: string;
  readonly token: number;
  readonly from: Instant;
  until: Instant;
}

function laws(open: OpenEmptyStore, runs: number): void {
  const check = (title: string, judge: (grants: readonly Grant[]) => void) =>
    it(title, () =>
      fc.assert(
        fc.asyncProperty(fc.array(anyMove, { maxLength: 30 }), (moves) =>
          withStore(open, async (opened) => judge(await granted(opened, moves))),
        ),
        { numRuns: runs },
      ),
    );

  check('never has two holders at one moment', (grants) => {
    for (const [n, grant] of grants.entries())
      for (const other of grants.slice(n + 1))
        if (other.token !== grant.token) expect(other.from).toBeGreaterThanOrEqual(grant.until);
  });

  check('never gives one token to two holders, and never a lower one later', (grants) => {
    for (const [n, grant] of grants.entries()) {
      const next = grants[n + 1] ?? grant;
      expect(next.token).toBeGreaterThanOrEqual(grant.token);
      if (next.token === grant.token) expect(next.holder).toBe(grant.holder);
    }
  });
}

/** Plays the moves and writes down who was told what. Leases are used from memory, however old they are. */
async function granted({ store, advance }: OpenStore, moves: readonly Move[]): Promise<readonly Grant[]> {
  const grants: Grant[] = [];
  const seen: Lease[] = [];
  const told = async (lease: Lease) => {
    seen.push(lease);
    grants.push({ holder: lease.holder, token: lease.token, from: await store.now(), until: lease.expiresAt });
  };
  for (const move of moves) {
    if (move.kind === 'wait') await advance(move.length);
    else if (move.kind === 'acquire') {
      const answers = await Promise.all(move.holders.map((who) => store.leases.acquire(KEY, who, millis(move.length))));
      for (const answer of answers) if (answer.kind === 'held') await told(answer.lease);
    } else {
      const lease = seen[move.which % Math.max(seen.length, 1)];
      if (lease === undefined) continue;
      if (move.kind === 'renew') {
        const renewed = await store.leases.renew(lease, millis(move.length));
        if (renewed !== undefined) await told(renewed);
        continue;
      }
      await store.leases.release(lease);
      // Whoever gives a lease back no longer relies on it.
      for (const grant of grants)
        if (grant.token === lease.token && grant.holder === lease.holder)
          grant.until = instant(Math.min(grant.until, await store.now()));
    }
  }
  return grants;
}
