import { describe, expect, it } from '@jest/globals';
import { approvalView } from '../../shared/approvals/page-view.ts';
import { personId } from '../../shared/system/names.ts';
import { askedStage } from './asked.ts';

// What the page says of a plan that has several ways.

async function view() {
  const stage = await askedStage(undefined, undefined, ['wait', 'restart', 'promote']);
  const state = await stage.state();
  const { run } = state;
  const [approval] = state.approvals;
  if (run === undefined || approval === undefined) throw new Error('nothing was asked');
  const subject = { system: stage.home.system, state, approval, approver: personId('oncall'), plan: run.plan };
  return approvalView(subject, stage.clock.now());
}

describe('The page of a plan that begins with a restart', () => {
  it('says of the restart that the plan goes on without its help, and of what follows that its help makes it unnecessary', async () => {
    const notes = (await view()).steps.map(({ title, note }) => [title, note] as const);

    expect(notes.slice(1, 5)).toEqual([
      ['Restart coditect-dms-db', 'if it does not help, the plan goes on'],
      ['Every consumer writes and reads on coditect-dms-db again', 'if it does not help, the plan goes on'],
      ['Every consumer stays well on coditect-dms-db', 'if it does not help, the plan goes on'],
      [
        'If that did not help, look again whether coditect-dms-db is really failed',
        'this and what follows is left out if what comes before has helped',
      ],
    ]);
    expect(notes.at(-1)?.[1]).toBe('afterwards; a failure is told and stops nothing');
  });

  it('counts the restart and the promotion into how long it may take, and shows both ways', async () => {
    const { situation, alternatives } = await view();

    expect(situation.find(({ name }) => name === 'How long')?.text).toMatch(/^about 1[0-2]m/);
    expect(alternatives.map(({ text }) => text)).toContain(
      'This plan: restart coditect-dms-db; if that does not help, promote coditect-dms-db-replica',
    );
  });
});

describe('The page of a planned move', () => {
  it('says that no objective is at stake, since nothing has failed', async () => {
    const stage = await askedStage();
    const state = await stage.state();
    const { run } = state;
    const [approval] = state.approvals;
    if (run === undefined || approval === undefined) throw new Error('nothing was asked');
    const subject = { system: stage.home.system, state, approval, approver: personId('oncall') };
    const objective = (scenario: string) =>
      approvalView({ ...subject, plan: { ...run.plan, scenario } }, stage.clock.now()).situation.find(
        ({ name }) => name === 'RTO',
      )?.text;

    expect(objective('running-on-standby')).toMatch(/nothing has failed/);
    expect(objective(run.plan.scenario)).toMatch(/^1h 00m, reached at/);
  });
});

describe('The page of a plan whose safe steps begin while people decide', () => {
  it('says so of each of them, and that they have begun', async () => {
    const stage = await askedStage();
    const state = await stage.state();
    const { run } = state;
    const [approval] = state.approvals;
    if (run === undefined || approval === undefined) throw new Error('nothing was asked');
    const [first, ...rest] = run.plan.steps;
    if (first === undefined) throw new Error('the plan has a step');
    const plan = { ...run.plan, steps: [{ ...first, stage: 'prepare', risk: 'safe', needs: [] } as const, ...rest] };
    const preparing = { ...state, run: { ...run, plan, preparation: 'begun' as const } };
    const subject = { system: stage.home.system, state: preparing, approval, approver: personId('oncall'), plan };

    const { steps, outcome } = approvalView(subject, stage.clock.now());

    expect(steps.map(({ note }) => note === 'begins at once, whatever you decide').filter(Boolean)).toHaveLength(1);
    expect(steps[0]?.note).toBe('begins at once, whatever you decide');
    expect(outcome).toBe('What prepares the plan has begun, and nothing else.');
  });
});
