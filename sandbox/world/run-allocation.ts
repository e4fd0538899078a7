import type { RevisionTemplate, ServiceScaling } from './run-spec.ts';

/** A revision, as far as it matters for how many instances it gets. */
export interface Allotted {
  /** Its share of the requests. */
  readonly percent: number;
  /** Traffic names it, if only with 0 %: then it keeps its own minimum. */
  readonly routed: boolean;
  readonly template: Pick<RevisionTemplate, 'min' | 'max'>;
}

/** What decides besides the revisions. */
export interface AllocationOptions {
  readonly scaling: ServiceScaling;
  /** Whether there was a request lately. */
  readonly asked: boolean;
  /** How many instances its requests would keep busy; one unless the service is under pressure. */
  readonly needed: number;
  /** Assumption `manualZeroHoldsService`. */
  readonly manualZeroHolds: boolean;
}

/**
 * How many instances each revision shall have. MANUAL: the count, divided by traffic, whatever the revisions' own settings.
 * AUTOMATIC: the service's minimum divided by traffic, or the revision's own minimum where that is more, or one if requests
 * come, or as many as they keep busy; never more than either maximum.
 */
export function allocation(revisions: readonly Allotted[], options: AllocationOptions): readonly number[] {
  const { scaling, asked, needed, manualZeroHolds } = options;
  const percents = revisions.map(({ percent }) => percent);
  if (scaling.mode === 'MANUAL') {
    const count = scaling.manual ?? 0;
    const leaks = count === 0 && asked && !manualZeroHolds;
    return leaks ? percents.map((percent) => (percent > 0 ? 1 : 0)) : divided(count, percents);
  }
  const shares = divided(scaling.min ?? 0, percents);
  return revisions.map(({ percent, routed, template }, index) => {
    const least = Math.max(
      shares[index] ?? 0,
      routed ? (template.min ?? 0) : 0,
      asked ? Math.ceil((needed * percent) / 100) : 0,
    );
    const most = Math.min(template.max ?? Number.POSITIVE_INFINITY, scaling.max ?? Number.POSITIVE_INFINITY);
    return Math.min(least, most);
  });
}

/** Whole numbers by share that sum up to `count`; the larger remainders get the rest. */
function divided(count: number, percents: readonly number[]): readonly number[] {
  const exact = percents.map((percent) => (count * percent) / 100);
  const shares = exact.map(Math.floor);
  const byRest = exact.map((share, index) => ({ index, rest: share % 1 })).toSorted((a, b) => b.rest - a.rest);
  const left = count - shares.reduce((sum, share) => sum + share, 0);
  for (const { index } of byRest.slice(0, left)) shares[index] = (shares[index] ?? 0) + 1;
  return shares;
}
