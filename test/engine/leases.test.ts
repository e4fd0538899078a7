import { describe, expect, it } from '@jest/globals';
import { seconds } from '../../shared/core/time.ts';
import { type LeaseOptions, takeLeases } from '../../shared/engine/leases.ts';
import { PortError } from '../../shared/ports/port-error.ts';
import type { LeaseStore } from '../../shared/ports/store.ts';
import { createMemoryStore } from '../../shared/store/memory-store.ts';
import { JumpingClock } from './rehearsal.ts';

function stageOf() {
  const clock = new JumpingClock();
  const { leases } = createMemoryStore(clock);
  const as = (holder: string, own: LeaseStore = leases): LeaseOptions => ({
    leases: own,
    clock,
    holder,
    length: seconds(60),
    skew: seconds(5),
  });
  return { leases, as };
}

const TARGETS = ['target/a', 'target/b', 'target/c'] as const;

/** Leases that note when each key is asked for and answered. */
const noting = (leases: LeaseStore, seen: string[]): LeaseStore => ({
  ...leases,
  acquire: async (key, ...rest) => {
    seen.push(`ask ${key}`);
    const answer = await leases.acquire(key, ...rest);
    seen.push(`${answer.kind} ${key}`);
    return answer;
  },
});

describe('the leases of a run', () => {
  it('are asked for at once, after that of its incident', async () => {
    const { leases, as } = stageOf();
    const seen: string[] = [];

    const taken = await takeLeases(['incident/1', ...TARGETS], as('one', noting(leases, seen)));

    expect(taken.kind).toBe('holding');
    expect(seen.slice(0, 5)).toEqual([
      'ask incident/1',
      'held incident/1',
      'ask target/a',
      'ask target/b',
      'ask target/c',
    ]);
  });

  it('are not asked for where another worker has the incident', async () => {
    const { leases, as } = stageOf();
    await takeLeases(['incident/1', ...TARGETS], as('one'));
    const seen: string[] = [];

    const taken = await takeLeases(['incident/1', ...TARGETS], as('two', noting(leases, seen)));

    expect(taken).toMatchObject({ kind: 'taken', key: 'incident/1', by: 'one' });
    expect(seen).toHaveLength(2);
  });

  it('are all given back where one of them is taken, or the store fails for one', async () => {
    const { leases, as } = stageOf();
    await leases.acquire('target/b', 'somebody', seconds(60));
    const failing: LeaseStore = {
      ...leases,
      acquire: async (key, ...rest) => {
        if (key === 'target/c') throw new PortError('retryable', 'busy', 'no');
        return await leases.acquire(key, ...rest);
      },
    };

    expect(await takeLeases(['incident/1', ...TARGETS], as('one'))).toMatchObject({ kind: 'taken', key: 'target/b' });
    await expect(takeLeases(['incident/1', 'target/a', 'target/c'], as('two', failing))).rejects.toThrow('no');

    for (const key of ['incident/1', 'target/a', 'target/c']) expect(await leases.read(key)).toBeUndefined();
  });

  it('come to one of two runs that each got some of them at the same moment', async () => {
    const { leases, as } = stageOf();
    const asked: string[] = [];
    /** Answers the slow key last, so that each of two gets what the other misses. */
    const slowFor = (slow: string): LeaseStore => ({
      ...leases,
      acquire: async (key, ...rest) => {
        asked.push(key);
        if (key === slow && asked.filter((one) => one === slow).length <= 2) await turns(20);
        return await leases.acquire(key, ...rest);
      },
    });

    const outcomes = await Promise.all([
      takeLeases(['incident/1', 'target/a', 'target/b'], as('one', slowFor('target/b'))),
      takeLeases(['incident/2', 'target/a', 'target/b'], as('two', slowFor('target/a'))),
    ]);

    expect(outcomes.map(({ kind }) => kind).toSorted()).toEqual(['holding', 'taken']);
  });
});

/** Lets everything else go on so many times. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await Promise.resolve();
}
