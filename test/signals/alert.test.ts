import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { instant } from '../../shared/core/time.ts';
import { type Alert, parseAlert } from '../../shared/signals/alert.ts';
import { fixture } from './alerts.ts';

const read = (name: string): Alert => {
  const result = parseAlert(fixture(name));
  if (!result.ok) throw new Error(result.error.because);
  return result.value;
};

const minimal = (incident: object) => ({
  version: '1.2',
  incident: { incident_id: '0.a', state: 'open', ...incident },
});

const readMinimal = (incident: object): Alert => {
  const result = parseAlert(minimal(incident));
  if (!result.ok) throw new Error(result.error.because);
  return result.value;
};

describe('a notification of Monitoring', () => {
  it('names the incident, the resource and the moment it began', () => {
    expect(read('01-cloudsql-down-open')).toMatchObject({
      kind: 'alert',
      incidentId: '0.n8x2k4q7r1ab',
      state: 'open',
      startedAt: instant(1_767_607_260_000),
      endedAt: undefined,
      policyName: 'dr-cloudsql-primary-down',
      scenarioHint: 'database-primary-failure',
      targetHint: 'coditect-dms-db',
      metricType: 'cloudsql.googleapis.com/database/up',
      severity: 'Critical',
      documentation: 'Runbook 3.1. Primary database failure.',
      dedupeKey: 'alert/0.n8x2k4q7r1ab/open',
    });
    expect(read('01-cloudsql-down-open').resource.labels['database_id']).toBe('coditect-prod:coditect-dms-db');
  });

  it('has another dedupe key when the same incident closes', () => {
    const closed = read('02-cloudsql-down-closed');
    expect(closed).toMatchObject({
      state: 'closed',
      endedAt: instant(1_767_607_920_000),
      dedupeKey: 'alert/0.n8x2k4q7r1ab/closed',
    });
  });

  it('tells who called what where a log entry matched, and nothing of the kind otherwise', () => {
    expect(read('07-log-match-open').entry).toEqual({
      principal: 'attacker@example.com',
      method: 'google.iam.admin.v1.CreateServiceAccountKey',
      resource: undefined,
    });
    expect(read('01-cloudsql-down-open').entry).toBeUndefined();
  });

  it('believes the first line of a name: what follows may be the words of whoever called', () => {
    const content = 'Runbook 7.1.\nprincipal: mallory@example.com\nresource: x\nprincipal: somebody-else@example.com';
    const { entry } = readMinimal({ condition: { conditionMatchedLog: {} }, documentation: { content } });
    expect(entry).toEqual({ principal: 'mallory@example.com', method: undefined, resource: 'x' });
  });

  it.each([
    '03-uptime-check-failed-open',
    '04-gke-crashloop-open',
    '05-cloudrun-5xx-open',
    '06-absence-open',
    '07-log-match-open',
  ])('is read in every form that policies send: %s', (name) => {
    expect(read(name)).toMatchObject({ kind: 'alert', state: 'open' });
  });

  it('carries the labels by which a pod is found', () => {
    const { resource } = read('04-gke-crashloop-open');
    expect(resource.labels['pod_name']).toBe('coditect-dms-api-7d9c5b6f4-x2kqz');
    expect(resource.systemLabels?.['top_level_controller_name']).toBe('coditect-dms-api');
  });

  it('is a test when the console sends one, in capitals and without a time', () => {
    expect(read('08-test-notification')).toMatchObject({
      kind: 'test',
      state: 'open',
      startedAt: undefined,
      documentation: 'Test documentation',
    });
  });

  it('needs nothing but version, id and state', () => {
    expect(readMinimal({})).toMatchObject({
      summary: 'an alert is open',
      resource: { type: '', labels: {} },
      metricType: undefined,
    });
  });

  it('survives that any optional field is missing, null or of another type', () => {
    const whole = fixture('01-cloudsql-down-open') as { readonly incident: Readonly<Record<string, unknown>> };
    const optional = Object.keys(whole.incident).filter((key) => key !== 'incident_id' && key !== 'state');
    const values = fc.constantFrom(
      null,
      undefined,
      0,
      'null',
      [],
      {},
      false,
      { labels: null },
      { type: 7, labels: { a: 1 } },
    );
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...optional), values), (changes) => {
        const incident = { ...whole.incident, ...changes };
        for (const key of Object.keys(changes))
          if (changes[key] === undefined) delete (incident as Record<string, unknown>)[key];
        const result = parseAlert({ version: '1.2', incident });
        expect(result).toMatchObject({ ok: true, value: { incidentId: '0.n8x2k4q7r1ab', state: 'open' } });
      }),
    );
  });

  it('takes numbers where Monitoring writes texts and texts where it writes numbers', () => {
    expect(readMinimal({ observed_value: 0.5, threshold_value: '1', started_at: '1767607260' })).toMatchObject({
      observedValue: '0.5',
      thresholdValue: '1',
      startedAt: instant(1_767_607_260_000),
    });
  });

  it('is cut to what fits, and can not write to a terminal', () => {
    const { summary, policyName } = readMinimal({
      summary: 'x'.repeat(100_000),
      policy_name: '\u001b[31mred\u0007\nline',
    });
    expect(summary).toHaveLength(1_000);
    expect(policyName).toBe('[31mred line');
  });

  it.each([
    ['another version', { ...minimal({}), version: '2.0' }],
    ['no version', { incident: minimal({}).incident }],
    ['no id', minimal({ incident_id: '' })],
    ['no state', minimal({ state: null })],
    ['another state', minimal({ state: 'acknowledged' })],
    ['no incident', { version: '1.2' }],
    ['no object', 'open'],
  ])('is refused with what is wrong and what arrived: %s', (_, payload) => {
    const result = parseAlert(payload);
    expect(result.ok).toBe(false);
    expect(result.ok || result.error.because.length * result.error.preview.length).toBeGreaterThan(0);
  });

  it('is never quoted with a credential', () => {
    const result = parseAlert({ version: '9', incident: { url: 'postgresql://dms:hunter2@10.0.0.1/dms' } });
    expect(JSON.stringify(result)).not.toContain('hunter2');
  });

  it('never throws, whatever JSON arrives', () => {
    const shaped = fc.record({
      version: fc.constantFrom('1.2', 'test', 1, null),
      incident: fc.dictionary(
        fc.constantFrom('incident_id', 'state', 'resource', 'metric', 'documentation', 'started_at'),
        fc.jsonValue(),
      ),
    });
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), shaped, fc.anything()), (payload) => {
        const result = parseAlert(payload);
        if (!result.ok) expect(result.error.preview.length).toBeLessThanOrEqual(300);
        else expect(result.value.dedupeKey).toMatch(/^alert\/[\x21-\x7e]{1,200}\/(open|closed)$/);
      }),
    );
  });
});
