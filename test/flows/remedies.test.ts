import { describe, expect, it } from '@jest/globals';
import { parseFacts } from '../../shared/classify/stored-facts.ts';
import { after, minutes } from '../../shared/core/time.ts';
import { drawPlan } from '../../shared/flows/draw-plan.ts';
import { notifyIncident } from '../../shared/flows/notify.ts';
import { decideLook } from '../../shared/incident/decide.ts';
import { planDigest } from '../../shared/plan/plan.ts';
import { type AskedStage, askedStage } from '../approvals/asked.ts';

// One approval for all that a plan may try: what is signed is what the evidence leads to, and it stays asked for while time passes.

const withRestart = (): Promise<AskedStage> => askedStage(undefined, undefined, ['wait', 'restart', 'promote']);

describe('A plan that begins with a restart', () => {
  it('is drawn again from its evidence, and signed', async () => {
    const stage = await withRestart();

    await notifyIncident(stage.id, stage.home);

    const { run, approvals } = await stage.state();
    expect(run?.plan.steps.map(({ id }) => id).slice(0, 5)).toEqual([
      'look',
      'restart',
      'restart-serves',
      'restart-holds',
      'confirm',
    ]);
    expect(approvals[0]?.links).toHaveLength(4);
  });

  it('stays asked for when its restart would come too late by now: that is left out when it is performed', async () => {
    const stage = await withRestart();
    const state = await stage.state();
    const { run, diagnosis } = state;
    const text = await stage.home.store.evidence.read(run?.evidence as never); // a digest that `keep` returned
    if (run === undefined || diagnosis === undefined || text === undefined) throw new Error('nothing was asked');
    const facts = parseFacts(text);
    const late = { ...facts, at: after(facts.at, minutes(50)) };
    const drawn = drawPlan(stage.home.system, state.id, diagnosis, late, { warnings: [], opens: [] });
    if (drawn.kind === 'none') throw new Error(drawn.because);

    const events = decideLook(
      state,
      {
        round: 9,
        facts: run.evidence,
        summary: [],
        diagnosis,
        plan: drawn.plan,
        mode: 'approve',
        brakes: [],
        walls: [],
        policy: stage.home.system.approvals.perRunbook['database-failover'],
        approval: 'apr-other',
      },
      stage.clock.now(),
    );

    expect(planDigest(drawn.plan)).not.toBe(run.digest);
    expect(drawn.plan.steps.some(({ action }) => action === 'restart-instance')).toBe(false);
    expect(events.map(({ kind }) => kind)).toEqual(['looked', 'diagnosed']);
  });
});
