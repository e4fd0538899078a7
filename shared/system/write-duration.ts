import type { Millis } from '../core/time.ts';

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

/** A length of time as `dr.yaml` writes it, in the largest unit that fits without a rest: `90s`, `15m`, `4h`. */
export function writeDuration(length: Millis): string {
  const unit = UNITS.find(([, size]) => length >= size && length % size === 0);
  return unit === undefined ? `${length}ms` : `${length / unit[1]}${unit[0]}`;
}
