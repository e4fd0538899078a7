import { describe, expect, it } from '@jest/globals';
import { minutes } from '../../shared/core/time.ts';
import { changes, promotions, running, unbalanced } from './judge.ts';
import { approveWhenAsked, onStage, type Stage } from './story.ts';
import { GIVEN_BACK, HELD, PRIMARY, urgentTold } from './unfenced.ts';

const allPodsBack = (stage: Stage): true | undefined => (running(stage)['gke'] === 3 ? true : undefined);

describe('stopping the old primary is accepted and not carried out', () => {
  it('when the stop never ends: nothing is promoted, consumers are given back, and everybody is paged', () =>
    onStage({ name: 'stop-runs-forever' }, async (stage) => {
      stage.break('stop-not-carried-out', undefined, 'runsForever');
      stage.break('primary-database');
      await approveWhenAsked(stage);

      const { state } = await stage.settled();

      expect(promotions(stage)).toEqual([]);
      expect(state.phase.kind).toBe('needsPerson');
      await stage.until('all pods are back', () => allPodsBack(stage), minutes(3));
      expect(running(stage)['cloudRun']).toBeGreaterThanOrEqual(1);
      expect(changes(stage)).toEqual([...HELD, `cloudsql.instances.update instances/${PRIMARY}`, ...GIVEN_BACK]);
      for (const person of ['oncall', 'eng-lead', 'cto'])
        await stage.until(`${person} is paged`, () =>
          urgentTold(stage, person).includes('landed (unfence)') ? true : undefined,
        );
      expect(urgentTold(stage, 'oncall')).toContain('stopped inside the committed section, unfence');
      expect(unbalanced(stage)).toEqual([]);
    }));
});
