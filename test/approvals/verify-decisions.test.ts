import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SignJWT } from 'jose';
import { verifyDecisions } from '../../shared/approvals/verify-decisions.ts';
import { after, millis, minutes } from '../../shared/core/time.ts';
import type { ApprovalState, Decision } from '../../shared/incident/state.ts';
import { incidentId, personId } from '../../shared/system/names.ts';
import type { Approvals } from '../../shared/system/system.ts';
import { type AskedStage, askedStage } from './asked.ts';
import { claimsFor, opened, type OpenedLink } from './links.ts';

// What `recover` believes of a log. Everything but the tokens may have been written by somebody who can write the store.

const POLICY = {
  approvers: ['oncall', 'cto'].map(personId),
  quorum: 1,
  expiresIn: minutes(15),
  startWithin: minutes(10),
};

let stage: AskedStage;
let approval: ApprovalState;
let digest: string;
let oncall: OpenedLink;
let cto: OpenedLink;
beforeAll(async () => {
  stage = await askedStage();
  [oncall, cto] = [await opened(stage), await opened(stage, 'cto-pager')];
  const { approvals, run } = await stage.state();
  if (approvals[0] === undefined || run === undefined) throw new Error('nothing was asked');
  [approval, digest] = [approvals[0], run.digest];
});

const decided = (token: string, changes: Partial<Decision> = {}): Decision => ({
  approver: personId('oncall'),
  decision: 'approve',
  token,
  identity: null,
  at: after(approval.askedAt, millis(1_000)),
  ...changes,
});

/** What the decisions amount to, with everything else as it was asked, or changed. */
const verdict = async (
  decisions: readonly Decision[],
  changes: {
    readonly approval?: Partial<ApprovalState>;
    readonly planDigest?: string;
    readonly incident?: string;
    readonly quorum?: number;
    readonly identity?: Approvals['identity'];
  } = {},
) =>
  await verifyDecisions({
    incident: incidentId(changes.incident ?? stage.id),
    planDigest: changes.planDigest ?? digest,
    approval: { ...approval, ...changes.approval, decisions },
    policy: { ...POLICY, quorum: changes.quorum ?? 1 },
    identity: changes.identity ?? 'link',
    people: stage.home.system.people,
    verifier: stage.home.verifier,
  });

describe('recover’s own check of the decisions', () => {
  it('accepts what an approver signed for, with the loss and the time that were signed', async () => {
    expect(await verdict([decided(oncall.approve)])).toEqual({
      kind: 'approved',
      approvers: ['oncall'],
      evidence: approval.evidence,
      lossLimitMs: approval.lossLimitMs,
      startBefore: after(approval.expiresAt, POLICY.startWithin),
    });
  });

  it('takes quorum and approvers from the configuration, whatever the approval in the log says', async () => {
    const widened = { approvers: [personId('mallory')], quorum: 1 };
    expect((await verdict([decided(oncall.approve)], { quorum: 2, approval: widened })).kind).toBe('unproved');
    const stranger = await stage.forge(await claimsFor(stage, 'security'));
    expect(await verdict([decided(stranger, { approver: personId('security') })])).toMatchObject({
      because: expect.stringContaining('not an approver of this runbook'),
    });
  });

  it('counts one approver once, however many tokens the log holds', async () => {
    const twice = [decided(oncall.approve), decided(await stage.forge(await claimsFor(stage)))];
    expect((await verdict(twice, { quorum: 2 })).kind).toBe('unproved');
    const both = [decided(oncall.approve), decided(cto.approve, { approver: personId('cto') })];
    expect((await verdict(both, { quorum: 2 })).kind).toBe('approved');
  });

  it('takes a token that says deny for a deny, whatever the event says', async () => {
    expect(await verdict([decided(oncall.deny)])).toEqual({ kind: 'denied', by: 'oncall' });
    const approved = decided(cto.approve, { approver: personId('cto') });
    expect(await verdict([approved, decided(oncall.deny)])).toEqual({ kind: 'denied', by: 'oncall' });
  });

  it('binds a run to the smallest loss and the earliest time that anybody signed', async () => {
    const wider = await stage.forge({ ...(await claimsFor(stage, 'cto')), lossBoundMs: 9_999_999, exp: 9_999_999_999 });
    const unknown = await stage.forge({ ...(await claimsFor(stage, 'cto')), lossBoundMs: null });
    const least = { lossLimitMs: approval.lossLimitMs, startBefore: after(approval.expiresAt, POLICY.startWithin) };
    for (const token of [wider, unknown]) {
      const both = [decided(token, { approver: personId('cto') }), decided(oncall.approve)];
      expect(await verdict(both, { quorum: 2 })).toMatchObject(least);
    }
  });

  it('counts a decision beside IAP only under the e-mail of the token’s approver', async () => {
    const under = async (identity: string | null) =>
      (await verdict([decided(oncall.approve, { identity })], { identity: 'iap' })).kind;
    expect(await under('oncall@coditect.ai')).toBe('approved');
    expect(await under('Oncall@Coditect.ai')).toBe('approved');
    for (const other of ['1@az1.ai', 'oncall', null]) expect(await under(other)).toBe('unproved');
  });
});

describe('a forged event', () => {
  const DAY = 86_400;

  /** Every way in which somebody without the signing key can make a token, and every edit of an event around a true one. */
  async function forgeries(): Promise<readonly (readonly [string, Parameters<typeof verdict>])[]> {
    const claims = await claimsFor(stage);
    const [header = '', body = '', signature = ''] = oncall.approve.split('.');
    const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const edited = (changes: object): string => `${header}.${encoded({ ...bodyOf(body), ...changes })}.${signature}`;
    const hs256 = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256', typ: 'dr-decision+jwt', kid: 'test-key' })
      .setAudience('dr-autopilot/decision')
      .sign(new TextEncoder().encode(stage.publicKey));
    const withToken = async (name: string, token: string | Promise<string>) =>
      [name, [[decided(await token)]]] as const satisfies readonly [string, Parameters<typeof verdict>];
    return [
      await withToken('no token', ''),
      await withToken('alg none', `${encoded({ alg: 'none', typ: 'dr-decision+jwt', kid: 'test-key' })}.${body}.`),
      await withToken('alg none, signed', `${encoded({ alg: 'none', kid: 'test-key' })}.${body}.${signature}`),
      await withToken('HS256 with the public key', hs256),
      await withToken('another key', stage.forge(claims, { key: 'other' })),
      await withToken('another key’s id', stage.forge(claims, { kid: 'k2' })),
      await withToken('another audience', stage.forge(claims, { audience: 'dr-autopilot/other' })),
      await withToken('edited approver', edited({ sub: 'cto' })),
      await withToken('edited plan', edited({ planDigest: 'f'.repeat(64) })),
      await withToken('edited incident', edited({ incident: 'inc-aaaaaaaaaa' })),
      await withToken('edited loss', edited({ lossBoundMs: 1 })),
      await withToken('edited expiry', edited({ exp: claims.exp + DAY })),
      await withToken(
        'deny edited to approve',
        oncall.deny.replace(`.${oncall.deny.split('.')[1] ?? ''}.`, `.${body}.`),
      ),
      await withToken('signed for another incident', stage.forge({ ...claims, incident: 'inc-aaaaaaaaaa' })),
      await withToken('signed for another approval', stage.forge({ ...claims, approval: 'apr-other' })),
      await withToken('signed for another plan', stage.forge({ ...claims, planDigest: 'f'.repeat(64) })),
      await withToken('signed for nobody of ours', stage.forge({ ...claims, sub: 'mallory' })),
      await withToken('signed with a claim too many', stage.forge({ ...claims, admin: true })),
      ['another approver in the event', [[decided(oncall.approve, { approver: personId('cto') })]]],
      ['a deny in the event', [[decided(oncall.approve, { decision: 'deny' })]]],
      ['decided after the expiry', [[decided(oncall.approve, { at: after(approval.expiresAt, millis(1_000)) })]]],
      ['moved to another incident', [[decided(oncall.approve)], { incident: 'inc-aaaaaaaaaa' }]],
      ['moved to another plan', [[decided(oncall.approve)], { planDigest: 'f'.repeat(64) }]],
      ['moved to another approval', [[decided(oncall.approve)], { approval: { id: 'apr-x' as ApprovalState['id'] } }]],
    ];
  }

  it('of any kind is no approval', async () => {
    for (const [name, request] of await forgeries())
      expect([name, (await verdict(...request)).kind]).toEqual([name, 'unproved']);
  });

  it('never helps a true one to its quorum, however many there are', async () => {
    const all = (await forgeries()).flatMap(([, [decisions, changes]]) => (changes === undefined ? decisions : []));
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(all), async (forged) => {
        expect((await verdict([...forged, decided(oncall.approve)], { quorum: 2 })).kind).toBe('unproved');
      }),
      { numRuns: 50 },
    );
  });

  it('never becomes an approval by changing a character of a token', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.constantFrom('A', 'a', '0', '_'), async (place, character) => {
        const at = place % oncall.approve.length;
        const token = oncall.approve.slice(0, at) + character + oncall.approve.slice(at + 1);
        fc.pre(token !== oncall.approve && !sameBytes(token, oncall.approve));
        expect((await verdict([decided(token)])).kind).toBe('unproved');
      }),
      { numRuns: 200 },
    );
  });
});

const bodyOf = (body: string): object => JSON.parse(Buffer.from(body, 'base64url').toString()) as object; // a token of ours

/** The last character of base64url carries bits that nobody reads. */
const sameBytes = (one: string, other: string): boolean =>
  one
    .split('.')
    .every((part, index) =>
      Buffer.from(part, 'base64url').equals(Buffer.from(other.split('.')[index] ?? '', 'base64url')),
    );
