import { describe, expect, it } from '@jest/globals';
import { SECONDARY } from '../../sandbox/world/reference-system.ts';
import { minutes } from '../../shared/core/time.ts';
import { BROKEN_AT, calm, later } from './calm.ts';
import { violations } from './invariants.ts';
import type { Happening } from './plot.ts';
import type { Run } from './run.ts';
import { simulate } from './simulate.ts';

// One disaster that turns out to be another, or that another joins, while something is being done about it.

const accepted = (ms: number): Happening =>
  later(ms, { kind: 'operate', operation: { by: 'wish', verb: 'accept', wall: 'accept-unfenced-primary' } });
const BACK = later(minutes(50), { kind: 'mend', fault: 'region' });

/** Plays a plot with a second region, in which everything must hold; everybody approves at once. */
async function played(happenings: readonly Happening[]): Promise<Run> {
  const run = await simulate(1, {
    ...calm([], {
      secondary: true,
      faultsUntilMs: BROKEN_AT + minutes(90),
      endsAtMs: BROKEN_AT + minutes(180),
      habits: { 'oncall-pager': 'quick', 'security-pager': 'quick' },
    }),
    happenings: [...happenings, BACK],
  });
  expect(violations(run)).toEqual([]);
  return run;
}

/** What became of the incident in which that runbook was carried out, or was about to be, at last. */
const endOf = ({ incidents }: Run, runbook: string): string | undefined =>
  incidents.find(({ state }) => state.run?.plan.runbook === runbook)?.state.phase.kind;

describe('A cluster failure that turns out to be the failure of its region', () => {
  // While users are led to the standby, and when they have arrived there.
  it.each([5, 9])('%s minutes later is named as that, and everything goes on in the secondary', async (minute) => {
    const run = await played([
      later(0, { kind: 'break', fault: 'cluster' }),
      later(minutes(minute), { kind: 'break', fault: 'region' }),
      accepted(minutes(minute + 13)),
    ]);

    expect(endOf(run, 'region-failover')).toBe('resolved');
    const moved = run.witness.effects.flatMap(({ call }) =>
      ['cloudsql.instances.promoteReplica', 'compute.urlMaps.update'].includes(call.permission) ? [call.resource] : [],
    );
    // To the standby in the cluster's region, and from there to the secondary; the way home comes later.
    expect(moved.slice(0, 3)).toEqual([
      'urlMaps/coditect-dms-ingress',
      `instances/${SECONDARY.instance}:promoteReplica`,
      'urlMaps/coditect-dms-ingress',
    ]);
    // The approval that people gave for the cluster's plan is no approval for this one.
    const [first] = run.incidents;
    const asked = first?.state.approvals.map(({ planDigest, decisions }) => [planDigest, decisions.length > 0]) ?? [];
    expect(new Set(asked.map(([digest]) => digest)).size).toBe(asked.length);
    expect(asked.at(-1)?.[1]).toBe(true);
  });
});

describe('A breach that is reported while a region fails over', () => {
  it('is asked about at once, and carried out when the failover no longer holds what it needs', async () => {
    const run = await played([
      later(0, { kind: 'break', fault: 'region' }),
      later(0, { kind: 'break', fault: 'leaked-secret' }),
      accepted(minutes(8)),
      later(minutes(10), {
        kind: 'operate',
        operation: { by: 'command', verb: 'start', runbook: 'breach-response' },
      }),
    ]);

    expect(endOf(run, 'region-failover')).toBe('resolved');
    const breach = run.incidents.find(({ state }) => state.run?.plan.runbook === 'breach-response');
    const when = (kind: string): number => breach?.events.find((event) => event.kind === kind)?.at ?? Number.NaN;
    expect(when('approvalAsked') - run.brokenAt).toBeLessThan(minutes(11));
    const over = run.incidents[0]?.events.find(({ kind }) => kind === 'resolved')?.at ?? Number.NaN;
    expect(when('runStarted')).toBeGreaterThan(over);
  });
});
