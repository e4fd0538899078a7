import { describe, expect, it } from '@jest/globals';
import { REFERENCE, SECONDARY } from '../../sandbox/world/reference-system.ts';
import { minutes } from '../../shared/core/time.ts';
import { BROKEN_AT, atEach, atStep, calm, later, troubles } from './calm.ts';
import { violations } from './invariants.ts';
import type { Happening, Plot } from './plot.ts';
import type { Run } from './run.ts';
import { simulate } from './simulate.ts';

// A region that was lost gets everything back, in three plans that people approve, and no acknowledged write is lost on the way.

const [HOME, EAST] = REFERENCE.spares;

const LOST = [
  later(0, { kind: 'break', fault: 'region' }),
  later(minutes(8), { kind: 'operate', operation: { by: 'wish', verb: 'accept', wall: 'accept-unfenced-primary' } }),
  later(minutes(40), { kind: 'mend', fault: 'region' }),
];

/** Plays the loss of a region, its return and its way home, in which everything must hold. */
async function played(happenings: readonly Happening[] = [], more: Partial<Plot> = {}): Promise<Run> {
  const run = await simulate(1, {
    ...calm([], {
      secondary: true,
      goesHome: true,
      faultsUntilMs: BROKEN_AT + minutes(60),
      endsAtMs: BROKEN_AT + minutes(240),
      ...more,
    }),
    happenings: [...LOST, ...happenings],
  });
  expect(violations(run)).toEqual([]);
  return run;
}

const plans = ({ incidents }: Run) =>
  incidents.flatMap(({ state: { run, phase, target } }) =>
    run === undefined ? [] : [`${run.plan.runbook} ${target}: ${phase.kind}`],
  );

/** What our functions changed under that permission. */
const effects = ({ witness }: Run, permission: string): readonly string[] =>
  witness.effects.flatMap(({ call }) => (call.permission === permission ? [call.resource] : []));

const defaultOf = ({ stage }: Run): string => stage.world.balancers.urlMap('coditect-dms-ingress').defaultService;

/** How the users of the entrance fared: whether they are served, and how often they were turned away. */
const users = ({ stage }: Run) => {
  const outages = stage.load.report().flatMap((report) => report.outages);
  return { outages: outages.length, isServed: outages.every(({ until }) => until !== undefined) };
};

/** Acknowledged writes that one had and the other has not. */
function missing({ stage }: Run, from: string, to: string): number {
  const { servers } = stage.world.sql.fleet;
  const has = (name: string, id: string): boolean => servers.server(name)?.history.hasApplicationRow(id) === true;
  return stage.load.loss((id) => !has(from, id) || has(to, id)).lost;
}

/** What breaks on the way stays broken. */
const LASTING: Partial<Plot> = { faultsUntilMs: BROKEN_AT + minutes(150) };

const ALL_THE_WAY = [
  'region-failover region/us-central1: resolved',
  'region-return return/us-central1: resolved',
  'region-rebuild rebuild/us-central1: resolved',
  'region-failback region/us-central1: resolved',
  'region-rebuild rebuild/us-east1: resolved',
];

describe('A region that was lost and is well again', () => {
  it('gets its users and its database back, and its secondary is what it was', async () => {
    const run = await played();
    const { world } = run.stage;

    expect(plans(run)).toEqual(ALL_THE_WAY);
    expect(world.primaryInUse()).toBe(HOME);
    expect(defaultOf(run)).toBe('coditect-dms-gke');
    expect(users(run)).toEqual({ outages: 2, isServed: true });
    expect(world.sql.fleet.find(EAST)).toMatchObject({ primary: HOME, region: SECONDARY.region });
    expect(world.run.service({ location: SECONDARY.region, service: SECONDARY.api }).spec.scaling).toMatchObject({
      min: 1,
      max: 4,
    });
    const waiting = world.applications
      .running()
      .filter(({ role, place }) => role === 'api' && place === SECONDARY.place);
    expect(new Set(waiting.map((process) => process.address()))).toEqual(
      new Set([`${world.sql.fleet.find(EAST)?.address ?? ''}:5432`]),
    );
    // No acknowledged write is lost on the way, and nothing is deleted.
    expect(missing(run, SECONDARY.instance, HOME)).toBe(0);
    expect(effects(run, 'cloudsql.instances.delete')).toEqual([]);
    expect(run.stage.world.sql.fleet.find('coditect-dms-db')?.settings.activationPolicy).toBe('NEVER');
  });

  it.each(troubles('recover'))('goes home all the same when at each step %s', async (_what, deed) => {
    const run = await played(atEach(['mark-last-write', 'promote-replica', 'read-replica'], deed));

    expect(run.stage.world.primaryInUse()).toBe(HOME);
    expect(missing(run, SECONDARY.instance, HOME)).toBe(0);
  });
});

describe('A way home that can not be gone', () => {
  it('turns nobody away while the replica does not follow', async () => {
    const run = await played(
      [atStep('see-replica-follow', { kind: 'break', fault: 'frozen-replica', variant: 'replay', target: HOME })],
      LASTING,
    );

    expect(run.stage.world.primaryInUse()).toBe(SECONDARY.instance);
    expect(effects(run, 'cloudsql.instances.promoteReplica')).toHaveLength(1);
    expect(users(run)).toEqual({ outages: 1, isServed: true });
  });

  it('gives everything back where the replica stops following while writers are taken away', async () => {
    const run = await played(
      [atStep('hold-workload', { kind: 'break', fault: 'frozen-replica', variant: 'receiver', target: HOME })],
      LASTING,
    );

    expect(run.stage.world.primaryInUse()).toBe(SECONDARY.instance);
    expect(effects(run, 'cloudsql.instances.promoteReplica')).toHaveLength(1);
    expect(users(run).isServed).toBe(true);
  });

  it('gives everything back where Cloud SQL stops no primary that has replicas', async () => {
    const run = await played([], {
      assumptions: { ...calm([]).assumptions, stopPrimaryWithReplicas: false, lostRegionTakesOperations: true },
    });

    expect(effects(run, 'cloudsql.instances.promoteReplica')).toHaveLength(1);
    expect(users(run).isServed).toBe(true);
  });

  it('promotes nothing of which nobody knows that it has everything, though the primary is lost meanwhile', async () => {
    const run = await played(
      [atStep('mark-last-write', { kind: 'break', fault: 'primary-database', target: SECONDARY.instance })],
      LASTING,
    );

    expect(missing(run, SECONDARY.instance, run.stage.world.primaryInUse())).toBe(0);
  });
});
