import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { sha256 } from '../../shared/core/digest.ts';
import { anyCharacter } from '../core/any-character.ts';
import { anyJsonObject } from '../log/logs.ts';
import { vandalise, withStore } from './store-arranged.ts';
import type { ContractEffort, OpenEmptyStore } from './store.ts';

/** Documents with a version, and evidence under its digest. */
export function documentsContract(open: OpenEmptyStore, { runs }: ContractEffort): void {
  describe('keeps documents', () => {
    writing(open);
    listing(open, runs);
  });
  describe('keeps evidence', () => evidence(open, runs));
}

function writing(open: OpenEmptyStore): void {
  it('creates a document once', () =>
    withStore(open, async ({ store: { documents } }) => {
      expect(await documents.get('a')).toBeUndefined();
      expect(await documents.put('a', { n: 1 }, 0)).toBe(true);
      expect(await documents.put('a', { n: 2 }, 0)).toBe(false);
      expect(await documents.get('a')).toEqual({ value: { n: 1 }, version: 1 });
    }));

  it('replaces a document only for somebody who knows its version', () =>
    withStore(open, async ({ store: { documents } }) => {
      await documents.put('a', 'one', 0);
      expect(await documents.put('a', 'two', 1)).toBe(true);
      expect(await documents.put('a', 'stale', 1)).toBe(false);
      expect(await documents.put('a', 'early', 3)).toBe(false);
      expect(await documents.put('unknown', 'x', 1)).toBe(false);
      expect(await documents.get('a')).toEqual({ value: 'two', version: 2 });
      expect(await documents.get('unknown')).toBeUndefined();
    }));

  it('lets one of many simultaneous writers win', () =>
    withStore(open, async ({ store: { documents } }) => {
      await documents.put('a', 'start', 0);
      const answers = await Promise.all([1, 2, 3, 4].map((n) => documents.put('a', n, 1)));
      expect(answers.filter(Boolean)).toHaveLength(1);
      expect(await documents.get('a')).toEqual({ value: answers.indexOf(true) + 1, version: 2 });
    }));

  it.each([null, false, 0, '', [], {}, [[{ a: null }]]])('keeps %j as it is', (value) =>
    withStore(open, async ({ store: { documents } }) => {
      await documents.put('a', value, 0);
      expect(await documents.get('a')).toEqual({ value, version: 1 });
    }),
  );

  it('refuses a document for good that is too large', () =>
    withStore(open, async ({ store: { documents } }) => {
      await expect(documents.put('a', 'x'.repeat(300_000), 0)).rejects.toMatchObject({ kind: 'permanent' });
      expect(await documents.get('a')).toBeUndefined();
    }));

  it('hands out nothing through which a document could be changed', () =>
    withStore(open, async ({ store: { documents } }) => {
      const value = { deep: { list: [1] } };
      await documents.put('a', value, 0);
      vandalise(value);
      vandalise(await documents.get('a'));
      vandalise(await documents.list('', 10));
      expect(await documents.get('a')).toEqual({ value: { deep: { list: [1] } }, version: 1 });
    }));
}

function listing(open: OpenEmptyStore, runs: number): void {
  it('lists the documents with a prefix in key order, up to a limit', () =>
    withStore(open, async ({ store: { documents } }) => {
      for (const key of ['read/b', 'read/a', 'reader', 'read', 'red']) await documents.put(key, key, 0);
      expect(await documents.list('read/', 10)).toEqual([
        { key: 'read/a', value: 'read/a', version: 1 },
        { key: 'read/b', value: 'read/b', version: 1 },
      ]);
      expect((await documents.list('read', 3)).map(({ key }) => key)).toEqual(['read', 'read/a', 'read/b']);
      expect(await documents.list('zebra', 10)).toEqual([]);
    }));

  it('takes no character of a prefix for a pattern', () =>
    withStore(open, async ({ store: { documents } }) => {
      for (const key of ['a%', 'a_', 'a*', 'ab', 'A%']) await documents.put(key, 1, 0);
      for (const prefix of ['a%', 'a_', 'a*'])
        expect((await documents.list(prefix, 10)).map(({ key }) => key)).toEqual([prefix]);
    }));

  it('finds exactly the keys that begin with a prefix, in the order of their UTF-8', () => {
    const part = fc.string({ unit: fc.constantFrom('a', '0', '-', '.', '/', 'é', '\uffee', '😀'), maxLength: 4 });
    const anyKey = part.map((text) => `k${text}`);
    return fc.assert(
      fc.asyncProperty(fc.uniqueArray(anyKey, { maxLength: 8 }), part, (all, prefix) =>
        withStore(open, async ({ store: { documents } }) => {
          for (const key of all) await documents.put(key, key, 0);
          const expected = all
            .filter((key) => key.startsWith(`k${prefix}`))
            .toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
          expect((await documents.list(`k${prefix}`, 100)).map(({ key }) => key)).toEqual(expected);
        }),
      ),
      { numRuns: runs },
    );
  });

  it('gives back any JSON as it was', () =>
    fc.assert(
      fc.asyncProperty(anyJsonObject, (value) =>
        withStore(open, async ({ store: { documents } }) => {
          await documents.put('a', value, 0);
          expect((await documents.get('a'))?.value).toEqual(value);
        }),
      ),
      { numRuns: runs },
    ));
}

function evidence(open: OpenEmptyStore, runs: number): void {
  it('finds content under its digest, however often it was kept', () =>
    withStore(open, async ({ store }) => {
      expect(await store.evidence.keep('what we saw')).toBe(sha256('what we saw'));
      expect(await store.evidence.keep('what we saw')).toBe(sha256('what we saw'));
      expect(await store.evidence.read(sha256('what we saw'))).toBe('what we saw');
    }));

  it('finds nothing under the digest of what was never kept', () =>
    withStore(open, async ({ store }) => {
      expect(await store.evidence.read(sha256('what nobody saw'))).toBeUndefined();
    }));

  it('refuses evidence for good that is too large', () =>
    withStore(open, async ({ store }) => {
      const tooMuch = 'é'.repeat(500_001);
      await expect(store.evidence.keep(tooMuch)).rejects.toMatchObject({ kind: 'permanent', code: 'too large' });
      expect(await store.evidence.read(sha256(tooMuch))).toBeUndefined();
      const mostThatFits = 'é'.repeat(500_000);
      expect(await store.evidence.read(await store.evidence.keep(mostThatFits))).toBe(mostThatFits);
    }));

  it('gives back any text as it was', () =>
    fc.assert(
      fc.asyncProperty(fc.string({ unit: anyCharacter }), (text) =>
        withStore(open, async ({ store }) => {
          expect(await store.evidence.read(await store.evidence.keep(text))).toBe(text);
        }),
      ),
      { numRuns: runs },
    ));
}
