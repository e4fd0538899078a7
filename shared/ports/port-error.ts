/**
 * What a failed call means to the caller, named after what the caller does next.
 *
 * - `retryable`: nothing happened or nothing could; try again with backoff. A read whose reply was lost is retryable.
 * - `ambiguous`: a write whose reply was lost; it may have happened. Observe again before anything else.
 * - `conflict`: somebody else is changing the same thing, or our version is stale. Observe again and decide again.
 * - `permanent`: it will not work by trying again. Stop and tell people.
 */
export type PortErrorKind = 'retryable' | 'ambiguous' | 'conflict' | 'permanent';

/** The one error that adapters throw. The message says what *we* were doing; the lower layer's text stays in `cause`. */
export class PortError extends Error {
  readonly kind: PortErrorKind;
  /** Short and stable, for logs and reason codes: `notFound`, `timeout`, `http 503`, … Never message text of a vendor. */
  readonly code: string;

  constructor(kind: PortErrorKind, code: string, doing: string, cause?: unknown) {
    super(`${doing}: ${kind} (${code})`, cause === undefined ? {} : { cause });
    this.name = 'PortError';
    this.kind = kind;
    this.code = code;
  }
}

/** Narrows an unknown rejection to ours; anything else is a bug and should pass. */
export function isPortError(error: unknown): error is PortError {
  return error instanceof PortError;
}
