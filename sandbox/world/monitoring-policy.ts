import { type Millis, millis } from '../../shared/core/time.ts';
import { type Aggregation, type Aligner, ALIGNERS, type Reducer, REDUCERS } from './monitoring-align.ts';
import { type Filter, parseFilter } from './monitoring-filter.ts';

// Alert policies: the documents, exactly as the API returns them, and what the evaluation reads out of them. There is no other
// source: what is not in the document does not happen (decisions.md 17).

/** How series are aggregated, as a document says it. */
export interface AggregationDocument {
  readonly alignmentPeriod: string;
  readonly perSeriesAligner: string;
  readonly crossSeriesReducer?: string;
  readonly groupByFields?: readonly string[];
}

/** A condition's document. Exactly one of the three kinds is there. */
export interface ConditionDocument {
  readonly name: string;
  readonly displayName: string;
  readonly conditionThreshold?: {
    readonly filter: string;
    readonly aggregations: readonly AggregationDocument[];
    readonly comparison: 'COMPARISON_GT' | 'COMPARISON_LT';
    readonly thresholdValue: number;
    readonly duration: string;
    readonly trigger?: { readonly count: number };
    readonly evaluationMissingData?: MissingData;
  };
  readonly conditionAbsent?: {
    readonly filter: string;
    readonly aggregations: readonly AggregationDocument[];
    readonly duration: string;
    readonly trigger?: { readonly count: number };
  };
  /** The only condition of its policy, which has to limit its rate (alert.proto). */
  readonly conditionMatchedLog?: {
    readonly filter: string;
    /** What is taken out of a matching entry, by name: `EXTRACT(field)`. */
    readonly labelExtractors?: Readonly<Record<string, string>>;
  };
}

/** What a missing value counts as. */
export type MissingData =
  | 'EVALUATION_MISSING_DATA_INACTIVE'
  | 'EVALUATION_MISSING_DATA_ACTIVE'
  | 'EVALUATION_MISSING_DATA_NO_OP';

/** An alert policy as `alertPolicies.get` answers it. */
export interface AlertPolicyDocument {
  /** `projects/P/alertPolicies/ID`. */
  readonly name: string;
  readonly displayName: string;
  readonly combiner: 'OR';
  readonly enabled: boolean;
  readonly severity?: 'CRITICAL' | 'ERROR' | 'WARNING';
  readonly conditions: readonly ConditionDocument[];
  readonly userLabels: Readonly<Record<string, string>>;
  /** `projects/P/notificationChannels/ID`. */
  readonly notificationChannels: readonly string[];
  readonly documentation?: {
    readonly content: string;
    readonly mimeType: string;
    readonly subject?: string;
    readonly links?: readonly { readonly displayName: string; readonly url: string }[];
  };
  readonly alertStrategy?: {
    readonly autoClose?: string;
    readonly notificationPrompts?: readonly ('OPENED' | 'CLOSED')[];
    readonly notificationRateLimit?: { readonly period: string };
  };
}

/** A condition as it is evaluated. */
export interface Condition {
  readonly filter: Filter;
  readonly aggregation: Aggregation;
  /** How often a value is computed: the period, or a minute where the period is longer and the window therefore slides. */
  readonly step: Millis;
  readonly duration: Millis;
  /** Series that must violate before any of them opens an incident. */
  readonly count: number;
  readonly test:
    | { readonly kind: 'threshold'; readonly violates: (value: number) => boolean; readonly missing: MissingData }
    | { readonly kind: 'absent' };
}

/** The shortest absence that a policy may ask for (alert.proto). */
const ABSENCE_LEAST = 120_000;
const MINUTE = 60_000;
/** Seven days, when a policy says nothing. */
const AUTO_CLOSE = millis(604_800_000);

/** Reads a condition. Throws for one that the sandbox can't evaluate: it must not look as if it were watched. */
export function readCondition(document: ConditionDocument): Condition {
  const { conditionThreshold: threshold, conditionAbsent: absent } = document;
  const common = threshold ?? absent;
  if (common === undefined) throw unsupported(document, 'it has neither a threshold nor an absence');
  const aggregation = readAggregation(document, common.aggregations);
  const duration = readDuration(document, common.duration);
  const base = {
    filter: parseFilter(common.filter),
    aggregation,
    step: millis(Math.min(aggregation.period, MINUTE)),
    duration,
    count: common.trigger?.count ?? 1,
  };
  if (threshold === undefined) {
    if (duration < ABSENCE_LEAST) throw unsupported(document, 'an absence must last at least 120s');
    return { ...base, test: { kind: 'absent' } };
  }
  const { comparison, thresholdValue } = threshold;
  const violates = (value: number): boolean =>
    comparison === 'COMPARISON_GT' ? value > thresholdValue : value < thresholdValue;
  const missing = threshold.evaluationMissingData ?? 'EVALUATION_MISSING_DATA_NO_OP';
  return { ...base, test: { kind: 'threshold', violates, missing } };
}

/** How long an incident without data stays open. */
export function autoCloseOf(policy: AlertPolicyDocument): Millis {
  const text = policy.alertStrategy?.autoClose;
  return text === undefined ? AUTO_CLOSE : secondsOf(text);
}

function readAggregation(document: ConditionDocument, aggregations: readonly AggregationDocument[]): Aggregation {
  const [only, ...more] = aggregations;
  if (only === undefined || more.length > 0) throw unsupported(document, 'it needs exactly one aggregation');
  const { perSeriesAligner, crossSeriesReducer = 'REDUCE_NONE', groupByFields = [] } = only;
  const aligner = ALIGNERS.find((name): name is Aligner => name === perSeriesAligner);
  const reducer = REDUCERS.find((name): name is Reducer => name === crossSeriesReducer);
  if (aligner === undefined) throw unsupported(document, `the sandbox has no ${perSeriesAligner}`);
  if (reducer === undefined) throw unsupported(document, `the sandbox has no ${crossSeriesReducer}`);
  return { period: readDuration(document, only.alignmentPeriod), aligner, reducer, groupBy: groupByFields };
}

/** How long a log-match policy says nothing more about what it has told; throws for one that says no such time. */
export function rateLimitOf(policy: AlertPolicyDocument, document: ConditionDocument): Millis {
  const period = policy.alertStrategy?.notificationRateLimit?.period;
  if (period === undefined) throw unsupported(document, 'a log match needs a notificationRateLimit');
  if (policy.conditions.length !== 1) throw unsupported(document, 'a log match is the only condition of its policy');
  return readDuration(document, period);
}

function readDuration(document: ConditionDocument, text: string): Millis {
  if (!/^\d+(\.\d+)?s$/.test(text)) throw unsupported(document, `${text} is no duration`);
  return secondsOf(text);
}

const secondsOf = (text: string): Millis => millis(Number.parseFloat(text) * 1_000);

/** What becomes of a condition that the sandbox can't evaluate. */
export const unsupported = (document: ConditionDocument, why: string): Error =>
  new Error(`the condition "${document.displayName}" can't be evaluated: ${why}`);
