import { z } from 'zod';
import { between, instant, type Instant, type Millis, showDuration, toIso } from '../core/time.ts';

/**
 * The most that a promotion can lose (design.md section 6). WAL is ordered, so every commit older than the newest heartbeat on
 * the replica is there: bound = t_end − heartbeat on the replica + skew. t_end is the first moment from which positive
 * evidence says, without a gap, that the old side accepts no writes.
 *
 * - `none`: nothing can be lost (a pod restart).
 * - `known`: t_end is known.
 * - `growing`: no such evidence yet; `ms` counts up to `asOfMs` and the approved limit is `limitMs`, reached at the latest start.
 * - `unknown`: no heartbeat is readable on the replica.
 */
export type LossBound = z.infer<typeof lossBoundWire>;

export const lossBoundWire = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('none') }),
  z.strictObject({
    kind: z.literal('known'),
    ms: z.number(),
    limitMs: z.number(),
    heartbeatAtMs: z.number(),
    endedAtMs: z.number(),
    how: z.string(),
  }),
  z.strictObject({
    kind: z.literal('growing'),
    ms: z.number(),
    limitMs: z.number(),
    heartbeatAtMs: z.number(),
    asOfMs: z.number(),
    how: z.string(),
  }),
  z.strictObject({ kind: z.literal('unknown'), how: z.string() }),
]);

/** What is known about the end of writes on the old side and about the replica. */
export interface LossFacts {
  readonly now: Instant;
  readonly skew: Millis;
  /** The newest heartbeat that the replica shows. */
  readonly heartbeatAt: Instant | undefined;
  /** Since when every vantage point is refused, without a gap. */
  readonly refusedSince: Instant | undefined;
  /** The latest moment at which an approved run may still begin its fence; the limit of a growing bound counts up to it. */
  readonly latestFence: Instant;
}

/** The bound from what is known now. Never negative. */
export function lossBound(facts: LossFacts): LossBound {
  const { now, skew, heartbeatAt, refusedSince, latestFence } = facts;
  if (heartbeatAt === undefined) return { kind: 'unknown', how: 'no heartbeat row is readable on the replica' };
  const upTo = (end: Instant) => Math.max(0, between(heartbeatAt, end) + skew);
  if (refusedSince !== undefined) {
    const ms = upTo(refusedSince);
    const how = `every vantage point has been refused without a gap since ${toIso(refusedSince)}; newest heartbeat on the replica ${toIso(heartbeatAt)}; ${showDuration(skew)} for the clocks`;
    return { kind: 'known', ms, limitMs: ms, heartbeatAtMs: heartbeatAt, endedAtMs: refusedSince, how };
  }
  const how = `nothing proves yet that the old side stopped taking writes, so it grows; newest heartbeat on the replica ${toIso(heartbeatAt)}`;
  return { kind: 'growing', ms: upTo(now), limitMs: upTo(latestFence), heartbeatAtMs: heartbeatAt, asOfMs: now, how };
}

/** The bound that people accept by approving: `null` when it is unknown, which needs a verb of its own. */
export function approvedLimitMs(bound: LossBound): number | null {
  switch (bound.kind) {
    case 'none':
      return 0;
    case 'known':
    case 'growing':
      return bound.limitMs;
    case 'unknown':
      return null;
  }
}

/** The bound in words for a page or a card. */
export function showLossBound(bound: LossBound): string {
  switch (bound.kind) {
    case 'none':
      return 'nothing is lost';
    case 'known':
      return `at most ${showDuration(upToSecond(bound.ms))} of writes (${bound.how})`;
    case 'growing':
      return `${showDuration(upToSecond(bound.ms))} of writes and growing, at most ${showDuration(upToSecond(bound.limitMs))} (${bound.how})`;
    case 'unknown':
      return `unknown (${bound.how})`;
  }
}

// A bound is never shown smaller than it is.
const upToSecond = (ms: number): Millis => between(instant(0), instant(Math.ceil(ms / 1_000) * 1_000));
