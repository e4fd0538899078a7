import { type Millis, millis, seconds } from '../../shared/core/time.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import { PortError, type PortErrorKind } from '../../shared/ports/port-error.ts';
import type { Caller } from '../world/caller.ts';
import type { ApiError, ApiOutcome, Chance } from '../world/kernel.ts';

// How a port's call crosses into the simulated cloud without HTTP: it takes time, it may be lost, and refusals become
// `PortError` as the adapters of the vendors' clients make them.
//
// C1. The effect happens between two waits, never in the moment of the call: whoever calls may die before or after it.
// C2. What an answer means is what `shared/providers` says of the same answer; a test compares the two.

/** Longest that a caller waits for an answer, in clock time, as the adapters' own deadlines do. */
const DEADLINE: Millis = seconds(10);

/** What every port of one identity shares. */
export interface Crossing {
  readonly caller: Caller;
  readonly clock: Clock;
  readonly chance: Chance;
}

/** What a call does, as the adapters say it. `writesIfUnchanged`: it carries a version that the API compares. */
export type Effect = 'reads' | 'writes' | 'writesIfUnchanged';

/** What the caller does next, and the stable name for logs. */
export interface Verdict {
  readonly kind: PortErrorKind;
  readonly code: string;
}

/** Makes one call: a way there, the world's answer, a way back. Rejects with `PortError`; the refusal is its cause. */
export async function cross<T>(
  { clock, chance }: Crossing,
  doing: string,
  effect: Effect,
  call: () => ApiOutcome<T>,
): Promise<T> {
  await clock.sleep(travel(chance));
  const outcome = call();
  const takes = outcome.kind === 'silence' ? DEADLINE : millis(travel(chance) + (outcome.delay ?? 0));
  if (outcome.kind === 'silence' || takes >= DEADLINE) {
    await clock.sleep(DEADLINE);
    const { kind, code } = lost(effect, 'timeout');
    throw new PortError(kind, code, doing);
  }
  await clock.sleep(takes);
  if (outcome.kind === 'answer') return outcome.value;
  const { kind, code } = verdictOf(outcome.error, effect);
  throw new PortError(kind, code, doing, outcome.error);
}

/** Time that a message takes one way, clock milliseconds. */
export const travel = (chance: Chance): Millis => millis(chance.between(5, 250));

/** What a refusal of the door means (C2). */
export function verdictOf({ status, reason }: Pick<ApiError, 'status' | 'reason'>, effect: Effect): Verdict {
  if (status === 429 || (THROTTLED.has(reason) && status !== 409)) return { kind: 'retryable', code: 'throttled' };
  switch (status) {
    case 400:
      return reason === 'failedPrecondition'
        ? { kind: effect === 'writesIfUnchanged' ? 'conflict' : 'permanent', code: 'failedPrecondition' }
        : { kind: 'permanent', code: 'invalid' };
    case 401:
      return { kind: 'retryable', code: 'unauthenticated' };
    case 403:
      return { kind: 'permanent', code: 'forbidden' };
    case 404:
      return { kind: 'permanent', code: 'notFound' };
    case 408:
      return lost(effect, 'timeout');
    case 409:
      return { kind: 'conflict', code: /^alreadyExists$/i.test(reason) ? 'alreadyExists' : 'http 409' };
    case 412:
      return { kind: 'conflict', code: 'http 412' };
    case 501:
      return { kind: 'permanent', code: 'http 501' };
    default:
      return status >= 400 && status < 500 && status !== 499
        ? { kind: 'permanent', code: `http ${status}` }
        : lost(effect, `http ${status}`);
  }
}

const THROTTLED: ReadonlySet<string> = new Set(['rateLimitExceeded', 'userRateLimitExceeded', 'TooManyRequests']);

const lost = (effect: Effect, code: string): Verdict => ({
  kind: effect === 'reads' ? 'retryable' : 'ambiguous',
  code,
});
