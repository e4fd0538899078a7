import { describe, expect, it } from '@jest/globals';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { minutes } from '../../shared/core/time.ts';
import { BROKEN_AT, atEach, atStep, calm, later, troubles } from './calm.ts';
import { violations } from './invariants.ts';
import type { Happening, Plot } from './plot.ts';
import type { Run } from './run.ts';
import { simulate } from './simulate.ts';

// A service that has no instance left: raised once, watched, and taken back, whatever happens to the worker meanwhile.

/** Plays a plot in which everything must hold. */
async function played(happenings: readonly Happening[], more: Partial<Plot> = {}): Promise<Run> {
  const run = await simulate(1, { ...calm([], more), happenings });
  expect(violations(run)).toEqual([]);
  return run;
}

const presses = (variant: 'crowded' | 'stuck' | 'slow' | 'waiting'): Happening =>
  later(0, { kind: 'break', fault: 'cloud-run-pressure', variant });

/** The crowd comes, and goes after nine minutes. */
const CROWD = [presses('crowded'), later(minutes(9), { kind: 'mend', fault: 'cloud-run-pressure' })];

const limitsIn = ({ stage }: Run) => {
  const { min, max } = stage.world.run.service({ location: REFERENCE.region, service: REFERENCE.api }).spec.scaling;
  return { min, max };
};

const updates = ({ witness }: Run): number =>
  witness.effects.filter(({ call }) => call.permission === 'run.services.update').length;

describe('A crowded Cloud Run service', () => {
  it('gets more instances while the crowd is there, and its former limits afterwards, asking nobody', async () => {
    const run = await played(CROWD);

    expect(run.incidents[0]?.state).toMatchObject({ phase: { kind: 'resolved' }, approvals: [] });
    expect(limitsIn(run)).toEqual({ min: 1, max: 4 });
    expect(updates(run)).toBe(2);
  });

  it.each(troubles('heal'))('is raised once and taken back once when at each step %s', async (_what, deed) => {
    const run = await played([...CROWD, ...atEach(['raise-service', 'watch-relief', 'restore-service'], deed)]);

    expect(run.incidents[0]?.state.phase.kind).toBe('resolved');
    expect(limitsIn(run)).toEqual({ min: 1, max: 4 });
    expect(updates(run)).toBe(2);
  });

  it('keeps the limits that somebody has given it meanwhile', async () => {
    const run = await played([...CROWD, atStep('watch-relief', { kind: 'hand', what: 'setLimits' }, minutes(2))]);

    expect(run.witness.hands.map(({ accepted }) => accepted)).toEqual([true]);
    expect(limitsIn(run)).toEqual({ min: 2, max: 5 });
    expect(updates(run)).toBe(1);
  });

  it('keeps the limits that it needs, and people are told', async () => {
    const run = await played([presses('crowded')]);

    expect(limitsIn(run)).toEqual({ min: 4, max: 8 });
    expect(run.incidents[0]?.events).toContainEqual(
      expect.objectContaining({
        kind: 'needsPerson',
        data: expect.objectContaining({ because: expect.stringMatching(/its limits stay at 4 to 8/) }),
      }),
    );
  });
});

describe('A Cloud Run service whose limits stayed raised because it needed them', () => {
  it('gets its former limits when the crowd has gone, in the same incident, and people hear of it once', async () => {
    const run = await played([presses('crowded'), later(minutes(40), { kind: 'mend', fault: 'cloud-run-pressure' })], {
      faultsUntilMs: BROKEN_AT + minutes(60),
      endsAtMs: BROKEN_AT + minutes(120),
    });

    expect(run.incidents.map(({ state }) => state.phase.kind)).toEqual(['resolved']);
    expect(limitsIn(run)).toEqual({ min: 1, max: 4 });
    expect(updates(run)).toBe(2);
    expect(run.incidents[0]?.events.filter(({ kind }) => kind === 'needsPerson')).toHaveLength(1);
  });

  it('gets them too when a pod of the same incident was healed meanwhile, and hears of them before it ends', async () => {
    const crowd = [presses('crowded'), atStep('raise-service', { kind: 'break', fault: 'pod' })];
    const until = { faultsUntilMs: BROKEN_AT + minutes(60), endsAtMs: BROKEN_AT + minutes(120) };
    const stays = await played(crowd, until);
    expect(stays.incidents[0]?.events.filter(({ kind }) => kind === 'continued')).toHaveLength(1);
    expect(stays.incidents[0]?.state.phase.kind).toBe('needsPerson');
    expect(limitsIn(stays)).toEqual({ min: 4, max: 8 });

    const goes = await played([...crowd, later(minutes(45), { kind: 'mend', fault: 'cloud-run-pressure' })], until);
    expect(goes.incidents.map(({ state }) => state.phase.kind)).toEqual(['resolved']);
    expect(limitsIn(goes)).toEqual({ min: 1, max: 4 });
    expect(updates(goes)).toBe(2);
  });
});

describe('A Cloud Run service that more instances do not help', () => {
  it('is raised once in its incident, taken back, and left to people', async () => {
    const run = await played([presses('stuck')]);

    expect(run.incidents[0]?.state.phase.kind).toBe('needsPerson');
    expect(limitsIn(run)).toEqual({ min: 1, max: 4 });
    expect(updates(run)).toBe(2);
  });
});

describe('A Cloud Run service that is slow, and turns nobody away', () => {
  it('gets more instances while they work at all that they have, and its former limits afterwards', async () => {
    const run = await played([presses('slow'), later(minutes(9), { kind: 'mend', fault: 'cloud-run-pressure' })]);

    expect(run.incidents[0]?.state).toMatchObject({
      diagnosis: { scenario: 'service-under-pressure' },
      phase: { kind: 'resolved' },
      approvals: [],
    });
    expect(limitsIn(run)).toEqual({ min: 1, max: 4 });
    expect(updates(run)).toBe(2);
  });

  it.each(troubles('heal'))('is raised once and taken back once when at each step %s', async (_what, deed) => {
    const slow = [presses('slow'), later(minutes(9), { kind: 'mend', fault: 'cloud-run-pressure' } as const)];
    const run = await played([...slow, ...atEach(['raise-service', 'watch-relief', 'restore-service'], deed)]);

    expect(limitsIn(run)).toEqual({ min: 1, max: 4 });
    expect(updates(run)).toBe(2);
  });

  it('is left as it is when its instances wait for something else, and people are told what', async () => {
    const run = await played([presses('waiting')]);

    expect(updates(run)).toBe(0);
    expect(run.incidents.map(({ state }) => state.phase.kind)).toEqual(['needsPerson']);
    expect(run.incidents.flatMap(({ events }) => events)).toContainEqual(
      expect.objectContaining({
        kind: 'needsPerson',
        data: expect.objectContaining({ because: expect.stringContaining('its instances wait') }),
      }),
    );
  });
});

describe('A Cloud Run service whose quota allows no more instances', () => {
  it('is asked for once, and people are told what was refused', async () => {
    const run = await played([later(-minutes(1), { kind: 'break', fault: 'cloud-run-quota' }), presses('crowded')]);

    expect(limitsIn(run)).toEqual({ min: 1, max: 4 });
    expect(run.incidents.map(({ state }) => state.phase.kind)).toEqual(['needsPerson']);
    const events = run.incidents.flatMap((incident) => incident.events);
    expect(events.filter(({ kind }) => kind === 'runStarted')).toHaveLength(1);
    expect(events).toContainEqual(
      expect.objectContaining({
        kind: 'needsPerson',
        data: expect.objectContaining({ because: expect.stringMatching(/refuses 4 to 8 instances.*its quota/) }),
      }),
    );
  });
});
