import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { seconds } from '../../shared/core/time.ts';
import { drawPlot } from './draw-plot.ts';
import type { Happening, Plot } from './plot.ts';
import { invariantOf, shrink } from './shrink.ts';

// The judge is a rule about the plot here, so that what the smallest plot is can be known beforehand.

const NAME = 'S0 what is asked';

const judgedBy = (fails: (plot: Plot) => boolean) => async (plot: Plot) => new Set(fails(plot) ? [NAME] : []);

const cut: Happening = {
  trigger: { kind: 'at', ms: 1 },
  deed: { kind: 'break', fault: 'network', target: 'pods,sql/coditect-dms-db', variant: 'both-ways' },
};
const outage: Happening = {
  trigger: { kind: 'step', action: 'promote-replica', ms: 700 },
  deed: { kind: 'storeOutage', how: 'hangs', lastsMs: seconds(100) },
};
const isCut = ({ deed }: Happening): boolean => deed.kind === 'break' && deed.fault === 'network';
const isOutage = ({ deed }: Happening): boolean => deed.kind === 'storeOutage';

/** A drawn plot with the two happenings somewhere among its own. */
const plots = fc.tuple(fc.nat(500), fc.nat(20), fc.nat(20)).map(([seed, first, second]): Plot => {
  const plot = drawPlot(seed);
  const own = plot.happenings.filter((happening) => !isCut(happening) && !isOutage(happening));
  const happenings = own.toSpliced(first % (own.length + 1), 0, cut).toSpliced(second % (own.length + 2), 0, outage);
  return { ...plot, happenings };
});

describe('Shrinking a plot', () => {
  it('leaves what the failure needs, and nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(plots, async (plot) => {
        const needsBoth = judgedBy(({ happenings }) => happenings.some(isCut) && happenings.some(isOutage));
        const { plot: smallest } = await shrink(plot, NAME, needsBoth);
        expect(smallest.happenings.map(({ deed }) => deed.kind).toSorted()).toEqual(['break', 'storeOutage']);
        expect(smallest.happenings.find(isOutage)).toEqual({
          trigger: { kind: 'step', action: 'promote-replica', ms: 0 },
          deed: { kind: 'storeOutage', how: 'hangs', lastsMs: seconds(10) },
        });
        expect(smallest).toMatchObject({ killRate: 0, storeRate: 0, duplicates: 0, copies: 1, skewMs: {} });
      }),
      { numRuns: 50 },
    );
  });

  it('keeps what the failure needs of its surroundings', async () => {
    const plot: Plot = { ...drawPlot(1), copies: 2, storeLatencyMs: 60 };
    const { plot: smallest } = await shrink(
      plot,
      NAME,
      judgedBy(({ copies }) => copies === 2),
    );
    expect(smallest).toMatchObject({ copies: 2, storeLatencyMs: 0, happenings: [] });
  });

  it('takes no other failure for the same one', async () => {
    const plot = drawPlot(1);
    const other = async (smaller: Plot) => new Set([smaller === plot ? NAME : 'S9 something else']);
    expect((await shrink(plot, NAME, other)).plot).toBe(plot);
  });

  it('plays no more plots than it may', async () => {
    const { played } = await shrink(
      { ...drawPlot(1), happenings: [cut, outage] },
      NAME,
      judgedBy(() => true),
      3,
    );
    expect(played).toBe(3);
  });

  it('knows an invariant by what stands before the first colon', () => {
    expect(invariantOf('S1 nothing is promoted unfenced: a: b')).toBe('S1 nothing is promoted unfenced');
  });
});
