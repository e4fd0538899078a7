import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { chooseReplica } from '../../shared/classify/choose-replica.ts';
import type { DatabaseFacts } from '../../shared/classify/facts.ts';
import type { InstanceStatus } from '../../shared/ports/databases.ts';
import { instanceName } from '../../shared/system/names.ts';
import { at, deadDatabase, EAST, east, instance, REPLICA, replica, word } from './looks.ts';

const choose = (change: Partial<DatabaseFacts>) => chooseReplica(deadDatabase(100, change));
const chosen = (change: Partial<DatabaseFacts>) => {
  const choice = choose(change);
  return 'unfit' in choice ? choice.unfit.join('; ') : choice.instance;
};

describe('the replica to promote', () => {
  it('is the most advanced one, wherever it stands, and that is said', () => {
    const choice = choose({ replication: [word(REPLICA, false, at(-12)), word(EAST, false, at(-2))] });
    expect(choice).toMatchObject({ instance: EAST });
    expect('remarks' in choice && choice.remarks).toEqual([
      'coditect-dms-db-east stands in us-east1, not in us-central1',
      'coditect-dms-db-replica is 10s behind',
    ]);
  });

  it('is the one in the region of the primary when they are equally advanced', () => {
    expect(chosen({ replication: [word(REPLICA, false, at(-2), 10), word(EAST, false, at(-2), 20)] })).toBe(REPLICA);
  });

  it('is the one further in the log when even the region is the same', () => {
    const both = [replica(), east({ region: 'us-central1' })];
    expect(
      chosen({ replicas: both, replication: [word(REPLICA, false, at(-2), 10), word(EAST, false, at(-2), 20)] }),
    ).toBe(EAST);
  });

  it('is never one without a heartbeat while another has one', () => {
    const mute = {
      instance: REPLICA,
      status: { role: 'replica', receiving: false, heartbeat: undefined, position: 9_999 },
      lagMetricSeconds: undefined,
    } as const;
    expect(chosen({ replication: [mute, word(EAST, false, at(-500))] })).toBe(EAST);
    expect(chosen({ replication: [mute] })).toBe(REPLICA);
  });

  const only = (change: Partial<InstanceStatus>) => ({ replicas: [replica(change)] });

  it.each<[string, Partial<DatabaseFacts>, RegExp]>([
    ['follows another primary', only({ upstream: EAST }), /follows coditect-dms-db-east/],
    ['is a primary itself', { replicas: [instance({ instance: REPLICA })] }, /is a primary itself/],
    [
      'says that it is one',
      {
        replicas: [replica()],
        replication: [
          {
            instance: REPLICA,
            status: { role: 'primary', receiving: false, heartbeat: undefined, position: 1 },
            lagMetricSeconds: undefined,
          },
        ],
      },
      /says that it is a primary/,
    ],
    ['is not running', only({ state: 'failed' }), /is failed/],
    ['is stopped', only({ activation: 'never' }), /is stopped/],
    ['has another version', only({ databaseVersion: 'POSTGRES_14' }), /POSTGRES_14/],
    ['is smaller', only({ tier: 'db-custom-2-16384' }), /smaller/],
    ['has a size that can not be compared', only({ tier: 'db-perf-optimized-N-4' }), /smaller/],
    ['can not be asked', { ...only({}), replication: [] }, /could not be asked/],
    ['is not described', { replicas: [] }, /not described/],
    [
      'stands beside a primary that can not be read',
      { ...only({}), primary: { unreadable: 'timeout' } },
      /can't be compared/,
    ],
  ])('is never one that %s', (_, change, why) => {
    expect(chosen(change)).toMatch(why);
  });

  it('may be bigger than the primary', () => {
    expect(chosen(only({ tier: 'db-custom-8-32768' }))).toBe(REPLICA);
  });

  it('is never one that dr.yaml does not list', () => {
    const stranger = instanceName('analytics');
    const status = replica({ instance: stranger });
    expect(chosen({ replicas: [status], replication: [word(stranger, false, at(-1))] })).toMatch(
      /analytics is not listed in dr.yaml/,
    );
  });

  it('is always listed, a follower and at least as advanced as any other fit one, to the second', () => {
    const state = fc.constantFrom<Partial<InstanceStatus>>(
      {},
      {},
      { state: 'failed' },
      { upstream: EAST },
      { tier: 'db-custom-1-1' },
    );
    fc.assert(
      fc.property(
        state,
        state,
        fc.integer({ min: -60, max: 0 }),
        fc.integer({ min: -60, max: 0 }),
        (a, b, atA, atB) => {
          const facts = deadDatabase(100, {
            replicas: [replica(a), east(b)],
            replication: [word(REPLICA, false, at(atA)), word(EAST, false, at(atB))],
          });
          const choice = chooseReplica(facts);
          if ('unfit' in choice) return;
          expect(choice.status.upstream).toBe(facts.primaryName);
          const fit = [Object.keys(a).length === 0 ? atA : -Infinity, Object.keys(b).length === 0 ? atB : -Infinity];
          expect((choice.replication.heartbeat?.at ?? 0) + 1_000).toBeGreaterThanOrEqual(at(Math.max(...fit)));
        },
      ),
    );
  });
});
