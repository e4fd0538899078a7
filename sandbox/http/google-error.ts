import { unreachable } from '../../shared/core/assert.ts';
import type { Millis } from '../../shared/core/time.ts';
import { ApiError, type ApiOutcome } from '../world/kernel.ts';
import { type HttpReply, json } from './router.ts';

/** google.rpc.Code by HTTP status, as google/rpc/code.proto maps them. 412 is what the older JSON APIs answer. */
const CODE_OF_STATUS: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  409: 'ABORTED',
  412: 'FAILED_PRECONDITION',
  413: 'INVALID_ARGUMENT',
  429: 'RESOURCE_EXHAUSTED',
  499: 'CANCELLED',
  500: 'INTERNAL',
  501: 'UNIMPLEMENTED',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};

/** Reasons that say more than their HTTP status does: one status stands for several codes. */
const CODE_OF_REASON: Readonly<Record<string, string>> = {
  aborted: 'ABORTED',
  alreadyExists: 'ALREADY_EXISTS',
  failedPrecondition: 'FAILED_PRECONDITION',
  outOfRange: 'OUT_OF_RANGE',
};

/** google.rpc.Code of an error, by name. */
export function codeOf(error: ApiError): string {
  return CODE_OF_REASON[error.reason] ?? CODE_OF_STATUS[error.status] ?? 'UNKNOWN';
}

/** The body of a refusal: one form that gax, the hand-written clients and gcloud all decode (facts.md 0.1). */
export function googleErrorBody(error: ApiError): unknown {
  const { status, reason, message } = error;
  return { error: { code: status, message, status: codeOf(error), errors: [{ domain: 'global', reason, message }] } };
}

/** A refusal as Google's APIs send it, with `Retry-After` when the error asks for one. */
export function googleError(error: ApiError): HttpReply {
  const reply = { kind: 'json', status: error.status, body: googleErrorBody(error) } as const;
  if (error.retryAfterSeconds === undefined) return reply;
  return { ...reply, headers: { 'retry-after': String(error.retryAfterSeconds) } };
}

/** What came through the door, as a reply of a Google API: `render` makes the JSON of an answer. */
export function answer<T>(outcome: ApiOutcome<T>, render: (value: T) => unknown): HttpReply {
  return replyTo(outcome, (value) => json(render(value)));
}

/** The same where the answer is no JSON, or has headers of its own. */
export function replyTo<T>(outcome: ApiOutcome<T>, reply: (value: T) => HttpReply): HttpReply {
  switch (outcome.kind) {
    case 'answer':
      return late(reply(outcome.value), outcome.delay);
    case 'error':
      return late(googleError(outcome.error), outcome.delay);
    case 'silence':
      return { kind: 'silence' };
    default:
      return unreachable(outcome);
  }
}

function late(reply: HttpReply, delay: Millis | undefined): HttpReply {
  const mayWait = reply.kind === 'json' || reply.kind === 'bytes';
  return mayWait && delay !== undefined ? { ...reply, delay } : reply;
}

/** 400 `INVALID_ARGUMENT`. */
export const invalidArgument = (message: string): ApiError => new ApiError(400, 'badRequest', message);

/** 404 `NOT_FOUND`. */
export const notFound = (message: string): ApiError => new ApiError(404, 'notFound', message);
