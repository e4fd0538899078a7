import { describe, expect, it } from '@jest/globals';
import { violations } from './invariants.ts';
import { story, traceOf } from './report.ts';
import { simulate } from './simulate.ts';

// Two thousand seeds are a gate of their own in .ci/run (`npm run simulate -- --seeds 2000`), on all cores. Here: that a seed is
// worth its number, and one run of each kind.

describe('A simulated run', () => {
  it('is the same to the last hash whenever its seed is played, whatever was played before', async () => {
    const first = traceOf(await simulate(7));
    const other = traceOf(await simulate(8));
    expect(traceOf(await simulate(7))).toBe(first);
    expect(other).not.toBe(first);
  }, 60_000);

  it.each([5, 33])(
    'holds what must hold (seed %i)',
    async (seed) => {
      const run = await simulate(seed);
      const found = violations(run);
      if (found.length > 0) console.error(story(run, found));
      expect(found).toEqual([]);
    },
    60_000,
  );
});
