import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { instant, millis } from '../../shared/core/time.ts';
import { budgetGuard, cooldownGuard } from '../../shared/guards/brakes.ts';
import { readLedger, recordEnd, recordStart, type RunLedger, writeLedger } from '../../shared/guards/run-ledger.ts';
import { PortError } from '../../shared/ports/port-error.ts';
import type { DocumentStore } from '../../shared/ports/store.ts';
import { createMemoryStore } from '../../shared/store/memory-store.ts';
import { targetId } from '../../shared/system/names.ts';

const TARGET = targetId('application/api-gke');
const MINUTE = 60_000;
const BUDGETS = [
  { runs: 3, window: millis(60 * MINUTE) },
  { runs: 7, window: millis(24 * 60 * MINUTE) },
];
const COOLDOWN = millis(10 * MINUTE);
const LONGEST = millis(5 * MINUTE);
const EMPTY: RunLedger = { runs: [] };

const documents = (): DocumentStore => createMemoryStore({ now: () => instant(0) }).documents;

describe('the record of runs', () => {
  it('remembers a start and its end', () => {
    const started = recordStart(EMPTY, { incident: 'inc-a', startedAtMs: 1, drill: false });
    expect(recordEnd(started, 'inc-a', 5)).toEqual({
      runs: [{ incident: 'inc-a', startedAtMs: 1, endedAtMs: 5, drill: false }],
    });
  });

  it('takes a second start without an end for the same run, continued by another worker', () => {
    const once = recordStart(EMPTY, { incident: 'inc-a', startedAtMs: 1, drill: false });
    expect(recordStart(once, { incident: 'inc-a', startedAtMs: 9, drill: false })).toBe(once);
    const again = recordStart(recordEnd(once, 'inc-a', 5), { incident: 'inc-a', startedAtMs: 9, drill: false });
    expect(again.runs).toHaveLength(2);
  });

  it('is not misled by a drill of the same incident that has no end', () => {
    const drill = recordStart(EMPTY, { incident: 'inc-a', startedAtMs: 1, drill: true });
    expect(recordStart(drill, { incident: 'inc-a', startedAtMs: 2, drill: false }).runs).toHaveLength(2);
  });

  it('keeps the first end, and knows nothing of a run that never began', () => {
    const ended = recordEnd(recordStart(EMPTY, { incident: 'inc-a', startedAtMs: 1, drill: false }), 'inc-a', 5);
    expect(recordEnd(ended, 'inc-a', 9)).toBe(ended);
    expect(recordEnd(EMPTY, 'inc-b', 9)).toBe(EMPTY);
  });

  it('is empty for a target that never had a run, and unknown when it can not be read or understood', async () => {
    const store = documents();
    expect(await readLedger(store, TARGET)).toEqual({ runs: [] });
    await store.put(`runs/${TARGET}`, { runs: 'none' }, 0);
    expect(await readLedger(store, TARGET)).toHaveProperty('unknown');
    const down = { ...store, get: () => Promise.reject(new PortError('retryable', 'timeout', 'reading')) };
    expect(await readLedger(down, TARGET)).toEqual({
      unknown: "the runs of application/api-gke can't be read (timeout)",
    });
  });

  it('loses no run of writers that race', async () => {
    const store = documents();
    const ids = ['inc-a', 'inc-b', 'inc-c', 'inc-d'];
    await Promise.all(
      ids.map((incident, startedAtMs) =>
        writeLedger(store, TARGET, (ledger) => recordStart(ledger, { incident, startedAtMs, drill: false })),
      ),
    );
    const ledger = await readLedger(store, TARGET);
    expect('runs' in ledger && ledger.runs.map(({ incident }) => incident)).toEqual(ids);
  });

  it('is not written over what can not be understood', async () => {
    const store = documents();
    await store.put(`runs/${TARGET}`, { runs: 'none' }, 0);
    await expect(writeLedger(store, TARGET, (ledger) => ledger)).rejects.toMatchObject({ code: 'malformed ledger' });
  });
});

describe('the budget of a target', () => {
  /** What happens: somebody wants to start a run, or one ends, at some minute, in any order of incidents. */
  const wish = fc.record({
    minute: fc.integer({ min: 0, max: 3 * 24 * 60 }),
    incident: fc.integer({ min: 0, max: 200 }),
    drill: fc.boolean(),
    lasts: fc.option(fc.integer({ min: 0, max: 30 }), { freq: 3 }),
  });
  const wishes = fc
    .array(wish, { minLength: 1, maxLength: 150 })
    .map((all) => all.toSorted((a, b) => a.minute - b.minute));

  type Wish = { minute: number; incident: number; drill: boolean; lasts: number | null };

  /** Lets every wish that the guards let pass begin; `starts` is counted here and not by the record. */
  const play = (all: readonly Wish[]): { readonly ledger: RunLedger; readonly starts: readonly number[] } => {
    let ledger = EMPTY;
    const starts: number[] = [];
    for (const { minute, incident: number, drill, lasts } of all) {
      const [now, incident] = [instant(minute * MINUTE), `inc-${number}`];
      const blocked =
        budgetGuard(BUDGETS, ledger, incident, now) ?? cooldownGuard(COOLDOWN, LONGEST, ledger, incident, now);
      if (blocked !== undefined && !drill) continue;
      const goesOn = ledger.runs.some((run) => run.incident === incident && !run.drill && run.endedAtMs === null);
      if (!drill && !goesOn) starts.push(now);
      ledger = recordStart(ledger, { incident, startedAtMs: now, drill });
      if (lasts !== null) ledger = recordEnd(ledger, incident, now + lasts * MINUTE);
    }
    return { ledger, starts };
  };

  it('is never exceeded in any window, whatever arrives in whatever order', () => {
    fc.assert(
      fc.property(wishes, (all) => {
        const { starts } = play(all);
        for (const { runs, window } of BUDGETS) {
          for (const start of starts) {
            expect(starts.filter((at) => at > start - window && at <= start).length).toBeLessThanOrEqual(runs);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('is used to the full when somebody wants a run every minute of a day', () => {
    const all = Array.from({ length: 24 * 60 }, (_, minute) => ({ minute, incident: minute, drill: false, lasts: 1 }));
    const { starts } = play(all);
    expect(starts.map((at) => at / MINUTE)).toEqual([0, 11, 22, 60, 71, 82, 120]);
  });

  it('always clears at the moment that it names, and not before', () => {
    fc.assert(
      fc.property(wishes, fc.integer({ min: 0, max: 3 * 24 * 60 }), (all, minute) => {
        const { ledger } = play(all.filter((one) => one.minute <= minute));
        for (const budget of BUDGETS) {
          const block = budgetGuard([budget], ledger, 'inc-new', instant(minute * MINUTE));
          if (block === undefined) continue;
          const clears = block.clearsAtMs ?? 0;
          expect(budgetGuard([budget], ledger, 'inc-new', instant(clears))).toBeUndefined();
          expect(budgetGuard([budget], ledger, 'inc-new', instant(clears - 1))).toBeDefined();
        }
      }),
      { numRuns: 300 },
    );
  });
});
