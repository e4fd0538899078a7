import { nextMove, type Role } from '../engine/next-move.ts';
import { isOutstanding } from '../incident/outstanding.ts';
import type { IncidentState } from '../incident/state.ts';
import { type FlowHome, wake } from './flow-home.ts';

/**
 * Wakes those for whom the present state has work: notices to `notify`, runs to `heal` or `recover`. A caller that is one of
 * them itself passes its `own` role, so that workers that wait for each other's lease don't wake each other for ever.
 */
export async function afterAppend(state: IncidentState, home: FlowHome, own?: Role): Promise<void> {
  const now = home.clock.now();
  const pending = [...state.notices.values()].some((notice) => isOutstanding(state, notice, now));
  const move = nextMove(state, now);
  const calls: Promise<void>[] = [];
  if (pending) calls.push(wake('dr-notices', state, home));
  if ('role' in move && move.role !== own)
    calls.push(wake(move.role === 'heal' ? 'dr-heal' : 'dr-recover', state, home));
  if (move.kind === 'closeApproval' && own === undefined) calls.push(wake('dr-recover', state, home));
  await Promise.all(calls);
}
