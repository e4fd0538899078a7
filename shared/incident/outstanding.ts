import type { Instant } from '../core/time.ts';
import { hasEnded, type IncidentState, type NoticeState, standing } from './state.ts';

// Who must still be told. An ordinary notice has arrived when anybody has it, and is given up some time. An urgent one goes to
// everybody: it is never given up before somebody has it, nor for anybody while its incident is open. A request for an approval
// that can't be given any more is of no use to anybody.

/** Failed deliveries after which a notice is given up, where it may be. At one a minute they outlast a receiver's restart. */
export const ATTEMPTS_MAX = 8;

/** Which of these destinations must still get the notice. */
export function missing(
  state: IncidentState,
  known: NoticeState,
  destinations: readonly string[],
  now: Instant,
): readonly string[] {
  const { notice, delivered, missed, attempts } = known;
  if (notice.approval !== null) {
    const approval = state.approvals.find(({ id }) => id === notice.approval);
    if (approval === undefined || standing(approval, now) !== 'open') return [];
  }
  const left = destinations.filter((destination) => !delivered.includes(destination));
  if (!notice.urgent) return delivered.length === 0 && attempts < ATTEMPTS_MAX ? left : [];
  const isGivenUp = delivered.length > 0 && hasEnded(state) && attempts >= ATTEMPTS_MAX;
  return isGivenUp ? left.filter((destination) => !missed.includes(destination)) : left;
}

/** Whether somebody must still be told, as far as the log alone can say: nobody has it yet, or a delivery has failed. */
export function isOutstanding(state: IncidentState, known: NoticeState, now: Instant): boolean {
  const whoever = known.delivered.length === 0 ? ['somebody'] : known.missed;
  return missing(state, known, whoever, now).length > 0;
}
