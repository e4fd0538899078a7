import { type Instant, parseInstant } from '../core/time.ts';
import { MOMENT } from '../signals/command.ts';
import type { SignalRecord } from './events.ts';

/** The moment that the newest command among these signals names. */
export const momentOf = (signals: readonly SignalRecord[]): Instant | undefined =>
  signals.flatMap(({ subject }) => parseInstant(subject[MOMENT] ?? '') ?? []).at(-1);
