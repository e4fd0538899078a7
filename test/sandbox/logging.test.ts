import { describe, expect, it } from '@jest/globals';
import { parseFilter } from '../../sandbox/world/logging-filter.ts';
import type { LogEntry } from '../../sandbox/world/logs.ts';
import { REFERENCE_PROJECT } from '../../sandbox/world/project.ts';
import { instant } from '../../shared/core/time.ts';

const entry: LogEntry = {
  insertId: 'a1',
  log: 'run.googleapis.com/stderr',
  resource: { type: 'cloud_run_revision', labels: { service_name: 'coditect-dms-api' } },
  at: instant(Date.parse('2026-01-05T10:00:00Z')),
  severity: 'ERROR',
  text: 'ERROR connection to 10.20.0.3 refused',
};

const keeps = (filter: string): boolean => parseFilter(filter, REFERENCE_PROJECT)(entry);

describe('a log filter', () => {
  it.each([
    '',
    'resource.type=cloud_run_revision',
    'timestamp>="2026-01-05T09:59:59.285936Z" AND resource.type=cloud_run_revision',
    'resource.type="cloud_run_revision" resource.labels.service_name="coditect-dms-api" severity>=WARNING',
    'severity=error',
    'severity != INFO AND timestamp < "2026-01-05T10:00:01Z"',
    'NOT severity<ERROR',
    '-severity=INFO',
    'severity=INFO OR severity=ERROR',
    'resource.type=k8s_container OR resource.type=cloud_run_revision AND severity=ERROR',
    '(severity=INFO) OR (textPayload:"refused" AND NOT textPayload:"timeout")',
    'textPayload=~"10\\\\.20\\\\.\\\\d+\\\\.3"',
    'logName="projects/coditect-prod/logs/run.googleapis.com%2Fstderr"',
    '"REFUSED"',
    'refused',
  ])('keeps what it describes: %s', (filter) => {
    expect(keeps(filter)).toBe(true);
  });

  it.each([
    'resource.type=k8s_container',
    'severity<ERROR',
    'timestamp>"2026-01-05T10:00:00Z"',
    'severity=ERROR resource.labels.service_name=other',
    'resource.labels.zone=a',
    'severity=ERROR AND (severity=INFO OR textPayload:nothing)',
    'resource.type=cloud_run_revision AND severity=INFO OR severity=DEBUG',
    'nothing',
  ])('leaves out what it does not: %s', (filter) => {
    expect(keeps(filter)).toBe(false);
  });

  it.each([
    'resource.type=',
    'severity>LOUD',
    'timestamp>yesterday',
    '(severity=ERROR',
    'severity=ERROR)',
    'jsonPayload.x=1',
  ])('is refused when it can’t be understood: %s', (filter) => {
    expect(() => keeps(filter)).toThrow(expect.objectContaining({ status: 400 }));
  });
});
