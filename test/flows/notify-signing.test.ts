import { describe, expect, it } from '@jest/globals';
import { minutes } from '../../shared/core/time.ts';
import { notifyIncident } from '../../shared/flows/notify.ts';
import { event, type NewEvent } from '../../shared/incident/events.ts';
import type { ApprovalState, RunState } from '../../shared/incident/state.ts';
import { type Plan, planDigest } from '../../shared/plan/plan.ts';
import { type AskedStage, askedStage } from '../approvals/asked.ts';

// What notify signs: only what it has drawn again itself. Whoever can write the store can make it ask, and gets no signature.

/** A forged request beside the true one, with the events that lead to it. */
type Forgery = (run: RunState, asked: ApprovalState) => { readonly plan?: Plan; readonly asks?: Partial<Asks> };
type Asks = Extract<NewEvent, { readonly kind: 'approvalAsked' }>['data'];

async function forged(forgery: Forgery): Promise<AskedStage> {
  const stage = await askedStage();
  const journal = await stage.journal();
  await journal.append(({ run, approvals: [asked] }) => {
    if (run === undefined || asked === undefined) throw new Error('nothing was asked');
    const { plan = run.plan, asks } = forgery(run, asked);
    const digest = planDigest(plan);
    const { evidence, needsApproval, performed } = run;
    return [
      event('approvalVoided', { approval: asked.id, because: 'forged' }),
      event('planDrawn', { plan, digest, evidence, needsApproval, performed }),
      event('approvalAsked', {
        approval: 'apr-forged',
        planDigest: digest,
        evidence,
        lossLimitMs: asked.lossLimitMs,
        approvers: [...asked.approvers],
        quorum: asked.quorum,
        expiresAt: asked.expiresAt,
        startWithinMs: asked.startWithin,
        opens: [...asked.opens],
        ...asks,
      }),
      event('noticeDue', {
        notice: {
          id: 'approval/apr-forged',
          kind: 'approval',
          urgent: true,
          subject: 'Approve this?',
          text: 'please',
          approval: 'apr-forged',
        },
      }),
    ];
  });
  return stage;
}

const links = async (stage: AskedStage) =>
  (await stage.state()).approvals.find(({ id }) => id === 'apr-forged')?.links ?? [];

const without = (plan: Plan, step: string): Plan => ({ ...plan, steps: plan.steps.filter(({ id }) => id !== step) });

describe('notify', () => {
  it('signs a request for the plan that the evidence leads to', async () => {
    const stage = await forged(() => ({}));

    await notifyIncident(stage.id, stage.home);

    expect(await links(stage)).toHaveLength(4);
  });

  it.each<readonly [string, Forgery]>([
    ['a plan without its fence', ({ plan }) => ({ plan: without(plan, 'fence') })],
    ['a plan onto another replica', ({ plan }) => ({ plan: { ...plan, bounds: { ...plan.bounds, replica: 'evil' } } })],
    ['a plan of another incident', ({ plan }) => ({ plan: { ...plan, incident: 'inc-aaaaaaaaaa' } })],
    ['a wall that the page would not show', ({ plan }) => ({ plan, asks: { opens: ['accept-unfenced-primary'] } })],
    [
      'a wall that the request does not name',
      ({ plan }) => ({ plan: { ...plan, bounds: { ...plan.bounds, opens: ['accept-unfenced-primary'] } } }),
    ],
    ['another plan than the incident’s', () => ({ asks: { planDigest: 'f'.repeat(64) } })],
    ['other evidence', () => ({ asks: { evidence: 'f'.repeat(64) } })],
    ['a larger loss', () => ({ asks: { lossLimitMs: 999_999_999 } })],
    ['an unknown loss', () => ({ asks: { lossLimitMs: null } })],
    ['a time that is longer than dr.yaml says', (_, asked) => ({ asks: { expiresAt: asked.expiresAt + 3_600_000 } })],
  ])('signs nothing for %s, and says so', async (_, forgery) => {
    const stage = await forged(forgery);

    await notifyIncident(stage.id, stage.home);
    const wakes = stage.published.length;
    await notifyIncident(stage.id, stage.home);
    await notifyIncident(stage.id, stage.home);

    expect(await links(stage)).toEqual([]);
    expect(stage.delivered.filter(({ subject }) => subject === 'Approve this?')).toEqual([]);
    expect(stage.delivered.filter(({ subject }) => subject.includes('was not signed'))).toHaveLength(5);
    // Nobody is woken again and again for what can't be signed.
    expect(stage.published.length).toBeLessThanOrEqual(wakes + 1);
  });

  it('signs nothing when the evidence was edited where it is kept', async () => {
    const stage = await askedStage();
    const { evidence } = stage.home.store;
    const read: typeof evidence.read = async (digest) => (await evidence.read(digest))?.replace('503', '200');

    await notifyIncident(stage.id, {
      ...stage.home,
      store: { ...stage.home.store, evidence: { ...evidence, read } },
    });

    expect((await stage.state()).approvals[0]?.links).toEqual([]);
  });

  it('signs for nobody who is no approver of dr.yaml, whatever the request says', async () => {
    const stage = await forged(() => ({ asks: { approvers: ['security', 'oncall'] } }));

    await notifyIncident(stage.id, stage.home);

    expect((await links(stage)).map(({ approver }) => approver)).toEqual(['oncall', 'oncall']);
  });

  it('makes no more links in an hour than a night of dead receivers needs', async () => {
    const stage = await askedStage();
    for (const { id } of stage.home.system.notifications) stage.dead.add(id);
    for (let round = 0; round < 59; round += 1) {
      await notifyIncident(stage.id, stage.home);
      stage.clock.advance(minutes(0.25));
    }

    expect((await stage.state()).approvals[0]?.links.length).toBeLessThanOrEqual(124);
  });
});
