import type { Instant } from '../../shared/core/time.ts';
import type { Caller } from './caller.ts';
import { type ApiDoor, ApiError, type ApiOutcome, type WorldClock } from './kernel.ts';

// Memorystore for Redis: what its Admin API tells about instances. There is no verb that reaches their data (facts.md 7).

/** google.cloud.redis.v1.Instance.State. */
export type RedisState = 'CREATING' | 'READY' | 'UPDATING' | 'DELETING' | 'REPAIRING' | 'MAINTENANCE' | 'FAILING_OVER';

/** A Redis instance. */
export interface RedisInstance {
  readonly name: string;
  readonly location: string;
  readonly zone: string;
  readonly tier: 'BASIC' | 'STANDARD_HA';
  readonly memorySizeGb: number;
  readonly version: string;
  readonly host: string;
  readonly port: number;
  readonly authEnabled: boolean;
  /** What `getAuthString` answers; only with `authEnabled`. */
  readonly authString: string;
  /** PEM of the authority that signs its certificate; without one it speaks no TLS. */
  readonly caCertificate: string | undefined;
  readonly state: RedisState;
  readonly createdAt: Instant;
}

/** The instances of a project, and their API. */
export interface Redis {
  setState(name: string, state: RedisState): void;
  /** Keys of the sessions' database, in a world whose Redis is only modelled. */
  readonly keys: Set<string>;
  readonly api: RedisApi;
}

/** The Admin API as its callers reach it. `-` lists every location. */
export interface RedisApi {
  list(caller: Caller, location: string): ApiOutcome<readonly RedisInstance[]>;
  get(caller: Caller, location: string, name: string): ApiOutcome<RedisInstance>;
  authString(caller: Caller, location: string, name: string): ApiOutcome<string>;
}

/** Instances that are ready. */
export function createRedis(options: {
  readonly clock: WorldClock;
  readonly door: ApiDoor;
  readonly instances: readonly Omit<RedisInstance, 'state' | 'createdAt'>[];
  /** What lies in the sessions' database at first. */
  readonly keys?: readonly string[];
}): Redis {
  const { clock, door } = options;
  const all = options.instances.map((seed): RedisInstance => ({ ...seed, state: 'READY', createdAt: clock.now() }));
  const call = (caller: Caller, verb: string, resource: string) =>
    ({ api: 'redis', permission: `redis.instances.${verb}`, resource, writes: false, ...caller }) as const;

  const find = (location: string, name: string): RedisInstance => {
    const found = all.find((instance) => instance.location === location && instance.name === name);
    if (found) return found;
    throw new ApiError(404, 'notFound', `Resource 'locations/${location}/instances/${name}' was not found`);
  };

  return {
    keys: new Set(options.keys),
    setState(name, state) {
      const index = all.findIndex((instance) => instance.name === name);
      const found = all[index];
      if (found) all[index] = { ...found, state };
    },
    api: {
      list: (caller, location) =>
        door.call(call(caller, 'list', 'instances'), () =>
          all.filter((instance) => location === '-' || instance.location === location),
        ),
      get: (caller, location, name) => door.call(call(caller, 'get', `instances/${name}`), () => find(location, name)),
      authString: (caller, location, name) =>
        door.call(call(caller, 'getAuthString', `instances/${name}/authString`), () => {
          const { authEnabled, authString } = find(location, name);
          if (authEnabled) return authString;
          throw new ApiError(400, 'failedPrecondition', `AUTH is not enabled on instance '${name}'`);
        }),
    },
  };
}
