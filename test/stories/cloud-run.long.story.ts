import { describe, expect, it } from '@jest/globals';
import { OPERATOR, REFERENCE } from '../../sandbox/world/reference-system.ts';
import { minutes } from '../../shared/core/time.ts';
import { changes, leaks, unbalanced } from './judge.ts';
import { onStage, type Stage } from './story.ts';

const SERVICE = { location: REFERENCE.region, service: REFERENCE.api };

const limits = (stage: Stage) => {
  const { min, max } = stage.sandbox.world.run.service(SERVICE).spec.scaling;
  return { min, max };
};

const RAISED = expect.stringMatching(/^run\.services\.update .*coditect-dms-api/);

describe('the API on Cloud Run has no instance left', () => {
  it.each([
    ['and users are turned away', 'crowded'],
    ['and users wait long', 'slow'],
  ])(
    '%s: it gets more without asking anybody, and has its former limits again once the crowd is gone',
    (_what, variant) =>
      onStage({ name: `cloud-run-${variant}` }, async (stage) => {
        const before = limits(stage);
        stage.break('cloud-run-pressure', undefined, variant);
        await stage.until('its limits are raised', () => ((limits(stage).max ?? 0) > 4 ? true : undefined));
        expect(limits(stage)).toEqual({ min: 4, max: 8 });
        const { revisions } = stage.sandbox.world.run.service(SERVICE);
        await stage.pass(minutes(4));
        expect(stage.sandbox.world.run.active(SERVICE)).toBe(8);
        stage.mend('cloud-run-pressure');

        const { state } = await stage.settled();

        expect(state.phase.kind).toBe('resolved');
        expect(limits(stage)).toEqual(before);
        expect(changes(stage)).toEqual([RAISED, RAISED]);
        expect(stage.sandbox.world.run.service(SERVICE).revisions.length).toBe(revisions.length);
        expect(stage.paged.filter(({ link }) => link !== undefined)).toEqual([]);
        expect(unbalanced(stage)).toEqual([]);
        expect(leaks(stage)).toEqual([]);
      }),
  );

  it('keeps the limits that a person has set meanwhile', () =>
    onStage({ name: 'cloud-run-person' }, async (stage) => {
      stage.break('cloud-run-pressure', undefined, 'crowded');
      await stage.until('its limits are raised', () => (limits(stage).max === 8 ? true : undefined));
      await stage.pass(minutes(2));
      stage.sandbox.world.runApi.updateService(
        { principal: OPERATOR, from: 'internet' },
        {
          ref: SERVICE,
          etag: undefined,
          validateOnly: false,
          edit: (present) => ({ ...present, scaling: { ...present.scaling, min: 2, max: 9 } }),
        },
      );
      await stage.pass(minutes(4));
      stage.mend('cloud-run-pressure');

      const { state } = await stage.settled();

      expect(state.phase.kind).toBe('resolved');
      expect(limits(stage)).toEqual({ min: 2, max: 9 });
      expect(changes(stage)).toEqual([RAISED]);
    }));

  it('gets them once, and people are told that it did not help', () =>
    onStage({ name: 'cloud-run-stuck' }, async (stage) => {
      const before = limits(stage);
      stage.break('cloud-run-pressure', undefined, 'stuck');

      const { state } = await stage.settled();

      expect(state.phase).toMatchObject({ kind: 'needsPerson', because: expect.stringMatching(/did not help/) });
      expect(limits(stage)).toEqual(before);
      await stage.pass(minutes(12)); // beyond the cooldown, after which it could be tried again
      expect(changes(stage)).toEqual([RAISED, RAISED]);
      expect(limits(stage)).toEqual(before);
      expect(stage.paged.some(({ text }) => /did not help/.test(text))).toBe(true);
      expect(unbalanced(stage)).toEqual([]);
    }));

  it('is left as it is where users wait because its instances do, and people are told so', () =>
    onStage({ name: 'cloud-run-waiting' }, async (stage) => {
      stage.break('cloud-run-pressure', undefined, 'waiting');

      const { state } = await stage.settled();

      expect(state.phase).toMatchObject({
        kind: 'needsPerson',
        because: expect.stringContaining('its instances wait'),
      });
      expect(changes(stage)).toEqual([]);
      expect(stage.paged.some(({ text }) => text.includes('its instances wait'))).toBe(true);
      expect(unbalanced(stage)).toEqual([]);
    }));
});
