import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { DatabaseFacts, Facts } from '../../shared/classify/facts.ts';
import { digestOf } from '../../shared/core/digest.ts';
import { millis } from '../../shared/core/time.ts';
import { targetId } from '../../shared/system/names.ts';
import type { Database } from '../../shared/system/system.ts';
import {
  ABOUT_API,
  ask,
  at,
  database,
  deadDatabase,
  deadLook,
  EAST,
  east,
  every20,
  gke,
  instance,
  look,
  operation,
  PRIMARY,
  REPLICA,
  replica,
  run,
  SYSTEM,
  T0,
  wellDatabase,
  wellLook,
  word,
} from './looks.ts';

/** A primary that died, where dr.yaml lists these remedies. */
const failed =
  (remedies: Database['remedies'], change: Partial<DatabaseFacts> = {}) =>
  (seconds: number): Facts =>
    deadLook(seconds, { database: { ...database, remedies }, ...change });

const codes = (diagnosis: ReturnType<typeof ask>) => diagnosis.reasons.map(({ code }) => code);

describe('a primary that died', () => {
  it('is failed over once two observers have agreed for the whole confirmation window', () => {
    const rounds = every20(20, 80, deadLook);
    expect(ask(rounds)).toMatchObject({
      scenario: 'database-primary-failure',
      target: 'database/coditect-dms-db',
      subject: { instance: PRIMARY, replica: REPLICA },
      confidence: 'confirmed',
      conclusion: 'act',
      runbook: 'database-failover',
      failedSinceMs: T0,
      evidence: digestOf(rounds.at(-1)),
    });
  });

  it('names its symptoms, every observer and what would change our mind', () => {
    const diagnosis = ask(every20(20, 80, deadLook));
    expect(codes(diagnosis)).toEqual(
      expect.arrayContaining(['primaryFailed', 'applications.failed', 'replicas.failed', 'symptom']),
    );
    expect(diagnosis.wouldChangeMind).not.toHaveLength(0);
  });

  it('is waited for until then, in thirds of the window', () => {
    expect(ask(every20(20, 60, deadLook))).toMatchObject({
      conclusion: 'wait',
      scenario: 'database-primary-failure',
      lookAgainInMs: 20_000,
      runbook: null,
    });
  });

  it('begins anew after a look that found it serving', () => {
    const rounds = [deadLook(20), wellLook(40), ...every20(60, 100, deadLook)];
    expect(ask(rounds)).toMatchObject({ conclusion: 'wait' });
  });

  it('is not confirmed by looks between which nobody looked', () => {
    expect(ask([deadLook(20), deadLook(200)])).toMatchObject({
      conclusion: 'wait',
      scenario: 'database-primary-failure',
    });
  });

  it('is found although Monitoring still shows how it was', () => {
    const late = (seconds: number) => deadLook(seconds, { up: [{ at: at(-30), value: 1 }] });
    expect(ask(every20(20, 80, late))).toMatchObject({ conclusion: 'act' });
  });

  it('is found by Monitoring and the replicas when the applications are silent', () => {
    const silent = (seconds: number) => look(seconds, [deadDatabase(seconds)], [gke('silent'), run('silent')]);
    expect(ask(every20(120, 180, silent))).toMatchObject({ conclusion: 'act' });
  });

  it('is found when the incident began with its application', () => {
    expect(ask(every20(20, 80, deadLook), ABOUT_API)).toMatchObject({
      conclusion: 'act',
      target: 'database/coditect-dms-db',
    });
  });

  it('is dated by the watch when that saw it first', () => {
    const watch = {
      version: 1,
      instance: PRIMARY,
      lastWrittenAtMs: at(-12),
      lastSequence: 9,
      notWrittenSinceMs: at(-7),
      refusedSinceMs: at(-6),
      lastLookAtMs: at(60),
      vantages: {},
    } as const;
    expect(ask(every20(20, 80, (seconds) => deadLook(seconds, { watch })))).toMatchObject({
      conclusion: 'act',
      failedSinceMs: at(-6),
    });
  });

  it('goes to people when dr.yaml allows no promotion', () => {
    expect(ask(every20(20, 80, failed(['wait'])))).toMatchObject({
      conclusion: 'person',
      scenario: 'database-primary-failure',
    });
  });

  it('is restarted when dr.yaml lists that and no promotion, and goes to people once that was tried', () => {
    const tried = operation('RESTART', at(30), { state: 'done', error: 'INTERNAL_ERROR' });
    expect(ask(every20(20, 80, failed(['restart'])))).toMatchObject({
      conclusion: 'act',
      runbook: 'database-failover',
    });
    const after = ask(every20(20, 80, failed(['restart'], { operations: [tried] })));
    expect(after).toMatchObject({ conclusion: 'person', scenario: 'database-primary-failure' });
    expect(codes(after)).toContain('remedySpent');
  });

  it('is restarted when no replica is fit, and goes to people without that remedy', () => {
    const alone = { replicas: [] };
    expect(ask(every20(20, 80, failed(['restart', 'promote'], alone)))).toMatchObject({ conclusion: 'act' });
    expect(ask(every20(20, 80, failed(['promote'], alone)))).toMatchObject({
      conclusion: 'person',
      scenario: 'database-replica-unfit',
    });
  });

  it('passes the same rules when a person asks for the failover', () => {
    expect(ask(every20(20, 60, deadLook), { requested: 'database-failover' })).toMatchObject({ conclusion: 'wait' });
    expect(ask(every20(20, 80, wellLook), { requested: 'database-failover' })).toMatchObject({
      conclusion: 'nothing',
      scenario: 'not-failed',
    });
  });
});

describe('a primary that nobody may take away', () => {
  const cut = {
    contact: { vantage: 'dr-autopilot', at: T0, outcome: { kind: 'unknown', detail: 'timeout' }, control: 'ok' },
  } as const;

  it('serves although we do not reach it: its replicas stream', () => {
    const unreachable = (seconds: number) =>
      look(seconds, [wellDatabase(seconds, cut)], [gke('silent'), run('silent')]);
    expect(ask(every20(20, 80, unreachable))).toMatchObject({
      scenario: 'database-unreachable-but-serving',
      conclusion: 'person',
      runbook: null,
    });
    expect(ask(every20(20, 60, unreachable))).toMatchObject({
      scenario: 'database-unreachable-but-serving',
      conclusion: 'wait',
    });
  });

  it('serves as long as one application can write', () => {
    const one = (seconds: number) => look(seconds, [deadDatabase(seconds)], [gke('failing'), run('serving')]);
    expect(ask(every20(20, 80, one))).toMatchObject({
      scenario: 'database-unreachable-but-serving',
      conclusion: 'person',
    });
  });

  it('is not taken away by one observer, however sure', () => {
    const one = (seconds: number) =>
      look(seconds, [deadDatabase(seconds, { replication: [] })], [gke('silent'), run('failing')]);
    expect(ask(every20(120, 260, one))).toMatchObject({ scenario: 'unknown', conclusion: 'wait' });
    expect(ask(every20(260, 320, one))).toMatchObject({ scenario: 'unknown', conclusion: 'person' });
  });

  it('is not taken away by silence', () => {
    const silent = (seconds: number) =>
      look(
        seconds,
        [
          deadDatabase(seconds, {
            ...cut,
            up: [],
            replication: [{ instance: REPLICA, status: undefined, lagMetricSeconds: undefined }],
          }),
        ],
        [gke('silent'), run('silent')],
      );
    expect(ask(every20(260, 320, silent))).toMatchObject({ scenario: 'unknown', conclusion: 'person' });
  });

  it('is not taken away when we are cut off from its replicas as well', () => {
    const alone = (seconds: number) =>
      deadLook(seconds, {
        replication: [],
        contact: {
          vantage: 'dr-autopilot',
          at: at(seconds),
          outcome: { kind: 'connectionRefused' },
          control: 'failed',
        },
      });
    const diagnosis = ask(every20(260, 320, alone));
    expect(diagnosis).toMatchObject({ conclusion: 'person', scenario: 'unknown' });
    expect(diagnosis.reasons[0]?.text).toContain('cut off ourselves');
  });

  it('never fails over when any look of the window has a sign of life', () => {
    const sign = fc.constantFrom<Partial<DatabaseFacts>>(
      { contact: { vantage: 'dr-autopilot', at: T0, outcome: { kind: 'written' }, control: 'ok' } },
      { replication: [word(REPLICA, true, at(-2)), word(EAST, false, at(-2))] },
    );
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3 }), sign, (index, change) => {
        const rounds = every20(20, 80, deadLook).map(
          (facts, other): Facts => (other === index ? deadLook(20 + 20 * other, change) : facts),
        );
        expect(ask(rounds).conclusion).not.toBe('act');
      }),
    );
  });
});

describe('an innocent cause', () => {
  it.each([
    ['maintenance', 'MAINTENANCE', 'database-maintenance'],
    ['a restart by itself', 'AUTO_RESTART', 'database-operation-in-progress'],
    ['an operation that a person started', 'RESTART', 'database-operation-in-progress'],
    ['a promotion by hand', 'PROMOTE_REPLICA', 'database-operation-in-progress'],
  ])('is waited for: %s', (_, type, scenario) => {
    const busy = (seconds: number) =>
      deadLook(seconds, { operations: [operation(type, at(-10), { user: 'oncall@coditect.ai' })] });
    expect(ask(every20(20, 80, busy))).toMatchObject({ scenario, conclusion: 'wait' });
  });

  it('is no excuse for ever', () => {
    const busy = (seconds: number) => deadLook(seconds, { operations: [operation('UPDATE', at(-1_000))] });
    expect(ask(every20(20, 80, busy))).toMatchObject({
      scenario: 'database-operation-in-progress',
      conclusion: 'person',
    });
    expect(ask(every20(20, 80, busy), { requested: 'database-failover' })).toMatchObject({ conclusion: 'act' });
  });

  it('is not a backup, which takes nothing away', () => {
    const backup = (seconds: number) => deadLook(seconds, { operations: [operation('BACKUP_VOLUME', at(-10))] });
    expect(ask(every20(20, 80, backup))).toMatchObject({ conclusion: 'act' });
  });

  it('is the state that the API itself calls maintenance', () => {
    const kept = (seconds: number) => deadLook(seconds, { primary: instance({ state: 'maintenance' }) });
    expect(ask(every20(20, 80, kept))).toMatchObject({ scenario: 'database-maintenance', conclusion: 'wait' });
  });

  it('is a standby that takes over by itself, and people when it does not', () => {
    const regional = (seconds: number) => deadLook(seconds, { primary: instance({ availability: 'regional' }) });
    expect(ask(every20(20, 80, regional))).toMatchObject({
      scenario: 'database-standby-takes-over',
      conclusion: 'wait',
    });
    expect(ask(every20(140, 200, regional))).toMatchObject({
      scenario: 'database-standby-takes-over',
      conclusion: 'person',
    });
  });

  it('is a standby that does not take over: helped on where failover is listed, until that was tried', () => {
    const regional = { primary: instance({ availability: 'regional' }) };
    const list = ['wait', 'failover'] as const;
    const tried = { ...regional, operations: [operation('FAILOVER', at(60), { state: 'done' })] };
    expect(ask(every20(20, 80, failed(list, regional)))).toMatchObject({ conclusion: 'wait' });
    expect(ask(every20(140, 200, failed(list, regional)))).toMatchObject({
      scenario: 'database-primary-failure',
      conclusion: 'act',
      runbook: 'database-failover',
    });
    expect(ask(every20(140, 200, failed(list, tried)))).toMatchObject({ conclusion: 'person' });
    expect(ask(every20(140, 200, failed(['wait', 'failover', 'promote'], tried)))).toMatchObject({
      conclusion: 'act',
      subject: { replica: REPLICA },
    });
  });

  it('is a primary that somebody stopped, until a person asks for the failover', () => {
    const stopped = (seconds: number) => deadLook(seconds, { primary: instance({ activation: 'never' }) });
    expect(ask(every20(20, 80, stopped))).toMatchObject({ conclusion: 'person' });
    expect(ask(every20(20, 80, stopped), { requested: 'database-failover' })).toMatchObject({ conclusion: 'act' });
  });

  it('can not be ruled out while operations are unreadable', () => {
    const blind = (seconds: number) => deadLook(seconds, { operations: { unreadable: 'http 503' } });
    expect(ask(every20(20, 80, blind))).toMatchObject({ scenario: 'unknown', conclusion: 'wait' });
    expect(ask(every20(260, 320, blind))).toMatchObject({ scenario: 'unknown', conclusion: 'person' });
  });
});

describe('a replica that can not take over', () => {
  it('sends the failure to people with every reason', () => {
    const unfit = (seconds: number) =>
      deadLook(seconds, { replicas: [replica({ upstream: EAST }), east({ tier: 'db-custom-1-3840' })] });
    const diagnosis = ask(every20(20, 80, unfit));
    expect(diagnosis).toMatchObject({ scenario: 'database-replica-unfit', conclusion: 'person' });
    expect(codes(diagnosis).filter((code) => code === 'unfit')).toHaveLength(2);
  });
});

describe('a replica that somebody has promoted', () => {
  const byHand = (change: Partial<DatabaseFacts>) => ask(every20(20, 80, (seconds) => deadLook(seconds, change)));

  it('keeps us from promoting another one', () => {
    const promoted = instance({ instance: REPLICA, address: '10.20.0.4' });
    expect(byHand({ replicas: [promoted, east()] })).toMatchObject({
      scenario: 'database-replica-unfit',
      conclusion: 'person',
    });
  });

  it('keeps us from it by its own word, when the API does not know yet', () => {
    const status = { role: 'primary', receiving: false, heartbeat: undefined, position: 1 } as const;
    const replication = [{ instance: REPLICA, status, lagMetricSeconds: undefined }, word(EAST, false, at(-2))];
    expect(byHand({ replication }).reasons[0]?.code).toBe('alreadyPromoted');
  });
});

describe('nothing to do', () => {
  it('is concluded only after a whole window without a failure', () => {
    expect(ask(every20(20, 60, wellLook))).toMatchObject({ scenario: 'not-failed', conclusion: 'wait' });
    expect(ask(every20(20, 80, wellLook))).toMatchObject({ scenario: 'not-failed', conclusion: 'nothing' });
  });

  it('is called recovered when a failure was seen', () => {
    const rounds = [deadLook(20), ...every20(40, 100, wellLook)];
    expect(ask(rounds)).toMatchObject({ scenario: 'recovered', conclusion: 'nothing' });
    expect(ask([deadLook(20), wellLook(40)])).toMatchObject({ scenario: 'recovered', conclusion: 'wait' });
  });

  it('follows at once from a close that opened the incident, never from a close alone', () => {
    const closed = { firstSignalAt: undefined };
    expect(ask([wellLook(20)], closed)).toMatchObject({ scenario: 'not-failed', conclusion: 'nothing' });
    expect(ask([deadLook(20)], closed)).toMatchObject({ conclusion: 'wait', scenario: 'database-primary-failure' });
  });

  it('follows from a test notification, whatever the world looks like', () => {
    expect(ask(every20(20, 80, deadLook), {}, { isTest: true })).toMatchObject({
      scenario: 'test-notification',
      conclusion: 'nothing',
    });
  });

  it('is not concluded about a signal that names nothing of ours', () => {
    expect(ask([look(20, [], [])], { target: targetId('unknown/x'), targets: [] })).toMatchObject({
      scenario: 'unknown',
      conclusion: 'person',
    });
  });
});

describe('the confirmation window', () => {
  it('is that of dr.yaml', () => {
    const system = { ...SYSTEM, guards: { ...SYSTEM.guards, confirmationWindow: millis(120_000) } };
    expect(ask(every20(20, 80, deadLook), {}, { system })).toMatchObject({ conclusion: 'wait', lookAgainInMs: 40_000 });
    expect(ask(every20(20, 140, deadLook), {}, { system })).toMatchObject({ conclusion: 'act' });
  });
});
