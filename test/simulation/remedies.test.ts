import { describe, expect, it } from '@jest/globals';
import { minutes, seconds } from '../../shared/core/time.ts';
import { atStep, calm, later } from './calm.ts';
import { violations } from './invariants.ts';
import type { Happening, Plot } from './plot.ts';
import type { Run } from './run.ts';
import { simulate } from './simulate.ts';

// The least that helps comes first: what a restart or an HA failover brings back is never promoted, and what they don't is.

/** Plays a plot in which everything must hold. */
async function played(
  variant: 'refuses' | 'hangs' | 'crashed',
  setting: Partial<Plot>,
  happenings: readonly Happening[] = [],
): Promise<Run> {
  const broken = later(0, { kind: 'break', fault: 'primary-database', variant });
  const run = await simulate(1, { ...calm([]), ...setting, happenings: [broken, ...happenings] });
  expect(violations(run)).toEqual([]);
  return run;
}

const RESTART = { remedies: ['wait', 'restart', 'promote'] } as const;
const HA = { remedies: ['wait', 'failover', 'restart', 'promote'], isRegional: true } as const;

/** Requests of ours for these verbs of Cloud SQL that took effect, in their order. */
const asked = ({ witness }: Run): readonly string[] =>
  witness.effects.flatMap(({ call }) => {
    const verb = call.permission.replace('cloudsql.instances.', '');
    return ['restart', 'failover', 'promoteReplica'].includes(verb) ? [verb] : [];
  });

/** How the incident of the failure ended. Alerts that are late may open another one, which finds nothing. */
const ended = ({ incidents }: Run): string | undefined => incidents[0]?.state.phase.kind;

const approvals = ({ incidents }: Run): number => incidents.flatMap(({ state }) => state.approvals).length;

describe('A failed primary whose restart is listed', () => {
  it('is restarted, verified, and resolved without a promotion and without a loss', async () => {
    const run = await played('crashed', RESTART);
    expect(asked(run)).toEqual(['restart']);
    expect(ended(run)).toBe('resolved');
    const [measures] = run.incidents.map(({ state }) => state.measures);
    expect(measures).toMatchObject({ rpo: 0, rto: expect.any(Number) });
    expect(measures?.['rto']).toBeLessThan(minutes(6));
  });

  it.each(['refuses', 'hangs'] as const)(
    'is promoted over, by the same approval, when its restart ends with an error (%s)',
    async (variant) => {
      const run = await played(variant, RESTART);
      expect(asked(run)).toEqual(['restart', 'promoteReplica']);
      expect(ended(run)).toBe('resolved');
      expect(approvals(run)).toBe(1);
    },
  );

  it.each(['refuses', 'hangs'] as const)(
    'goes to people, and stays with them, when nothing else is listed and the restart does not help (%s)',
    async (variant) => {
      const run = await played(variant, { remedies: ['restart'] });
      expect(asked(run)).toEqual(['restart']);
      expect(ended(run)).toBe('needsPerson');
      const [events] = run.incidents.map((incident) => incident.events.filter(({ kind }) => kind === 'needsPerson'));
      expect(events).toHaveLength(2);
    },
  );

  it('is asked about anew, with another loss, when it was brought back only for a moment', async () => {
    const run = await played('crashed', RESTART, [
      atStep('primary-stays-well', { kind: 'break', fault: 'primary-database', variant: 'refuses' }, 30_000),
    ]);
    expect(asked(run)).toEqual(['restart', 'promoteReplica']);
    expect(ended(run)).toBe('resolved');
    expect(approvals(run)).toBe(2);
  });

  it.each(['loseReplyAfter', 'serverErrorAfter'] as const)(
    'is restarted once when the reply is lost (%s)',
    async (kind) => {
      const fault = { kind: 'calls', of: 'recover', what: { kind }, writes: true, count: 1 } as const;
      const run = await played('crashed', RESTART, [atStep('restart-instance', fault)]);
      expect(asked(run)).toEqual(['restart']);
      expect(ended(run)).toBe('resolved');
    },
  );

  it('is restarted once although its worker dies in the middle of it', async () => {
    const dies = { kind: 'blow', of: 'recover', blow: { calls: 2, when: 'after' } } as const;
    const run = await played('crashed', RESTART, [atStep('restart-instance', dies, 5_000)]);
    expect(asked(run)).toEqual(['restart']);
    expect(ended(run)).toBe('resolved');
  });

  it('is not restarted when it has come back while people decide', async () => {
    const back = { kind: 'mend', fault: 'primary-database' } as const;
    const run = await played('crashed', { ...RESTART, habits: { 'oncall-pager': 'slow' } }, [
      later(seconds(100), back),
    ]);
    expect(asked(run)).toEqual([]);
    expect(ended(run)).toBe('dismissed');
  });
});

describe('A REGIONAL primary whose standby does not take over', () => {
  it('is failed over to it where that is listed, and resolved without a promotion', async () => {
    const run = await played('crashed', HA);
    expect(asked(run)).toEqual(['failover']);
    expect(ended(run)).toBe('resolved');
  });

  it('is restarted next when the failover does not help, and nothing is promoted then', async () => {
    const again = { kind: 'break', fault: 'primary-database', variant: 'crashed' } as const;
    const run = await played('crashed', HA, [atStep('verify-primary-serves', again)]);
    expect(asked(run)).toEqual(['failover', 'restart']);
    expect(ended(run)).toBe('resolved');
  });
});
