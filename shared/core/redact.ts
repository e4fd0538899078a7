/** A secret in memory: prints as `[redacted]` wherever it is logged, joined or serialised; only `reveal` gives the text. */
export class SecretText {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The secret itself, for the one call that needs it. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return '[redacted]';
  }

  toJSON(): string {
    return '[redacted]';
  }
}

/** Patterns of what must not reach the evidence: URL passwords, bearer tokens, JWS, keys in `name=value`, PEM keys. */
const SENSITIVE: readonly (readonly [RegExp, string])[] = [
  [/(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@]+:)[^\s@]+(@)/gi, '$1[redacted]$2'],
  [/\b(bearer|basic)\s+[a-z0-9._~+/=-]{8,}/gi, '$1 [redacted]'],
  [/\beyJ[\w-]{5,}\.[\w-]{5,}(\.[\w-]*)?/g, '[redacted token]'],
  [/\bya29\.[\w.-]+/g, '[redacted token]'],
  [
    /\b((?:[\w-]*(?:password|passwd|secret|token|api[_-]?key|private[_-]?key)[\w-]*)["']?\s*[=:]\s*["']?)[^\s"',;&]+/gi,
    '$1[redacted]',
  ],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g, '[redacted private key]'],
  [/\b[sr]k_(live|test)_\w+/g, '[redacted key]'],
];

/** Takes what looks like a credential out of a text. Best effort: evidence is still kept apart from the log. */
export function redact(text: string): string {
  return SENSITIVE.reduce((kept, [pattern, replacement]) => kept.replace(pattern, replacement), text);
}
