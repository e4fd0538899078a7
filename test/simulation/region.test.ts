import { describe, expect, it } from '@jest/globals';
import { SECONDARY } from '../../sandbox/world/reference-system.ts';
import { minutes } from '../../shared/core/time.ts';
import { BROKEN_AT, calm, later } from './calm.ts';
import { violations } from './invariants.ts';
import type { Happening, Plot } from './plot.ts';
import type { Run } from './run.ts';
import { simulate } from './simulate.ts';

// A region that is lost with everything in it: its users go on in the other one, if people say so.

const LOST = later(0, { kind: 'break', fault: 'region' });
const ACCEPTED = later(minutes(8), {
  kind: 'operate',
  operation: { by: 'wish', verb: 'accept', wall: 'accept-unfenced-primary' },
});

/** Plays a plot in which everything must hold. */
async function played(happenings: readonly Happening[], more: Partial<Plot> = {}): Promise<Run> {
  const run = await simulate(1, {
    ...calm([], {
      secondary: true,
      faultsUntilMs: BROKEN_AT + minutes(90),
      endsAtMs: BROKEN_AT + minutes(180),
      ...more,
    }),
    happenings,
  });
  expect(violations(run)).toEqual([]);
  return run;
}

const defaultOf = ({ stage }: Run): string => stage.world.balancers.urlMap('coditect-dms-ingress').defaultService;

/** What our functions changed under that permission. */
const effects = ({ witness }: Run, permission: string): readonly string[] =>
  witness.effects.flatMap(({ call }) => (call.permission === permission ? [call.resource] : []));

/** When the log of the first incident first had such an event, and when such a step was begun or done. */
const when = ({ incidents }: Run, kind: string, step?: string): number =>
  incidents
    .flatMap(({ events }) => events)
    .find((event) => event.kind === kind && (step === undefined || ('step' in event.data && event.data.step === step)))
    ?.at ?? Number.NaN;

/** What the second incident's step came to. */
const outputOf = ({ incidents }: Run, step: string): unknown =>
  incidents[1]?.events.flatMap((event) =>
    event.kind === 'stepDone' && event.data.step === step ? [event.data.output] : [],
  )[0];

const PRIMARY = 'coditect-dms-db';

const phases = ({ incidents }: Run) => incidents.map(({ state }) => [state.run?.plan.runbook, state.phase.kind]);

describe('A lost region', () => {
  it('goes on in its secondary, once people have accepted by name what nobody can prove and approved the rest', async () => {
    const run = await played([LOST, ACCEPTED, later(minutes(45), { kind: 'mend', fault: 'region' })]);

    expect(phases(run)[0]).toEqual(['region-failover', 'resolved']);
    expect(run.stage.world.primaryInUse()).toBe(SECONDARY.instance);
    expect(defaultOf(run)).toBe(SECONDARY.backendService);
    // The stop was asked for, and refused while nobody reached the instance.
    expect(effects(run, 'cloudsql.instances.promoteReplica')).toEqual([
      `instances/${SECONDARY.instance}:promoteReplica`,
    ]);
    expect(when(run, 'stepDone', 'ready')).toBeLessThan(when(run, 'decided'));
    expect(when(run, 'stepStarted', 'move-dms-api')).toBeGreaterThan(when(run, 'stepDone', 'verify-api-east'));
  });

  it('is only held, and told, as long as nobody accepts that', async () => {
    const run = await played([LOST, later(minutes(30), { kind: 'mend', fault: 'region' })]);

    expect(effects(run, 'cloudsql.instances.promoteReplica')).toEqual([]);
    expect(defaultOf(run)).toBe('coditect-dms-gke');
    expect(run.witness.pages.map(({ notice }) => notice)).toContain('blocked/regionDark');
    expect(when(run, 'approvalAsked')).toBeNaN();
  });

  it('that answers again while people decide keeps everything', async () => {
    const run = await played([LOST, ACCEPTED, later(minutes(8.5), { kind: 'mend', fault: 'region' })], {
      habits: { 'oncall-pager': 'late' },
    });

    expect(effects(run, 'cloudsql.instances.promoteReplica')).toEqual([]);
    expect(run.stage.world.primaryInUse()).toBe('coditect-dms-db');
  });

  it('goes on where one of our own control regions is gone as well', async () => {
    const run = await played(
      [
        LOST,
        later(0, { kind: 'regionLost', region: 'east', lastsMs: minutes(60) }),
        ACCEPTED,
        later(minutes(45), { kind: 'mend', fault: 'region' }),
      ],
      { regions: 2 },
    );

    expect(phases(run)[0]).toEqual(['region-failover', 'resolved']);
  });
});

describe('The return of a lost region', () => {
  it.each(['lost', 'cut-off'] as const)(
    'that was %s finds its old primary counted and stopped, and nobody on it any more',
    async (variant) => {
      const run = await played([
        later(0, { kind: 'break', fault: 'region', variant }),
        ACCEPTED,
        later(minutes(50), { kind: 'mend', fault: 'region' }),
      ]);
      expect(phases(run).slice(0, 2)).toEqual([
        ['region-failover', 'resolved'],
        ['region-return', 'resolved'],
      ]);
      const { servers } = run.stage.world.sql.fleet;
      expect([PRIMARY, SECONDARY.instance].map((name) => servers.server(name)?.power)).toEqual(['stopped', 'running']);
      const back = run.brokenAt + minutes(50);
      const stop = run.incidents[1]?.events.find((event) => event.kind === 'stepStarted' && event.data.step === 'stop');
      // A primary that lost its power replays its log for up to a minute before it answers; then it is found within one tick.
      expect((stop?.at ?? Number.NaN) - back).toBeLessThan(minutes(2.5));
      expect(outputOf(run, 'count')).toMatchObject({ rows: variant === 'lost' ? 0 : expect.any(Number) });
      const pods = run.stage.world.applications
        .running()
        .filter(({ role, place }) => role === 'api' && place === 'pods');
      expect(new Set(pods.map((process) => process.address()))).toEqual(new Set(['10.20.0.5:5432']));
    },
  );

  it('is met by people who could not decide while it was away: it stays asked for', async () => {
    const run = await played(
      [
        LOST,
        ACCEPTED,
        // The kill switch holds everything, when the return is asked about and when it comes.
        later(minutes(15), { kind: 'operate', operation: { by: 'wish', verb: 'stop' } }),
        later(minutes(50), { kind: 'mend', fault: 'region' }),
        later(minutes(55), { kind: 'operate', operation: { by: 'wish', verb: 'release' } }),
      ],
      { endsAtMs: BROKEN_AT + minutes(240), faultsUntilMs: BROKEN_AT + minutes(120) },
    );

    expect(phases(run).slice(0, 2)).toEqual([
      ['region-failover', 'resolved'],
      ['region-return', 'resolved'],
    ]);
  });
});
