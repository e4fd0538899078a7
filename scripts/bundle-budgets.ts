import type { FunctionName } from '../shared/system/names.ts';
import type { Bundle } from './bundle-functions.ts';

/** Bytes of JavaScript that a function may have: read before its first call is dealt with, and with its client libraries. */
export interface Budget {
  readonly own: number;
  readonly whole: number;
}

/** A tenth above what they had when it was written; raise one only with the reason in the commit. */
export const BUDGETS: Readonly<Record<FunctionName, Budget>> = {
  classify: { own: 1_550_000, whole: 10_950_000 },
  heal: { own: 1_260_000, whole: 10_650_000 },
  recover: { own: 1_260_000, whole: 10_650_000 },
  notify: { own: 1_240_000, whole: 4_270_000 },
  tick: { own: 1_560_000, whole: 10_970_000 },
  approve: { own: 1_100_000, whole: 4_120_000 },
  status: { own: 1_060_000, whole: 4_080_000 },
};

/** What is wrong with a bundle's size, in words; nothing when it is within its budget. */
export function overBudget({ name, own, whole }: Pick<Bundle, 'name' | 'own' | 'whole'>): readonly string[] {
  const budget = BUDGETS[name];
  const over = (what: string, bytes: number, most: number): readonly string[] =>
    bytes <= most ? [] : [`${name} has ${bytes} bytes ${what}, ${bytes - most} more than its budget of ${most}`];
  return [...over('of its own', own, budget.own), ...over('in all', whole, budget.whole)];
}
