import { isPortError, PortError } from '../ports/port-error.ts';
import type { PortErrorKind } from '../ports/port-error.ts';
import { factsOf, withoutProperties } from './error-facts.ts';
import type { ErrorFacts } from './error-facts.ts';

// The one place that turns the errors of every client into ours (decisions.md 12): Google's REST and gRPC clients,
// gaxios, the Cloud DNS client, the Kubernetes client, fetch. It is told what the call does, because the same lost
// reply is retryable for a read and ambiguous for a write.

/**
 * What a call does to the world. `writesIfUnchanged`: it carries a version that the other side compares, so that a
 * failed precondition is a lost race and not a bug.
 */
export type Effect = 'reads' | 'writes' | 'writesIfUnchanged';

/** What the caller does next, and the stable name for logs. */
interface Verdict {
  readonly kind: PortErrorKind;
  readonly code: string;
}

/** Turns whatever a call rejected with into a `PortError`; one of ours passes as it is. */
export function normalizeError(error: unknown, call: { readonly doing: string; readonly effect: Effect }): PortError {
  if (isPortError(error)) return error;
  const { kind, code } = verdictOf(factsOf(error), call.effect);
  return new PortError(kind, code, call.doing, withoutProperties(error));
}

/** The rule itself: pure, and in the order of what is certain. */
function verdictOf(facts: ErrorFacts, effect: Effect): Verdict {
  // An answer arrived: it outranks whatever went wrong while it was read.
  if (facts.http !== undefined) return verdictOfHttp(facts.http, facts, effect);
  if (facts.names.some((name) => UNTRUSTED.has(name))) return { kind: 'permanent', code: 'untrustedCertificate' };
  if (nothingWasSent(facts)) {
    return { kind: 'retryable', code: everyAddressRefused(facts) ? 'connectionRefused' : 'unreachable' };
  }
  if (facts.names.some((name) => TIMED_OUT.has(name)) || facts.grpc === 4) return lost(effect, 'timeout');
  if (facts.names.some((name) => BROKEN.test(name))) return lost(effect, 'connectionLost');
  if (facts.grpc !== undefined) return verdictOfGrpc(facts.grpc, effect);
  // Not a shape that any client is known to throw: an answer that we could not read, most likely. A write has happened
  // then.
  return effect === 'reads' ? { kind: 'permanent', code: 'unreadable' } : { kind: 'ambiguous', code: 'unreadable' };
}

/** Whether it is certain that no request left us. Only the connection and the look-up of a name prove that. */
function nothingWasSent(facts: ErrorFacts): boolean {
  return (
    facts.names.some((name) => NEVER_CONNECTED.has(name)) ||
    facts.systemCalls.some((call) => call === 'connect' || call === 'getaddrinfo')
  );
}

/** A refusal is an answer of the host; when one of its addresses timed out, the host has not answered. */
function everyAddressRefused(facts: ErrorFacts): boolean {
  return facts.names.filter((name) => BROKEN.test(name)).every((name) => name === 'ECONNREFUSED');
}

const NEVER_CONNECTED: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** The handshake failed, so nothing was sent either, but trying again would meet the same certificate. */
const UNTRUSTED: ReadonlySet<string> = new Set([
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

const TIMED_OUT: ReadonlySet<string> = new Set([
  'TimeoutError',
  'AbortError',
  'ETIMEDOUT',
  'ESOCKETTIMEDOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
]);

/** Any other error of the system or of undici: the connection ended under the call. */
const BROKEN = /^(E[A-Z0-9_]{3,}|UND_ERR_[A-Z0-9_]+)$/;

const lost = (effect: Effect, code: string): Verdict => ({
  kind: effect === 'reads' ? 'retryable' : 'ambiguous',
  code,
});

function verdictOfHttp(status: number, facts: ErrorFacts, effect: Effect): Verdict {
  // Throttling is refused before any effect, and older Google APIs say it with 403, or with 503 on the way in.
  if (status === 429 || facts.reasons.some((reason) => THROTTLED.has(reason) && status !== 409))
    return { kind: 'retryable', code: 'throttled' };
  switch (status) {
    case 400:
      // Google answers 400 for a failed precondition too; the gRPC code tells them apart.
      return facts.grpc === 9 || facts.reasons.includes('FAILED_PRECONDITION')
        ? failedPrecondition(effect)
        : { kind: 'permanent', code: 'invalid' };
    case 401:
      // Refused, so nothing happened; the next try has a new token.
      return { kind: 'retryable', code: 'unauthenticated' };
    case 403:
      return { kind: 'permanent', code: 'forbidden' };
    case 404:
      return { kind: 'permanent', code: 'notFound' };
    case 408:
      return lost(effect, 'timeout');
    case 409:
      return {
        kind: 'conflict',
        code: facts.grpc === 6 || facts.reasons.includes('AlreadyExists') ? 'alreadyExists' : 'http 409',
      };
    case 412:
      return { kind: 'conflict', code: 'http 412' };
    case 501:
      return { kind: 'permanent', code: 'http 501' };
    default:
      // A 5xx to a write may come from a proxy whose backend went on; a success that could not be read surely did.
      return status >= 400 && status < 500 && status !== 499
        ? { kind: 'permanent', code: `http ${status}` }
        : lost(effect, `http ${status}`);
  }
}

const THROTTLED: ReadonlySet<string> = new Set([
  'rateLimitExceeded',
  'userRateLimitExceeded',
  'RATE_LIMIT_EXCEEDED',
  'RESOURCE_EXHAUSTED',
  'TooManyRequests',
]);

const failedPrecondition = (effect: Effect): Verdict => ({
  kind: effect === 'writesIfUnchanged' ? 'conflict' : 'permanent',
  code: 'failedPrecondition',
});

/** For gRPC transport and for codes that a REST client made without an answer (google.rpc.Code). */
function verdictOfGrpc(code: number, effect: Effect): Verdict {
  switch (code) {
    case 3:
    case 11:
      return { kind: 'permanent', code: 'invalid' };
    case 5:
      return { kind: 'permanent', code: 'notFound' };
    case 6:
      return { kind: 'conflict', code: 'alreadyExists' };
    case 7:
      return { kind: 'permanent', code: 'forbidden' };
    case 8:
      return { kind: 'retryable', code: 'throttled' };
    case 9:
      return failedPrecondition(effect);
    case 10:
      return { kind: 'conflict', code: 'aborted' };
    case 12:
      return { kind: 'permanent', code: 'unimplemented' };
    case 16:
      return { kind: 'retryable', code: 'unauthenticated' };
    default:
      return lost(effect, `grpc ${code}`); // cancelled, unknown, internal, unavailable, data loss
  }
}
