import { describe, expect, it } from '@jest/globals';
import { minutes, seconds } from '../../shared/core/time.ts';
import { changes, deadLetters, FAILOVER, leaks, loss, promotions, servedAgainAt, unbalanced } from './judge.ts';
import { approveWhenAsked, lossOnPage, onStage } from './story.ts';

describe('the primary database is lost', () => {
  it('becomes one incident of many disordered alerts, is approved once, promoted once, and loses no more than the page said', () =>
    onStage({ name: 'database' }, async (stage) => {
      const { world, messaging } = stage.sandbox;
      messaging.embedded?.broker.disturb({ duplicates: 0.5, delayMax: seconds(40) });
      stage.break('primary-database');
      const page = await stage.asked();
      const promised = await lossOnPage(page.link);
      await approveWhenAsked(stage);

      const { state } = await stage.settled();

      expect(state.phase.kind).toBe('resolved');
      expect(promotions(stage).length).toBe(1);
      expect(changes(stage)).toEqual(FAILOVER.map((change) => expect.stringMatching(change)));
      expect(world.primaryInUse()).toBe('coditect-dms-db-replica');

      // Users were away from the break until they were served, and the product says so within a minute of its own looking.
      const away = (servedAgainAt(stage) ?? Number.NaN) - stage.brokenAt;
      const { rto, rpo } = state.measures ?? {};
      expect(rto).toBeGreaterThan(away - seconds(30));
      expect(rto).toBeLessThan(away + seconds(90));
      expect(rto).toBeLessThan(minutes(60));

      const lost = loss(stage);
      expect(lost.rpo).toBeLessThanOrEqual(promised.atMost);
      expect(rpo).not.toBeNull();
      expect(promised.how).toMatch(/heartbeat on the replica/);

      const { accepted, echoes } =
        messaging.courier.ledger().find(({ subscription }) => subscription === 'classify-dr-alerts') ?? {};
      expect(accepted).toBeGreaterThanOrEqual(3);
      expect(echoes).toBeGreaterThan(0);
      expect((await stage.incidents()).length).toBe(1);
      expect(unbalanced(stage)).toEqual([]);
      expect(deadLetters(stage)).toBe(0);
      expect(leaks(stage)).toEqual([]);
    }));
});
