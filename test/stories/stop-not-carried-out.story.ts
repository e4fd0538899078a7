import { describe, expect, it } from '@jest/globals';
import { minutes, seconds } from '../../shared/core/time.ts';
import { changes, effects, promotions, running, unbalanced, withoutService } from './judge.ts';
import { approveWhenAsked, onStage, type Stage } from './story.ts';

const PRIMARY = 'coditect-dms-db';

/** Consumers held, and given back as they were. */
const GIVEN_BACK = [
  expect.stringMatching(/^run\.services\.update services\/coditect-dms-api$/),
  expect.stringMatching(/^k8s\.apps\.deployments\/scale\.patch .*coditect-dms-api/),
];
const HELD = GIVEN_BACK.toReversed();

/** What everybody must have been told: that it stopped in the middle, and where it landed. */
const urgentTold = (stage: Stage, person: string): readonly string[] =>
  stage.paged.filter((notice) => notice.person === person).map(({ subject }) => subject.replace(/^.*: /, ''));

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
