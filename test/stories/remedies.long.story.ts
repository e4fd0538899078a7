import { describe, expect, it } from '@jest/globals';
import type { Document } from 'yaml';
import { minutes, seconds } from '../../shared/core/time.ts';
import { changes, loss, promotions, servedAgainAt } from './judge.ts';
import { approveWhenAsked, onStage } from './story.ts';

const restartFirst = (document: Document): void =>
  document.setIn(['databases', 0, 'remedies'], ['wait', 'restart', 'promote']);

describe('a restart that dr.yaml lists', () => {
  it('brings a crashed primary back, and nothing is promoted or lost', () =>
    onStage({ name: 'remedy helps', config: restartFirst }, async (stage) => {
      stage.break('primary-database', undefined, 'crashed');
      await approveWhenAsked(stage);

      const { state } = await stage.settled();

      expect(state.phase.kind).toBe('resolved');
      expect(changes(stage)).toEqual(['cloudsql.instances.restart instances/coditect-dms-db:restart']);
      expect(stage.sandbox.world.primaryInUse()).toBe('coditect-dms-db');
      expect(loss(stage).lost).toBe(0);
      expect(state.measures?.['rpo']).toBe(0);

      const away = (servedAgainAt(stage) ?? Number.NaN) - stage.brokenAt;
      expect(away).toBeLessThan(minutes(10));
      expect(state.measures?.['rto']).toBeGreaterThan(away - seconds(30));
      expect(state.measures?.['rto']).toBeLessThan(away + seconds(90));
    }));

  it('ends with an error where the zone is lost, and the replica is promoted by the same approval', () =>
    onStage({ name: 'remedy in vain', config: restartFirst }, async (stage) => {
      stage.break('primary-database');
      await approveWhenAsked(stage);

      const { state } = await stage.settled();

      expect(state.phase.kind).toBe('resolved');
      expect(changes(stage)[0]).toBe('cloudsql.instances.restart instances/coditect-dms-db:restart');
      expect(promotions(stage)).toHaveLength(1);
      expect(state.approvals).toHaveLength(1);
      expect(stage.sandbox.world.primaryInUse()).toBe('coditect-dms-db-replica');
    }));
});
