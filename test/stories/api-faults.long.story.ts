import { describe, expect, it } from '@jest/globals';
import { minutes } from '../../shared/core/time.ts';
import { changes, loss, promotions, unbalanced, withoutService } from './judge.ts';
import { approveWhenAsked, lossOnPage, onStage, type Stage } from './story.ts';

/** Resolved with users served, or with people who were paged; promoted at most once either way. */
async function resolvedOrPaged(stage: Stage, promised: number): Promise<void> {
  const { state } = await stage.settled(1, minutes(90));
  expect(promotions(stage).length).toBeLessThanOrEqual(1);
  expect(unbalanced(stage)).toEqual([]);
  if (state.phase.kind === 'resolved') {
    expect(promotions(stage).length).toBe(1);
    expect(withoutService(stage)).toEqual([]);
    expect(loss(stage).rpo).toBeLessThanOrEqual(promised);
    return;
  }
  await stage.until('people are paged', () =>
    stage.paged.find(({ subject }) => /landed \(|needs a person$/.test(subject)),
  );
}

describe('a database failover while the APIs misbehave', () => {
  it.each(['api-throttling', 'api-errors', 'api-timeouts-with-effect'])(
    '%s from the approval on: resolved or paged, promoted at most once',
    (fault) =>
      onStage({ name: `api/${fault}` }, async (stage) => {
        stage.break('primary-database');
        const promised = await lossOnPage((await stage.asked()).link);
        stage.break(fault);
        await approveWhenAsked(stage);
        await resolvedOrPaged(stage, promised.atMost);
      }),
  );

  it.each(['api-throttling', 'api-errors', 'api-timeouts-with-effect'])(
    '%s from the start: people are asked or told, and what follows is promoted at most once',
    (fault) =>
      onStage({ name: `api-early/${fault}` }, async (stage) => {
        stage.break(fault);
        stage.break('primary-database');
        const told = await stage.until('people are asked, or told that nothing can be planned', () =>
          stage.paged.find(
            ({ person, link, subject }) =>
              person === 'oncall' && (link !== undefined || subject.endsWith('needs a person')),
          ),
        );
        if (told.link === undefined) {
          expect(changes(stage)).toEqual([]);
          return;
        }
        const promised = await lossOnPage(told.link);
        await approveWhenAsked(stage);
        await resolvedOrPaged(stage, promised.atMost);
      }),
  );
});
