import { describe, expect, it } from '@jest/globals';
import { minutes } from '../../shared/core/time.ts';
import { effects, leaks, unbalanced } from './judge.ts';
import { onStage, type Stage } from './story.ts';

const evictions = (stage: Stage) => effects(stage, 'k8s.pods/eviction.create');

/** Hangs another pod and waits until it has been evicted. */
async function hangAndHeal(stage: Stage, nth: number): Promise<void> {
  stage.break('pod');
  await stage.until(`eviction ${nth}`, () => evictions(stage)[nth - 1]);
  await stage.until(`incident ${nth} is resolved`, async () => {
    const [newest] = await stage.incidents();
    return newest?.state.phase.kind === 'resolved' ? newest : undefined;
  });
}

describe('pods that hang one after the other', () => {
  it('heal within the budget, each after the cooldown, and past the budget a person is told and nothing is evicted', () =>
    onStage({ name: 'pod-budget' }, async (stage) => {
      for (const nth of [1, 2, 3]) await hangAndHeal(stage, nth);
      const ends = effects(stage, 'k8s.pods/eviction.create').map(({ at }) => at);
      const [first = 0, second = 0, third = 0] = ends;
      // Cooldown runs from the end of a run, which is two minutes and more after its eviction.
      expect(second - first).toBeGreaterThan(minutes(12));
      expect(third - second).toBeGreaterThan(minutes(12));

      stage.break('pod');
      const told = await stage.until('people are told that the budget is used up', () =>
        stage.paged.find(({ subject }) => /held back \(.*budgetUsedUp/.test(subject)),
      );
      // While the oldest of the three runs is within the hour, nothing more is evicted.
      await stage.until('the hour is nearly over', () => (stage.now() > first + minutes(54) ? true : undefined));

      expect(told.text).toMatch(/3 runs within 1h/);
      expect(evictions(stage).length).toBe(3);
      expect(unbalanced(stage)).toEqual([]);
      expect(leaks(stage)).toEqual([]);
    }));
});
