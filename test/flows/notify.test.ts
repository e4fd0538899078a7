import { describe, expect, it } from '@jest/globals';
import { sha256 } from '../../shared/core/digest.ts';
import { minutes } from '../../shared/core/time.ts';
import { notifyIncident } from '../../shared/flows/notify.ts';
import { event } from '../../shared/incident/events.ts';
import { askedStage } from '../approvals/asked.ts';

describe('notices', () => {
  it('bring each approver a link of their own, and nobody else one', async () => {
    const stage = await askedStage();

    await notifyIncident(stage.id, stage.home);

    const links = stage.delivered.filter(({ link }) => link !== undefined);
    expect(links.map(({ destination }) => destination).toSorted()).toEqual([
      'cto-pager',
      'eng-lead-pager',
      'oncall-pager',
      'terminal',
    ]);
    expect(new Set(links.map(({ link }) => link)).size).toBe(links.length);
    expect(stage.delivered.find(({ destination }) => destination === 'security-pager')?.link).toBeUndefined();
  });

  it('carry no token in the path of a link', async () => {
    const stage = await askedStage();
    await notifyIncident(stage.id, stage.home);

    for (const { link } of stage.delivered) {
      if (link === undefined) continue;
      expect(link.split('#')[0]).not.toMatch(/eyJ/);
      expect(link.split('#')[1]).toMatch(/^a=eyJ.+&d=eyJ/);
    }
  });

  it('are not held up by a dead destination, and an urgent one is never given up', async () => {
    const stage = await askedStage();
    stage.dead.add('oncall-pager');
    for (let round = 0; round < 12; round += 1) {
      await notifyIncident(stage.id, stage.home);
      stage.clock.advance(minutes(1));
    }
    stage.dead.clear();
    await notifyIncident(stage.id, stage.home);

    const pages = stage.delivered.filter(({ subject }) => subject.startsWith('Approve'));
    expect(pages.filter(({ destination }) => destination === 'cto-pager')).toHaveLength(1);
    expect(pages.filter(({ destination }) => destination === 'oncall-pager')).toHaveLength(1);
  });

  it('make a link known to the log before anybody has it', async () => {
    const stage = await askedStage();
    const order: string[] = [];
    const home = {
      ...stage.home,
      delivery: {
        deliver: async () => (
          order.push(`delivered after ${(await stage.state()).approvals[0]?.links.length ?? 0} links`),
          { delivered: true, detail: '' }
        ),
      },
    };

    await notifyIncident(stage.id, home);

    expect(order.filter((text) => text === 'delivered after 0 links').length).toBeLessThan(order.length);
    const opaque = (await stage.state()).approvals[0]?.links ?? [];
    expect(opaque.every(({ opaqueHash }) => opaqueHash === sha256(opaqueHash) || opaqueHash.length === 64)).toBe(true);
  });

  it('are delivered by one of two that try at once', async () => {
    const stage = await askedStage();

    await Promise.all([notifyIncident(stage.id, stage.home), notifyIncident(stage.id, stage.home)]);

    expect(
      stage.delivered.filter(({ destination, subject }) => destination === 'terminal' && subject.startsWith('Approve')),
    ).toHaveLength(1);
  });

  it('never carry a signature for a plan that the evidence does not lead to', async () => {
    const stage = await askedStage();
    const journal = await stage.journal();
    const { run, approvals } = journal.state();
    const [asked] = approvals;
    if (run === undefined || asked === undefined) throw new Error('nothing was asked');
    const forged = { ...run.plan, steps: run.plan.steps.filter((step) => step.id !== 'fence') };
    const { planDigest } = await import('../../shared/plan/plan.ts');
    await journal.append(() => [
      event('planDrawn', {
        plan: forged,
        digest: planDigest(forged),
        evidence: run.evidence,
        needsApproval: true,
        performed: true,
      }),
      event('approvalAsked', {
        approval: 'apr-forged',
        planDigest: planDigest(forged),
        evidence: run.evidence,
        lossLimitMs: asked.lossLimitMs,
        approvers: [...asked.approvers],
        quorum: 1,
        expiresAt: asked.expiresAt,
        startWithinMs: asked.startWithin,
        opens: [],
      }),
      event('noticeDue', {
        notice: {
          id: 'approval/apr-forged',
          kind: 'approval',
          urgent: true,
          subject: 'Approve?',
          text: 'please',
          approval: 'apr-forged',
        },
      }),
    ]);

    await notifyIncident(stage.id, stage.home);

    expect(stage.delivered.filter(({ subject, link }) => subject === 'Approve?' && link !== undefined)).toEqual([]);
    expect((await stage.state()).refusedAttempts).toBeGreaterThan(0);
  });

  it('never carry a signature for a loss bound that the plan does not state', async () => {
    const stage = await askedStage();
    const journal = await stage.journal();
    const { run, approvals } = journal.state();
    const [asked] = approvals;
    if (run === undefined || asked === undefined) throw new Error('nothing was asked');
    await journal.append(() => [
      event('approvalAsked', {
        approval: 'apr-forged',
        planDigest: run.digest,
        evidence: run.evidence,
        lossLimitMs: 999_999_999,
        approvers: [...asked.approvers],
        quorum: 1,
        expiresAt: asked.expiresAt,
        startWithinMs: asked.startWithin,
        opens: [],
      }),
      event('noticeDue', {
        notice: {
          id: 'approval/apr-forged',
          kind: 'approval',
          urgent: true,
          subject: 'Approve more?',
          text: 'please',
          approval: 'apr-forged',
        },
      }),
    ]);

    await notifyIncident(stage.id, stage.home);

    expect(stage.delivered.filter(({ subject, link }) => subject === 'Approve more?' && link !== undefined)).toEqual(
      [],
    );
  });
});
