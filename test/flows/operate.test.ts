import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type OidcIssuer, startOidcIssuer } from '../../sandbox/http/oidc.ts';
import { createVirtualClock } from '../../sandbox/world/clock.ts';
import { instant, minutes } from '../../shared/core/time.ts';
import { type OperateHome, operate } from '../../shared/flows/operate.ts';
import { readKillSwitch } from '../../shared/guards/kill-switch.ts';
import { event } from '../../shared/incident/events.ts';
import { createOidcIdentity } from '../../shared/providers/oidc-identity.ts';
import { type AskedStage, askedStage } from '../approvals/asked.ts';
import { stands } from '../approvals/links.ts';
import { flowStage } from './stage.ts';

const AUDIENCE = 'https://approve.example';
const CTO = '1@az1.ai';

let issuer: OidcIssuer;
beforeAll(async () => {
  issuer = await startOidcIssuer(createVirtualClock(flowStage().clock.now()));
});
afterAll(() => issuer.close());

interface Door {
  readonly stage: AskedStage;
  readonly home: OperateHome;
  /** Asks as the CTO. */
  readonly ask: (body: unknown) => ReturnType<typeof operate>;
}

async function door(): Promise<Door> {
  const stage = await askedStage();
  const home = { ...stage.home, identity: createOidcIdentity({ issuer: issuer.issuer, audience: AUDIENCE }) };
  const idToken = await issuer.idToken({ email: CTO, audience: AUDIENCE });
  return { stage, home, ask: (body) => operate({ idToken, body }, home) };
}

describe('who may operate', () => {
  const stop = { verb: 'stop', reason: 'it acts strangely' };

  it('is a person of dr.yaml, by an id token of the configured issuer for the configured audience', async () => {
    const { ask } = await door();

    expect((await ask(stop)).status).toBe(200);
  });

  it('is nobody without a token, with one for another audience, of another issuer, or one that has expired', async () => {
    const { home } = await door();
    const stranger = await startOidcIssuer(createVirtualClock(home.clock.now()));
    const old = await startOidcIssuer(createVirtualClock(instant(home.clock.now() - minutes(120))));
    const tokens = [
      undefined,
      '',
      'no token',
      await issuer.idToken({ email: CTO, audience: 'https://other.example' }),
      await stranger.idToken({ email: CTO, audience: AUDIENCE }),
      await old.idToken({ email: CTO, audience: AUDIENCE }),
    ];
    await Promise.all([stranger.close(), old.close()]);

    for (const idToken of tokens) expect((await operate({ idToken, body: stop }, home)).status).toBe(401);
    expect(await readKillSwitch(home.store.documents)).toEqual({ kind: 'off' });
  });

  it('is nobody who is not in dr.yaml, and nobody at all without an issuer', async () => {
    const { home } = await door();
    const known = await issuer.idToken({ email: CTO, audience: AUDIENCE });
    const foreign = await issuer.idToken({ email: 'mallory@example.com', audience: AUDIENCE });

    expect((await operate({ idToken: foreign, body: stop }, home)).status).toBe(403);
    expect((await operate({ idToken: known, body: stop }, { ...home, identity: undefined })).status).toBe(401);
    expect(await readKillSwitch(home.store.documents)).toEqual({ kind: 'off' });
  });
});

describe('an operator', () => {
  it('switches the kill switch on and off, by name and with a reason', async () => {
    const { ask, home } = await door();
    const atMs = home.clock.now();

    await ask({ verb: 'stop', reason: 'storm' });
    expect(await readKillSwitch(home.store.documents)).toEqual({ kind: 'on', by: CTO, reason: 'storm', atMs });
    await ask({ verb: 'release', reason: 'over' });
    expect(await readKillSwitch(home.store.documents)).toEqual({ kind: 'off' });
  });

  it('changes the mode of a runbook', async () => {
    const { ask, home } = await door();

    await ask({ verb: 'mode', runbook: 'pod-heal', mode: 'observe', reason: 'a look first' });

    expect((await home.store.documents.get('control/mode/pod-heal'))?.value).toEqual({
      mode: 'observe',
      by: CTO,
      reason: 'a look first',
      atMs: home.clock.now(),
    });
  });

  it('takes an incident over and hands it back; what was asked before is void', async () => {
    const { ask, stage } = await door();

    expect(await ask({ verb: 'takeover', incident: stage.id, reason: 'by hand' })).toMatchObject({
      status: 200,
      body: { phase: 'takenOver' },
    });
    expect(await stands(stage)).toBe('voided');
    expect(await ask({ verb: 'resume', incident: stage.id, reason: 'done' })).toMatchObject({
      body: { phase: 'suspected' },
    });
  });

  it('cancels an incident, but not one whose run is under way', async () => {
    const { ask, stage } = await door();
    const cancel = { verb: 'cancel', incident: stage.id, reason: 'a mistake' };
    const running = await door();
    const { run } = await running.stage.state();
    const started = { run: run?.digest ?? '', planDigest: run?.digest ?? '', leaseToken: 1, worker: 'w' };
    await (await running.stage.journal()).append(() => [event('runStarted', started)]);

    expect(await ask(cancel)).toMatchObject({ status: 200, body: { phase: 'dismissed' } });
    expect((await ask(cancel)).status).toBe(409);
    expect((await running.ask({ ...cancel, incident: running.stage.id })).status).toBe(409);
  });

  it('asks for walls to be opened, one after the other, as long as the incident is open', async () => {
    const { ask, home, stage } = await door();
    const accept = (wall: string) => ask({ verb: 'accept', incident: stage.id, wall, reason: 'we must' });

    await accept('accept-loss');
    await accept('accept-unfenced-primary');

    expect((await home.store.documents.get(`accept/${stage.id}`))?.value).toMatchObject({
      verbs: ['accept-loss', 'accept-unfenced-primary'],
      by: CTO,
    });
    await ask({ verb: 'cancel', incident: stage.id, reason: 'over' });
    expect((await accept('accept-unknown-loss')).status).toBe(409);
  });

  it.each<readonly [string, unknown]>([
    ['no object', 'stop'],
    ['an unknown verb', { verb: 'promote', reason: 'r' }],
    ['no reason', { verb: 'stop' }],
    ['an empty reason', { verb: 'stop', reason: '' }],
    ['a reason that is too long', { verb: 'stop', reason: 'r'.repeat(501) }],
    ['a key too many', { verb: 'stop', reason: 'r', by: 'oncall' }],
    ['an unknown mode', { verb: 'mode', runbook: 'pod-heal', mode: 'yolo', reason: 'r' }],
    ['no id of an incident', { verb: 'cancel', incident: 'inc-../x', reason: 'r' }],
    ['an unknown wall', { verb: 'accept', incident: 'inc-aaaaaaaaaa', wall: 'accept-everything', reason: 'r' }],
  ])('is refused with %s', async (_, body) => {
    const { ask } = await door();

    expect((await ask(body)).status).toBe(400);
  });

  it('is told that there is no such incident', async () => {
    const { ask } = await door();

    for (const verb of ['cancel', 'takeover', 'resume'])
      expect((await ask({ verb, incident: 'inc-aaaaaaaaaa', reason: 'r' })).status).toBe(404);
  });
});
