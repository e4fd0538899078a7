import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { foldWatch, OWN_VANTAGE, suspicions, type WatchLook } from '../../shared/classify/fold-watch.ts';
import { after, type Instant, instant } from '../../shared/core/time.ts';
import type { Contact, ContactOutcome } from '../../shared/ports/data-plane.ts';
import { parseWatchReading, type WatchReading } from '../../shared/ports/watch-reading.ts';
import { at, PRIMARY, REPLICA, T0 } from './looks.ts';

const REFUSED: ContactOutcome = { kind: 'connectionRefused' };
const WRITTEN: ContactOutcome = { kind: 'written' };
const SILENT: ContactOutcome = { kind: 'unknown', detail: 'timeout' };

type Met = Readonly<Record<string, ContactOutcome>>;

/** A look at `seconds`; every vantage point meets `outcome` unless `met` says otherwise. */
function watchLook(
  seconds: number,
  outcome: ContactOutcome,
  met: Met = {},
  control: Contact['control'] = 'ok',
): WatchLook {
  const contacts = [OWN_VANTAGE, 'api-gke', 'api-run'].map((vantage) => ({
    vantage,
    at: at(seconds),
    outcome: met[vantage] ?? outcome,
    control,
  }));
  return { instance: PRIMARY, at: at(seconds), heartbeat: { sequence: seconds, at: at(seconds - 1) }, contacts };
}

const fold = (...looks: readonly WatchLook[]): WatchReading => {
  const folded = looks.reduce<WatchReading | undefined>((reading, look) => foldWatch(reading, look), undefined);
  if (folded === undefined) throw new Error('no look');
  return folded;
};

describe('the watch', () => {
  it('remembers the newest heartbeat that was taken', () => {
    expect(fold(watchLook(5, WRITTEN), watchLook(10, REFUSED))).toMatchObject({
      lastWrittenAtMs: at(4),
      lastSequence: 5,
      notWrittenSinceMs: at(10),
    });
  });

  it('dates the refusal from the first look at which everybody was refused', () => {
    expect(
      fold(watchLook(5, WRITTEN), watchLook(10, REFUSED), watchLook(15, REFUSED), watchLook(20, REFUSED))
        .refusedSinceMs,
    ).toBe(at(10));
  });

  it.each<[string, WatchLook]>([
    ['one place still writes', watchLook(20, REFUSED, { 'api-run': WRITTEN })],
    ['one place is silent', watchLook(20, REFUSED, { 'api-gke': SILENT })],
    ['we ourselves are silent', watchLook(20, REFUSED, { [OWN_VANTAGE]: SILENT })],
    ['the path itself may refuse', watchLook(20, REFUSED, {}, 'failed')],
    ['nobody reached anything else', watchLook(20, REFUSED, {}, 'none')],
    ['we did not look ourselves', { ...watchLook(20, REFUSED), contacts: watchLook(20, REFUSED).contacts.slice(1) }],
  ])('is sure of nothing when %s', (_, look) => {
    expect(fold(watchLook(10, REFUSED), watchLook(15, REFUSED), look).refusedSinceMs).toBeNull();
  });

  it('begins anew after a gap of more than three looks', () => {
    expect(fold(watchLook(10, REFUSED), watchLook(25, REFUSED)).refusedSinceMs).toBe(at(10));
    expect(fold(watchLook(10, REFUSED), watchLook(26, REFUSED)).refusedSinceMs).toBe(at(26));
  });

  it('begins anew when a place is asked that was not asked before', () => {
    const two = { ...watchLook(10, REFUSED), contacts: watchLook(10, REFUSED).contacts.slice(0, 2) };
    expect(fold(two, watchLook(15, REFUSED)).refusedSinceMs).toBe(at(15));
    expect(fold(watchLook(10, REFUSED), { ...two, at: at(15) }).refusedSinceMs).toBe(at(10));
  });

  it('knows nothing of another instance', () => {
    expect(fold(watchLook(10, REFUSED), { ...watchLook(15, REFUSED), instance: REPLICA })).toMatchObject({
      instance: REPLICA,
      refusedSinceMs: at(15),
    });
  });

  it('is made less sure, never surer, by a look that comes late', () => {
    const known = [watchLook(5, WRITTEN), watchLook(10, REFUSED), watchLook(20, REFUSED)];
    expect(fold(...known, watchLook(15, REFUSED, { 'api-run': WRITTEN })).refusedSinceMs).toBeNull();
    expect(fold(...known, watchLook(8, WRITTEN))).toMatchObject({
      refusedSinceMs: at(10),
      lastWrittenAtMs: at(7),
      notWrittenSinceMs: at(10),
    });
    expect(fold(watchLook(30, REFUSED), watchLook(20, REFUSED)).refusedSinceMs).toBe(at(30));
  });

  const outcome = fc.constantFrom(
    REFUSED,
    REFUSED,
    REFUSED,
    { kind: 'refusedByServer', detail: 'read only' } as const,
    { kind: 'loginRefused', detail: 'a wrong password' } as const,
    WRITTEN,
    SILENT,
  );
  const anyLook = (second: fc.Arbitrary<number>) =>
    fc
      .record({
        second,
        own: outcome,
        gke: outcome,
        run: outcome,
        control: fc.constantFrom<Contact['control']>('ok', 'ok', 'ok', 'failed'),
      })
      .map(({ second: seconds, own, gke, run, control }) =>
        watchLook(seconds, own, { 'api-gke': gke, 'api-run': run }, control),
      );
  const anyLooks = fc.array(anyLook(fc.integer({ min: 0, max: 120 })), { minLength: 1, maxLength: 30 });
  const refused = ({ contacts }: WatchLook) =>
    contacts.every(
      ({ outcome: { kind }, control }) =>
        (kind === 'refusedByServer' || kind === 'connectionRefused') && control === 'ok',
    );

  it('never dates the end of writes before a look at which anything was not refused', () => {
    fc.assert(
      fc.property(anyLooks, (looks) => {
        const { refusedSinceMs } = fold(...looks);
        if (refusedSinceMs === null) return;
        for (const look of looks) if (!refused(look)) expect(look.at).toBeLessThanOrEqual(refusedSinceMs);
      }),
      { numRuns: 2_000 },
    );
  });

  it('never bridges a gap, in whatever order looks arrive', () => {
    fc.assert(
      fc.property(anyLooks, (looks) => {
        const reading = fold(...looks);
        if (reading.refusedSinceMs === null) return;
        const since = reading.refusedSinceMs;
        const moments = looks
          .filter((look) => refused(look) && look.at >= since)
          .map((look) => look.at)
          .toSorted((a, b) => a - b);
        expect(moments[0]).toBe(since);
        moments.slice(1).forEach((moment, index) => expect(moment - (moments[index] ?? 0)).toBeLessThanOrEqual(15_000));
      }),
      { numRuns: 2_000 },
    );
  });

  it('counts a look that is folded twice once', () => {
    fc.assert(
      fc.property(anyLooks, (looks) => {
        const twice = looks.flatMap((look) => [look, look]);
        expect(fold(...twice)).toEqual(fold(...looks));
      }),
    );
  });

  it('reads back what it stored', () => {
    fc.assert(
      fc.property(anyLooks, (looks) => {
        const reading = fold(...looks);
        expect(parseWatchReading(JSON.parse(JSON.stringify(reading)))).toEqual(reading);
      }),
    );
  });
});

describe('a suspicion', () => {
  const later = (seconds: number): Instant => after(T0, seconds * 1_000);

  it('comes after a quarter of a minute of refusals', () => {
    const reading = fold(watchLook(5, WRITTEN), watchLook(10, REFUSED), watchLook(15, REFUSED));
    expect(suspicions(reading, later(24))).toEqual([]);
    expect(suspicions(reading, later(25))).toMatchObject([
      { kind: 'suspicion', instance: PRIMARY, refusedSince: at(10) },
    ]);
  });

  it('comes after a minute of silence, which is no refusal', () => {
    const reading = fold(watchLook(5, WRITTEN), watchLook(10, SILENT));
    expect(suspicions(reading, later(69))).toEqual([]);
    expect(suspicions(reading, later(70))).toHaveLength(1);
  });

  it('never comes while heartbeats are taken', () => {
    expect(suspicions(fold(watchLook(5, SILENT), watchLook(100, WRITTEN)), later(600))).toEqual([]);
  });

  it('has one key for one failure, whatever the later looks meet', () => {
    const first = fold(watchLook(5, WRITTEN), watchLook(10, REFUSED), watchLook(15, REFUSED), watchLook(30, REFUSED));
    const more = fold(watchLook(5, WRITTEN), watchLook(10, REFUSED), watchLook(15, SILENT), watchLook(80, SILENT));
    const key = `tick/${PRIMARY}/${Math.floor(at(10) / 60_000)}`;
    expect(suspicions(first, later(30)).map(({ dedupeKey }) => dedupeKey)).toEqual([key]);
    expect(suspicions(more, later(80)).map(({ dedupeKey }) => dedupeKey)).toEqual([key]);
    expect(suspicions(fold(watchLook(200, REFUSED)), instant(at(300))).map(({ dedupeKey }) => dedupeKey)).not.toContain(
      key,
    );
  });
});
