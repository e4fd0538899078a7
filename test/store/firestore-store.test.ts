import { describe, expect, it, jest } from '@jest/globals';
import type { DocumentData, Firestore } from '@google-cloud/firestore';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { sha256 } from '../../shared/core/digest.ts';
import { after, type Instant, instant, minutes } from '../../shared/core/time.ts';
import { EMPTY_CHAIN } from '../../shared/log/chain.ts';
import { verifyChain } from '../../shared/log/verify.ts';
import type { Store } from '../../shared/ports/store.ts';
import {
  DOCUMENTS,
  eventName,
  eventsOf,
  EVIDENCE,
  HEADS,
  INBOX,
  LEASES,
  placeOf,
} from '../../shared/store/firestore-layout.ts';
import { ABSORBED_KEPT } from '../../shared/store/firestore-log.ts';
import { openFirestoreStore } from '../../shared/store/firestore-store.ts';
import { createSystemClock } from '../../shared/providers/system-clock.ts';
import { readEnvironment } from '../../shared/wiring/environment.ts';
import { openStore } from '../../shared/wiring/open-store.ts';
import { append, endOf, FIRE, FLOOD, prepared, signal } from '../contracts/store-arranged.ts';
import { storeContract } from '../contracts/store.ts';
import { identity } from '../providers/vendor-server.ts';
import { freshDatabase, onEmulator, withDatabase, withStores } from './firestore-emulator.ts';

/** A test takes 20 to 500 ms, the first one two seconds; a busy machine takes a multiple of that. */
jest.setTimeout(60_000);

const START = instant(1_764_000_000_000);

onEmulator('the store', (host) => {
  storeContract(
    'the Firestore store',
    async () => {
      let now = START;
      const store = openFirestoreStore({ ...freshDatabase(host()), timeOf: () => now });
      return {
        store,
        advance: (ms) => {
          now = after(now, ms);
        },
        close: () => store.close(),
      };
    },
    { runs: 20 },
  );

  describe('many clients of one database', () => sharing(host));
  describe('the time of the store', () => time(host));
  describe('what lies in the database', () => contents(host));
  describe('a function’s process', () => wired(host));
  describe('a database that somebody else changed', () => changed(host));
});

/** Appends that many events one after the other, deciding again after each lost race. */
async function appendInTurn(store: Store, name: string, count: number): Promise<readonly string[]> {
  const ids = Array.from({ length: count }, (_, n) => `${name}.${n}`);
  for (const id of ids) {
    let outcome = 'lost';
    while (outcome === 'lost') {
      const next = prepared({ after: (await store.log.head(FIRE)) ?? EMPTY_CHAIN, ids: [id] });
      outcome = (await append(store.log, next)).kind;
    }
  }
  return ids;
}

/** Takes the lock that many times, waiting for whoever has it; the tokens under which it was held. */
async function lockInTurn({ leases }: Store, holder: string, count: number): Promise<readonly number[]> {
  const tokens: number[] = [];
  while (tokens.length < count) {
    const outcome = await leases.acquire('lock', holder, minutes(60));
    if (outcome.kind === 'taken') continue;
    tokens.push(outcome.lease.token);
    await leases.release(outcome.lease);
  }
  return tokens;
}

function sharing(host: () => string): void {
  it('keep everything once, in one order, when they append at the same moment', () => {
    const access = freshDatabase(host());
    return withStores([access, access, access], async (...stores) => {
      const kept = await Promise.all(stores.map((store, n) => appendInTurn(store, `client-${n}`, 5)));
      const records = await stores[0].log.read(FIRE, 0, 100);
      expect(verifyChain(records, { head: await endOf(stores[1], FIRE) })).toMatchObject({ kind: 'sound', upTo: 15 });
      const ids = records.map(({ id }) => id);
      for (const own of kept) expect(ids.filter((id) => own.includes(id))).toEqual(own);
    });
  });

  it('give a lock to one of them at a time, under a token of its own', () => {
    const access = freshDatabase(host());
    return withStores([access, access], async (...stores) => {
      const tokens = await Promise.all(stores.map((store, n) => lockInTurn(store, `client-${n}`, 5)));
      expect(tokens.flat().toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    });
  });

  it('take two hundred signals in one moment, and absorb them in one append', () =>
    withStores([freshDatabase(host())], async ({ log }) => {
      const keys = Array.from({ length: 200 }, (_, n) => `storm-${String(n).padStart(3, '0')}`);
      await Promise.all(keys.map((key) => log.receive(signal(key))));
      expect((await log.waiting(FIRE, 500)).map(({ key }) => key)).toEqual(keys);
      expect(await append(log, prepared({ absorbed: keys }))).toEqual({ kind: 'appended' });
      expect(await log.waiting(FIRE, 500)).toEqual([]);
    }));

  it('keep the largest append that the port allows', () =>
    withStores([freshDatabase(host())], async ({ log }) => {
      // 450 writes, names of 1,020 bytes, and as many bytes of events as there may be.
      const absorbed = Array.from({ length: 438 }, (_, n) => `${n}${'/'.repeat(509)}`);
      const ids = Array.from({ length: 11 }, (_, n) => `e${n}`);
      const large = prepared({ ids, data: { text: 'x'.repeat(261_800) }, absorbed });
      const head = { ...large.head, summary: { text: 'x'.repeat(261_800) } };
      await Promise.all(absorbed.map((key) => log.receive(signal(key))));
      expect(await append(log, { ...large, head })).toEqual({ kind: 'appended' });
      expect(await log.read(FIRE, 0, 100)).toEqual(large.events);
    }));
}

function time(host: () => string): void {
  it('is Google’s, whatever the clock of the process says', () =>
    withStores([freshDatabase(host())], async (store) => {
      // Emulator and test share a machine, so its clock bounds both ends.
      const begun = Date.now();
      await store.leases.acquire('lock', 'ann', minutes(1));
      const now = await store.now();
      expect(now).toBeGreaterThanOrEqual(begun);
      expect(now).toBeLessThanOrEqual(Date.now());
      const end = (await store.leases.read('lock'))?.expiresAt;
      expect(end).toBeGreaterThanOrEqual(begun + 60_000);
      expect(end).toBeLessThanOrEqual(now + 60_000);
    }));

  it('ends the lease of a client that is silent, and leaves nothing for it to renew or give back', () => {
    let late = 0;
    const access = { ...freshDatabase(host()), timeOf: (google: Instant) => after(google, late) };
    return withStores([access, access], async ({ leases: ann }, { leases: bob }) => {
      const first = await ann.acquire('lock', 'ann', minutes(1));
      if (first.kind !== 'held') throw new Error('ann did not get a free lock');
      expect(await bob.acquire('lock', 'bob', minutes(1))).toEqual({ kind: 'taken', by: first.lease });

      late = 61_000;

      expect(await bob.acquire('lock', 'bob', minutes(1))).toMatchObject({ kind: 'held', lease: { token: 2 } });
      expect(await ann.renew(first.lease, minutes(1))).toBeUndefined();
      await ann.release(first.lease);
      expect(await ann.read('lock')).toMatchObject({ holder: 'bob', token: 2 });
    });
  });
}

function contents(host: () => string): void {
  it('lets an absorbed signal expire, without its text, and nothing else', () => {
    const access = { ...freshDatabase(host()), timeOf: () => START };
    return withStores([access], async (store) => {
      await store.log.receive(signal('absorbed'));
      await store.log.receive(signal('waiting'));
      await append(store.log, prepared({ absorbed: ['absorbed'], dueAt: 1 }));
      const lease = await store.leases.acquire('lock', 'ann', minutes(1));
      if (lease.kind === 'held') await store.leases.release(lease.lease);
      await store.documents.put('document', 1, 0);
      await store.evidence.keep('seen');

      const written = (await withDatabase(access, everything)).map(({ fields }) => fields);

      const expiring = written.filter((fields) => 'expireAt' in fields);
      expect(written).toHaveLength(7);
      expect(expiring).toEqual([
        { key: 'absorbed', incident: FIRE, receivedAt: 0, absorbedBy: FIRE, expireAt: expect.anything() },
      ]);
      expect(expiring[0]?.['expireAt'].toMillis()).toBe(START + ABSORBED_KEPT);
    });
  });

  it('needs no composite index, and all that docs/firestore.indexes.json says about fields is about ours', () => {
    const access = freshDatabase(host());
    const { indexes, fieldOverrides } = indexesWire.parse(
      JSON.parse(readFileSync('docs/firestore.indexes.json', 'utf8')),
    );
    expect(indexes).toEqual([]);
    return withStores([access], async (store) => {
      await store.log.receive(signal('absorbed'));
      await store.log.receive(signal('waiting'));
      await append(store.log, prepared({ absorbed: ['absorbed'] }));
      await store.documents.put('document', 1, 0);
      await store.evidence.keep('seen');
      const written = await withDatabase(access, everything);
      const names = written.flatMap(({ kind, fields }) => Object.keys(fields).map((name) => `${kind} ${name}`));
      for (const { collectionGroup, fieldPath } of fieldOverrides)
        expect(names).toContain(`${collectionGroup} ${fieldPath}`);
    });
  });

  it('has a name for every key, however it looks', () =>
    withStores([freshDatabase(host())], async ({ documents, leases, log }) => {
      const keys = ['.', '..', '__all__', '/', 'a/b', '%2F', '='.repeat(512), '/'.repeat(512), '€'.repeat(300)];
      for (const key of keys) {
        expect(await documents.put(key, key, 0)).toBe(true);
        expect(await log.receive(signal(key))).toBe('received');
        expect(await leases.acquire(key, key, minutes(1))).toMatchObject({ kind: 'held', lease: { token: 1 } });
      }
      for (const key of keys) expect(await documents.get(key)).toEqual({ value: key, version: 1 });
      expect((await documents.list('', 20)).map(({ key }) => key).toSorted()).toEqual(keys.toSorted());
    }));

  it('finds what is due at the same moment in the order of the incidents', () =>
    withStores([freshDatabase(host())], async ({ log }) => {
      for (const incident of [FLOOD, FIRE]) await append(log, prepared({ incident, dueAt: 1_000 }));
      expect((await log.due(instant(1_000), 1)).map(({ incident }) => incident)).toEqual([FIRE]);
    }));
}

function wired(host: () => string): void {
  it('keeps its state where DR_STORE and Google’s own variable for the emulator say', async () => {
    const environment = readEnvironment({ DR_STORE: 'firestore:dr', FIRESTORE_EMULATOR_HOST: host() });
    const { project, endpoints } = environment.system;
    const opened = openStore(environment, createSystemClock(), { project, endpoints, identity: identity() });
    expect(await opened.log.receive(signal('s'))).toBe('received');
    const access = { ...freshDatabase(host()), project, database: 'dr' };
    await withStores([access], async ({ log }) => expect(await log.receive(signal('s'))).toBe('duplicate'));
  });
}

/** A document of the database, with the name of its collection. */
interface Written {
  readonly kind: string;
  readonly fields: DocumentData;
}

/** Every document that a store can have written. */
async function everything(database: Firestore): Promise<readonly Written[]> {
  const kinds = [HEADS, INBOX, LEASES, DOCUMENTS, EVIDENCE].map((name) => database.collection(name));
  const found = await Promise.all([...kinds, database.collectionGroup('dr-events')].map((kind) => kind.get()));
  return found.flatMap(({ docs }) =>
    docs.map((document) => ({ kind: document.ref.parent.id, fields: document.data() })),
  );
}

const indexesWire = z.object({
  indexes: z.array(z.unknown()),
  fieldOverrides: z.array(z.object({ collectionGroup: z.string(), fieldPath: z.string() })),
});

type Part = 'log' | 'head' | 'inbox' | 'lease' | 'document' | 'evidence';

function changed(host: () => string): void {
  it.each<readonly [string, string, DocumentData, Part]>([
    ['an event', `${eventsOf(FIRE)}/${eventName(1)}`, { data: '{' }, 'log'],
    ['an event', `${eventsOf(FIRE)}/${eventName(1)}`, { at: 'yesterday' }, 'log'],
    ['a head', placeOf(HEADS, FIRE), { hash: 'x' }, 'head'],
    ['a waiting signal', placeOf(INBOX, 's'), { signal: '[]' }, 'inbox'],
    ['a lease', placeOf(LEASES, 'lease'), { token: 0 }, 'lease'],
    ['a document', placeOf(DOCUMENTS, 'document'), { value: '{' }, 'document'],
    ['evidence', `${EVIDENCE}/${sha256('seen')}`, { content: 'forged' }, 'evidence'],
  ])('does not hand out %s that is no longer what it wrote: %s becomes %j', (_what, path, damage, part) => {
    const access = freshDatabase(host());
    return withStores([access], async (store) => {
      await append(store.log, prepared({}));
      await store.log.receive(signal('s'));
      await store.leases.acquire('lease', 'ann', minutes(1));
      await store.documents.put('document', 1, 0);
      await store.evidence.keep('seen');
      await withDatabase(access, (database) => database.doc(path).update(damage));
      const reads: Readonly<Record<Part, () => Promise<unknown>>> = {
        log: () => store.log.read(FIRE, 0, 1),
        head: () => store.log.head(FIRE),
        inbox: () => store.log.waiting(FIRE, 1),
        lease: () => store.leases.read('lease'),
        document: () => store.documents.get('document'),
        evidence: () => store.evidence.read(sha256('seen')),
      };
      await expect(reads[part]()).rejects.toMatchObject({ kind: 'permanent', code: 'corrupt' });
    });
  });

  it('refuses to write where a head was removed and its events were not', () => {
    const access = freshDatabase(host());
    return withStores([access], async ({ log }) => {
      await append(log, prepared({ ids: ['a'] }));
      await withDatabase(access, (database) => database.doc(placeOf(HEADS, FIRE)).delete());
      await expect(append(log, prepared({ ids: ['b'] }))).rejects.toMatchObject({
        kind: 'permanent',
        code: 'constraint',
      });
    });
  });
}
