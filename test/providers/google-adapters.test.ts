import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { inspect } from 'node:util';
import { SecretText } from '../../shared/core/redact.ts';
import { instant } from '../../shared/core/time.ts';
import type { Metrics } from '../../shared/ports/metrics.ts';
import type { Secrets } from '../../shared/ports/secrets.ts';
import type { ServiceScaling, Services } from '../../shared/ports/services.ts';
import { createCloudRunServices } from '../../shared/providers/cloud-run-services.ts';
import { crc32c } from '../../shared/providers/crc32c.ts';
import { createMonitoringMetrics } from '../../shared/providers/monitoring-metrics.ts';
import { createPubSubMessages, type PubSubMessages } from '../../shared/providers/pubsub-messages.ts';
import { createSecretManagerSecrets } from '../../shared/providers/secret-manager-secrets.ts';
import { endpointsAt, identity, startVendorServer } from './vendor-server.ts';
import type { VendorServer } from './vendor-server.ts';

// The adapters with the real clients, over answers shaped as Google documents them.

let server: VendorServer;
let services: Services;
let secrets: Secrets;
let metrics: Metrics;
let messages: PubSubMessages;
const us = identity();

beforeAll(async () => {
  server = await startVendorServer();
  const access = { project: 'coditect-prod', endpoints: endpointsAt(server.base), identity: us };
  services = createCloudRunServices(access, [apiOnRun]);
  secrets = createSecretManagerSecrets(access);
  metrics = createMonitoringMetrics(access);
  messages = createPubSubMessages(access);
});
afterAll(() => server.close());

const apiOnRun = {
  kind: 'cloudRun',
  id: 'api-run',
  service: 'coditect-dms-api',
  region: 'us-central1',
  maxInstances: 10,
  slowAfter: undefined,
  databaseSecret: undefined,
  dependsOn: [],
  probes: { deepHealth: 'https://x/', canary: 'https://x/', vantage: undefined },
} as const;

const body = (): unknown => JSON.parse(server.seen.at(-1)?.body ?? '""');
const asked = (): string => `${server.seen.at(-1)?.method} ${server.seen.at(-1)?.url.split('?')[0]}`;

describe('Cloud Run', () => {
  const service = {
    name: 'projects/coditect-prod/locations/us-central1/services/coditect-dms-api',
    etag: '"e1"',
    uri: 'https://api.example',
    generation: '3',
    observedGeneration: '3',
    latestReadyRevision: 'projects/1/locations/l/services/s/revisions/api-00003',
    latestCreatedRevision: 'projects/1/locations/l/services/s/revisions/api-00003',
    terminalCondition: { type: 'Ready', state: 'CONDITION_SUCCEEDED' },
  };
  const started = {
    name: 'projects/coditect-prod/locations/us-central1/operations/op-1',
    done: false,
    metadata: { '@type': 'type.googleapis.com/google.cloud.run.v2.Service' },
  };

  const scalings: readonly (readonly [unknown, ServiceScaling])[] = [
    [
      { minInstanceCount: 1, maxInstanceCount: 10 },
      { kind: 'automatic', min: 1, max: 10 },
    ],
    [undefined, { kind: 'automatic', min: 0, max: undefined }],
    [
      { scalingMode: 'MANUAL', manualInstanceCount: 0 },
      { kind: 'manual', instances: 0 },
    ],
  ];

  it.each(scalings)('reads how a service scales: %j', async (scaling, expected) => {
    server.answer({ status: 200, body: { ...service, scaling } });
    expect(await services.inspect('api-run')).toEqual({
      scaling: expected,
      ready: true,
      settled: true,
      etag: '"e1"',
      revision: 'api-00003',
      url: 'https://api.example',
    });
  });

  it('is neither ready nor settled while a newer generation is on its way', async () => {
    server.answer({ status: 200, body: { ...service, generation: '4', reconciling: true } });
    expect(await services.inspect('api-run')).toMatchObject({ ready: false, settled: false });
  });

  it('holds a service by exactly zero instances, under a mask and its etag', async () => {
    server.answer({ status: 200, body: started });
    expect(await services.setScaling('api-run', { kind: 'manual', instances: 0 }, '"e1"')).toBe(started.name);
    expect(body()).toEqual({
      labels: {},
      annotations: {},
      etag: '"e1"',
      scaling: { scalingMode: 2, manualInstanceCount: 0 },
    });
    expect(decodeURIComponent(server.seen.at(-1)?.url ?? '')).toContain(
      'updateMask=scaling.scaling_mode,scaling.manual_instance_count&',
    );
  });

  it('reports a lost race over the etag, and a failed operation', async () => {
    server.answer({ status: 409, body: { error: { code: 409, status: 'ABORTED', message: 'etag' } } });
    await expect(
      services.setScaling('api-run', { kind: 'automatic', min: 1, max: undefined }, '"e0"'),
    ).rejects.toMatchObject({ kind: 'conflict' });
    server.answer({ status: 200, body: { ...started, done: true, error: { code: 9, message: 'no quota' } } });
    expect(await services.operation(started.name)).toEqual({ done: true, error: '9: no quota' });
  });
});

describe('Secret Manager', () => {
  const url = 'postgresql://dms:hunter2@10.0.0.3:5432/dms';
  const version = 'projects/1/secrets/url/versions/4';

  it('reads a payload that arrived whole, as text that prints as nothing', async () => {
    server.answer({
      status: 200,
      body: {
        name: version,
        payload: { data: Buffer.from(url).toString('base64'), dataCrc32c: String(crc32c(Buffer.from(url))) },
      },
    });
    const payload = await secrets.read('url', '4');
    expect(payload.reveal()).toBe(url);
    expect(`${String(payload)} ${JSON.stringify({ payload })} ${inspect(payload)}`).not.toContain('hunter2');
  });

  it('refuses a payload that was damaged on its way', async () => {
    server.answer({
      status: 200,
      body: { name: version, payload: { data: Buffer.from('postgresql://').toString('base64'), dataCrc32c: '1' } },
    });
    await expect(secrets.read('url', '4')).rejects.toMatchObject({ kind: 'retryable', code: 'checksum' });
  });

  it('adds a payload with its checksum, and doubts it when nobody compared it', async () => {
    server.answer({ status: 200, body: { name: version, clientSpecifiedPayloadChecksum: true } });
    expect(await secrets.add('url', new SecretText(url))).toBe('4');
    expect(body()).toEqual({
      payload: { data: Buffer.from(url).toString('base64'), dataCrc32c: String(crc32c(Buffer.from(url))) },
    });
    server.answer({ status: 200, body: { name: version, clientSpecifiedPayloadChecksum: false } });
    await expect(secrets.add('url', new SecretText(url))).rejects.toMatchObject({ kind: 'ambiguous' });
  });

  it('lets no payload out with an error', async () => {
    server.answer('reset');
    const error: unknown = await secrets.add('url', new SecretText(url)).catch((thrown: unknown) => thrown);
    const printed = inspect(error, { depth: 20, showHidden: true });
    expect(printed).not.toContain('hunter2');
    expect(printed).not.toContain(Buffer.from(url).toString('base64').slice(0, 20));
  });

  it('names the newest version, whether or not it can be read', async () => {
    server.answer({ status: 200, body: { name: version, state: 'DISABLED' } });
    expect(await secrets.latest('url')).toEqual({ version: '4', enabled: false });
  });
});

describe('Monitoring and Pub/Sub', () => {
  it('reads points newest first, whatever their type, over all pages', async () => {
    const series = (value: unknown, endTime: string) => ({
      metric: { type: 'm', labels: { state: 'ok' } },
      resource: { type: 'cloudsql_database', labels: { database_id: 'p:db' } },
      points: [
        { interval: { endTime: '2026-11-22T10:00:00Z' }, value: { int64Value: '7' } },
        { interval: { endTime }, value },
      ],
    });
    server.answer(({ url }) => ({
      status: 200,
      body: url.includes('pageToken=p2')
        ? { timeSeries: [series({ boolValue: false }, '2026-11-22T10:02:00Z')] }
        : { timeSeries: [series({ doubleValue: 0.5 }, '2026-11-22T10:01:00.5Z')], nextPageToken: 'p2' },
    }));
    const found = await metrics.series('metric.type = "m"', instant(0), instant(60_000));
    expect(found.map(({ points }) => points)).toEqual([
      [
        { at: Date.parse('2026-11-22T10:01:00.5Z'), value: 0.5 },
        { at: Date.parse('2026-11-22T10:00:00Z'), value: 7 },
      ],
      [
        { at: Date.parse('2026-11-22T10:02:00Z'), value: 0 },
        { at: Date.parse('2026-11-22T10:00:00Z'), value: 7 },
      ],
    ]);
    expect(found[0]?.resource).toEqual({ type: 'cloudsql_database', database_id: 'p:db' });
  });

  it('publishes JSON with attributes, and doubts a message whose reply was lost', async () => {
    server.answer({ status: 200, body: { messageIds: ['1'] } });
    await messages.publish('dr-recover', { incident: 'inc-1', sequence: 4 }, { kind: 'continue' });
    expect(asked()).toBe('POST /v1/projects/coditect-prod/topics/dr-recover:publish');
    expect(body()).toEqual({
      messages: [
        { data: Buffer.from('{"incident":"inc-1","sequence":4}').toString('base64'), attributes: { kind: 'continue' } },
      ],
    });
    server.answer('reset');
    await expect(messages.publish('dr-recover', {})).rejects.toMatchObject({ kind: 'ambiguous' });
    expect(server.seen).toHaveLength(1);
  });

  it('loads the publisher before the first message, without sending one', async () => {
    server.answer({ status: 200, body: { messageIds: ['1'] } });
    await messages.load();
    expect(server.seen).toEqual([]);
  });
});

it('computes CRC-32C as RFC 3720 does', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
});
