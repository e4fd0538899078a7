import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { sha256 } from '../../shared/core/digest.ts';
import { minutes } from '../../shared/core/time.ts';
import { decide, showApproval } from '../../shared/flows/approve.ts';
import { notifyIncident } from '../../shared/flows/notify.ts';
import { askedStage } from '../approvals/asked.ts';
import { claimsFor, decisionsOf, opened, post } from '../approvals/links.ts';

describe('any sequence of what people and scanners do', () => {
  it('never makes an approval of forged, tampered, foreign and expired tokens', async () => {
    const stage = await askedStage();
    const form = await opened(stage);
    const cto = await opened(stage, 'cto-pager');
    const claims = await claimsFor(stage);
    const own = (await stage.state()).approvals[0]?.links.find(({ opaqueHash }) => opaqueHash === sha256(form.opaque));
    const ours = { ...claims, jti: own?.tokenIds[0] };
    const tokens = [
      await stage.forge(claims, { key: 'other' }),
      await stage.forge(claims, { audience: 'somebody-else' }),
      await stage.forge(claims, { kid: 'unknown' }),
      // Rightly signed, but of no link: a key that leaked to somebody without the log.
      await stage.forge(claims),
      await stage.forge({ ...claims, sub: 'mallory' }),
      await stage.forge({ ...claims, planDigest: 'another' }),
      await stage.forge({ ...claims, exp: stage.clock.now() / 1_000 - 1 }),
      // Rightly signed, and named as the link's own token is, but for something else.
      await stage.forge({ ...ours, sub: 'cto' }),
      await stage.forge({ ...ours, incident: 'inc-aaaaaaaaaa' }),
      await stage.forge({ ...ours, approval: 'apr-other' }),
      await stage.forge({ ...ours, planDigest: 'another' }),
      await stage.forge({ ...ours, evidenceDigest: 'another' }),
      cto.approve,
      `${form.approve.slice(0, -3)}AAA`,
      `${Buffer.from('{"alg":"none"}').toString('base64url')}.${form.approve.split('.')[1] ?? ''}.`,
      form.nonce,
      '',
    ];
    const nonces = [form.nonce, cto.nonce, ''];
    for (const token of tokens) expect((await decide(post(form, token), stage.home)).status).toBeGreaterThan(400);
    expect(await decisionsOf(stage)).toEqual([]);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ token: fc.option(fc.constantFrom(...tokens)), nonce: fc.constantFrom(...nonces) }), {
          maxLength: 6,
        }),
        async (sequence) => {
          for (const { token, nonce } of sequence) {
            if (token === null) await showApproval(form.opaque, stage.home);
            else await decide(post(form, token, { nonce }), stage.home);
          }
          expect(await decisionsOf(stage)).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('makes exactly the decisions that a valid form of an open approval posts, one for each approver', async () => {
    const people = ['oncall', 'eng-lead', 'cto'] as const;
    const act = fc.oneof(
      fc.record({
        who: fc.constantFrom(...people),
        token: fc.constantFrom('approve', 'deny', 'forged', 'tampered', 'of somebody else'),
        nonce: fc.constantFrom('good', 'good', 'good', 'bad'),
      }),
      fc.record({ pass: fc.integer({ min: 1, max: 8 }) }),
      fc.record({ look: fc.constantFrom(...people) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 10 }), async (acts) => {
        const stage = await askedStage();
        await notifyIncident(stage.id, stage.home);
        const pages = people.map(async (who) => [who, await opened(stage, `${who}-pager`)] as const);
        const forms = new Map(await Promise.all(pages));
        const form = (who: (typeof people)[number]) => {
          const known = forms.get(who);
          if (known === undefined) throw new Error(`${who} has no form`);
          return known;
        };
        const model = { passed: 0, decided: new Map<string, string>() };
        for (const what of acts) {
          if ('pass' in what) {
            stage.clock.advance(minutes(what.pass));
            model.passed += what.pass;
          } else if ('look' in what) await showApproval(form(what.look).opaque, stage.home);
          else {
            const { approve, deny } = form(what.who);
            const other = form(what.who === 'cto' ? 'oncall' : 'cto').approve;
            const token = {
              approve,
              deny,
              forged: await stage.forge(await claimsFor(stage, what.who), { key: 'other' }),
              tampered: approve.replace(/.{6}$/, 'AAAAAA'),
              'of somebody else': other,
            }[what.token];
            await decide(post(form(what.who), token, what.nonce === 'bad' ? { nonce: 'x' } : {}), stage.home);
            const known = [...model.decided.values()];
            const open = !known.includes('deny') && (!known.includes('approve') || what.token === 'deny');
            const valid = (what.token === 'approve' || what.token === 'deny') && what.nonce === 'good';
            if (valid && open && model.passed < 15 && !model.decided.has(what.who))
              model.decided.set(what.who, what.token);
          }
        }
        expect(await decisionsOf(stage)).toEqual([...model.decided].map(([who, decision]) => `${who} ${decision}`));
      }),
      { numRuns: 40 },
    );
  });
});
