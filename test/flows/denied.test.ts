import { describe, expect, it } from '@jest/globals';
import { nextMove } from '../../shared/engine/next-move.ts';
import { decide } from '../../shared/flows/approve.ts';
import { event } from '../../shared/incident/events.ts';
import { decideClosedApproval, decideResume } from '../../shared/incident/decide.ts';
import { type AskedStage, askedStage } from '../approvals/asked.ts';
import { opened, post } from '../approvals/links.ts';

/** A stage whose plan the engineer on call has denied, and which has been closed for it. */
async function denied(): Promise<AskedStage> {
  const stage = await askedStage();
  const form = await opened(stage);
  await decide(post(form, form.deny), stage.home);
  await (await stage.journal()).append((state) => decideClosedApproval(state, 'denied'));
  return stage;
}

describe('a plan that was denied', () => {
  it('is not asked for again by later looks', async () => {
    const stage = await denied();

    await stage.look();
    await stage.look();

    const { approvals, phase } = await stage.state();
    expect(approvals).toHaveLength(1);
    expect(phase.kind).toBe('needsPerson');
  });

  it('is not asked for again by a look that ends before the deny is acted on', async () => {
    const stage = await askedStage();
    const form = await opened(stage);
    await decide(post(form, form.deny), stage.home);

    await stage.look();

    expect((await stage.state()).approvals).toHaveLength(1);
  });

  it('goes to people at once, though the kill switch holds it back', async () => {
    const stage = await askedStage();
    const form = await opened(stage);
    const stop = { guard: 'killSwitch', kind: 'wall', code: 'killSwitch', observed: 'on', limit: 'off' } as const;
    await (await stage.journal()).append(() => [
      event('held', { blocks: [{ ...stop, clearsAtMs: null, openedBy: null }], until: null }),
    ]);
    await decide(post(form, form.deny), stage.home);

    const state = await stage.state();
    expect(state.phase.kind).toBe('held');
    expect(nextMove(state, stage.clock.now())).toEqual({ kind: 'closeApproval', standing: 'denied' });
  });

  it('is asked for again when people resume', async () => {
    const stage = await denied();
    await (await stage.journal()).append((state, now) =>
      decideResume(state, 'oncall', { policy: undefined, approval: 'unused', now, authenticated: true }),
    );

    await stage.look();

    expect((await stage.state()).approvals).toHaveLength(2);
  });
});
