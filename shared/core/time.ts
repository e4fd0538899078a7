import type { Brand } from './brand.ts';

/** A moment: milliseconds since the Unix epoch, in clock time (which the sandbox may scale). */
export type Instant = Brand<number, 'Instant'>;

/** A length of time in milliseconds. */
export type Millis = Brand<number, 'Millis'>;

/** Makes an `Instant` of milliseconds since the epoch. */
export const instant = (ms: number): Instant => ms as Instant; // constructor of the brand

/** Makes a `Millis` of a plain number of milliseconds. */
export const millis = (ms: number): Millis => ms as Millis; // constructor of the brand

/** `n` seconds. */
export const seconds = (n: number): Millis => millis(n * 1_000);

/** `n` minutes. */
export const minutes = (n: number): Millis => millis(n * 60_000);

/** The moment `length` after `at` (before it when negative). */
export const after = (at: Instant, length: Millis | number): Instant => instant(at + length);

/** How long from `from` to `to`; negative when `to` is earlier. */
export const between = (from: Instant, to: Instant): Millis => millis(to - from);

/** RFC 3339 in UTC with milliseconds, as the log and the APIs write it. */
export const toIso = (at: Instant): string => new Date(at).toISOString();

/** The moment that an RFC 3339 text names, or `undefined` when it names none. */
export function parseInstant(text: string): Instant | undefined {
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : instant(ms);
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Reads `90s`, `15m`, `4h`, `1d` or `250ms`; `undefined` for anything else. Zero is allowed, negatives are not. */
export function parseDuration(text: string): Millis | undefined {
  const match = /^(\d+)(ms|s|m|h|d)$/.exec(text);
  const unit = UNITS[match?.[2] ?? ''];
  return match && unit !== undefined ? millis(Number(match[1]) * unit) : undefined;
}

/** A length as people read it: `250ms`, `42s`, `3m 20s`, `1h 05m`. */
export function showDuration(length: Millis): string {
  if (length < 0) return `-${showDuration(millis(-length))}`;
  if (length < 1_000) return `${Math.round(length)}ms`;
  const total = Math.round(length / 1_000);
  const [h, m, s] = [Math.floor(total / 3_600), Math.floor((total % 3_600) / 60), total % 60];
  if (h > 0) return `${h}h ${String(m).padStart(2, '0')}m`;
  if (m > 0) return s === 0 ? `${m}m` : `${m}m ${String(s).padStart(2, '0')}s`;
  return `${s}s`;
}
