import { type Instant, type Millis, after, instant } from '../../shared/core/time.ts';
import { Agenda } from './agenda.ts';
import type { WorldClock } from './kernel.ts';

/** Time that stands still until it is told to move: for the simulation and for tests. */
export interface VirtualClock extends WorldClock {
  /** Moves to the earliest callback and runs it; `false` when nothing is scheduled. */
  runNext(): boolean;
  /** Runs everything that is due up to `at`, `at` included, and what that schedules in turn; then it is `at`. */
  advanceTo(at: Instant): void;
  /** `advanceTo` a length from now. */
  advanceBy(length: Millis | number): void;
  /** When the next callback is due. */
  nextAt(): Instant | undefined;
}

/** A virtual clock that reads `start`. A callback sees its own moment as `now`; a past one runs at once, but not re-entrantly. */
export function createVirtualClock(start: Instant): VirtualClock {
  const agenda = new Agenda();
  let now = start;

  const runNext = (): boolean => {
    const due = agenda.take();
    if (due === undefined) return false;
    if (due.at > now) now = due.at;
    due.what();
    return true;
  };

  const advanceTo = (at: Instant): void => {
    for (let next = agenda.next(); next !== undefined && next <= at; next = agenda.next()) runNext();
    if (at > now) now = at;
  };

  return {
    now: () => now,
    schedule: (at, what) => agenda.add(at, what),
    runNext,
    advanceTo,
    advanceBy: (length) => advanceTo(after(now, length)),
    nextAt: () => agenda.next(),
  };
}

/** Clock time that runs `rate` times as fast as the wall's; callbacks fire in real time. */
export interface ScaledClock extends WorldClock {
  readonly rate: number;
  /** The wall's milliseconds since the epoch at which the clock read `start`: with rate and start, all that another process needs. */
  readonly wallStart: number;
  readonly start: Instant;
  /** How many wall milliseconds a length of clock time takes. */
  toWall(length: Millis | number): number;
  /** Drops every callback, so that the process can end. */
  close(): void;
}

/** What a scaled clock needs of the machine; replaced in tests. */
export interface Wall {
  /** Milliseconds since the epoch that never go back. */
  now(): number;
  /** Calls back after that many milliseconds; returns a function that cancels it. */
  startTimer(ms: number, what: () => void): () => void;
}

const MACHINE: Wall = {
  now: () => performance.timeOrigin + performance.now(),
  startTimer(ms, what) {
    const timer = setTimeout(what, ms);
    return () => clearTimeout(timer);
  },
};

/** The longest delay that the machine's timers take (2^31 - 1 ms); a later callback waits in several goes. */
const TIMER_MAX = 2_147_483_647;

/** A clock that reads `start` now and then runs `rate` times as fast as the wall's. */
export function createScaledClock(rate: number, start: Instant, wall: Wall = MACHINE): ScaledClock {
  const agenda = new Agenda();
  const wallStart = wall.now();
  let cancelTimer: (() => void) | undefined;
  let armedFor: Instant | undefined;

  const now = (): Instant => instant(Math.floor(start + (wall.now() - wallStart) * rate));

  const arm = (): void => {
    const next = agenda.next();
    if (next === armedFor) return;
    cancelTimer?.();
    armedFor = next;
    cancelTimer = undefined;
    if (next === undefined) return;
    const wait = Math.ceil((next - now()) / rate);
    cancelTimer = wall.startTimer(Math.min(Math.max(wait, 0), TIMER_MAX), fire);
  };

  const fire = (): void => {
    armedFor = undefined;
    // What the callbacks schedule for this very moment waits for the next turn, so that they can't starve the machine's I/O.
    const until = now();
    try {
      for (let next = agenda.next(); next !== undefined && next <= until; next = agenda.next()) agenda.take()?.what();
    } finally {
      arm();
    }
  };

  return {
    rate,
    start,
    wallStart,
    now,
    toWall: (length) => length / rate,
    schedule(at, what) {
      const cancel = agenda.add(at, what);
      arm();
      return cancel;
    },
    close() {
      while (agenda.take() !== undefined);
      arm();
    },
  };
}
