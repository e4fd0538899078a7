import { isJson } from '../core/json.ts';
import { redact } from '../core/redact.ts';

/** A message that can't be read: recorded, acknowledged and shown; never lost, never retried for ever. */
export interface Malformed {
  /** In words of ours, such as `incident.state: neither open nor closed`. */
  readonly because: string;
  /** The beginning of what arrived, on one line, credentials taken out. */
  readonly preview: string;
}

/** Characters of a preview: enough to recognise the sender. */
const PREVIEW_MAX = 300;

/** Characters that are looked at: patterns for credentials take time that grows faster than the text. */
const SCANNED_MAX = 4_000;

/** A malformed message, quoted from its text, or from the value that it was parsed to. */
export function malformed(because: string, arrived: unknown): Malformed {
  return { because: plainText(because, PREVIEW_MAX), preview: previewOf(arrived) };
}

/** Foreign text as it may stand in a log, on a terminal and on a page: one line, no control characters, at most `max` long. */
export function plainText(text: string, max: number): string {
  const line = text
    .slice(0, SCANNED_MAX)
    .replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim();
  return line.length > max ? `${line.slice(0, max - 1).replace(/[\ud800-\udbff]$/, '')}…` : line;
}

/** The beginning of a value, redacted. Never throws, whatever it is. */
export function previewOf(value: unknown): string {
  if (typeof value !== 'string' && !isJson(value)) return '[no JSON, or nested too deep]';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return plainText(redact(text.slice(0, SCANNED_MAX)), PREVIEW_MAX);
}

/** What a schema found first, as `because`. */
export function firstIssue(error: {
  readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[];
}): string {
  const [issue] = error.issues;
  return issue === undefined ? 'not as expected' : `${issue.path.map(String).join('.') || 'message'}: ${issue.message}`;
}
