import { unreachable } from '../../shared/core/assert.ts';
import { ApiError } from './kernel.ts';
import type { SeriesIdentity } from './monitoring-series.ts';

// Monitoring's filter language as far as policies and probes use it: comparisons with = and != to a text, to
// `starts_with("…")` or to `monitoring.regex.full_match("…")`, joined by AND (written or not). Anything else is refused, as the
// real API refuses what it does not understand.

/** A filter that was understood. */
export interface Filter {
  /** The metric type that it asks for, if it asks for one. */
  readonly metricType: string | undefined;
  matches(series: SeriesIdentity): boolean;
}

interface Comparison {
  readonly field: string;
  readonly equal: boolean;
  readonly value: string;
  readonly how: 'is' | 'startsWith' | 'matches';
}

const COMPARISON =
  /\s*([A-Za-z_][\w.]*(?:\."[^"]*")?)\s*(!=|=)\s*(?:(starts_with|monitoring\.regex\.full_match)\(\s*("(?:[^"\\]|\\.)*")\s*\)|("(?:[^"\\]|\\.)*"|[^\s()"]+))\s*/y;
const AND = /AND\b/y;
const FIELD = /^(?:project|(resource|metric)\.(?:(type)|labels?\.(.+)))$/;

/** Reads a filter. Throws 400 for one that can't be read. An empty filter matches everything. */
export function parseFilter(text: string): Filter {
  const comparisons = readComparisons(text);
  const metric = comparisons.find(({ field, equal, how }) => field === 'metric.type' && equal && how === 'is');
  return {
    metricType: metric?.value,
    matches: (series) =>
      comparisons.every((comparison) => agrees(comparison, fieldOf(series, comparison.field)) === comparison.equal),
  };
}

function agrees({ how, value }: Comparison, found: string | undefined): boolean {
  if (found === undefined) return false;
  switch (how) {
    case 'is':
      return found === value;
    case 'startsWith':
      return found.startsWith(value);
    case 'matches':
      return new RegExp(`^(?:${value})$`).test(found);
    default:
      return unreachable(how);
  }
}

function readComparisons(text: string): readonly Comparison[] {
  const comparisons: Comparison[] = [];
  let at = 0;
  while (text.slice(at).trim() !== '') {
    COMPARISON.lastIndex = at;
    const match = COMPARISON.exec(text);
    const [, field, operator, call, argument, plain] = match ?? [];
    const value = argument ?? plain;
    if (field === undefined || operator === undefined || value === undefined || !FIELD.test(field)) {
      throw malformed(text);
    }
    const how = call === undefined ? 'is' : call === 'starts_with' ? 'startsWith' : 'matches';
    comparisons.push({ field, equal: operator === '=', value: unquoted(value), how });
    at = COMPARISON.lastIndex;
    AND.lastIndex = at;
    if (!AND.test(text)) continue;
    at = AND.lastIndex;
    if (text.slice(at).trim() === '') throw malformed(text);
  }
  return comparisons;
}

const unquoted = (text: string): string => (text.startsWith('"') ? text.slice(1, -1).replace(/\\(.)/g, '$1') : text);

/** The value of `resource.type`, `metric.labels.x`, `resource.label.x`, …; `undefined` when the series has none. */
function fieldOf(series: SeriesIdentity, field: string): string | undefined {
  const [, part, type, label] = FIELD.exec(field) ?? [];
  if (part !== 'resource' && part !== 'metric') return series.resource.labels['project_id'];
  return type === undefined ? series[part].labels[unquoted(label ?? '')] : series[part].type;
}

const malformed = (text: string): ApiError =>
  new ApiError(400, 'badRequest', `Field filter had an invalid value of "${text}": The filter could not be parsed.`);
