import { describe, expect, it } from '@jest/globals';
import { minutes, seconds } from '../../shared/core/time.ts';
import { changes, effects, promotions, withoutService } from './judge.ts';
import { approveWhenAsked, onStage } from './story.ts';
import { GIVEN_BACK, HELD, PRIMARY, urgentTold } from './unfenced.ts';

describe('stopping the old primary is accepted and not carried out', () => {
  it('when the stop is done without effect and the primary comes back: its writes are seen, and nothing is promoted', () =>
    onStage({ name: 'stop-without-effect' }, async (stage) => {
      stage.break('stop-not-carried-out', undefined, 'doneWithoutEffect');
      stage.break('primary-database');
      await approveWhenAsked(stage);
      await stage.until('the stop is accepted', () => effects(stage, 'cloudsql.instances.update')[0]);
      await stage.pass(seconds(10));
      stage.mend('primary-database');
      stage.sandbox.world.sql.fleet.bringUp(PRIMARY);

      const { state } = await stage.settled();

      expect(promotions(stage)).toEqual([]);
      expect(state.phase.kind).toBe('needsPerson');
      await stage.until(
        'users are served again',
        () => (withoutService(stage).length === 0 ? true : undefined),
        minutes(3),
      );
      expect(stage.sandbox.world.primaryInUse()).toBe(PRIMARY);
      await stage.until('a landing is paged', () =>
        urgentTold(stage, 'oncall').includes('landed (unfence)') ? true : undefined,
      );
      expect(changes(stage).slice(0, 3)).toEqual([...HELD, `cloudsql.instances.update instances/${PRIMARY}`]);
      expect(changes(stage).slice(-2)).toEqual(GIVEN_BACK);
    }));
});
