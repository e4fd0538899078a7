import { describe, expect, it } from '@jest/globals';
import { after, seconds } from '../../shared/core/time.ts';
import type { FunctionName } from '../../shared/system/names.ts';
import { deadLetters, leaks, loss, promotions, unbalanced, withoutService } from './judge.ts';
import { approveWhenAsked, lossOnPage, onStage, type Stage } from './story.ts';

/** Kills a function at moments after the break, in clock seconds; each time it starts again a second of wall time later. */
function killAt(stage: Stage, name: FunctionName, at: readonly number[]): void {
  for (const second of at) {
    stage.sandbox.clock.schedule(after(stage.brokenAt, seconds(second)), () => {
      stage.note(`kill -9 ${name} (${stage.sandbox.functions.get(name)?.pid ?? 'none runs'})`);
      stage.sandbox.functions.get(name)?.kill('SIGKILL');
    });
  }
}

describe('kill -9 during the database story', () => {
  it('of every function, at moments that the seed draws, changes nothing in the outcome', () =>
    onStage({ name: 'kill' }, async (stage) => {
      const { chance } = stage;
      stage.break('primary-database');
      // What looks and asks dies before the approval, what acts dies after it; an unapproved plan waits for its person.
      for (const name of ['classify', 'tick', 'notify', 'approve', 'status'] as const)
        killAt(stage, name, [chance.between(5, 140), chance.between(160, 600)]);
      killAt(stage, 'recover', [chance.between(150, 260), chance.between(280, 480), chance.between(500, 700)]);
      killAt(stage, 'heal', [chance.between(5, 600)]);
      const promised = await lossOnPage((await stage.asked()).link);
      await approveWhenAsked(stage);

      const { state } = await stage.settled();

      expect(state.phase.kind).toBe('resolved');
      expect(promotions(stage).length).toBe(1);
      expect(withoutService(stage)).toEqual([]);
      expect(loss(stage).rpo).toBeLessThanOrEqual(promised.atMost);
      expect((await stage.incidents()).length).toBe(1);
      expect(unbalanced(stage)).toEqual([]);
      expect(deadLetters(stage)).toBe(0);
      expect(leaks(stage)).toEqual([]);
    }));
});
