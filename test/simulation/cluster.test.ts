import { describe, expect, it } from '@jest/globals';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { SERVICES } from '../../sandbox/world/reference-world.ts';
import { minutes } from '../../shared/core/time.ts';
import { atStep, BROKEN_AT, calm, later } from './calm.ts';
import { violations } from './invariants.ts';
import type { Deed, Happening, Plot } from './plot.ts';
import type { Run } from './run.ts';
import { simulate } from './simulate.ts';
import { leadsTo } from './witness.ts';

// A cluster that is lost, whose users a standby takes; and the way back.

/** Plays a plot in which everything must hold. */
async function played(happenings: readonly Happening[], more: Partial<Plot> = {}): Promise<Run> {
  const run = await simulate(1, { ...calm([], more), happenings });
  expect(violations(run)).toEqual([]);
  return run;
}

const LOST = later(0, { kind: 'break', fault: 'cluster' });

const limitsIn = ({ stage }: Run) => {
  const { min, max } = stage.world.run.service({ location: REFERENCE.region, service: REFERENCE.api }).spec.scaling;
  return { min, max };
};

const defaultOf = ({ stage }: Run): string => stage.world.balancers.urlMap('coditect-dms-ingress').defaultService;

const effects = ({ witness }: Run, permission: string): number =>
  witness.effects.filter(({ call }) => call.permission === permission).length;

const phases = ({ incidents }: Run) => incidents.map(({ state }) => [state.run?.plan.runbook, state.phase.kind]);

/** When the log of the first incident first had such an event, and when such a step was done. */
const when = ({ incidents }: Run, kind: string, step?: string): number =>
  incidents
    .flatMap(({ events }) => events)
    .find((event) => event.kind === kind && (step === undefined || ('step' in event.data && event.data.step === step)))
    ?.at ?? Number.NaN;

const workerOf = (action: string) =>
  action === 'remember-standby' || action === 'raise-service' ? ('heal' as const) : ('recover' as const);

const blow = (action: string, when: 'before' | 'after'): Deed => ({
  kind: 'blow',
  of: workerOf(action),
  blow: { calls: 1, when },
});

const lost = (action: string): Deed => ({
  kind: 'calls',
  of: workerOf(action),
  what: { kind: 'loseReplyAfter' },
  writes: true,
  count: 1,
});

describe('A lost cluster', () => {
  it('has its standby made ready while a person decides, and its users moved once they have approved', async () => {
    const run = await played([LOST]);

    expect(phases(run)).toEqual([['cluster-failover', 'resolved']]);
    expect(when(run, 'stepDone', 'raise')).toBeLessThan(when(run, 'decided'));
    expect(when(run, 'stepStarted', 'move-dms-api')).toBeGreaterThan(when(run, 'decided'));
    expect(defaultOf(run)).toBe('coditect-dms-run');
    expect(limitsIn(run)).toEqual({ min: 3, max: 4 });
    expect(effects(run, 'compute.urlMaps.update')).toBe(1);
    expect(effects(run, 'run.services.update')).toBe(1);
  });

  it.each([false, true])(
    'gets its users back when it has been well for its hold time (by record: %s)',
    async (byRecord) => {
      const run = await played([LOST, later(minutes(25), { kind: 'mend', fault: 'cluster' })], {
        byRecord,
        faultsUntilMs: BROKEN_AT + minutes(45),
        endsAtMs: BROKEN_AT + minutes(120),
      });

      expect(phases(run)).toEqual([
        ['cluster-failover', 'resolved'],
        ['cluster-failback', 'resolved'],
      ]);
      expect(defaultOf(run)).toBe('coditect-dms-gke');
      expect(limitsIn(run)).toEqual({ min: 1, max: 4 });
      expect(effects(run, byRecord ? 'dns.changes.create' : 'compute.urlMaps.update')).toBe(2);
      expect(leadsTo(run.stage.world)).toBe(SERVICES.apiGke);
      expect(effects(run, 'run.services.update')).toBe(2);
      // The way back is planned: it takes a time of its own, and recovers nothing.
      const [there, back] = run.incidents.map(({ state }) => state.measures);
      expect(there).toMatchObject({ rto: expect.any(Number), planned: null });
      expect(back).toMatchObject({ rto: null, detect: null, planned: expect.any(Number) });
      expect(back?.['planned']).toBeLessThan(minutes(20));
    },
  );

  it('has its users moved by their record as well, and they arrive when what they know has run out', async () => {
    const run = await played([LOST], { byRecord: true });

    expect(phases(run)).toEqual([['cluster-failover', 'resolved']]);
    expect(run.stage.world.dns.records('coditect-zone')).toContainEqual({
      name: 'dms-api.coditect.ai.',
      type: 'A',
      ttl: 60,
      rrdatas: ['203.0.113.11'],
    });
    expect(effects(run, 'dns.changes.create')).toBe(1);
    expect(defaultOf(run)).toBe('coditect-dms-gke');
  });

  it('fails over once when a worker dies at any step, or a reply is lost', async () => {
    for (const action of ['remember-standby', 'raise-service', 'move-traffic', 'see-traffic-shift'])
      for (const deed of [blow(action, 'before'), blow(action, 'after'), lost(action)]) {
        const run = await played([LOST, atStep(action, deed)]);

        expect(phases(run)).toEqual([['cluster-failover', 'resolved']]);
        expect(effects(run, 'compute.urlMaps.update')).toBe(1);
        expect(effects(run, 'run.services.update')).toBe(1);
      }
  });

  it('whose database is lost with it is the incident of the database: nobody is moved', async () => {
    const run = await played([LOST, later(0, { kind: 'break', fault: 'primary-database', variant: 'refuses' })]);

    expect(effects(run, 'compute.urlMaps.update')).toBe(0);
    expect(effects(run, 'run.services.update')).toBe(0);
  });

  it('whose database is lost with it gets a plan for the database as soon as its Deployment can be read again', async () => {
    const run = await played(
      [
        LOST,
        later(0, { kind: 'break', fault: 'primary-database', variant: 'refuses' }),
        later(minutes(12), { kind: 'mend', fault: 'cluster' }),
      ],
      { faultsUntilMs: BROKEN_AT + minutes(30), endsAtMs: BROKEN_AT + minutes(90) },
    );

    expect(phases(run)).toEqual([['database-failover', 'resolved']]);
    expect(when(run, 'needsPerson')).toBeLessThan(run.brokenAt + minutes(5));
    expect(when(run, 'planDrawn')).toBeLessThan(run.brokenAt + minutes(15));
    expect(effects(run, 'compute.urlMaps.update')).toBe(0);
  });

  it('that comes back before anybody decides has nothing moved, and the standby taken back unasked', async () => {
    const run = await played([LOST, later(minutes(5), { kind: 'mend', fault: 'cluster' })], {
      habits: {},
      faultsUntilMs: BROKEN_AT + minutes(30),
    });

    expect(phases(run)).toEqual([['cluster-failback', 'resolved']]);
    expect(effects(run, 'compute.urlMaps.update')).toBe(0);
    expect(limitsIn(run)).toEqual({ min: 1, max: 4 });
  });

  it('whose failover is denied keeps the standby ready, and people are told so', async () => {
    const run = await played([LOST], { habits: { 'oncall-pager': 'denies' } });

    expect(phases(run)).toEqual([['cluster-failover', 'needsPerson']]);
    expect(effects(run, 'compute.urlMaps.update')).toBe(0);
    expect(limitsIn(run)).toEqual({ min: 3, max: 4 });
    const told = run.incidents.flatMap(({ events }) => events.filter(({ kind }) => kind === 'noticeDue'));
    expect(JSON.stringify(told)).toContain('prepared, and left so');
  });
});

describe('A database that fails while users are led back to the cluster', () => {
  const fails: Deed = { kind: 'break', fault: 'primary-database', variant: 'refuses' };

  const playedBack = (happening: Happening) =>
    played([LOST, later(minutes(25), { kind: 'mend', fault: 'cluster' }), happening], {
      faultsUntilMs: BROKEN_AT + minutes(45),
      endsAtMs: BROKEN_AT + minutes(150),
    });

  const failedAt = ({ incidents }: Run): number =>
    incidents.flatMap(({ state }) => (state.run?.plan.runbook === 'database-failover' ? [state] : []))[0]?.diagnosis
      ?.failedSinceMs ?? Number.NaN;

  it.each<[string, Happening, string]>([
    ['before any traffic has moved', later(minutes(29), fails), 'running-on-standby'],
    ['when it has moved', atStep('await-drain', fails), 'standby-left-raised'],
  ])(
    'comes first (%s): that plan and its approval are void, and what is left of it is offered afterwards',
    async (_when, happening, left) => {
      const run = await playedBack(happening);

      expect(phases(run)).toEqual([
        ['cluster-failover', 'resolved'],
        ['database-failover', 'resolved'],
        ['cluster-failback', 'resolved'],
      ]);
      const raised = run.incidents[1];
      const voided = raised?.events.find(({ kind }) => kind === 'approvalVoided');
      const asked = raised?.events.findLast(({ kind }) => kind === 'approvalAsked');
      expect(voided?.data).toMatchObject({ because: expect.stringMatching(/takes no writes.*that comes first/) });
      expect(asked?.at).toBeLessThan(failedAt(run) + minutes(5));
      expect(raised?.state.measures?.['rto']).toBeLessThan(minutes(16));
      expect(run.incidents[2]?.state.run?.plan.scenario).toBe(left);
      expect(effects(run, 'compute.urlMaps.update')).toBe(2);
      expect(defaultOf(run)).toBe('coditect-dms-gke');
      expect(limitsIn(run)).toEqual({ min: 1, max: 4 });
    },
  );
});

describe('A control plane that does not answer', () => {
  it('moves nobody while the pods go on serving', async () => {
    const start: Happening = later(minutes(1), { kind: 'operate', operation: { by: 'command', verb: 'start' } });
    const run = await played([later(0, { kind: 'break', fault: 'control-plane' }), start]);

    expect(effects(run, 'compute.urlMaps.update')).toBe(0);
    expect(effects(run, 'run.services.update')).toBe(0);
  });
});
