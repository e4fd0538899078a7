import { assert } from '../core/assert.ts';
import { after, instant, type Instant, type Millis } from '../core/time.ts';
import type { Lease } from '../ports/store.ts';

// Who holds a lease: pure, and the same for every adapter, which only has to run a rule and its write in one transaction.
//
// L1. At any moment of the store's time at most one holder has an unexpired lease on a key.
// L2. The token grows whenever the lease was free in between, whoever takes it next. An unbroken holder keeps its token.
// L3. Expiry is judged by comparing times; a lease ends at `expiresAt`, not after it. It is never made shorter.
// L4. What is lost stays lost: a lease that expired can be acquired, not renewed.
//
// Not protected: what a former holder already sent. That is the fencing token's, or the action's repeat class's, to catch.

/** What is kept for a key for ever: the last lease, and whether it was given back. The token must survive its holders. */
export interface KeptLease {
  readonly lease: Lease;
  readonly released: boolean;
}

/** Who asks for what, and when in the store's time. */
export interface Claim {
  readonly key: string;
  readonly holder: string;
  readonly now: Instant;
  readonly length: Millis;
}

/** The lease that the claimant now has, to be written; or who has it. */
export function claimed(
  kept: KeptLease | undefined,
  claim: Claim,
): { readonly kind: 'held'; readonly lease: Lease } | { readonly kind: 'taken'; readonly by: Lease } {
  const current = inForce(kept, claim.now);
  if (current === undefined) {
    const token = (kept?.lease.token ?? 0) + 1;
    return { kind: 'held', lease: { key: claim.key, holder: claim.holder, token, expiresAt: end(claim) } };
  }
  if (current.holder !== claim.holder) return { kind: 'taken', by: current };
  return { kind: 'held', lease: prolonged(current, claim) };
}

/** The lease with its new end, to be written; `undefined` when it was lost. */
export function renewed(
  kept: KeptLease | undefined,
  lease: Lease,
  time: Pick<Claim, 'now' | 'length'>,
): Lease | undefined {
  const current = inForce(kept, time.now);
  return current !== undefined && isSame(current, lease) ? prolonged(current, time) : undefined;
}

/** Whether giving `lease` back changes anything. */
export function isReleasable(kept: KeptLease | undefined, lease: Lease): boolean {
  return kept !== undefined && !kept.released && isSame(kept.lease, lease);
}

const isSame = (a: Lease, b: Lease): boolean => a.token === b.token && a.holder === b.holder;

const inForce = (kept: KeptLease | undefined, now: Instant): Lease | undefined =>
  kept === undefined || kept.released || now >= kept.lease.expiresAt ? undefined : kept.lease;

function end({ now, length }: Pick<Claim, 'now' | 'length'>): Instant {
  assert(Number.isFinite(length) && length > 0, `a lease has a length, unlike ${length}`);
  return after(now, length);
}

const prolonged = (lease: Lease, time: Pick<Claim, 'now' | 'length'>): Lease => ({
  ...lease,
  expiresAt: instant(Math.max(lease.expiresAt, end(time))),
});
