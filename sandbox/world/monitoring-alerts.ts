import { after, between, instant, type Instant, type Millis, millis, minutes } from '../../shared/core/time.ts';
import type { Chance, WorldClock } from './kernel.ts';
import { type AlignedSeries, aggregate, stepAt } from './monitoring-align.ts';
import {
  type AlertPolicyDocument,
  autoCloseOf,
  type Condition,
  type ConditionDocument,
  readCondition,
} from './monitoring-policy.ts';
import { identityOf, type Series, type SeriesIdentity, type SeriesStore } from './monitoring-series.ts';

// Evaluates alert policies on what is visible of the series, and opens and closes one incident for each series of each
// condition.
//
// M1. An incident opens only when every value over the condition's duration violates it, in the data's own time.
// M2. "Closed" means that the newest value no longer violates, that data came back, or that nothing was heard for the policy's
//     autoClose: the last is no recovery (facts.md 1.3).

/** A series without new data for that long is missing: sampling and visibility together take at most 225 s. */
const MISSING_AFTER = minutes(5);

/** How far back absence looks for series that once were there. */
const KNOWN_FOR = minutes(24 * 60);

/** How far beyond its duration a condition looks for the value from which a violation has lasted. */
const LOOK_BACK = minutes(10);

/** An incident at the moment it opens or closes. */
export interface IncidentChange {
  readonly id: string;
  readonly state: 'open' | 'closed';
  readonly policy: AlertPolicyDocument;
  readonly condition: ConditionDocument;
  readonly series: SeriesIdentity;
  readonly startedAt: Instant;
  readonly endedAt: Instant | undefined;
  /** The value that opened or ended it; `undefined` for an absence, or when it closed without data. */
  readonly value: number | undefined;
  /** What was taken out of the log entry that opened it. */
  readonly extracted?: Readonly<Record<string, string>>;
}

interface OpenIncident {
  readonly id: string;
  readonly policy: AlertPolicyDocument;
  readonly condition: ConditionDocument;
  readonly series: SeriesIdentity;
  readonly startedAt: Instant;
  seenAt: Instant;
}

/** What a condition's series came to, and what it was computed of. Policies are evaluated more often than data comes. */
interface Aggregated {
  readonly of: readonly Series[];
  readonly firstStep: Instant;
  readonly lastStep: Instant;
  readonly aligned: readonly AlignedSeries[];
}

/** What one series says about one condition. */
interface Verdict {
  readonly series: AlignedSeries;
  readonly verdict: 'violates' | 'clear' | 'unclear';
  readonly value: number | undefined;
}

/** Series that were judged and left no incident open: nothing follows from them until there are others, or time passes. */
interface Settled {
  readonly aligned: readonly AlignedSeries[];
  /** From then on a series counts as missing or absent that did not. */
  readonly until: Instant;
}

/** The alerting of one project. */
export class Alerting {
  readonly #clock: WorldClock;
  readonly #chance: Chance;
  readonly #store: SeriesStore;
  readonly #report: (change: IncidentChange) => void;
  readonly #open = new Map<string, OpenIncident>();
  /** Series whose incident was closed for want of data, with when they were last heard of: they open none before they speak. */
  readonly #givenUp = new Map<string, Instant>();
  readonly #conditions = new WeakMap<ConditionDocument, Condition>();
  readonly #aggregated = new WeakMap<Condition, Aggregated>();
  readonly #settled = new WeakMap<Condition, Settled>();

  constructor(options: {
    readonly clock: WorldClock;
    readonly chance: Chance;
    readonly store: SeriesStore;
    readonly report: (change: IncidentChange) => void;
  }) {
    this.#clock = options.clock;
    this.#chance = options.chance;
    this.#store = options.store;
    this.#report = options.report;
  }

  /** Evaluates every condition of every enabled policy once. Incidents of policies that are gone end without a word. */
  evaluate(policies: readonly AlertPolicyDocument[]): void {
    const enabled = policies.filter((policy) => policy.enabled);
    const watched = new Set(enabled.flatMap(({ conditions }) => conditions.map(({ name }) => name)));
    for (const [key, { condition }] of this.#open) if (!watched.has(condition.name)) this.#open.delete(key);
    for (const policy of enabled)
      for (const condition of policy.conditions)
        if (condition.conditionMatchedLog === undefined) this.#evaluateOne(policy, condition);
  }

  /** Incidents that are open now, oldest first. */
  open(): readonly { readonly id: string; readonly policy: string }[] {
    return [...this.#open.values()].map(({ id, policy }) => ({ id, policy: policy.displayName }));
  }

  #evaluateOne(policy: AlertPolicyDocument, document: ConditionDocument): void {
    const now = this.#clock.now();
    const condition = this.#read(document);
    const aligned = this.#aggregate(condition, now);
    const settled = this.#settled.get(condition);
    if (aligned === settled?.aligned && now < settled.until) return;
    const verdicts = verdictsOf(aligned, condition, now);
    const violating = verdicts.filter(({ verdict }) => verdict === 'violates').length;
    for (const { series, verdict, value } of verdicts) {
      const key = incidentKey(document, series);
      const incident = this.#open.get(key);
      if (incident !== undefined) incident.seenAt = series.seenAt;
      if (this.#givenUp.get(key) === series.seenAt) continue;
      if (incident === undefined && verdict === 'violates' && violating >= condition.count) {
        this.#begin(key, policy, document, series, value);
      }
      if (incident !== undefined && verdict === 'clear') this.#end(key, incident, value);
    }
    this.#endSilent(policy, document, condition, new Set(verdicts.map(({ series }) => incidentKey(document, series))));
    if (!this.#isOpen(document)) this.#settled.set(condition, { aligned, until: untilSilent(aligned, condition, now) });
  }

  #isOpen({ name }: ConditionDocument): boolean {
    for (const { condition } of this.#open.values()) if (condition.name === name) return true;
    return false;
  }

  /** Closes incidents whose series has not been heard of: at once if missing data is inactive, else after autoClose. */
  #endSilent(
    policy: AlertPolicyDocument,
    document: ConditionDocument,
    condition: Condition,
    heard: ReadonlySet<string>,
  ): void {
    const now = this.#clock.now();
    const { test } = condition;
    const inactive = test.kind === 'threshold' && test.missing === 'EVALUATION_MISSING_DATA_INACTIVE';
    for (const [key, incident] of this.#open) {
      if (incident.condition.name !== document.name) continue;
      const silentFor = between(incident.seenAt, now);
      const isGivenUp = silentFor >= autoCloseOf(policy);
      if (isGivenUp) this.#givenUp.set(key, incident.seenAt);
      if ((inactive && !heard.has(key)) || isGivenUp) this.#end(key, incident, undefined);
    }
  }

  #aggregate(condition: Condition, now: Instant): readonly AlignedSeries[] {
    const { test, duration, aggregation, filter, step } = condition;
    const lookBack: Millis = test.kind === 'absent' ? KNOWN_FOR : millis(duration + aggregation.period + LOOK_BACK);
    const of = this.#store.visible(filter, now, after(now, -lookBack));
    const from = test.kind === 'absent' ? now : after(now, -(duration + LOOK_BACK));
    const [firstStep, lastStep] = [stepAt(after(from, step - 1), step), stepAt(now, step)];
    const known = this.#aggregated.get(condition);
    const isSame =
      known?.firstStep === firstStep &&
      known.lastStep === lastStep &&
      known.of.length === of.length &&
      known.of.every((series, index) => series === of[index]);
    if (isSame) return known.aligned;
    const aligned = aggregate(of, aggregation, { from, to: now, step });
    this.#aggregated.set(condition, { of, firstStep, lastStep, aligned });
    return aligned;
  }

  #begin(
    key: string,
    policy: AlertPolicyDocument,
    condition: ConditionDocument,
    series: AlignedSeries,
    value: number | undefined,
  ): void {
    const startedAt = this.#clock.now();
    const opened = { id: incidentIdFrom(this.#chance), policy, condition, series: identityOf(series), startedAt };
    this.#open.set(key, { ...opened, seenAt: series.seenAt });
    this.#report({ ...opened, state: 'open', endedAt: undefined, value });
  }

  #end(key: string, incident: OpenIncident, value: number | undefined): void {
    this.#open.delete(key);
    const { id, policy, condition, series, startedAt } = incident;
    this.#report({ id, policy, condition, series, startedAt, state: 'closed', endedAt: this.#clock.now(), value });
  }

  #read(document: ConditionDocument): Condition {
    const known = this.#conditions.get(document);
    if (known !== undefined) return known;
    const condition = readCondition(document);
    this.#conditions.set(document, condition);
    return condition;
  }
}

/** An incident's id, as Monitoring makes them. */
export const incidentIdFrom = (chance: Chance): string =>
  `0.${Array.from({ length: 12 }, () => chance.between(0, 35).toString(36)).join('')}`;

const incidentKey = (condition: ConditionDocument, series: { readonly key: string }): string =>
  `${condition.name} ${series.key}`;

function verdictsOf(aligned: readonly AlignedSeries[], condition: Condition, now: Instant): readonly Verdict[] {
  const { test, duration } = condition;
  return aligned.map((series) =>
    test.kind === 'absent' ? absence(series, duration, now) : threshold(series, condition, test, now),
  );
}

/** When the next of them has been silent for so long that its verdict is another one. */
function untilSilent(aligned: readonly AlignedSeries[], { test, duration }: Condition, now: Instant): Instant {
  const silence = test.kind === 'absent' ? duration : MISSING_AFTER;
  const moments = aligned.map(({ seenAt }) => after(seenAt, silence)).filter((moment) => moment >= now);
  return instant(Math.min(...moments));
}

function absence(series: AlignedSeries, duration: Millis, now: Instant): Verdict {
  const absent = between(series.seenAt, now) >= duration;
  return { series, verdict: absent ? 'violates' : 'clear', value: undefined };
}

function threshold(
  series: AlignedSeries,
  { duration, step }: Condition,
  { violates, missing }: Extract<Condition['test'], { kind: 'threshold' }>,
  now: Instant,
): Verdict {
  if (between(series.seenAt, now) > MISSING_AFTER) {
    const verdict = { EVALUATION_MISSING_DATA_INACTIVE: 'clear', EVALUATION_MISSING_DATA_ACTIVE: 'violates' } as const;
    return {
      series,
      verdict: missing === 'EVALUATION_MISSING_DATA_NO_OP' ? 'unclear' : verdict[missing],
      value: undefined,
    };
  }
  const newest = series.completeUntil;
  const value = series.values.get(newest);
  if (value === undefined) return { series, verdict: 'unclear', value };
  if (!violates(value)) return { series, verdict: 'clear', value };
  const begin = after(newest, -duration);
  for (let at = newest; at >= begin; at = after(at, -step)) {
    const earlier = series.values.get(at);
    const counts = earlier === undefined ? missing === 'EVALUATION_MISSING_DATA_INACTIVE' : !violates(earlier);
    if (counts) return { series, verdict: 'unclear', value };
  }
  // A violation has lasted only if it is known to have begun: a value must stand at or before the begin.
  const first = [...series.values].findLast(([at]) => at <= begin)?.[1];
  const lasted = missing === 'EVALUATION_MISSING_DATA_ACTIVE' || (first !== undefined && violates(first));
  return { series, verdict: lasted ? 'violates' : 'unclear', value };
}
