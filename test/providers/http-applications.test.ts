import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { instant, millis } from '../../shared/core/time.ts';
import { isLoopback } from '../../shared/core/loopback.ts';
import { addressFor, below } from '../../shared/providers/addresses.ts';
import { createDeliveries } from '../../shared/providers/deliveries.ts';
import { createHttpApplications } from '../../shared/providers/http-applications.ts';
import { createSystemClock } from '../../shared/providers/system-clock.ts';
import { createTerminalDelivery } from '../../shared/providers/terminal-delivery.ts';
import { createWebhookDelivery } from '../../shared/providers/webhook-delivery.ts';
import { endpointsAt, startVendorServer } from './vendor-server.ts';
import type { Reply, VendorServer } from './vendor-server.ts';

let server: VendorServer;
beforeAll(async () => {
  server = await startVendorServer();
});
afterAll(() => server.close());

const application = (id: string, vantage: string | undefined) =>
  ({
    kind: 'cloudRun',
    id,
    service: 's',
    region: 'r',
    maxInstances: 1,
    slowAfter: undefined,
    databaseSecret: undefined,
    dependsOn: [],
    probes: { deepHealth: 'https://api.example/dr/health?deep=1', canary: 'https://api.example/dr/canary', vantage },
  }) as const;
const applications = () =>
  createHttpApplications({
    applications: [application('api', 'https://prober.internal/dr/probe'), application('blind', undefined)],
    endpoints: {
      ...endpointsAt(server.base),
      hosts: { 'api.example': `${server.base}/api`, 'prober.internal': `${server.base}/prober` },
    },
    clock: { ...createSystemClock(), now: () => instant(1_000) },
    limit: millis(300),
  });
const asked = () => server.seen.map(({ method, url, body }) => `${method} ${url} ${body}`.trim());

const nothingSaid: readonly (readonly [string, Reply])[] = [
  ['silence', 'silence'],
  ['a broken connection', 'reset'],
  ['a page', { status: 200, text: '<html>' }],
  ['a load balancer’s page', { status: 503, text: 'no healthy upstream' }],
  ['other words', { status: 200, body: { status: 'green' } }],
  ['a status that is not in the contract', { status: 404, body: { status: 'ok', instance: 'i' } }],
];

describe('deep health', () => {
  const database = { address: '10.0.0.3:5432', epoch: null, inRecovery: false, writable: true };

  it('is what the application says of itself and of its database', async () => {
    server.answer({ status: 200, body: { status: 'ok', instance: 'pod-1', database } });
    expect(await applications().deepHealth('api')).toEqual({
      kind: 'serving',
      detail: 'http 200',
      instance: 'pod-1',
      database: { ...database, epoch: undefined },
    });
    expect(asked()).toEqual(['GET /api/dr/health?deep=1']);
    server.answer({
      status: 503,
      body: { status: 'failing', instance: 'pod-1', database: { ...database, writable: false } },
    });
    expect(await applications().deepHealth('api')).toMatchObject({ kind: 'failing', database: { writable: false } });
  });

  it.each(nothingSaid)('is silence after %s', async (_, reply) => {
    server.answer(reply);
    expect(await applications().deepHealth('api')).toMatchObject({ kind: 'silent', database: undefined });
  });
});

describe('a canary through an application', () => {
  it('is written, then read', async () => {
    server.answer(({ method }) =>
      method === 'POST' ? { status: 201, body: { written: true } } : { status: 200, body: { found: true } },
    );
    expect(await applications().writeAndRead('api', 'a/b')).toEqual({
      written: true,
      read: true,
      detail: 'written and read',
    });
    expect(asked()).toEqual(['POST /api/dr/canary {"token":"a/b"}', 'GET /api/dr/canary/a%2Fb']);
  });

  it('that could not be written is not looked for', async () => {
    server.answer({ status: 500, body: { error: 'Internal Server Error' } });
    expect(await applications().writeAndRead('api', 'x')).toEqual({
      written: false,
      read: false,
      detail: 'write: http 500',
    });
    expect(server.seen).toHaveLength(1);
  });

  it('that is not found is not read', async () => {
    server.answer(({ method }) =>
      method === 'POST' ? { status: 201, body: { written: true } } : { status: 404, body: { found: false } },
    );
    expect(await applications().writeAndRead('api', 'x')).toEqual({
      written: true,
      read: false,
      detail: 'read: http 404',
    });
  });

  it.each(nothingSaid)('that met %s was not written', async (_, reply) => {
    server.answer(reply);
    expect(await applications().writeAndRead('api', 'x')).toMatchObject({ written: false, read: false });
  });
});

describe('a contact from an application’s place', () => {
  it.each([
    ['written', { kind: 'written' }],
    ['refusedByServer', { kind: 'refusedByServer', detail: 'in words' }],
    ['loginRefused', { kind: 'loginRefused', detail: 'in words' }],
    ['connectionRefused', { kind: 'connectionRefused' }],
    ['timeout', { kind: 'unknown', detail: 'timeout: in words' }],
    ['unreachable', { kind: 'unknown', detail: 'unreachable: in words' }],
    ['a later invention', { kind: 'unknown', detail: 'a later invention: in words' }],
  ])('is told by its prober: %s', async (outcome, expected) => {
    server.answer({ status: 200, body: { outcome, detail: 'in words', control: 'ok' } });
    expect(await applications().contactFrom('api', '10.0.0.3:5432', 't')).toEqual({
      vantage: 'api',
      at: 1_000,
      outcome: expected,
      control: 'ok',
    });
    expect(asked()).toEqual(['POST /prober/dr/probe {"address":"10.0.0.3:5432","token":"t"}']);
  });

  it('is unknown when the prober does not answer in our words, or there is none', async () => {
    server.answer({ status: 500, body: { outcome: 'connectionRefused', detail: '', control: 'ok' } });
    expect(await applications().contactFrom('api', 'x:1', 't')).toMatchObject({
      outcome: { kind: 'unknown' },
      control: 'none',
    });
    server.answer('reset');
    expect(await applications().contactFrom('api', 'x:1', 't')).toMatchObject({
      outcome: { kind: 'unknown' },
      control: 'none',
    });
    expect(await applications().contactFrom('blind', 'x:1', 't')).toMatchObject({
      outcome: { kind: 'unknown' },
      control: 'none',
    });
  });
});

describe('a delivery', () => {
  const message = {
    subject: 'Approval needed',
    text: 'Line one\nLine two',
    link: 'https://dr.example/approve/x',
    data: { incident: 'inc-1' },
  };
  const destinations = [
    { kind: 'webhook', id: 'pager', url: 'https://pager.internal/hook', person: undefined },
    { kind: 'terminal', id: 'here', person: undefined },
  ] as const;
  const deliveries = (print: (text: string) => void = () => undefined) =>
    createDeliveries(destinations, {
      webhook: createWebhookDelivery(destinations, { 'pager.internal': server.base }),
      terminal: createTerminalDelivery(print),
    });

  it('by webhook is one POST, and a refusal is an answer', async () => {
    server.answer({ status: 204 });
    expect(await deliveries().deliver('pager', message)).toEqual({ delivered: true, detail: 'http 204' });
    expect(asked()).toEqual([`POST /hook ${JSON.stringify(message)}`]);
    server.answer({ status: 410, text: 'gone' });
    expect(await deliveries().deliver('pager', message)).toEqual({ delivered: false, detail: 'http 410' });
    server.answer({ status: 302, headers: { location: 'https://elsewhere.example' } });
    expect(await deliveries().deliver('pager', message)).toEqual({ delivered: false, detail: 'http 302' });
  });

  it('by webhook that got no answer may have arrived', async () => {
    server.answer('reset');
    await expect(deliveries().deliver('pager', message)).rejects.toMatchObject({ kind: 'ambiguous' });
  });

  it('at the terminal is printed in lines', async () => {
    let printed = '';
    await deliveries((text) => void (printed += text)).deliver('here', message);
    expect(printed).toBe('[here] Approval needed\n    Line one\n    Line two\n    https://dr.example/approve/x\n');
  });
});

describe('an address', () => {
  it('is the configured one for its host, below the path that stands there', () => {
    expect(addressFor('https://a.example/x/y?q=1', { 'a.example': 'http://127.0.0.1:9/base/' }).href).toBe(
      'http://127.0.0.1:9/base/x/y?q=1',
    );
    expect(addressFor('https://b.example/x', { 'a.example': 'http://127.0.0.1:9' }).href).toBe('https://b.example/x');
    expect(addressFor('https://a.example//evil.example/x', { 'a.example': 'http://127.0.0.1:9' }).host).toBe(
      '127.0.0.1:9',
    );
    expect(below('http://127.0.0.1:9/db', '/dr/canary').href).toBe('http://127.0.0.1:9/db/dr/canary');
  });

  it('is the configured one for its domain where none is for its host', () => {
    const hosts = { '.run.app': 'http://127.0.0.1:9', 'a.run.app': 'http://127.0.0.1:8' };
    expect(addressFor('https://b-1.us-central1.run.app/x', hosts).href).toBe('http://127.0.0.1:9/x');
    expect(addressFor('https://a.run.app/x', hosts).href).toBe('http://127.0.0.1:8/x');
    expect(addressFor('https://run.app/x', hosts).href).toBe('https://run.app/x');
  });

  it('is this machine’s own only if its host says so', () => {
    expect(['http://127.0.0.1:1', 'http://localhost', 'https://[::1]:2'].every(isLoopback)).toBe(true);
    expect(
      [
        'http://127.0.0.1.example',
        'http://10.0.0.1',
        'https://localhost.example',
        'no url',
        'http://user@10.0.0.1/127.0.0.1',
      ].some(isLoopback),
    ).toBe(false);
  });
});
