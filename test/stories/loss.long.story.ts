import { describe, expect, it } from '@jest/globals';
import { millis, seconds, showDuration } from '../../shared/core/time.ts';
import { loss, promotions } from './judge.ts';
import { approveWhenAsked, lossOnPage, onStage } from './story.ts';

const shown = (ms: number | null | undefined): string =>
  typeof ms === 'number' ? showDuration(millis(ms)) : 'not known';

describe('the loss bound on the page', () => {
  it('is at least what users really lost, whatever the replicas’ lag and however the primary died', () =>
    onStage({ name: 'loss' }, async (stage) => {
      const { disasters, fleet } = stage.sandbox.world.sql;
      const lags = fleet.all().flatMap(({ name, primary }) => (primary === undefined ? [] : [name]));
      for (const replica of lags) disasters.setLag(replica, seconds(stage.chance.between(0, 40)));
      await stage.pass(seconds(stage.chance.between(30, 90)));
      stage.break('primary-database', undefined, stage.chance.pick(['refuses', 'hangs']));
      const promised = await lossOnPage((await stage.asked()).link);
      await approveWhenAsked(stage);

      const { state } = await stage.settled();
      // Counted in the rows of the real database that the application is told to use now.
      const { world, load, databases } = stage.sandbox;
      const counted = stage.now();
      const rows = await databases.documents(world.primaryInUse());
      const { lost, rpo } = load.loss((id) => rows.has(id), stage.brokenAt, counted);
      const told = loss(stage, counted);

      console.error(
        `lost ${lost} writes, ${shown(rpo)}; the page said at most ${shown(promised.atMost)}; measured ${shown(state.measures?.['rpo'])}; ${state.phase.kind}, ${promotions(stage).length} promotions`,
      );
      expect(state.phase.kind).toBe('resolved');
      expect([lost, rpo]).toEqual([told.lost, told.rpo]);
      expect(rpo).toBeLessThanOrEqual(promised.atMost);
      expect(promised.how).toMatch(/heartbeat on the replica/);
      // What the product measured afterwards is no less than what users lost, give or take one period of its heartbeat.
      expect((state.measures?.['rpo'] ?? Number.NaN) + seconds(10)).toBeGreaterThanOrEqual(rpo);
    }));
});
