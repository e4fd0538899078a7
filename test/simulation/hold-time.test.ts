import { describe, expect, it } from '@jest/globals';
import type { FaultName } from '../../sandbox/world/fault-catalogue.ts';
import { minutes } from '../../shared/core/time.ts';
import { BROKEN_AT, calm, later } from './calm.ts';
import { violations } from './invariants.ts';
import type { Happening } from './plot.ts';
import { simulate } from './simulate.ts';

// A team may want a target to stay well for long before it believes it. That is no failure of the recovery.

const fault = (name: FaultName, variant?: string): Happening =>
  later(0, { kind: 'break', fault: name, ...(variant === undefined ? {} : { variant }) });

const CASES: readonly (readonly [name: string, happenings: readonly Happening[]])[] = [
  ['the eviction of a pod', [fault('pod')]],
  ['a promotion', [fault('primary-database', 'refuses')]],
  [
    'more instances of a service',
    [fault('cloud-run-pressure', 'crowded'), later(minutes(9), { kind: 'mend', fault: 'cloud-run-pressure' })],
  ],
  [
    'more replicas of a Deployment',
    [fault('deployment-pressure', 'crowded'), later(minutes(12), { kind: 'mend', fault: 'deployment-pressure' })],
  ],
  ['the undo of a rollout', [fault('bad-revision', 'crash')]],
];

describe('A hold time of forty minutes', () => {
  it.each(CASES)('is waited for after %s, and then it is over', async (_name, happenings) => {
    const holdTime = minutes(40);
    const run = await simulate(1, { ...calm([], { holdTime, endsAtMs: BROKEN_AT + minutes(150) }), happenings });

    expect(violations(run)).toEqual([]);
    expect(run.incidents.map(({ state }) => state.phase.kind)).toContain('resolved');
    expect(run.endedAt - run.brokenAt).toBeGreaterThan(holdTime);
  });
});
