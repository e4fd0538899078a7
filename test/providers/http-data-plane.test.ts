import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { instant, millis } from '../../shared/core/time.ts';
import { PortError } from '../../shared/ports/port-error.ts';
import { createHttpDataPlane } from '../../shared/providers/http-data-plane.ts';
import { instanceName } from '../../shared/system/names.ts';
import { endpointsAt, identity, nobodyListens, startVendorServer } from './vendor-server.ts';
import type { Reply, VendorServer } from './vendor-server.ts';

const [db, gone, nowhere] = [instanceName('db'), instanceName('gone'), instanceName('nowhere')];
let server: VendorServer;
let dead: string;
beforeAll(async () => {
  [server, dead] = [await startVendorServer(), await nobodyListens()];
});
afterAll(() => server.close());

const dataPlane = (who = identity()) =>
  createHttpDataPlane({
    endpoints: { ...endpointsAt(server.base), dataPlane: { db: `${server.base}/db/`, gone: dead } },
    identity: who,
    limit: millis(300),
  });

describe('a canary', () => {
  it('is written with our token, once', async () => {
    server.answer({ status: 201, body: { written: true } });
    expect(await dataPlane().canary(db, 'canary-1')).toEqual({ kind: 'written' });
    expect(server.seen).toEqual([
      expect.objectContaining({ method: 'POST', url: '/db/dr/canary', body: '{"token":"canary-1"}' }),
    ]);
    expect(server.seen[0]?.headers.authorization).toBe('Bearer a-token');
  });

  it.each([409, 503, 500])('that a server refuses in so many words (%i) is refused', async (status) => {
    server.answer({ status, body: { refused: 'cannot execute INSERT in a read-only transaction' } });
    expect(await dataPlane().canary(db, 'x')).toEqual({
      kind: 'refusedByServer',
      detail: 'cannot execute INSERT in a read-only transaction',
    });
  });

  it('that nobody listens for is refused by the host', async () => {
    expect(await dataPlane().canary(gone, 'x')).toEqual({ kind: 'connectionRefused' });
  });

  it('is a connection of its own, so that one from before says nothing about the host now', async () => {
    const brief = await startVendorServer();
    brief.answer({ status: 201, body: { written: true } });
    const asked = createHttpDataPlane({
      endpoints: { ...endpointsAt(brief.base), dataPlane: { db: brief.base } },
      identity: identity(),
    });
    expect(await asked.canary(db, 'x')).toEqual({ kind: 'written' });
    await brief.close();
    expect(await asked.canary(db, 'x')).toEqual({ kind: 'connectionRefused' });
  });

  const unclear: readonly (readonly [string, Reply])[] = [
    ['silence', 'silence'],
    ['a broken connection', 'reset'],
    ['half an answer', 'half'],
    ['a page of a proxy', { status: 503, text: '<html>' }],
    ['a page that looks fine', { status: 200, text: '<html>' }],
    ['a success in other words', { status: 200, body: {} }],
    ['a refusal of our identity', { status: 401, body: { error: 'who?' } }],
    ['a redirect', { status: 302, headers: { location: '/elsewhere' } }],
    ['words of refusal in a success', { status: 200, body: { refused: 'x' } }],
    ['a long page', { status: 201, text: `{"written":true,"x":"${'x'.repeat(100_000)}"}` }],
  ];
  it.each(unclear)('that met %s says nothing, and is not repeated', async (_, reply) => {
    server.answer(reply);
    expect(await dataPlane().canary(db, 'x')).toMatchObject({ kind: 'unknown' });
    expect(server.seen).toHaveLength(1);
  });

  it('says nothing without an address or without credentials', async () => {
    expect(await dataPlane().canary(nowhere, 'x')).toMatchObject({ kind: 'unknown' });
    const nobody = { ...identity(), token: () => Promise.reject(new PortError('retryable', 'credentials', 'x')) };
    expect(await dataPlane(nobody).canary(db, 'x')).toEqual({ kind: 'unknown', detail: 'credentials' });
  });
});

describe('a server that is asked', () => {
  it('tells its replication and its sessions', async () => {
    const at = '2026-11-22T10:00:00.000Z';
    server.answer({
      status: 200,
      body: { role: 'replica', receiving: true, heartbeat: { sequence: 7, at }, position: 4_096 },
    });
    expect(await dataPlane().replication(db)).toEqual({
      role: 'replica',
      receiving: true,
      heartbeat: { sequence: 7, at: Date.parse(at) },
      position: 4_096,
    });
    server.answer({ status: 200, body: { role: 'primary', receiving: false, heartbeat: null, position: 0 } });
    expect(await dataPlane().replication(db)).toMatchObject({ role: 'primary', heartbeat: undefined });
    server.answer({ status: 200, body: { sessions: [{ client: 'pods', count: 3 }] } });
    expect(await dataPlane().sessions(db)).toEqual([{ client: 'pods', count: 3 }]);
  });

  it('tells whether a row is there, and nothing where a proxy says that the page is not', async () => {
    server.answer({ status: 200, body: { found: true } });
    expect(await dataPlane().hasCanary(db, 'row 1')).toBe(true);
    expect(server.seen[0]).toMatchObject({ method: 'GET', url: '/db/dr/canary/row%201' });
    server.answer({ status: 404, body: { found: false } });
    expect(await dataPlane().hasCanary(db, 'x')).toBe(false);
    server.answer({ status: 404, text: '<html>' });
    expect(await dataPlane().hasCanary(db, 'x')).toBeUndefined();
    server.answer('silence');
    expect(await dataPlane().hasCanary(db, 'x')).toBeUndefined();
  });

  it('tells nothing when its answer is not in our words', async () => {
    server.answer({
      status: 200,
      body: { role: 'replica', receiving: true, heartbeat: { sequence: 7, at: 'yesterday' }, position: 1 },
    });
    expect(await dataPlane().replication(db)).toBeUndefined();
    server.answer('silence');
    expect(await dataPlane().sessions(db)).toBeUndefined();
  });

  it('takes the heartbeat with its time, and the epoch, which is read back', async () => {
    server.answer({ status: 201, body: { written: true } });
    expect(await dataPlane().heartbeat(db, 8, instant(Date.parse('2026-11-22T10:00:05Z')))).toEqual({
      kind: 'written',
    });
    expect(JSON.parse(server.seen[0]?.body ?? '')).toEqual({ sequence: 8, at: '2026-11-22T10:00:05.000Z' });
    server.answer(({ method }) =>
      method === 'POST' ? { status: 201, body: { written: true } } : { status: 200, body: { epoch: 'e-2' } },
    );
    expect(await dataPlane().writeEpoch(db, 'e-2')).toBe('e-2');
    server.answer({ status: 409, body: { refused: 'read only' } });
    expect(await dataPlane().writeEpoch(db, 'e-3')).toBeUndefined();
  });
});
