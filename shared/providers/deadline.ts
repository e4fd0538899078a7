import { millis } from '../core/time.ts';
import type { Millis } from '../core/time.ts';
import { PortError } from '../ports/port-error.ts';
import { normalizeError } from './normalize-error.ts';
import type { Effect } from './normalize-error.ts';

// The one place that puts our deadline around every call of another system, in wall time (decisions.md 6).
//
// D1. Every call ends within its limit, whatever the client does: clients differ in what they honour (facts.md 0.1).
// D2. The limit covers everything, credentials included, so that nothing of ours is sent after it: a lease is compared
//     with it.
// D3. What fails before anything was sent is retryable, for a write too. What runs out afterwards is a lost reply.
// D4. Whatever the call rejects with leaves as `PortError`; a rejection after the deadline reaches nobody and ends no
//     process.
//
// It does not protect against a request that is already on its way: that one may take effect after the deadline.

/** How long a read may take, in wall time: far above any answer seen, far below the budget of a function. */
export const READ_LIMIT: Millis = millis(10_000);

/** How long a write may take, in wall time. Longer than a read: an abandoned write has to be looked for afterwards. */
export const WRITE_LIMIT: Millis = millis(20_000);

/**
 * How long one contact with a database or an application may take, in wall time. Short: it is repeated every few
 * seconds, and no answer says nothing. Long enough for a TLS handshake across regions and a slow commit.
 */
export const CONTACT_LIMIT: Millis = millis(3_000);

/**
 * Deep health and probers: both try a connection of their own before they answer, and say that it failed only when their own
 * limit is over, five seconds with common drivers. Less than that, and a primary that hangs would make everybody look silent.
 */
export const VANTAGE_LIMIT: Millis = millis(8_000);

/**
 * How long a question to a cluster's API server may take, in wall time. One that works answers in a small part of it; while one is
 * gone every look waits so long, and looks must stay near enough to one another to count together.
 */
export const CONTROL_PLANE_LIMIT: Millis = millis(3_000);

/** A limit, or what the caller leaves of it. */
export const shorter = (limit: Millis, atMost: Millis | undefined): Millis =>
  atMost !== undefined && atMost < limit ? atMost : limit;

/** One call of another system. */
export interface Call {
  /** What we are doing, for people: "promoting coditect-dms-db-east". Never holds a secret. */
  readonly doing: string;
  readonly effect: Effect;
  /** Wall time; `READ_LIMIT` or `WRITE_LIMIT` unless given. */
  readonly limit?: Millis;
}

/** The limit that holds for a call. */
export const limitOf = (call: Call): Millis => call.limit ?? (call.effect === 'reads' ? READ_LIMIT : WRITE_LIMIT);

/**
 * Makes one call. `prepare` (credentials, clients, a look before a change) has no effect on the world; `send` gets what
 * it prepared. The signal fires at the deadline. Rejects with `PortError` only.
 */
export async function callWithin<P, T>(
  call: Call,
  prepare: (signal: AbortSignal) => Promise<P> | P,
  send: (prepared: P, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const abandon = new AbortController();
  let sent = false;
  const attempt = async (): Promise<T> => {
    const prepared = await prepare(abandon.signal);
    if (abandon.signal.aborted) throw outOfTime(call, sent); // D2: the race is over, nobody hears this
    sent = true;
    return send(prepared, abandon.signal);
  };
  const expired = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    expired.reject(outOfTime(call, sent));
    abandon.abort();
  }, limitOf(call));
  try {
    return await Promise.race([expired.promise, attempt()]);
  } catch (error) {
    throw normalizeError(error, { doing: call.doing, effect: sent ? call.effect : 'reads' });
  } finally {
    clearTimeout(timer);
  }
}

function outOfTime(call: Call, sent: boolean): PortError {
  const lost = sent && call.effect !== 'reads';
  return new PortError(lost ? 'ambiguous' : 'retryable', 'timeout', call.doing);
}
