import { describe, expect, it } from '@jest/globals';
import { lossNow } from '../../shared/actions/check-loss-bound.ts';
import { after, seconds } from '../../shared/core/time.ts';
import type { World } from '../../shared/ports/ports.ts';
import { PRIMARY, REPLICA, SYSTEM } from '../classify/looks.ts';
import { JumpingClock, planOf, step } from '../engine/rehearsal.ts';
import { contextOf } from './context.ts';

// The loss, computed again before a promotion: from the replica's newest heartbeat to the approved end of writes.

/**
 * The bound when the replica's newest heartbeat is so many seconds younger than the approved end of writes, five minutes ago, and
 * the newest that the watch saw the old primary take.
 */
async function boundWith(heartbeatAfterEnd: number, takenAfterEnd = heartbeatAfterEnd): Promise<number | null> {
  const clock = new JumpingClock();
  const endedAt = after(clock.now(), -seconds(300));
  const heartbeat = { sequence: 9, at: after(endedAt, heartbeatAfterEnd * 1_000) };
  const replication = async () => ({ role: 'replica', receiving: false, heartbeat, position: 1 });
  const world = { dataPlane: { replication } } as unknown as World; // nothing else is asked
  const reading = { value: { lastWrittenAtMs: after(endedAt, takenAfterEnd * 1_000) }, version: 1 };
  const documents = { get: async (key: string) => (key === `watch/${PRIMARY}` ? reading : undefined) };
  const run = { plan: planOf([step('fence', { input: { instance: PRIMARY } })]) };
  const context = contextOf({ world, clock, system: SYSTEM, lossLimitMs: null, documents, run });
  const found = await lossNow({ replica: REPLICA, endedAtMs: endedAt, fenceStep: 'fence' }, context);
  if ('failure' in found) throw new Error(found.failure.detail);
  return found.output.boundMs;
}

describe('The loss before a promotion', () => {
  it('ends where writes ended when people approved', async () => {
    expect(await boundWith(-10)).toBe(seconds(10) + SYSTEM.guards.clockSkew);
  });

  it('ends now when a row was written after that: the old side came back meanwhile', async () => {
    expect(await boundWith(100)).toBe(seconds(200) + SYSTEM.guards.clockSkew);
  });

  it('ends now when the old primary took a row after that, though no replica has it', async () => {
    expect(await boundWith(-10, 100)).toBe(seconds(310) + SYSTEM.guards.clockSkew);
  });

  it('ends where it was approved when the row is later by what two clocks may differ', async () => {
    expect(await boundWith(-10, 2)).toBe(seconds(10) + SYSTEM.guards.clockSkew);
  });
});
