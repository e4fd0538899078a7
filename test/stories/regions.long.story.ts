import { describe, expect, it } from '@jest/globals';
import { millis, minutes, seconds } from '../../shared/core/time.ts';
import { changes, effects, loss, promotions, unbalanced, withoutService } from './judge.ts';
import { approveWhenAsked, lossOnPage, onStage, type Stage } from './story.ts';

// Two control regions, each with a copy of every function (design.md section 3). Both copies hear of everything; whoever has the
// lease acts. One region is lost with all that runs in it, at a moment that the seed draws, and does not come back.

/** What a successor may need: a lease that runs out (the sandbox's 180 s), and the tick that finds it, late by some seconds. */
const CONTINUED_WITHIN = millis(seconds(180) + minutes(1) + seconds(20));

/** Loses a region at its moment; returns how long nothing was done for the incident after that, once asked. */
async function loseWhen(stage: Stage, region: string, [from, to]: readonly [number, number]): Promise<void> {
  await stage.pass(seconds(stage.chance.between(from, to)));
  stage.break('control-region', region);
}

/** The longest time in which the newest incident's log did not grow between the loss of a region and its end. */
async function longestSilence(stage: Stage, lostAt: number): Promise<number> {
  const { events } = await stage.incident();
  const moments = [lostAt, ...events.map(({ at }) => at).filter((at) => at > lostAt)];
  return Math.max(...moments.slice(1).map((at, index) => at - (moments[index] ?? at)));
}

describe.each(['us-east4', 'us-west1'])('with %s lost', (region) => {
  it('the database story goes on from the other region: the same outcome, promoted once', () =>
    onStage({ name: `regions/${region}/database`, regions: 2 }, async (stage) => {
      stage.break('primary-database');
      const lost = loseWhen(stage, region, [90, 500]).then(() => stage.now());
      const promised = await lossOnPage((await stage.asked()).links);
      await approveWhenAsked(stage);

      const { state } = await stage.settled();
      const silence = await longestSilence(stage, await lost);

      expect(state.phase.kind).toBe('resolved');
      expect(promotions(stage).length).toBe(1);
      expect(changes(stage).length).toBe(10);
      expect(withoutService(stage)).toEqual([]);
      expect(loss(stage).rpo).toBeLessThanOrEqual(promised.atMost);
      expect(silence).toBeLessThanOrEqual(CONTINUED_WITHIN);
      expect(unbalanced(stage)).toEqual([]);
    }));

  it('the pod story goes on from the other region: the same outcome, evicted once', () =>
    onStage({ name: `regions/${region}/pod`, regions: 2 }, async (stage) => {
      stage.break('pod');
      const lost = loseWhen(stage, region, [200, 450]).then(() => stage.now());

      const { state } = await stage.settled();
      await lost;

      expect(state.phase.kind).toBe('resolved');
      expect(effects(stage, 'k8s.pods/eviction.create').length).toBe(1);
      expect(changes(stage).length).toBe(1);
      expect(unbalanced(stage)).toEqual([]);
    }));
});
