import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { connectTo, hasRedis, type RunningRedis, startRedis } from '../../sandbox/host/redis-server.ts';
import type { GoogleAccess } from '../../shared/providers/google-call.ts';
import { createRedisSessions } from '../../shared/providers/redis-sessions.ts';
import { startSandbox } from './sandbox-world.ts';

// The adapter against a real Redis with TLS and AUTH, whose address, authority and AUTH string only the Admin API tells.

const STORE = {
  id: 'sessions',
  instance: 'coditect-dms-redis',
  region: 'us-central1',
  database: 0,
  prefix: 'session:',
  only: false,
};
const MANY = 5_000;

let redis: RunningRedis;
let sandbox: Awaited<ReturnType<typeof startSandbox>>;
let recover: GoogleAccess;
let client: Awaited<ReturnType<typeof connectTo>>;

const installed = hasRedis();
if (!installed)
  process.stderr.write('\nSKIPPED: redis-server is not installed, so nothing is known of how sessions are ended.\n\n');
(installed ? describe : describe.skip)('sessions in Redis', () => {
  beforeAll(async () => {
    redis = await startRedis();
    const { host, port, authString, caCertificate } = redis;
    sandbox = await startSandbox({ redis: { host, port, authString, caCertificate } });
    recover = await sandbox.as('recover');
    client = await connectTo(redis);
  });
  afterAll(async () => {
    client.destroy();
    await sandbox.close();
    await redis.stop();
  });
  beforeEach(async () => {
    await client.flushDb();
    await Promise.all(Array.from({ length: MANY }, (_, index) => client.set(`session:${index}`, 'user')));
    for (const key of ['queue:jobs', 'lock:billing', 'sessionless']) await client.set(key, 'stays');
  });

  /** Goes round once. */
  async function endAll(sessions: ReturnType<typeof createRedisSessions>): Promise<number> {
    let [cursor, removed] = ['0', 0];
    do {
      const some = await sessions.end('sessions', cursor);
      cursor = some.cursor;
      removed += some.removed;
    } while (cursor !== '0');
    return removed;
  }

  it('are counted beside what else is there', async () => {
    expect(await createRedisSessions(recover, [STORE]).count('sessions')).toEqual({ sessions: MANY, others: 3 });
  });

  it('end all, and nothing else does', async () => {
    const sessions = createRedisSessions(recover, [STORE]);

    expect(await endAll(sessions)).toBe(MANY);
    expect(await sessions.count('sessions')).toEqual({ sessions: 0, others: 3 });
    expect((await client.keys('*')).toSorted((a, b) => a.localeCompare(b))).toEqual([
      'lock:billing',
      'queue:jobs',
      'sessionless',
    ]);
  });

  it('end with the whole of a database that holds nothing else, and with no other', async () => {
    await client.del(['queue:jobs', 'lock:billing', 'sessionless']);
    const sessions = createRedisSessions(recover, [{ ...STORE, only: true }]);
    const other = await connectTo(redis);
    await other.select(1);
    await other.set('queue:jobs', 'stays');

    expect(await sessions.end('sessions', '0')).toEqual({ cursor: '0', removed: MANY });
    expect(await client.dbSize()).toBe(0);
    expect(await other.dbSize()).toBe(1);
    await other.flushDb();
    other.destroy();
  });

  it('end by their prefix where a database holds something else all the same, whatever dr.yaml says', async () => {
    const few = Array.from({ length: MANY - 20 }, (_, index) => `session:${index}`);
    await client.del(few);

    expect(await endAll(createRedisSessions(recover, [{ ...STORE, only: true }]))).toBe(20);
    expect(await client.dbSize()).toBe(3);
  });

  it('are told from others by their prefix as it is written, whatever it means in a pattern', async () => {
    await client.set('s[e]*1', 'a session');
    await client.set('se1', 'none');

    expect(await endAll(createRedisSessions(recover, [{ ...STORE, prefix: 's[e]*' }]))).toBe(1);
    expect(await client.exists('se1')).toBe(1);
  });

  it('are out of reach for who may not have the AUTH string', async () => {
    const sessions = createRedisSessions(await sandbox.as('heal'), [STORE]);

    await expect(sessions.end('sessions', '0')).rejects.toMatchObject({ kind: 'permanent', code: 'forbidden' });
    expect(await client.dbSize()).toBe(MANY + 3);
  });

  it('are not asked of a server whose certificate another authority signed', async () => {
    const other = await startRedis();
    const { host, port, authString } = redis;
    const { caCertificate } = other;
    const misled = await startSandbox({ redis: { host, port, authString, caCertificate } });
    const sessions = createRedisSessions(await misled.as('recover'), [STORE]);

    await expect(sessions.count('sessions')).rejects.toMatchObject({ code: 'untrustedCertificate' });
    await misled.close();
    await other.stop();
  });

  it('can be asked for again when the server is not there', async () => {
    const gone = await startRedis();
    const { host, port, authString, caCertificate } = gone;
    await gone.stop();
    const alone = await startSandbox({ redis: { host, port, authString, caCertificate } });
    const sessions = createRedisSessions(await alone.as('recover'), [STORE]);

    await expect(sessions.end('sessions', '0')).rejects.toMatchObject({
      kind: 'retryable',
      code: 'connectionRefused',
    });
    await alone.close();
  });
});
