import { type Millis, seconds } from '../../shared/core/time.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import { PortError, type PortErrorKind } from '../../shared/ports/port-error.ts';
import type { Caller } from '../world/caller.ts';
import type { ApiOutcome, Chance } from '../world/kernel.ts';

// How a port's call crosses into the simulated cloud without HTTP: it takes time, it may be lost, and refusals become
// `PortError` as the adapters of the vendors' clients make them.

/** Longest that a caller waits for an answer, in clock time, as the adapters' own deadlines do. */
const DEADLINE: Millis = seconds(10);

/** What every port of one identity shares. */
export interface Crossing {
  readonly caller: Caller;
  readonly clock: Clock;
  readonly chance: Chance;
}

/** Whether a call may change something; `versioned`: the API refuses a stale version. */
export type Effect = 'reads' | 'writes' | 'versioned';

/** Makes one call: a way there, the world's answer, a way back. */
export async function cross<T>(
  { clock, chance }: Crossing,
  doing: string,
  effect: Effect,
  call: () => ApiOutcome<T>,
): Promise<T> {
  await clock.sleep(travel(chance));
  const outcome = call();
  switch (outcome.kind) {
    case 'answer':
      await clock.sleep(travel(chance));
      return outcome.value;
    case 'silence':
      await clock.sleep(DEADLINE);
      throw new PortError(effect === 'reads' ? 'retryable' : 'ambiguous', 'timeout', doing);
    case 'error':
      await clock.sleep(travel(chance));
      throw new PortError(kindOf(outcome.error.status, effect), `http ${outcome.error.status}`, doing, outcome.error);
  }
}

/** Time that a message takes one way, clock milliseconds. */
export const travel = (chance: Chance): Millis => chance.between(5, 250) as Millis; // whole milliseconds

function kindOf(status: number, effect: Effect): PortErrorKind {
  if (status === 409 || status === 412) return 'conflict';
  if (status === 429) return 'retryable';
  if (status >= 500) return effect === 'reads' ? 'retryable' : 'ambiguous';
  return 'permanent';
}
