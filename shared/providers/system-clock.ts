import { assert } from '../core/assert.ts';
import { instant, millis } from '../core/time.ts';
import type { Instant } from '../core/time.ts';
import type { Clock } from '../ports/clock.ts';
import type { Endpoints } from '../system/system.ts';
import { isLoopback } from '../core/loopback.ts';
import { GOOGLE_APIS } from './google-call.ts';

// Clock time: the machine's own in the cloud; in a sandbox `rate` times as fast, and the same for all processes that
// were given the same start (decisions.md 6).

/** Node's timers take no longer wait than 2^31 - 1 ms; longer ones are waited for in parts. */
const TIMER_MAX = 2_147_483_647;

/** Two moments that are the same: one on the machine's clock, one in clock time. */
export interface ClockStart {
  readonly rate: number;
  readonly startWall: Instant;
  readonly startClock: Instant;
}

/** The machine's own time. */
export const REAL_TIME: ClockStart = { rate: 1, startWall: instant(0), startClock: instant(0) };

/** What clock time it is when the wall's clock, this machine's or Google's, says `wall`. */
export const clockTimeAt = ({ rate, startWall, startClock }: ClockStart, wall: number): Instant =>
  instant(Math.floor(startClock + (wall - startWall) * rate));

/** The clock of this process. `rate` 1 with equal starts is the machine's own. */
export function createSystemClock(start: ClockStart = REAL_TIME): Clock {
  const { rate } = start;
  assert(Number.isFinite(rate) && rate > 0, `a clock runs forward, not at ${rate}`);
  return {
    now: () => clockTimeAt(start, Date.now()),
    spanOf: (wall) => millis(wall * rate),
    monotonic: () => millis(performance.now() * rate),
    sleep: (length, signal) =>
      new Promise<void>((wake) => {
        const until = performance.now() + length / rate;
        let timer: NodeJS.Timeout | undefined;
        const end = (): void => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', end);
          wake();
        };
        const wait = (): void => {
          const left = until - performance.now();
          if (left <= 0) end();
          else timer = setTimeout(wait, Math.min(left, TIMER_MAX));
        };
        if (signal?.aborted === true) {
          wake();
          return;
        }
        signal?.addEventListener('abort', end, { once: true });
        wait();
      }),
  };
}

/**
 * Why a clock must not run at that rate; `undefined` when it may. A scaled clock would let leases, holds and expiries
 * of a real system pass in a fraction of their time, so every address has to be this machine's own, and no API may be
 * left at Google's.
 */
export function refuseScaledClock(endpoints: Endpoints, rate: number): string | undefined {
  if (rate === 1) return undefined;
  if (!Number.isFinite(rate) || rate <= 0) return `a clock can't run at the rate ${rate}`;
  const missing = GOOGLE_APIS.filter((api) => endpoints.google[api] === undefined);
  if (missing.length > 0) return `a clock at the rate ${rate} needs a loopback address for ${missing.join(', ')}`;
  const { google, kubernetes, hosts, dataPlane, approve } = endpoints;
  const addresses = [google, kubernetes, hosts, dataPlane].flatMap((table) => Object.values(table));
  const foreign = [...addresses, ...approve].filter((address) => !isLoopback(address));
  return foreign.length === 0
    ? undefined
    : `a clock at the rate ${rate} is for loopback only, and these are not: ${foreign.join(', ')}`;
}
