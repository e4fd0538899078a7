import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { instant } from '../../shared/core/time.ts';
import { EMPTY_CHAIN, sealEvents } from '../../shared/log/chain.ts';
import { parseRecord, verifyChain } from '../../shared/log/verify.ts';
import { anyLog, eventOf, INCIDENT, logOf } from './logs.ts';

describe('a sealed event', () => {
  it('carries the SHA-256 of the canonical text of everything but its hash', () => {
    const [record] = sealEvents({
      incident: INCIDENT,
      head: EMPTY_CHAIN,
      events: [{ id: 'e1', at: instant(0), kind: 'noted', data: { b: 1, a: 'x' } }],
    });

    const text =
      '{"at":"1970-01-01T00:00:00.000Z","data":{"a":"x","b":1},"id":"e1","incident":"inc-aaaaaaaaaa",' +
      '"kind":"noted","prevHash":"","sequence":1,"version":1}';
    expect(record?.hash).toBe(createHash('sha256').update(text).digest('hex'));
  });

  it('continues the log where its head says', () => {
    const [first, second] = logOf(2);
    expect(first?.prevHash).toBe('');
    expect(second?.sequence).toBe(2);
    expect(second?.prevHash).toBe(first?.hash);
  });

  it('is not changed by what happens later to the data it was made of', () => {
    const data = { list: [1] };
    const records = sealEvents({
      incident: INCIDENT,
      head: EMPTY_CHAIN,
      events: [{ id: 'e1', at: instant(0), kind: 'noted', data }],
    });
    data.list.push(2);
    expect(verifyChain(records)).toEqual({ kind: 'sound', upTo: 1, anchoredTo: 0 });
  });

  it('is the same event after a trip through JSON', () => {
    fc.assert(
      fc.property(anyLog, (records) => {
        const read = records.map((record) => parseRecord(JSON.parse(JSON.stringify(record))));
        expect(read).toEqual(records);
        expect(verifyChain(read).kind).toBe('sound');
      }),
    );
  });

  it('can be sealed in one batch or one by one: the log is the same', () => {
    const [first, ...rest] = logOf(4);
    const later = sealEvents({
      incident: INCIDENT,
      head: first ?? EMPTY_CHAIN,
      events: rest.map(({ id, at, kind, data }) => ({ id, at: instant(Date.parse(at)), kind, data })),
    });
    expect(later).toEqual(rest);
  });
});

describe('a stored record', () => {
  const record = eventOf(logOf(1), 1);

  it.each([
    ['a member that we do not know', { ...record, note: 'x' }],
    ['another version', { ...record, version: 2 }],
    ['a sequence of zero', { ...record, sequence: 0 }],
    ['a fractional sequence', { ...record, sequence: 1.5 }],
    ['a moment in another spelling', { ...record, at: '2025-11-24T16:00:00Z' }],
    ['data that is no object', { ...record, data: ['x'] }],
    ['data that JSON cannot carry', { ...record, data: { x: undefined } }],
    ['a hash in capitals', { ...record, hash: record.hash.toUpperCase() }],
    ['an empty hash', { ...record, hash: '' }],
    ['a missing member', { ...record, id: undefined }],
    ['a hidden prototype', JSON.parse(JSON.stringify(record).replace('{', '{"__proto__":{"x":1},'))],
    ['nothing', null],
  ])('is refused with %s', (_what, value) => {
    expect(() => parseRecord(value)).toThrow();
  });
});
