import { describe, expect, it } from '@jest/globals';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { minutes } from '../../shared/core/time.ts';
import type { IncidentEvent } from '../../shared/incident/events.ts';
import { BROKEN_AT, atEach, atStep, calm, later, troubles } from './calm.ts';
import { violations } from './invariants.ts';
import type { Happening, Plot } from './plot.ts';
import type { Run } from './run.ts';
import { simulate } from './simulate.ts';

// A Deployment whose pods are all busy: its floor is raised once, watched, and given back, whatever happens to the worker meanwhile.

/** Plays a plot in which everything must hold. */
async function played(happenings: readonly Happening[], seed = 1, more: Partial<Plot> = {}): Promise<Run> {
  const run = await simulate(seed, { ...calm([], more), happenings });
  expect(violations(run)).toEqual([]);
  return run;
}

const presses = (variant: 'crowded' | 'stuck'): Happening =>
  later(0, { kind: 'break', fault: 'deployment-pressure', variant });

/** The crowd comes, and goes after twelve minutes. */
const CROWD = [presses('crowded'), later(minutes(12), { kind: 'mend', fault: 'deployment-pressure' })];

const floorIn = ({ stage }: Run) => {
  const { spec, metadata } = stage.world.kubernetes.store.read(
    'HorizontalPodAutoscaler',
    REFERENCE.namespace,
    REFERENCE.api,
  );
  return { min: spec.minReplicas, annotations: metadata.annotations ?? {} };
};

const floors = ({ witness }: Run): number =>
  witness.effects.filter(({ call }) => call.permission === 'k8s.autoscaling.horizontalpodautoscalers.patch').length;

describe('A crowded Deployment', () => {
  it('gets more replicas while the crowd is there, and its former floor afterwards, asking nobody', async () => {
    const run = await played(CROWD);

    expect(run.incidents[0]?.state).toMatchObject({
      phase: { kind: 'resolved' },
      approvals: [],
      diagnosis: { scenario: 'deployment-under-pressure', runbook: 'deployment-scale-up' },
    });
    expect(floorIn(run)).toEqual({ min: 3, annotations: {} });
    expect(floors(run)).toBe(2);
  });

  it('keeps the floor that somebody has given it meanwhile', async () => {
    const run = await played([...CROWD, atStep('watch-crowd', { kind: 'hand', what: 'setFloor' }, minutes(2))]);

    expect(run.witness.hands.map(({ accepted }) => accepted)).toEqual([true]);
    expect(floorIn(run).min).toBe(4);
    expect(floors(run)).toBe(1);
  });

  it.each(troubles('heal'))('is raised once and given back once when at each step %s', async (_what, deed) => {
    const run = await played([...CROWD, ...atEach(['raise-workload', 'watch-crowd', 'restore-floor'], deed)]);

    expect(run.incidents[0]?.state.phase.kind).toBe('resolved');
    expect(floorIn(run)).toEqual({ min: 3, annotations: {} });
    expect(floors(run)).toBe(2);
  });

  it('keeps the floor that it needs, and people are told', async () => {
    const run = await played([presses('crowded')]);

    expect(floorIn(run)).toMatchObject({ min: 6 });
    expect(run.incidents[0]?.events).toContainEqual(
      expect.objectContaining({
        kind: 'needsPerson',
        data: expect.objectContaining({ because: expect.stringMatching(/its floor stays at 6/) }),
      }),
    );
  });
});

describe('A Deployment whose floor stayed raised because it needed it', () => {
  it('gives it back when the crowd has gone, in the same incident, and people hear of it once', async () => {
    const mended = later(minutes(40), { kind: 'mend', fault: 'deployment-pressure' });
    const run = await played([presses('crowded'), mended], 1, {
      faultsUntilMs: BROKEN_AT + minutes(60),
      endsAtMs: BROKEN_AT + minutes(120),
    });

    expect(run.incidents.map(({ state }) => state.phase.kind)).toEqual(['resolved']);
    expect(floorIn(run)).toEqual({ min: 3, annotations: {} });
    expect(floors(run)).toBe(2);
    expect(run.incidents[0]?.events.filter(({ kind }) => kind === 'needsPerson')).toHaveLength(1);
  });
});

describe('A Deployment whose requests wait for something else', () => {
  const needed = ({ incidents }: Run) => incidents.flatMap(({ events }) => events.filter(isNeed));
  const isNeed = ({ kind }: IncidentEvent): boolean => kind === 'needsPerson';

  it.each([1, 2, 3])(
    'is not scaled, since no pod of it is busy, and people have it for as long as it lasts (seed %i)',
    async (seed) => {
      const run = await played([presses('stuck')], seed);

      expect(floors(run)).toBe(0);
      expect(run.incidents.map(({ state }) => state.phase.kind)).toEqual(['needsPerson']);
      expect(needed(run)).toHaveLength(1);
    },
  );

  it.each([1, 2])('is over when its requests are answered again, and ends by itself (seed %i)', async (seed) => {
    const run = await played(
      [presses('stuck'), later(minutes(9), { kind: 'mend', fault: 'deployment-pressure' })],
      seed,
    );

    expect(run.incidents.map(({ state }) => state.phase.kind)).toEqual(['dismissed']);
    expect(needed(run)).toHaveLength(1);
  });
});
