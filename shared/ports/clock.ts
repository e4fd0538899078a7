import type { Instant, Millis } from '../core/time.ts';

/** Time, the only way that the product reads it (decisions.md 6). All of it is clock time, which a sandbox scales. */
export interface Clock {
  now(): Instant;
  /** Never goes back; its zero means nothing. For what remains of a lease. */
  monotonic(): Millis;
  /** How much clock time passes while `wall` of wall time does: call deadlines are wall time, leases are clock time. */
  spanOf(wall: Millis): Millis;
  /** Resolves after `length`, or at once when `signal` fires. Never rejects. */
  sleep(length: Millis, signal?: AbortSignal): Promise<void>;
}

/** Chance, for ids and jitter. */
export interface Chance {
  /** A version 4 UUID. */
  uuid(): string;
  /** `count` bytes from a cryptographic source. */
  bytes(count: number): Uint8Array;
  /** In [0, 1), for jitter only. */
  fraction(): number;
}
