import { describe, expect, it } from '@jest/globals';
import { parseFilter } from '../../sandbox/world/monitoring-filter.ts';

const SERIES = {
  resource: { type: 'cloudsql_database', labels: { project_id: 'p', database_id: 'p:db', region: 'us-central' } },
  metric: { type: 'cloudsql.googleapis.com/database/up', labels: { state: 'RUNNING' } },
};

describe('a filter', () => {
  it.each([
    ['', true],
    ['metric.type = "cloudsql.googleapis.com/database/up"', true],
    ['metric.type="cloudsql.googleapis.com/database/up" AND resource.type = "cloudsql_database"', true],
    ['metric.type = "cloudsql.googleapis.com/database/up" resource.labels.database_id = "p:db"', true],
    ['resource.label.database_id = "p:db" AND metric.label.state != "FAILED"', true],
    ['resource.label.database_id = "p:other"', false],
    ['metric.labels.state != "RUNNING"', false],
    ['metric.labels.absent = "x"', false],
    ['metric.labels.absent != "x"', true],
    ['project = "p"', true],
    ['resource.labels.database_id = starts_with("p:")', true],
    ['resource.labels.database_id = starts_with("q:")', false],
    ['resource.labels.region = monitoring.regex.full_match("us-(central|east)")', true],
    ['resource.labels.region = monitoring.regex.full_match("us")', false],
    ['resource.labels.region != monitoring.regex.full_match("us.*")', false],
  ])('%s agrees: %s', (text, agrees) => {
    expect(parseFilter(text).matches(SERIES)).toBe(agrees);
  });

  it.each([
    'metric.type',
    'metric.type = ',
    'metric.type = "x" OR metric.type = "y"',
    '(metric.type = "x")',
    'NOT metric.type = "x"',
    'metric.type = "x" AND',
    'metric.type > "x"',
    'zone = "a"',
  ])('%s is refused', (text) => {
    expect(() => parseFilter(text)).toThrow('filter');
  });

  it('names the metric type that it asks for', () => {
    expect(parseFilter('resource.type = "a" AND metric.type = "m"').metricType).toBe('m');
    expect(parseFilter('metric.type != "m"').metricType).toBeUndefined();
  });
});
