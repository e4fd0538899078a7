import { z } from 'zod';
import { SecretText } from '../core/redact.ts';
import { PortError } from '../ports/port-error.ts';
import type { RowPlace } from '../ports/rows.ts';
import type { Secrets } from '../ports/secrets.ts';
import type { InstanceName } from '../system/names.ts';
import type { Endpoints } from '../system/system.ts';
import { callGoogle, type GoogleAccess, lazyClient } from './google-call.ts';
import type { RowServer } from './postgres-rows.ts';

// Where the rows of an instance are reached, and as whom. The login is that of a URL in Secret Manager, of which only the user and the
// password are used: a clone and a restored backup have the same roles as production. Address and certificate come from the Admin API.

const POSTGRES_PORT = 5432;

const instanceWire = z.object({
  ipAddresses: z.array(z.object({ type: z.string(), ipAddress: z.string().min(1) })).default([]),
  serverCaCert: z.object({ cert: z.string().min(1) }),
});

/** Where the server of an instance listens, by its Admin API. Rejects with `PortError`. */
export type ServerAddress = (instance: InstanceName) => Promise<Pick<RowServer, 'host' | 'port' | 'tls'>>;

/** Where servers listen. */
export function createServerAddresses(access: GoogleAccess): ServerAddress {
  const instances = lazyClient(access, 'sqladmin', async (options) => {
    const { SqlInstancesServiceClient } = await import('./sql-client.ts');
    return new SqlInstancesServiceClient(options);
  });
  return (instance) => {
    const own = ownAddress(access.endpoints, instance);
    if (own !== undefined) return Promise.resolve({ ...own, tls: undefined });
    const doing = `looking up where ${instance} listens`;
    const { project } = access;
    return callGoogle(access, { doing, effect: 'reads' }, instances, async (client, options) => {
      const { ipAddresses, serverCaCert } = instanceWire.parse((await client.get({ project, instance }, options))[0]);
      const found = ipAddresses.find(({ type }) => type === 'PRIVATE') ?? ipAddresses[0];
      if (found === undefined) throw new PortError('permanent', 'noAddress', doing);
      const tls = { authority: serverCaCert.cert, name: `${project}:${instance}` };
      return { host: found.ipAddress, port: POSTGRES_PORT, tls };
    });
  };
}

/** The servers of a system. */
export function createRowServers(
  addressOf: ServerAddress,
  secrets: Pick<Secrets, 'latest' | 'read'>,
): (place: RowPlace) => Promise<RowServer> {
  return async (place) => {
    const doing = `logging in to ${place.instance}`;
    const { version } = await secrets.latest(place.login);
    const url = (await secrets.read(place.login, version)).reveal();
    if (!URL.canParse(url)) throw new PortError('permanent', 'noDatabaseUrl', doing);
    const { username, password } = new URL(url);
    const login = { user: decodeURIComponent(username), password: new SecretText(decodeURIComponent(password)) };
    return { ...(await addressOf(place.instance)), ...login };
  };
}

/** `endpoints.postgres`: `127.0.0.1:port`; the file can name nothing but loopback there, which is why there is no TLS. */
function ownAddress({ postgres }: Endpoints, instance: InstanceName): { host: string; port: number } | undefined {
  const written = postgres[instance];
  if (written === undefined) return undefined;
  const [host = '', port] = written.split(':');
  return { host, port: Number(port) };
}
