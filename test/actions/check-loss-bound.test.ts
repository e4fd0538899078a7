import { describe, expect, it } from '@jest/globals';
import { lossNow } from '../../shared/actions/check-loss-bound.ts';
import { after, seconds } from '../../shared/core/time.ts';
import type { World } from '../../shared/ports/ports.ts';
import { REPLICA, SYSTEM } from '../classify/looks.ts';
import { JumpingClock } from '../engine/rehearsal.ts';

// The loss, computed again before a promotion: from the replica's newest heartbeat to the approved end of writes.

/** The bound when the replica's newest heartbeat is so many seconds younger than the approved end of writes, five minutes ago. */
async function boundWith(heartbeatAfterEnd: number): Promise<number | null> {
  const clock = new JumpingClock();
  const endedAt = after(clock.now(), -seconds(300));
  const heartbeat = { sequence: 9, at: after(endedAt, heartbeatAfterEnd * 1_000) };
  const replication = async () => ({ role: 'replica', receiving: false, heartbeat, position: 1 });
  const world = { dataPlane: { replication } } as unknown as World; // nothing else is asked
  const context = { world, clock, system: SYSTEM, lossLimitMs: null };
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
});
