import { describe, expect, it } from '@jest/globals';
import { type CallOutcome, type Observations, verdictOf } from '../../shared/adoption/conform.ts';
import { isOurs, planConform } from '../../shared/adoption/conform-plan.ts';

const accepted: CallOutcome = { kind: 'accepted', error: undefined };
const refused = (code: string): CallOutcome => ({ kind: 'refused', code });
const lost: CallOutcome = { kind: 'lost', code: 'timeout' };

const PLACE = { region: 'us-central1', serviceRegion: 'us-central1', databaseVersion: 'POSTGRES_15' };

describe('what an observation says of an assumption', () => {
  it.each([
    ['refused as stale', { hadChanged: true, stale: refused('http 412') }, 'holds'],
    ['accepted', { hadChanged: true, stale: accepted }, 'doesNotHold'],
    ['refused because somebody may not', { hadChanged: true, stale: refused('forbidden') }, 'notProved'],
    ['lost', { hadChanged: true, stale: lost }, 'notProved'],
    [
      'refused, with a version that nothing had changed',
      { hadChanged: false, stale: refused('http 412') },
      'notProved',
    ],
    ['not come to', undefined, 'notProved'],
  ])('a change with a stale version that is %s', (_, seen, kind) => {
    const observed: Observations = seen === undefined ? {} : { settingsVersionChecked: seen };
    expect(verdictOf('settingsVersionChecked', observed, undefined)).toMatchObject({ kind });
  });

  it.each([
    ['done with a replica beside it', 1, accepted, 'never', 'holds'],
    ['done, where no replica was', 0, accepted, 'never', 'notProved'],
    ['refused', 1, refused('invalid'), 'always', 'doesNotHold'],
    ['refused because somebody may not', 1, refused('forbidden'), 'always', 'notProved'],
    ['accepted, and failed', 1, { kind: 'accepted', error: 'INTERNAL_ERROR' }, 'always', 'doesNotHold'],
    ['done, and the instance says that it runs', 1, accepted, 'always', 'doesNotHold'],
    ['lost', 1, lost, 'always', 'notProved'],
  ] satisfies readonly [string, number, CallOutcome, 'always' | 'never', string][])(
    'a stop that is %s',
    (_, replicas, stop, activation, kind) => {
      const seen = { stopPrimaryWithReplicas: { replicas, stop, activation } };
      expect(verdictOf('stopPrimaryWithReplicas', seen, undefined)).toMatchObject({ kind });
    },
  );

  it.each([
    ['both refused', refused('invalid'), refused('invalid'), 'holds'],
    ['a restart accepted', accepted, undefined, 'doesNotHold'],
    ['a failover accepted', refused('invalid'), accepted, 'doesNotHold'],
    ['a failover that was not come to', refused('invalid'), undefined, 'notProved'],
    ['a restart that somebody may not', refused('forbidden'), refused('invalid'), 'notProved'],
  ])('a stopped instance, with %s', (_, restart, failover, kind) => {
    const seen = { stoppedInstanceRefusesRestart: { restart, failover } };
    expect(verdictOf('stoppedInstanceRefusesRestart', seen, undefined)).toMatchObject({ kind });
  });

  it.each([
    ['turns everybody away', 200, [503, 503, undefined], 'holds'],
    ['answers once', 200, [503, 503, 200], 'doesNotHold'],
    ['is silent', 200, [undefined, undefined], 'notProved'],
    ['turned everybody away before', 403, [403, 403], 'notProved'],
  ])('a service at 0 that %s', (_, before, answers, kind) => {
    const seen = { manualZeroHoldsService: { before, isHeld: true, answers } };
    expect(verdictOf('manualZeroHoldsService', seen, undefined)).toMatchObject({ kind });
  });

  it('is why it was not come to', () => {
    expect(verdictOf('runEtagChecked', {}, 'creating the service: permanent (forbidden)')).toEqual({
      kind: 'notProved',
      because: 'creating the service: permanent (forbidden)',
    });
  });
});

describe('a plan', () => {
  it('makes a standby only for who needs one, and a replica likewise', () => {
    const availabilities = (...proves: Parameters<typeof planConform>[1]) =>
      planConform('abcdefgh', proves, PLACE).instances.map(({ name, availability }) => `${name} ${availability}`);
    expect(availabilities('settingsVersionChecked')).toEqual(['dr-conform-abcdefgh ZONAL']);
    expect(availabilities('stoppedInstanceRefusesRestart')).toEqual(['dr-conform-abcdefgh REGIONAL']);
    expect(availabilities('stopPrimaryWithReplicas')).toEqual([
      'dr-conform-abcdefgh ZONAL',
      'dr-conform-abcdefgh-replica ZONAL',
    ]);
    expect(availabilities('runEtagChecked')).toEqual([]);
  });

  it('costs what its arithmetic says', () => {
    const { minutes, cost } = planConform('abcdefgh', ['settingsVersionChecked'], PLACE);
    const hours = minutes / 60;
    expect(cost[0]?.dollars).toBeCloseTo(hours * (0.0413 + 3.75 * 0.007 + 1.7 / 730 + 0.01), 10);
  });

  it('takes for ours neither what dr.yaml names nor the bare prefix', () => {
    expect(isOurs('dr-conform-abcdefgh', new Set())).toBe(true);
    expect(isOurs('dr-conform-abcdefgh', new Set(['dr-conform-abcdefgh']))).toBe(false);
    expect(isOurs('dr-conform-', new Set())).toBe(false);
    expect(isOurs('coditect-dms-db', new Set())).toBe(false);
  });
});
