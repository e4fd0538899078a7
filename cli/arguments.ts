import { InvalidArgumentError } from 'commander';
import { type Millis, parseDuration } from '../shared/core/time.ts';

// Values of options as they are typed. Each throws what commander answers a wrong one with.

/** A whole number, 0 among them. */
export function whole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('a whole number is wanted');
  return value;
}

/** What holds state and messages. */
export function engines(text: string): 'embedded' | 'google' {
  if (text === 'embedded' || text === 'google') return text;
  throw new InvalidArgumentError('embedded or google is wanted');
}

/** What executes SQL. */
export function postgres(text: string): 'embedded' | 'local' {
  if (text === 'embedded' || text === 'local') return text;
  throw new InvalidArgumentError('embedded or local is wanted');
}

/** How many control regions. */
export function oneOrTwo(text: string): 1 | 2 {
  if (text === '1') return 1;
  if (text === '2') return 2;
  throw new InvalidArgumentError('1 or 2 is wanted');
}

/** A number above 0. */
export function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('a number above 0 is wanted');
  return value;
}

/** A length of time that is not nothing. */
export function lengthOfTime(text: string): Millis {
  const length = parseDuration(text);
  if (length !== undefined && length > 0) return length;
  throw new InvalidArgumentError('a length of time is wanted, such as 7d, 12h or 30m');
}
