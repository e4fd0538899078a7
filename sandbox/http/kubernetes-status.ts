import { unreachable } from '../../shared/core/assert.ts';
import type { ApiError, ApiOutcome } from '../world/kernel.ts';
import { KubernetesError, noSuchPath } from '../world/kubernetes-errors.ts';
import type { HttpReply } from './router.ts';

// Refusals of the Kubernetes face: always a `Status` object, whoever refuses.

/** The `Status` of a refusal, as the API server writes it. */
export function statusOf(error: KubernetesError): Readonly<Record<string, unknown>> {
  const { status: code, reason, message, details } = error;
  const extra = details === undefined ? {} : { details };
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, ...extra, code };
}

/** A refusal as a reply, with `Retry-After` when it asks for one. */
export function refusal(error: KubernetesError): HttpReply {
  const reply = { kind: 'json', status: error.status, body: statusOf(error) } as const;
  const { retryAfterSeconds } = error;
  return retryAfterSeconds === undefined ? reply : { ...reply, headers: { 'retry-after': String(retryAfterSeconds) } };
}

/** The HTTP kernel's own refusals as `Status`: `startServer({ refuse: kubernetesRefusal })`. */
export function kubernetesRefusal(error: ApiError): HttpReply {
  if (error instanceof KubernetesError) return refusal(error);
  switch (error.status) {
    case 401:
      return refusal(new KubernetesError(401, 'Unauthorized', 'Unauthorized'));
    case 404:
      return refusal(noSuchPath());
    case 400:
      return refusal(new KubernetesError(400, 'BadRequest', error.message));
    case 413:
      return refusal(new KubernetesError(413, 'RequestEntityTooLarge', 'Request entity too large: limit is 3145728'));
    default:
      return refusal(new KubernetesError(error.status, 'InternalError', `Internal error occurred: ${error.message}`));
  }
}

/** What came through the door, as a reply; `render` makes it of an answer. */
export function replyOf<T>(outcome: ApiOutcome<T>, render: (value: T) => HttpReply): HttpReply {
  switch (outcome.kind) {
    case 'answer':
      return delayed(render(outcome.value), outcome);
    case 'error':
      return delayed(kubernetesRefusal(outcome.error), outcome);
    case 'silence':
      return { kind: 'silence' };
    default:
      return unreachable(outcome);
  }
}

/** Texts and streams come at once: a slow API server is slow with what it computes. */
function delayed(reply: HttpReply, { delay }: Exclude<ApiOutcome<unknown>, { readonly kind: 'silence' }>): HttpReply {
  return reply.kind === 'json' && delay !== undefined ? { ...reply, delay } : reply;
}
