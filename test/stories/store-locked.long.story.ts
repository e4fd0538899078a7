import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from '@jest/globals';
import { minutes } from '../../shared/core/time.ts';
import { changes, deadLetters, promotions, unbalanced, withoutService } from './judge.ts';
import { onStage, READING } from './story.ts';

describe('nobody can write the store while people approve', () => {
  it('nothing destructive starts, the decision is not lost, and the recovery goes on when the store is back', () =>
    onStage({ name: 'store-locked', engines: 'embedded' }, async (stage) => {
      stage.break('primary-database');
      const { links } = await stage.asked();
      await stage.pass(READING);
      // As a process that was frozen in the middle of a write keeps it: every other writer waits in vain.
      const writer = new DatabaseSync(stage.sandbox.facts.store);
      writer.exec('BEGIN IMMEDIATE');
      const decided = stage.decide(links, 'approve');
      await stage.pass(minutes(3));
      expect(changes(stage)).toEqual([]);
      expect((await stage.incident()).state.approvals[0]?.decisions).toEqual([]);

      writer.exec('ROLLBACK');
      writer.close();
      // Whoever was told that it did not work, or heard nothing, presses again.
      if ((await decided).status !== 200) await stage.decide(links, 'approve');
      const { state } = await stage.settled();

      expect(state.phase.kind).toBe('resolved');
      expect(promotions(stage).length).toBe(1);
      expect(withoutService(stage)).toEqual([]);
      expect(unbalanced(stage)).toEqual([]);
      expect(deadLetters(stage)).toBe(0);
    }));
});
