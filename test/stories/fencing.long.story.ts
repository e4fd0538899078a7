import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { publishCommand } from '../../cli/commands.ts';
import { minutes } from '../../shared/core/time.ts';
import { changes, promotions, unbalanced, withoutService } from './judge.ts';
import { approveWhenAsked, onStage, READING, type Stage } from './story.ts';

const REPLICA = 'coditect-dms-db-replica';

const startByHand = (stage: Stage) =>
  publishCommand(
    stage.sandbox.facts,
    { command: 'start', runbook: 'database-failover', target: undefined, reason: 'the dashboard is red' },
    { json: true },
  );

/** What `gcloud sql instances promote-replica` sends, with the operator's own identity. */
async function promoteByHand({ sandbox: { facts } }: Stage): Promise<void> {
  const address = `${facts.google}/v1/projects/${facts.project}/instances/${REPLICA}/promoteReplica`;
  const answer = await fetch(address, {
    method: 'POST',
    headers: { authorization: `Bearer ${facts.operatorToken}`, 'content-type': 'application/json' },
    body: '{}',
  });
  z.object({ operationType: z.literal('PROMOTE_REPLICA') }).parse(await answer.json());
}

describe('fencing is honest', () => {
  it('with our functions cut off from a primary that serves everybody else, nothing is changed', () =>
    onStage({ name: 'cut-off' }, async (stage) => {
      stage.break('functions-cut-from-primary');

      await stage.pass(minutes(15));

      expect(changes(stage)).toEqual([]);
      expect(stage.paged.filter(({ link }) => link !== undefined)).toEqual([]);
      expect(withoutService(stage)).toEqual([]);
      const told = stage.paged.find(({ subject }) => subject.endsWith('needs a person'));
      expect(told?.text).toMatch(/we can't write to coditect-dms-db, but it is said to serve/);
    }));

  it('with the same cut and a start by hand, nothing is changed either', () =>
    onStage({ name: 'cut-off-by-hand' }, async (stage) => {
      stage.break('functions-cut-from-primary');
      await startByHand(stage);

      await stage.pass(minutes(15));

      expect(changes(stage)).toEqual([]);
      expect(promotions(stage)).toEqual([]);
      expect(withoutService(stage)).toEqual([]);
      expect(unbalanced(stage)).toEqual([]);
    }));

  it('with a promotion by hand between request and approval, the run stops and says who did what', () =>
    onStage({ name: 'by-hand' }, async (stage) => {
      stage.break('primary-database');
      const { link } = await stage.asked();
      await promoteByHand(stage);
      await stage.pass(READING);
      await stage.decide(link, 'approve');

      await stage.settled();
      await stage.pass(minutes(5));

      expect(promotions(stage).map(({ call }) => call.principal)).toEqual(['operator@coditect.ai']);
      expect(changes(stage)).toEqual([]);
      const told = await stage.until('somebody is told who acts', () =>
        stage.paged.find(({ text }) => text.includes('operator@coditect.ai')),
      );
      expect(told.text).toMatch(/PROMOTE_REPLICA/);
    }));

  it('with a promotion by hand in the middle of the run, the run stops and says who did what', () =>
    onStage({ name: 'by-hand-later' }, async (stage) => {
      stage.break('primary-database');
      await approveWhenAsked(stage);
      await stage.until('the section has begun', () => (changes(stage).length > 0 ? true : undefined));
      await promoteByHand(stage);

      const { state } = await stage.settled();

      expect(promotions(stage).map(({ call }) => call.principal)).toEqual(['operator@coditect.ai']);
      expect(state.phase.kind).toBe('needsPerson');
      const told = await stage.until('somebody is told who acts', () =>
        stage.paged.find(({ text }) => text.includes('operator@coditect.ai')),
      );
      expect(told.text).toMatch(/PROMOTE_REPLICA/);
    }));
});
