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
  agrees(series: SeriesIdentity): boolean;
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
    matches: (series) => comparisons.every((comparison) => comparison.agrees(series) === comparison.equal),
  };
}

/** Reads a comparison once, since series are asked again and again. */
function comparer(field: string, how: Comparison['how'], value: string): Comparison['agrees'] {
  const read = fieldReader(field);
  const test = tester(how, value);
  return (series) => {
    const found = read(series);
    return found !== undefined && test(found);
  };
}

function tester(how: Comparison['how'], value: string): (found: string) => boolean {
  switch (how) {
    case 'is':
      return (found) => found === value;
    case 'startsWith':
      return (found) => found.startsWith(value);
    case 'matches': {
      const pattern = new RegExp(`^(?:${value})$`);
      return (found) => pattern.test(found);
    }
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
    const wanted = unquoted(value);
    comparisons.push({ field, equal: operator === '=', value: wanted, how, agrees: comparer(field, how, wanted) });
    at = COMPARISON.lastIndex;
    AND.lastIndex = at;
    if (!AND.test(text)) continue;
    at = AND.lastIndex;
    if (text.slice(at).trim() === '') throw malformed(text);
  }
  return comparisons;
}

const unquoted = (text: string): string => (text.startsWith('"') ? text.slice(1, -1).replace(/\\(.)/g, '$1') : text);

/** Reads `resource.type`, `metric.labels.x`, `resource.label.x`, …; `undefined` when the series has none. */
function fieldReader(field: string): (series: SeriesIdentity) => string | undefined {
  const [, part, type, quoted] = FIELD.exec(field) ?? [];
  if (part !== 'resource' && part !== 'metric') return (series) => series.resource.labels['project_id'];
  if (type !== undefined) return (series) => series[part].type;
  const label = unquoted(quoted ?? '');
  return (series) => series[part].labels[label];
}

const malformed = (text: string): ApiError =>
  new ApiError(400, 'badRequest', `Field filter had an invalid value of "${text}": The filter could not be parsed.`);
