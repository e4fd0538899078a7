import { describe, expect, it } from '@jest/globals';
import { drive } from '../../shared/engine/drive.ts';
import { nextMove } from '../../shared/engine/next-move.ts';
import { minutes } from '../../shared/core/time.ts';
import { decideClosedApproval, decideResume, decideTakeover } from '../../shared/incident/decide.ts';
import { event } from '../../shared/incident/events.ts';
import type { IncidentState } from '../../shared/incident/state.ts';
import { personId } from '../../shared/system/names.ts';
import { settingAction, type Stage, stageOf, step } from './rehearsal.ts';

// A run that people took over after its point of no return, and whose continuation others don't want.

const POLICY = {
  approvers: [personId('ann'), personId('bob')],
  quorum: 1,
  expiresIn: minutes(15),
  startWithin: minutes(10),
};

/** Taken over in the middle of a promotion, handed back, and asked about again. */
async function askedToGoOn(): Promise<Stage> {
  const stage = await stageOf(
    [
      step('promote', {
        action: 'promote',
        committed: true,
        undo: { kind: 'pointOfNoReturn', because: 'it is a primary now' },
      }),
      step('open', { committed: true, needs: [step('promote').id] }),
    ],
    (world) => [
      settingAction('set', world),
      settingAction('promote', world, {
        start: async () => {
          await stage.journal.append((state) => decideTakeover(state, 'ann'));
          return { kind: 'running', handle: null, detail: 'being promoted' };
        },
      }),
    ],
  );
  await drive(stage.journal, stage.driver());
  await stage.journal.append((state, now) =>
    decideResume(state, 'ann', { policy: POLICY, approval: 'apr-2', now, authenticated: true }),
  );
  return stage;
}

const closed = (stage: Stage, how: 'denied' | 'expired'): Promise<IncidentState> =>
  stage.journal.append((state) => decideClosedApproval(state, how));

describe('what people do not want to go on with inside the committed section', () => {
  it('stays as it is, and is a landing of which they are told where it stands and what they can type', async () => {
    const stage = await askedToGoOn();
    await stage.journal.append(() => [
      event('decided', { approval: 'apr-2', approver: 'bob', identity: null, decision: 'deny', token: 't' }),
    ]);

    const { phase, run, notices } = await closed(stage, 'denied');

    expect(phase.kind).toBe('needsPerson');
    expect(run?.landing).toMatchObject({ kind: 'hold', landed: true });
    const said = [...notices.values()].at(-1)?.notice;
    expect(said).toMatchObject({ kind: 'landing', urgent: true });
    expect(said?.text).toMatch(/denied by bob[\s\S]*set promote \(started\)[\s\S]*go on with \.\/dr resume/);
  });

  it('is looked at no more as if it were a new failure', async () => {
    const stage = await askedToGoOn();
    await closed(stage, 'expired');

    stage.clock.advance(minutes(30));

    expect(nextMove(stage.journal.state(), stage.clock.now())).toMatchObject({ kind: 'wait' });
  });

  it('goes on when people resume it again', async () => {
    const stage = await askedToGoOn();
    await closed(stage, 'expired');

    const resumed = await stage.journal.append((state, now) =>
      decideResume(state, 'ann', { policy: POLICY, approval: 'apr-3', now, authenticated: true }),
    );

    expect(resumed.phase.kind).toBe('awaitingApproval');
    expect(resumed.run?.landing).toBeUndefined();
  });
});
