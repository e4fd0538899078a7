import { describe, expect, it } from '@jest/globals';
import { after, seconds } from '../../shared/core/time.ts';
import { FUNCTIONS, type FunctionName } from '../../shared/system/names.ts';
import { changes, effects, loss, promotions, unbalanced, withoutService } from './judge.ts';
import { approveWhenAsked, lossOnPage, onStage, type Stage } from './story.ts';

/** Kills a function once, at a moment of the story that the seed draws. */
function killOnce(stage: Stage, name: FunctionName, between: readonly [number, number]): void {
  stage.sandbox.clock.schedule(after(stage.brokenAt, seconds(stage.chance.between(...between))), () => {
    stage.note(`kill -9 ${name} (${stage.sandbox.functions.get(name)?.pid ?? 'none runs'})`);
    stage.sandbox.functions.get(name)?.kill('SIGKILL');
  });
}

describe('kill -9 of one function, once', () => {
  it.each(FUNCTIONS)('%s, in the database story: the same outcome, promoted once', (name) =>
    onStage({ name: `kill/${name}/database` }, async (stage) => {
      stage.break('primary-database');
      killOnce(stage, name, name === 'recover' ? [150, 550] : [5, 550]);
      const promised = await lossOnPage((await stage.asked()).link);
      await approveWhenAsked(stage);

      const { state } = await stage.settled();

      expect(state.phase.kind).toBe('resolved');
      expect(promotions(stage).length).toBe(1);
      expect(withoutService(stage)).toEqual([]);
      expect(loss(stage).rpo).toBeLessThanOrEqual(promised.atMost);
      expect(unbalanced(stage)).toEqual([]);
    }),
  );

  it.each(FUNCTIONS)('%s, in the pod story: the same outcome, evicted once', (name) =>
    onStage({ name: `kill/${name}/pod` }, async (stage) => {
      stage.break('pod');
      killOnce(stage, name, [240, 480]);

      const { state } = await stage.settled();

      expect(state.phase.kind).toBe('resolved');
      expect(effects(stage, 'k8s.pods/eviction.create').length).toBe(1);
      expect(changes(stage).length).toBe(1);
      expect(stage.paged.filter(({ link }) => link !== undefined)).toEqual([]);
      expect(unbalanced(stage)).toEqual([]);
    }),
  );
});
