import type { RowVersion, Tally } from '../ports/rows.ts';

/** The share of one row in a tally's sum: the first 60 bits of its hash, so that a server adds them up without overflow of one. */
const shareOf = (hash: string): bigint => BigInt(`0x${hash.slice(0, 15)}`);

export const NOTHING: Tally = { rows: 0, sum: 0n };

/** A tally after a row has gone and another has come in its place; either may be `undefined`. */
export function afterChange(tally: Tally, gone: string | undefined, come: string | undefined): Tally {
  const [less, more] = [gone === undefined ? 0n : shareOf(gone), come === undefined ? 0n : shareOf(come)];
  const rows = tally.rows + (come === undefined ? 0 : 1) - (gone === undefined ? 0 : 1);
  return { rows, sum: tally.sum - less + more };
}

/** Whether two tallies count the same rows. */
export const isSameTally = (a: Tally, b: Tally): boolean => a.rows === b.rows && a.sum === b.sum;

/** The tally of some rows. */
export const tallyOf = (rows: readonly Pick<RowVersion, 'hash'>[]): Tally =>
  rows.reduce((tally, { hash }) => afterChange(tally, undefined, hash), NOTHING);
