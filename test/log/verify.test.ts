import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canonicalJson } from '../../shared/core/json.ts';
import { sha256 } from '../../shared/core/digest.ts';
import { hashOf } from '../../shared/log/chain.ts';
import {
  anchorKey,
  anchorPrefix,
  describeVerification,
  parseAnchor,
  parseRecord,
  verifyChain,
  type Verification,
} from '../../shared/log/verify.ts';
import type { EventRecord } from '../../shared/ports/store.ts';
import { incidentId } from '../../shared/system/names.ts';
import { anchorAt, anyLog, eventOf, INCIDENT, logOf } from './logs.ts';

const log = logOf(5);
const resealed = (record: EventRecord): EventRecord => ({ ...record, hash: hashOf(record) });
const replaced = (records: readonly EventRecord[], n: number, change: Partial<EventRecord>) =>
  records.map((record) => (record.sequence === n ? { ...record, ...change } : record));

describe('a log that nobody touched', () => {
  it('is verified to its last event', () => {
    expect(verifyChain(log)).toEqual({ kind: 'sound', upTo: 5, anchoredTo: 0 });
  });

  it('is anchored to the highest anchor that holds', () => {
    const anchors = [anchorAt(log, 4), anchorAt(log, 2)];
    const verification = verifyChain(log, { incident: INCIDENT, head: eventOf(log, 5), anchors });
    expect(verification).toEqual({ kind: 'sound', upTo: 5, anchoredTo: 4 });
    expect(describeVerification(verification)).toBe('verified to event 5, anchored to event 4');
  });

  it('may have no events yet', () => {
    expect(verifyChain([], { head: { sequence: 0, hash: '' } })).toEqual({ kind: 'sound', upTo: 0, anchoredTo: 0 });
  });
});

describe('a log that somebody touched', () => {
  const broken = (atSequence: number, because: string) => ({ kind: 'broken', atSequence, because });

  it.each<readonly [string, readonly EventRecord[], ReturnType<typeof broken>]>([
    ['an edited event', replaced(log, 3, { kind: 'edited' }), broken(3, 'wrongHash')],
    [
      'an edited event with a fitting hash',
      log.with(2, resealed({ ...eventOf(log, 3), kind: 'x' })),
      broken(4, 'wrongPrevHash'),
    ],
    ['a missing event', log.toSpliced(2, 1), broken(3, 'gap')],
    ['a missing first event', log.slice(1), broken(1, 'gap')],
    ['two events in the wrong order', log.with(1, eventOf(log, 3)).with(2, eventOf(log, 2)), broken(2, 'gap')],
    ['an event that is there twice', log.toSpliced(2, 0, eventOf(log, 2)), broken(3, 'gap')],
    [
      'an event of another incident',
      log.with(2, resealed({ ...eventOf(log, 3), incident: incidentId('inc-b') })),
      broken(3, 'foreignIncident'),
    ],
  ])('is broken by %s', (_what, records, expected) => {
    expect(verifyChain(records)).toEqual(expected);
  });

  it('is broken when two events have one id', () => {
    const last = resealed({ ...eventOf(log, 5), id: eventOf(log, 1).id });
    expect(verifyChain(log.with(4, last))).toEqual(broken(5, 'duplicateId'));
  });

  it('is broken when it is the sound log of another incident', () => {
    expect(verifyChain(log, { incident: incidentId('inc-other') })).toEqual(broken(1, 'foreignIncident'));
  });

  it.each<readonly [string, number, number]>([
    ['shorter than its head says', 3, 4],
    ['emptied', 0, 1],
  ])('is broken when it is %s', (_what, kept, at) => {
    expect(verifyChain(log.slice(0, kept), { head: eventOf(log, 5) })).toEqual(broken(at, 'headMismatch'));
  });

  it('is broken when it is longer than its head says', () => {
    expect(verifyChain(log, { head: eventOf(log, 4) })).toEqual(broken(5, 'headMismatch'));
  });

  it('is broken when its head has another hash', () => {
    const head = { sequence: 5, hash: sha256('other') };
    expect(verifyChain(log, { head })).toEqual(broken(5, 'headMismatch'));
  });

  it('is broken when it was written anew after an anchor was set', () => {
    const anchor = { incident: INCIDENT, sequence: 2, hash: sha256('what stood there before') };
    expect(verifyChain(log, { anchors: [anchor] })).toEqual(broken(2, 'anchorMismatch'));
  });

  it('is broken when it was cut before an anchor', () => {
    expect(verifyChain(log.slice(0, 3), { anchors: [anchorAt(log, 2), anchorAt(log, 4)] })).toEqual(
      broken(4, 'anchorMismatch'),
    );
  });

  it('says where and why in words', () => {
    expect(describeVerification(verifyChain(replaced(log, 3, { kind: 'edited' })))).toBe(
      'broken at event 3: its hash is not the hash of its content',
    );
  });
});

describe('anchors', () => {
  it('lie under keys that are in the order of the log', () => {
    const keys = [2, 10, 9].map((sequence) => anchorKey({ ...anchorAt(log, 1), sequence }));
    expect(keys.toSorted()).toEqual([keys[0], keys[2], keys[1]]);
    expect(keys.every((key) => key.startsWith(anchorPrefix(INCIDENT)))).toBe(true);
  });

  it('are refused with anything more than incident, sequence and hash', () => {
    expect(parseAnchor(JSON.parse(JSON.stringify(anchorAt(log, 1))))).toEqual(anchorAt(log, 1));
    expect(() => parseAnchor({ ...anchorAt(log, 1), by: 'x' })).toThrow();
  });
});

/** Reads lines and verifies them against the head, as somebody would who has only the text. */
function verifyText(lines: readonly string[], head: EventRecord): Verification | { readonly kind: 'unreadable' } {
  try {
    return verifyChain(
      lines.map((line) => parseRecord(JSON.parse(line))),
      { head },
    );
  } catch {
    return { kind: 'unreadable' };
  }
}

const anyBytes = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));

describe('whatever is done to a log', () => {
  const last = (records: readonly EventRecord[]) => eventOf(records, records.length);

  it('never passes when one byte of its text means something else', () => {
    fc.assert(
      fc.property(anyLog, fc.nat(), anyBytes, (records, line, [position, byte]) => {
        const lines = records.map((record) => canonicalJson(record));
        const index = line % lines.length;
        const edited = Buffer.from(lines[index] ?? '');
        edited[position % edited.length] = byte;
        const text = edited.toString();
        fc.pre(text !== lines[index] && !meansTheSame(text, lines[index] ?? ''));
        expect(verifyText(lines.with(index, text), last(records)).kind).not.toBe('sound');
      }),
      { numRuns: 1_000 },
    );
  });

  it('never passes with a field that another event could have had', () => {
    const fields = ['incident', 'sequence', 'id', 'at', 'kind', 'data', 'prevHash', 'hash'] as const;
    fc.assert(
      fc.property(anyLog, anyLog, fc.nat(), fc.nat(), fc.constantFrom(...fields), (records, others, n, m, field) => {
        const index = n % records.length;
        const record = eventOf(records, index + 1);
        const forged = { ...record, [field]: eventOf(others, (m % others.length) + 1)[field] };
        fc.pre(canonicalJson(forged) !== canonicalJson(record));
        expect(verifyChain(records.with(index, forged), { head: last(records) }).kind).toBe('broken');
      }),
    );
  });

  it('never passes with an event removed, moved or put in', () => {
    fc.assert(
      fc.property(anyLog, anyLog, fc.nat(), fc.nat(), (records, others, n, m) => {
        const [from, to] = [n % records.length, m % records.length];
        const stranger = eventOf(others, (m % others.length) + 1);
        const moved = records.toSpliced(from, 1).toSpliced(to, 0, eventOf(records, from + 1));
        const hostile = [
          records.toSpliced(from, 1),
          records.toSpliced(from, 0, stranger),
          ...(from === to ? [] : [moved]),
        ];
        for (const touched of hostile)
          expect(verifyChain(touched, { incident: INCIDENT, head: last(records) }).kind).toBe('broken');
      }),
    );
  });

  it('never passes when rewritten with fitting hashes before an anchor', () => {
    fc.assert(
      fc.property(anyLog, fc.nat(), fc.string({ minLength: 1 }), (records, n, kind) => {
        const at = n % records.length;
        fc.pre(eventOf(records, at + 1).kind !== kind);
        let end: Pick<EventRecord, 'hash'> | undefined;
        const rewritten = records.map((record, index) => {
          const prevHash = end?.hash ?? '';
          const next = resealed({ ...record, prevHash, kind: index === at ? kind : record.kind });
          end = next;
          return next;
        });
        expect(verifyChain(rewritten).kind).toBe('sound');
        expect(verifyChain(rewritten, { anchors: [anchorAt(records, records.length)] }).kind).toBe('broken');
      }),
    );
  });
});

/** JSON can spell one value in several ways, `\u001f` and `\u001F`: such an edit changed nothing. */
function meansTheSame(text: string, original: string): boolean {
  try {
    return canonicalJson(JSON.parse(text)) === original;
  } catch {
    return false;
  }
}
