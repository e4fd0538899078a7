import { describe, expect, it } from '@jest/globals';
import { minutes, seconds } from '../../shared/core/time.ts';
import { changes, unbalanced, withoutService } from './judge.ts';
import { onStage, READING } from './story.ts';

describe('decisions on a database failover', () => {
  it('that approve after the primary has come back by itself: nothing is changed, and the incident closes', () =>
    onStage({ name: 'recovered' }, async (stage) => {
      stage.break('primary-database');
      const { link } = await stage.asked();
      stage.mend('primary-database');
      stage.sandbox.world.sql.fleet.bringUp('coditect-dms-db');
      await stage.until('users are served again', () => (withoutService(stage).length === 0 ? true : undefined));
      const { status, said } = await stage.decide(link, 'approve');

      const { state } = await stage.settled();

      expect({ status, said }).toEqual({ status: 200, said: expect.stringMatching(/approved|void/) });
      expect(changes(stage)).toEqual([]);
      expect(state.phase.kind).toBe('dismissed');
      expect(withoutService(stage)).toEqual([]);
      expect(unbalanced(stage)).toEqual([]);
    }));

  it('that approve long after it has come back: the page says that the plan is void, and nothing is changed', () =>
    onStage({ name: 'recovered-long-ago' }, async (stage) => {
      stage.break('primary-database');
      const { link } = await stage.asked();
      stage.mend('primary-database');
      await stage.settled();

      const { status, said } = await stage.decide(link, 'approve');
      await stage.pass(minutes(2));

      expect(status).toBeGreaterThanOrEqual(400);
      expect(said).toMatch(/void|no longer|closed/);
      expect(changes(stage)).toEqual([]);
    }));

  it('that deny: nothing is changed, everybody is told, and a later approval of another person changes nothing', () =>
    onStage({ name: 'denied' }, async (stage) => {
      stage.break('primary-database');
      const { link } = await stage.asked('cto');
      const other = await stage.asked('oncall');
      await stage.pass(READING);
      expect((await stage.decide(link, 'deny')).status).toBe(200);

      const { state } = await stage.settled();
      const links = stage.paged.filter((notice) => notice.link !== undefined).length;
      const { status } = await stage.decide(other.link, 'approve');
      await stage.pass(minutes(5));

      expect(state.phase.kind).toBe('needsPerson');
      expect(status).toBeGreaterThanOrEqual(400);
      expect(changes(stage)).toEqual([]);
      // A plan that was denied is not asked for again by itself: the next approver would overrule the deny without knowing it.
      expect(stage.paged.filter((notice) => notice.link !== undefined).length).toBe(links);
      expect(stage.paged.map(({ text }) => text).join('\n')).toMatch(/denied by cto/);
    }));

  it('that come too late: the page says so, and nothing is changed', () =>
    onStage({ name: 'expired' }, async (stage) => {
      stage.break('primary-database');
      const { link } = await stage.asked();
      await stage.pass(minutes(15));
      await stage.pass(seconds(10));

      const { status, said } = await stage.decide(link, 'approve');
      await stage.settled();
      await stage.pass(minutes(3));

      expect(status).toBeGreaterThanOrEqual(400);
      expect(said).toMatch(/time to decide is over/);
      expect(changes(stage)).toEqual([]);
    }));
});
