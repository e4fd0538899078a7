import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ACCEPTED_FIELDS } from '../../sandbox/http/sql-body.ts';
import { createVirtualClock, type VirtualClock } from '../../sandbox/world/clock.ts';
import { instant, minutes } from '../../shared/core/time.ts';
import { startSqlSandbox, tokenOf } from './sql-sandbox.ts';

// What the faces refuse, sent as raw HTTP: a simulator that says yes to everything proves nothing.

const INSTANCES = '/v1/projects/coditect-prod/instances';
const PRIMARY = `${INSTANCES}/coditect-dms-db`;
const REPLICA = `${INSTANCES}/coditect-dms-db-replica`;

let clock: VirtualClock;
let sandbox: Awaited<ReturnType<typeof startSqlSandbox>>;

beforeEach(async () => {
  clock = createVirtualClock(instant(1_767_607_200_000));
  sandbox = await startSqlSandbox(clock);
  clock.advanceBy(minutes(5));
});

afterEach(async () => {
  await sandbox.close();
});

async function send(
  method: string,
  path: string,
  body?: string,
): Promise<{ readonly status: number; readonly body: unknown }> {
  const answer = await fetch(`http://127.0.0.1:${sandbox.port}${path}`, {
    method,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${tokenOf('operator')}` },
    ...(body === undefined ? {} : { body }),
  });
  return { status: answer.status, body: await answer.json() };
}

const stop = { settings: { activationPolicy: 'NEVER' } };

describe('Cloud SQL over HTTP', () => {
  it.each([
    ['an unknown field', 'PATCH', PRIMARY, { settings: { activationPolice: 'NEVER' } }, 400],
    [
      'a field of the instance that is not for patching here',
      'PATCH',
      PRIMARY,
      { databaseVersion: 'POSTGRES_17' },
      400,
    ],
    ['an unknown value of an enum', 'PATCH', PRIMARY, { settings: { activationPolicy: 'SOMETIMES' } }, 400],
    ['a number that no value of an enum has', 'PATCH', PRIMARY, { settings: { activationPolicy: 9 } }, 400],
    ['a text for a boolean', 'PATCH', PRIMARY, { settings: { deletionProtectionEnabled: 'no' } }, 400],
    ['a stale version', 'PATCH', PRIMARY, { settings: { settingsVersion: '6', activationPolicy: 'NEVER' } }, 412],
    ['a stop of a replica', 'PATCH', REPLICA, stop, 400],
    ['an instance that is not there', 'PATCH', `${INSTANCES}/nobody`, stop, 404],
    ['another project', 'PATCH', '/v1/projects/other/instances/coditect-dms-db', stop, 403],
    ['the wrong method', 'PUT', PRIMARY, stop, 404],
    ['an unknown method of an instance', 'POST', `${PRIMARY}/demolish`, undefined, 404],
    ['a body where there is none', 'POST', `${REPLICA}/promoteReplica`, { replica: 'this' }, 400],
    ['an unknown query parameter', 'POST', `${REPLICA}/promoteReplica?force=true`, undefined, 400],
    ['a promotion of a primary', 'POST', `${PRIMARY}/promoteReplica`, undefined, 400],
    [
      'a failover of a zonal instance',
      'POST',
      `${PRIMARY}/failover`,
      { failoverContext: { settingsVersion: '7' } },
      400,
    ],
    [
      'a name that no instance may have',
      'POST',
      INSTANCES,
      { name: 'No!', region: 'us-east1', databaseVersion: 'POSTGRES_15' },
      400,
    ],
    [
      'a version of another database',
      'POST',
      INSTANCES,
      { name: 'new', region: 'us-east1', databaseVersion: 'MYSQL_8_0' },
      400,
    ],
    [
      'a time that is none',
      'POST',
      `${PRIMARY}/clone`,
      { cloneContext: { destinationInstanceName: 'x', pointInTime: 'noon' } },
      400,
    ],
    ['the deletion of a protected instance', 'DELETE', PRIMARY, undefined, 400],
    ['a list filter', 'GET', `${INSTANCES}?filter=state:RUNNABLE`, undefined, 501],
  ])('refuses %s', async (_what, method, path, body, status) => {
    const answer = await send(method, path, body === undefined ? undefined : JSON.stringify(body));
    expect(answer).toMatchObject({ status, body: { error: { code: status, message: expect.any(String) } } });
    expect(sandbox.world.sql.fleet.operations.list()).toEqual([]);
  });

  it.each(['v1', 'sql/v1beta4', 'sql/v1'])('answers the same under /%s', async (prefix) => {
    const { status, body } = await send('GET', `/${prefix}/projects/coditect-prod/instances/coditect-dms-db`);
    expect({ status, body }).toMatchObject({
      status: 200,
      body: { kind: 'sql#instance', settings: { settingsVersion: '7' } },
    });
  });

  it('takes the empty text that the npm client sends for an empty body, and the numbers of its enums', async () => {
    expect(await send('POST', `${REPLICA}/promoteReplica`, '""')).toMatchObject({ status: 200 });
    const body = '{"tags":{},"settings":{"userLabels":{},"settingsVersion":"7","activationPolicy":2}}';
    expect(await send('PATCH', PRIMARY, body)).toMatchObject({ status: 200, body: { operationType: 'UPDATE' } });
    clock.advanceBy(minutes(5));
    expect(await send('GET', PRIMARY)).toMatchObject({ body: { settings: { activationPolicy: 'NEVER' } } });
  });

  it('answers 409 in the words that retries look for', async () => {
    await send('POST', `${PRIMARY}/restart`);
    expect(await send('POST', `${PRIMARY}/restart`)).toMatchObject({
      status: 409,
      body: { error: { code: 409, errors: [{ reason: 'operationInProgress' }] } },
    });
  });

  it('pages operations', async () => {
    for (const name of ['coditect-dms-db', 'coditect-dms-db-replica', 'coditect-dms-db-east']) {
      await send('POST', `${INSTANCES}/${name}/restart`);
    }
    const operations = '/v1/projects/coditect-prod/operations?maxResults=2';
    const first = (await send('GET', operations)).body as { items: { targetId: string }[]; nextPageToken: string };
    expect(first.items.map(({ targetId }) => targetId)).toEqual(['coditect-dms-db-east', 'coditect-dms-db-replica']);
    const second = await send('GET', `${operations}&pageToken=${first.nextPageToken}`);
    expect(second.body).toMatchObject({ items: [{ targetId: 'coditect-dms-db' }] });
  });
});

describe('Monitoring over HTTP', () => {
  const series = '/v3/projects/coditect-prod/timeSeries';
  const type = encodeURIComponent('metric.type = "cloudsql.googleapis.com/database/up"');
  const interval = 'interval.startTime=2026-01-05T10:00:00Z&interval.endTime=2026-01-05T11:00:00Z';

  it.each([
    ['no metric type', `${series}?filter=${encodeURIComponent('resource.type = "x"')}&${interval}`, 400],
    ['a filter that can not be read', `${series}?filter=${encodeURIComponent('metric.type ~ "x"')}&${interval}`, 400],
    ['no interval', `${series}?filter=${type}`, 400],
    [
      'an interval that ends before it begins',
      `${series}?filter=${type}&interval.startTime=2026-01-05T11:00:00Z&interval.endTime=2026-01-05T10:00:00Z`,
      400,
    ],
    [
      'an unknown aligner',
      `${series}?filter=${type}&${interval}&aggregation.alignmentPeriod=60s&aggregation.perSeriesAligner=21`,
      400,
    ],
    ['an unknown view', `${series}?filter=${type}&${interval}&view=7`, 400],
    ['an unknown parameter', `${series}?filter=${type}&${interval}&color=red`, 400],
    ['a policy that is not there', '/v3/projects/coditect-prod/alertPolicies/1', 404],
    ['another project', '/v3/projects/other/alertPolicies', 403],
    ['what it has not', '/v3/projects/coditect-prod/uptimeCheckConfigs', 404],
  ])('refuses %s', async (_what, path, status) => {
    expect(await send('GET', path)).toMatchObject({ status, body: { error: { code: status } } });
  });

  it('answers a series without its points when asked for headers', async () => {
    const { body } = await send('GET', `${series}?filter=${type}&${interval}&view=HEADERS`);
    expect(body).toMatchObject({ timeSeries: [{ metricKind: 'GAUGE' }, {}, {}] });
    expect(JSON.stringify(body)).not.toContain('points');
  });
});

describe('the names of fields', () => {
  it.each(Object.entries(ACCEPTED_FIELDS))('of %s are all names of the real API', (message, names) => {
    const sql = createRequire(import.meta.url).resolve('@google-cloud/sql/package.json');
    const text = readFileSync(sql.replace('package.json', 'build/protos/protos.json'), 'utf8');
    const { fields } = JSON.parse(text).nested.google.nested.cloud.nested.sql.nested.v1.nested[message];
    expect(names.length).toBeGreaterThan(3);
    expect(Object.keys(fields)).toEqual(expect.arrayContaining([...names]));
  });
});
