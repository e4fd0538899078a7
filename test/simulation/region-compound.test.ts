import { describe, expect, it } from '@jest/globals';
import { SECONDARY } from '../../sandbox/world/reference-system.ts';
import { minutes } from '../../shared/core/time.ts';
import { atStep, BROKEN_AT, calm, later } from './calm.ts';
import { violations } from './invariants.ts';
import type { Happening } from './plot.ts';
import type { Run } from './run.ts';
import { simulate } from './simulate.ts';

// A region that is lost is not always alone: what else breaks while its users are brought to the other one, or what was under way when
// it went.

const LOST = later(0, { kind: 'break', fault: 'region' });
const ACCEPTED = later(minutes(8), {
  kind: 'operate',
  operation: { by: 'wish', verb: 'accept', wall: 'accept-unfenced-primary' },
});
const BACK = later(minutes(50), { kind: 'mend', fault: 'region' });

async function played(happenings: readonly Happening[]): Promise<Run> {
  const until = { faultsUntilMs: BROKEN_AT + minutes(80), endsAtMs: BROKEN_AT + minutes(150) };
  const run = await simulate(1, { ...calm([], { secondary: true, ...until }), happenings });
  expect(violations(run)).toEqual([]);
  return run;
}

const promoted = ({ witness }: Run): readonly string[] =>
  witness.effects.flatMap(({ call }) =>
    call.permission === 'cloudsql.instances.promoteReplica' ? [call.resource] : [],
  );

const phases = ({ incidents }: Run) => incidents.map(({ state }) => [state.run?.plan.runbook, state.phase.kind]);

describe('A region that is lost', () => {
  it.each(['promote-replica', 'point-secret', 'verify-consumer', 'see-traffic-shift'])(
    'whose new primary fails at %s is a failure that people hear of, and nothing else is promoted for it',
    async (action) => {
      const fails = {
        kind: 'break',
        fault: 'primary-database',
        target: SECONDARY.instance,
        variant: 'refuses',
      } as const;
      const run = await played([LOST, ACCEPTED, atStep(action, fails, 3_000), BACK]);

      expect(promoted(run)).toEqual([`instances/${SECONDARY.instance}:promoteReplica`]);
      expect(phases(run)[0]).toEqual(['region-failover', 'needsPerson']);
    },
  );

  it('while rows are brought back has its users brought away all the same, and the rows wait for people', async () => {
    const run = await played([
      later(-90_000, { kind: 'break', fault: 'data-corruption' }),
      later(-30_000, {
        kind: 'operate',
        operation: { by: 'command', verb: 'start', runbook: 'point-in-time-recovery' },
      }),
      LOST,
      ACCEPTED,
      BACK,
    ]);

    expect(phases(run).slice(0, 3)).toEqual([
      ['point-in-time-recovery', 'needsPerson'],
      ['region-failover', 'resolved'],
      ['region-return', 'resolved'],
    ]);
    // What is promoted after that is promoted on the way home.
    expect(promoted(run)[0]).toBe(`instances/${SECONDARY.instance}:promoteReplica`);
  });
});
