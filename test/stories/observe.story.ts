import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { operateCommand } from '../../cli/commands.ts';
import { planCommand } from '../../cli/dry-run.ts';
import { minutes } from '../../shared/core/time.ts';
import { planWire } from '../../shared/plan/plan.ts';
import { changes, promotions } from './judge.ts';
import { approveWhenAsked, onStage, type Stage } from './story.ts';

/** What each action changes, by its permission and what it names; what only looks changes nothing. */
const CHANGES: Readonly<Record<string, (input: (key: string) => string) => RegExp>> = {
  'hold-workload': () => /^k8s\.apps\.deployments\/scale\.patch .*coditect-dms-api/,
  'release-workload': () => /^k8s\.apps\.deployments\/scale\.patch .*coditect-dms-api/,
  'hold-service': () => /^run\.services\.update services\/coditect-dms-api$/,
  'release-service': () => /^run\.services\.update services\/coditect-dms-api$/,
  'stop-instance': (input) => new RegExp(`^cloudsql\\.instances\\.update instances/${input('instance')}$`),
  'promote-replica': (input) => new RegExp(`^cloudsql\\.instances\\.promoteReplica instances/${input('replica')}:`),
  'point-secret': (input) => new RegExp(`^secretmanager\\.versions\\.add secrets/${input('secret')}:`),
  'take-backup': (input) => new RegExp(`^cloudsql\\.backupRuns\\.create instances/${input('instance')}/`),
  'protect-instance': (input) => new RegExp(`^cloudsql\\.instances\\.update instances/${input('instance')}$`),
  'create-replica': () => /^cloudsql\.instances\.create instances\/coditect-dms-db-replica-/,
};

/** The plan of a dry run; nothing where a look could not read what a plan needs, which a person tries again. */
async function dryRun(stage: Stage) {
  const { stdout } = await planCommand(
    stage.sandbox.facts,
    { runbook: 'database-failover', target: undefined },
    { json: true },
  );
  return planWire.optional().parse((JSON.parse(stdout) as { readonly plan?: unknown }).plan);
}

describe('mode observe', () => {
  it('changes nothing and says what it would do; a dry run is what the run then does', () =>
    onStage(
      {
        name: 'observe',
        config: (document) => document.setIn(['mode'], document.createNode({ default: 'observe' })),
      },
      async (stage) => {
        stage.break('primary-database');

        const said = await stage.until('people are told what would be done', () =>
          stage.paged.find(({ subject }) => subject.endsWith('would run database-failover')),
        );
        const plan = await stage.until('a dry run draws the plan', () => dryRun(stage));
        for (const step of plan.steps) expect(said.text).toContain(step.title);
        await stage.pass(minutes(4));
        expect(changes(stage)).toEqual([]);
        expect(stage.paged.filter(({ link }) => link !== undefined)).toEqual([]);

        await operateCommand(
          stage.sandbox.facts,
          { verb: 'mode', runbook: 'database-failover', mode: 'approve', reason: 'the plan is right' },
          { json: true },
        );
        await approveWhenAsked(stage);
        const { state } = await stage.settled();

        expect(state.phase.kind).toBe('resolved');
        expect(promotions(stage).length).toBe(1);
        const foreseen = plan.steps.flatMap(({ action, input }) => {
          const change = CHANGES[action]?.((key) => z.string().parse(input[key]));
          return change === undefined ? [] : [expect.stringMatching(change)];
        });
        expect(changes(stage)).toEqual(foreseen);
      },
    ));
});
