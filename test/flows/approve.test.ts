import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { minutes } from '../../shared/core/time.ts';
import { verifyDecisions } from '../../shared/approvals/verify-decisions.ts';
import { decide, showApproval } from '../../shared/flows/approve.ts';
import { notifyIncident } from '../../shared/flows/notify.ts';
import { event } from '../../shared/incident/events.ts';
import { standing } from '../../shared/incident/state.ts';
import { type AskedStage, askedStage } from '../approvals/asked.ts';

/** Opens the link as a browser does: path and tokens apart, and the form's nonce from the page. */
async function opened(stage: AskedStage, destination = 'oncall-pager') {
  if (stage.delivered.length === 0) await notifyIncident(stage.id, stage.home);
  const link = stage.delivered.find(
    (message) => message.destination === destination && message.link !== undefined,
  )?.link;
  if (link === undefined) throw new Error(`${destination} got no link`);
  const url = new URL(link);
  const tokens = new URLSearchParams(url.hash.slice(1));
  const opaque = url.pathname.split('/').at(-1) ?? '';
  const page = await showApproval(opaque, stage.home);
  const nonce = /name="nonce" value="([^"]*)"/.exec(page.body)?.[1] ?? '';
  return { opaque, nonce, page, approve: tokens.get('a') ?? '', deny: tokens.get('d') ?? '', identity: undefined };
}

const post = (
  form: Awaited<ReturnType<typeof opened>>,
  token: string,
  changes: Partial<{ nonce: string; opaque: string }> = {},
) => ({ opaque: form.opaque, nonce: form.nonce, token, identity: undefined, ...changes });

async function stands(stage: AskedStage): Promise<string> {
  const [approval] = (await stage.state()).approvals;
  if (approval === undefined) throw new Error('nothing was asked');
  return standing(approval, stage.clock.now());
}

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

  it('is never made by any sequence of pages, forged, tampered, foreign and expired tokens', async () => {
    const stage = await askedStage();
    const form = await opened(stage);
    const claims = {
      sub: 'oncall',
      jti: 'made-up',
      exp: stage.clock.now() / 1_000 + 600,
      approval: (await stage.state()).approvals[0]?.id,
      incident: stage.id,
      decision: 'approve',
      planDigest: (await stage.state()).run?.digest,
      evidenceDigest: (await stage.state()).run?.evidence,
      lossBoundMs: 0,
    };
    const tokens = [
      await stage.forge(claims, { key: 'other' }),
      await stage.forge(claims, { audience: 'somebody-else' }),
      await stage.forge(claims, { kid: 'unknown' }),
      // Rightly signed, but of no link: a key that leaked to somebody without the log.
      await stage.forge(claims),
      await stage.forge({ ...claims, sub: 'mallory' }),
      await stage.forge({ ...claims, planDigest: 'another' }),
      `${form.approve.slice(0, -3)}AAA`,
      `${Buffer.from('{"alg":"none"}').toString('base64url')}.${form.approve.split('.')[1] ?? ''}.`,
      form.nonce,
      '',
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.constant('page'), fc.constantFrom(...tokens)), { maxLength: 6 }),
        async (sequence) => {
          for (const what of sequence) {
            if (what === 'page') await showApproval(form.opaque, stage.home);
            else await decide(post(form, what), stage.home);
          }
          expect((await stage.state()).approvals[0]?.decisions).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('recover’s own check of the decisions', () => {
  const policy = {
    approvers: ['oncall', 'cto'].map((id) => id as never),
    quorum: 1,
    expiresIn: minutes(15),
    startWithin: minutes(10),
  };

  async function checked(stage: AskedStage, token: string, changes: { readonly planDigest?: string } = {}) {
    const { approvals, run } = await stage.state();
    const [approval] = approvals;
    if (approval === undefined || run === undefined) throw new Error('nothing was asked');
    const decided = {
      ...approval,
      decisions: [
        { approver: 'oncall' as never, decision: 'approve' as const, token, identity: null, at: stage.clock.now() },
      ],
    };
    return await verifyDecisions({
      incident: stage.id,
      planDigest: changes.planDigest ?? run.digest,
      approval: decided,
      policy,
      identity: 'link',
      people: [],
      verifier: stage.home.verifier,
    });
  }

  it('accepts what an approver signed for', async () => {
    const stage = await askedStage();
    const form = await opened(stage);

    expect(await checked(stage, form.approve)).toMatchObject({ kind: 'approved', approvers: ['oncall'] });
  });

  it('believes no event without a signature, for another plan, or of another key', async () => {
    const stage = await askedStage();
    const form = await opened(stage);

    expect((await checked(stage, 'forged')).kind).toBe('unproved');
    expect((await checked(stage, form.approve, { planDigest: 'another' })).kind).toBe('unproved');
    expect((await checked(stage, await stage.forge({ sub: 'oncall' }, { key: 'other' }))).kind).toBe('unproved');
  });

  it('takes a token that says deny for a deny, whatever the event says', async () => {
    const stage = await askedStage();
    const form = await opened(stage);

    expect(await checked(stage, form.deny)).toEqual({ kind: 'denied', by: 'oncall' });
  });

  it('counts one approver once, however many tokens the log holds', async () => {
    const stage = await askedStage();
    const form = await opened(stage);
    const { approvals, run } = await stage.state();
    const [approval] = approvals;
    if (approval === undefined || run === undefined) throw new Error('nothing was asked');
    const once = {
      approver: 'oncall' as never,
      decision: 'approve' as const,
      token: form.approve,
      identity: null,
      at: stage.clock.now(),
    };

    const verdict = await verifyDecisions({
      incident: stage.id,
      planDigest: run.digest,
      approval: { ...approval, decisions: [once, { ...once, approver: 'cto' as never }] },
      policy: { ...policy, quorum: 2 },
      identity: 'link',
      people: [],
      verifier: stage.home.verifier,
    });

    expect(verdict.kind).toBe('unproved');
  });
});
