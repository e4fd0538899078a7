import { z } from 'zod';
import { assert } from '../core/assert.ts';
import { SecretText } from '../core/redact.ts';
import type { Sessions } from '../ports/sessions.ts';
import type { SessionStore } from '../system/system.ts';
import type { Call } from './deadline.ts';
import { callWithin } from './deadline.ts';
import { type GoogleAccess, limited } from './google-call.ts';
import { askGoogle } from './google-rest.ts';
import type { Effect } from './normalize-error.ts';

// Sessions in Memorystore for Redis, by the maintained client of Redis itself. Where the instance is, its certificate authority and its
// AUTH string come from its Admin API each time: none of them stands in a file, and a failover may move the first.
//
// E1. TLS is verified against the instance's own authority wherever the instance speaks TLS.
// E2. Keys are removed by their prefix, with SCAN and UNLINK: FLUSHDB would take queues, locks and limits along. It is sent only where
//     dr.yaml says that the database holds nothing else, and only while none of some thousand keys of it says otherwise.
// E3. A call is one connection with an end; it goes on from a cursor, so that a large store needs no long call.

/** Keys that one SCAN looks at, about. Redis is busy for no longer than that. */
const KEYS_AT_ONCE = 1_000;

/** SCANs of one call: some 200,000 keys, within a second or two. */
const SCANS_MAX = 200;

const instanceWire = z.object({
  host: z.string().min(1),
  port: z.number().int().positive(),
  authEnabled: z.boolean().default(false),
  transitEncryptionMode: z.string().default('DISABLED'),
  serverCaCerts: z.array(z.object({ cert: z.string().min(1) })).default([]),
});
const authWire = z.object({ authString: z.string().min(1) });

/** The session stores of the system, by their id. */
export function createRedisSessions(access: GoogleAccess, stores: readonly SessionStore[]): Sessions {
  const find = (id: string): SessionStore => {
    const store = stores.find((known) => known.id === id);
    assert(store !== undefined, `${id} is no session store of this system`);
    return store;
  };
  const connect = async (store: SessionStore) => {
    const doing = `looking up the Redis instance ${store.instance}`;
    const path = `v1/projects/${access.project}/locations/${store.region}/instances/${store.instance}`;
    const call: Call = { doing, effect: 'reads' };
    const found = await askGoogle(access, 'redis', call, { method: 'GET', path }, (said) => instanceWire.parse(said));
    const password = found.authEnabled
      ? await askGoogle(access, 'redis', call, { method: 'GET', path: `${path}/authString` }, (said) => {
          return new SecretText(authWire.parse(said).authString);
        })
      : undefined;
    const { createClient } = await import('./redis-client.ts');
    const isTls = found.transitEncryptionMode === 'SERVER_AUTHENTICATION';
    const address = { host: found.host, port: found.port, reconnectStrategy: false, connectTimeout: 5_000 } as const;
    const client = createClient({
      socket: isTls ? { ...address, tls: true, ca: found.serverCaCerts.map(({ cert }) => cert) } : address,
      database: store.database,
      ...(password === undefined ? {} : { password: password.reveal() }),
    });
    // Its failures come with the calls too; without a listener they would end the process.
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  type Client = Awaited<ReturnType<typeof connect>>;
  const withClient = <T>(
    id: string,
    doing: string,
    effect: Effect,
    work: (client: Client) => Promise<T>,
  ): Promise<T> => {
    let opened: Client | undefined;
    return callWithin(
      limited(access, { doing, effect }),
      async () => (opened = await connect(find(id))),
      async (client) => await work(client),
    ).finally(() => opened?.destroy());
  };

  return {
    count: (id) =>
      withClient(id, `counting the sessions of ${id}`, 'reads', async (client) => {
        const keys = new Set<string>();
        let cursor = '0';
        for (let scans = 0; scans < SCANS_MAX; scans += 1) {
          const found = await client.scan(cursor, { MATCH: patternOf(find(id)), COUNT: KEYS_AT_ONCE });
          for (const key of found.keys) keys.add(String(key));
          cursor = String(found.cursor);
          if (cursor === '0') return { sessions: keys.size, others: Math.max(0, (await client.dbSize()) - keys.size) };
        }
        return { sessions: keys.size, others: undefined };
      }),
    end: (id, from) =>
      withClient(id, `ending sessions of ${id}`, 'writes', async (client) => {
        if (from === '0' && find(id).only && (await holdsNothingElse(client, find(id)))) {
          const removed = await client.dbSize();
          await client.flushDb('ASYNC');
          return { cursor: '0', removed };
        }
        let [cursor, removed] = [from, 0];
        for (let scans = 0; scans < SCANS_MAX; scans += 1) {
          const found = await client.scan(cursor, { MATCH: patternOf(find(id)), COUNT: KEYS_AT_ONCE });
          if (found.keys.length > 0) removed += Number(await client.unlink(found.keys));
          cursor = String(found.cursor);
          if (cursor === '0') break;
        }
        return { cursor, removed };
      }),
  };
}

/** Whether every key of a first page begins with the prefix (E2). */
async function holdsNothingElse(
  client: { scan(cursor: string, options: { COUNT: number }): Promise<{ readonly keys: readonly unknown[] }> },
  { prefix }: SessionStore,
): Promise<boolean> {
  const { keys } = await client.scan('0', { COUNT: KEYS_AT_ONCE });
  return keys.every((key) => String(key).startsWith(prefix));
}

/** A prefix as SCAN's glob: what means something in a glob means itself here. */
const patternOf = ({ prefix }: SessionStore): string => `${prefix.replace(/[\\*?[\]^-]/g, String.raw`\$&`)}*`;
