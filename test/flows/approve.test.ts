import { describe, expect, it } from '@jest/globals';
import { after, minutes } from '../../shared/core/time.ts';
import { decide, showApproval } from '../../shared/flows/approve.ts';
import { notifyIncident } from '../../shared/flows/notify.ts';
import { decideTakeover } from '../../shared/incident/decide.ts';
import { event } from '../../shared/incident/events.ts';
import { planDigest } from '../../shared/plan/plan.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import { type AskedStage, askedStage } from '../approvals/asked.ts';
import { claimsFor, decisionsOf, opened, post, stands } from '../approvals/links.ts';

describe('the page of an approval', () => {
  it('says what will happen, what it loses, what can’t be undone, and not to run the runbook beside it', async () => {
    const stage = await askedStage();
    const { page } = await opened(stage);

    expect(page.status).toBe(200);
    for (const text of [
      'Don’t run the runbook by hand',
      'Promote coditect-dms-db-replica to primary',
      'can’t be undone',
      'What is lost',
      'Alternatives',
      'Failing back',
    ]) {
      expect(page.body).toContain(text);
    }
  });

  it('changes nothing, however often it is opened', async () => {
    const stage = await askedStage();
    const { opaque } = await opened(stage);
    const before = (await stage.state()).sequence;

    for (let visit = 0; visit < 20; visit += 1) await showApproval(opaque, stage.home);

    expect((await stage.state()).sequence).toBe(before);
    expect(await stands(stage)).toBe('open');
  });

  it('escapes what an alert put into it', async () => {
    const stage = await askedStage();
    const journal = await stage.journal();
    const { diagnosis } = journal.state();
    if (diagnosis === undefined) throw new Error('not diagnosed');
    const form = await opened(stage);
    await journal.append(() => [
      event('diagnosed', { diagnosis: { ...diagnosis, reasons: [{ code: 'x', text: '<script>alert(1)</script>' }] } }),
    ]);

    const page = await showApproval(form.opaque, stage.home);

    expect(page.body).not.toContain('<script>alert');
  });

  it('is the same for every link that does not work', async () => {
    const stage = await askedStage();
    await opened(stage);
    const unknown = await showApproval('AAAAAAAAAAAAAAAAAAAAAA', stage.home);
    const malformed = await showApproval('x', stage.home);

    expect(unknown).toEqual(malformed);
  });
});

describe('a decision', () => {
  it('with the token of its link approves the plan and wakes recover', async () => {
    const stage = await askedStage();
    const form = await opened(stage);

    const answer = await decide(post(form, form.approve), stage.home);

    expect(answer.status).toBe(200);
    expect(await stands(stage)).toBe('approved');
    expect(stage.published.at(-1)?.topic).toBe('dr-recover');
  });

  it('is not asked for again by a look that ends before its run begins', async () => {
    const stage = await askedStage();
    const form = await opened(stage);
    await decide(post(form, form.approve), stage.home);

    await stage.look();

    expect(await stands(stage)).toBe('approved');
    expect((await stage.state()).approvals).toHaveLength(1);
  });

  it('counts once: the second POST shows what was decided', async () => {
    const stage = await askedStage();
    const form = await opened(stage);
    await decide(post(form, form.approve), stage.home);

    const again = await decide(post(form, form.approve), stage.home);

    expect(again.body).toContain('oncall decided: approve');
    expect((await stage.state()).approvals[0]?.decisions).toHaveLength(1);
  });

  it('to deny stops the plan, and a later approval is none', async () => {
    const stage = await askedStage();
    const [form, other] = [await opened(stage), await opened(stage, 'cto-pager')];
    await decide(post(form, form.deny), stage.home);

    const late = await decide(post(other, other.approve), stage.home);

    expect(await stands(stage)).toBe('denied');
    expect(late.status).toBe(409);
  });

  it('after the expiry has no effect', async () => {
    const stage = await askedStage();
    const form = await opened(stage);
    stage.clock.advance(minutes(16));

    await decide(post(form, form.approve), stage.home);

    expect((await stage.state()).approvals[0]?.decisions).toEqual([]);
  });

  it('with a form of another page has no effect', async () => {
    const stage = await askedStage();
    const form = await opened(stage);

    const answer = await decide(post(form, form.approve, { nonce: 'forged' }), stage.home);

    expect(answer.status).toBe(400);
    expect(await stands(stage)).toBe('open');
  });

  it('with the token of another approver’s link has no effect and looks like any other refusal', async () => {
    const stage = await askedStage();
    const [mine, theirs] = [await opened(stage), await opened(stage, 'cto-pager')];

    const answer = await decide(post(mine, theirs.approve), stage.home);

    expect(answer).toEqual(await showApproval('x', stage.home));
    expect(await stands(stage)).toBe('open');
  });

  it('can’t fill the log with refused attempts', async () => {
    const stage = await askedStage();
    const form = await opened(stage);
    const before = (await stage.state()).sequence;

    for (let attempt = 0; attempt < 100; attempt += 1) await decide(post(form, 'eyJ.forged.token'), stage.home);

    expect((await stage.state()).sequence - before).toBeLessThanOrEqual(20);
  });

  it('is written down and told to everybody', async () => {
    const stage = await askedStage();
    const form = await opened(stage);
    await decide(post(form, form.approve), stage.home);
    await notifyIncident(stage.id, stage.home);

    const told = stage.delivered.filter(({ subject }) => subject.includes('approved by oncall'));
    expect(told.map(({ destination }) => destination).toSorted()).toEqual([
      'cto-pager',
      'eng-lead-pager',
      'oncall-pager',
      'security-pager',
      'terminal',
    ]);
  });

  it('may be made with an older link, and is shown by the newer one that a redelivery made', async () => {
    const stage = await askedStage();
    stage.dead.add('oncall-pager');
    const older = await opened(stage, 'terminal');
    stage.dead.clear();
    stage.clock.advance(minutes(1));
    await notifyIncident(stage.id, stage.home);
    const newer = await opened(stage, 'oncall-pager');

    await decide(post(older, older.approve), stage.home);

    expect(newer.opaque).not.toBe(older.opaque);
    expect((await decide(post(newer, newer.approve), stage.home)).body).toContain('oncall decided: approve');
    expect(await decisionsOf(stage)).toEqual(['oncall approve']);
  });
});

describe('a decision that comes too late', () => {
  const refused = async (stage: AskedStage): Promise<string> => (await showApproval('x', stage.home)).body;

  it('is told clearly to the holder of a rightly signed token, also when that has expired, and is audited', async () => {
    const stage = await askedStage();
    const form = await opened(stage);
    stage.clock.advance(minutes(16));
    const before = (await stage.state()).refusedAttempts;

    const answer = await decide(post(form, form.approve), stage.home);

    expect(answer.status).toBe(409);
    expect(answer.body).toContain('Nothing was changed: the time to decide is over.');
    expect((await stage.state()).refusedAttempts).toBe(before + 1);
    expect(await decisionsOf(stage)).toEqual([]);
  });

  it('is told clearly to nobody else', async () => {
    const stage = await askedStage();
    const form = await opened(stage);
    const expired = await stage.forge({ ...(await claimsFor(stage)), exp: stage.clock.now() / 1_000 - 60 });
    stage.clock.advance(minutes(16));

    for (const token of [expired, `${form.approve.slice(0, -3)}AAA`, form.nonce])
      expect((await decide(post(form, token), stage.home)).body).toBe(await refused(stage));
  });

  it('after the plan was replaced shows the same page as any dead link, and its fate to the holder of the token', async () => {
    const stage = await askedStage();
    const form = await opened(stage);
    await replacePlan(stage, { voids: true });

    expect((await showApproval(form.opaque, stage.home)).body).toBe(await refused(stage));
    const answer = await decide(post(form, form.deny, { nonce: '' }), stage.home);
    expect(answer.status).toBe(409);
    expect(answer.body).toContain('This approval is void: the plan has changed.');
  });

  it('has no effect once a plan that a wall holds has replaced the one that was asked for', async () => {
    const stage = await askedStage();
    const form = await opened(stage);
    await replacePlan(stage, { voids: false });

    expect((await decide(post(form, form.approve), stage.home)).status).toBe(409);
    expect(await decisionsOf(stage)).toEqual([]);
  });

  it('has no effect once the incident has ended', async () => {
    const stage = await askedStage();
    const form = await opened(stage);
    await (await stage.journal()).append(() => [event('dismissed', { because: 'it came back' })]);

    expect((await decide(post(form, form.approve), stage.home)).body).toContain('the incident has ended');
    expect(await decisionsOf(stage)).toEqual([]);
  });

  it('has no effect when only our own clock says that it is too late: recover would not count it', async () => {
    const stage = await askedStage();
    const form = await opened(stage);
    const { clock } = stage.home;
    const fast: Clock = {
      now: () => after(clock.now(), minutes(16)),
      monotonic: () => clock.monotonic(),
      spanOf: (wall) => clock.spanOf(wall),
      sleep: (length) => clock.sleep(length),
    };

    await decide(post(form, form.approve), { ...stage.home, clock: fast });

    expect(await decisionsOf(stage)).toEqual([]);
  });

  it('has no effect when dr.yaml names its approver no more', async () => {
    const stage = await askedStage();
    const form = await opened(stage);
    const { system } = stage.home;
    const policy = system.approvals.perRunbook['database-failover'];
    if (policy === undefined) throw new Error('no policy');
    const perRunbook = {
      'database-failover': { ...policy, approvers: policy.approvers.filter((id) => id !== 'oncall') },
    };
    const home = { ...stage.home, system: { ...system, approvals: { ...system.approvals, perRunbook } } };

    expect((await decide(post(form, form.approve), home)).status).toBe(404);
    expect(await decisionsOf(stage)).toEqual([]);
  });

  it('has no effect once people have taken over', async () => {
    const stage = await askedStage();
    const form = await opened(stage);
    await (await stage.journal()).append((state) => decideTakeover(state, 'cto'));

    expect((await decide(post(form, form.approve), stage.home)).body).toContain('taken over by cto');
    expect(await decisionsOf(stage)).toEqual([]);
  });

  it('can still be a deny, until the committed section has begun', async () => {
    const stage = await askedStage();
    const [form, cto, lead] = [
      await opened(stage),
      await opened(stage, 'cto-pager'),
      await opened(stage, 'eng-lead-pager'),
    ];
    await decide(post(form, form.approve), stage.home);
    expect((await showApproval(cto.opaque, stage.home)).body).toContain('<form id="deny"');
    await begin(stage, 'confirm');
    await decide(post(cto, cto.deny), stage.home);
    await begin(stage, 'stop');

    const answer = await decide(post(lead, lead.deny), stage.home);

    expect(answer.status).toBe(409);
    expect(await decisionsOf(stage)).toEqual(['oncall approve', 'cto deny']);
  });

  it('to deny is told that the committed section has begun', async () => {
    const stage = await askedStage();
    const [form, cto] = [await opened(stage), await opened(stage, 'cto-pager')];
    await decide(post(form, form.approve), stage.home);
    await begin(stage, 'stop');

    const answer = await decide(post(cto, cto.deny), stage.home);

    expect(answer.body).toContain(
      'Nothing was changed: the committed section has begun; to act yourself, press takeover.',
    );
    expect((await showApproval(cto.opaque, stage.home)).body).not.toContain('<form');
    expect(await decisionsOf(stage)).toEqual(['oncall approve']);
  });

  async function begin(stage: AskedStage, step: string): Promise<void> {
    const journal = await stage.journal();
    await journal.append(({ run }) => {
      if (run === undefined) throw new Error('no run');
      const started = event('runStarted', { run: run.digest, planDigest: run.digest, leaseToken: 1, worker: 'w' });
      return [started, event('stepStarted', { step, direction: 'do', attempt: 1, version: null })];
    });
  }

  async function replacePlan(stage: AskedStage, { voids }: { readonly voids: boolean }): Promise<void> {
    const journal = await stage.journal();
    await journal.append(({ run, approvals: [asked] }) => {
      if (run === undefined || asked === undefined) throw new Error('nothing was asked');
      const plan = { ...run.plan, failback: 'another' };
      const { evidence, needsApproval, performed } = run;
      const drawn = event('planDrawn', { plan, digest: planDigest(plan), evidence, needsApproval, performed });
      const because = 'the plan has changed';
      return voids ? [event('approvalVoided', { approval: asked.id, because }), drawn] : [drawn];
    });
  }
});

describe('beside Identity-Aware Proxy', () => {
  const EMAIL = 'oncall@coditect.ai';

  async function signedInStage(): Promise<AskedStage> {
    const stage = await askedStage();
    const { system } = stage.home;
    return {
      ...stage,
      home: { ...stage.home, system: { ...system, approvals: { ...system.approvals, identity: 'iap' } } },
    };
  }

  it('a link alone decides nothing, and neither does somebody else who holds it', async () => {
    const stage = await signedInStage();
    const form = await opened(stage);

    for (const changes of [{}, { identity: 'cto@coditect.ai' }, { identity: 'oncall' }])
      expect((await decide(post(form, form.approve, changes), stage.home)).status).toBe(404);
    expect(await decisionsOf(stage)).toEqual([]);
  });

  it('the approver of the link decides, in whatever case the address is written', async () => {
    const stage = await signedInStage();
    const form = await opened(stage);

    await decide(post(form, form.approve, { identity: EMAIL.toUpperCase() }), stage.home);

    expect((await stage.state()).approvals[0]?.decisions).toMatchObject([
      { approver: 'oncall', identity: EMAIL.toUpperCase() },
    ]);
  });
});
