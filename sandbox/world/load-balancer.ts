import { sha256 } from '../../shared/core/digest.ts';
import { after, type Instant, millis } from '../../shared/core/time.ts';
import type { Caller } from './caller.ts';
import { type ApiDoor, ApiError, type ApiOutcome, type Chance, type Iam, type WorldClock } from './kernel.ts';

// Global external Application Load Balancers: URL maps, the backend services that they lead to, and the operations that change
// them. Only what decides where a request goes is here.
//
//   patch ──▶ operation RUNNING ──(seconds)──▶ DONE ──(seconds)──▶ in force at every front end
//
// B1. A patch must carry the fingerprint that was read: 412 conditionNotMet where it is stale, 400 where it is missing (docs:
//     "An up-to-date fingerprint must be provided in order to update or patch the UrlMap").
// B2. The API shows a change when its operation is done; requests follow later still.

/** From a patch until its operation is done, milliseconds. */
const DONE_AFTER: readonly [number, number] = [1_000, 8_000];
/** From then until every front end acts by it, milliseconds (docs: changes may take minutes to propagate). */
const IN_FORCE_AFTER: readonly [number, number] = [2_000, 40_000];

/** A URL map: where requests go, unless a rule of their host says otherwise. */
export interface UrlMap {
  readonly name: string;
  readonly id: string;
  readonly defaultService: string;
  readonly hostRules: readonly { readonly host: string; readonly service: string }[];
  readonly fingerprint: string;
  readonly createdAt: Instant;
}

/** A change that is under way, or was. */
export interface ComputeOperation {
  readonly name: string;
  readonly target: string;
  readonly status: 'RUNNING' | 'DONE';
  readonly insertedAt: Instant;
}

/** A load balancer as a world begins with it. */
export interface BalancerSeed {
  readonly urlMap: string;
  readonly address: string;
  readonly defaultService: string;
  readonly hostRules: readonly { readonly host: string; readonly service: string }[];
}

/** The load balancers of a project. Methods throw `ApiError` as the API refuses. */
export interface LoadBalancers {
  urlMap(name: string): UrlMap;
  backendService(name: string): { readonly name: string; readonly leadsTo: string };
  patch(
    urlMap: string,
    change: { readonly defaultService?: string; readonly fingerprint: string | undefined },
  ): ComputeOperation;
  operation(name: string): ComputeOperation;
  /** The URL map behind an address, and the backend service that a host gets there now. */
  route(
    address: string,
    host: string,
  ): { readonly urlMap: string; readonly backendService: string; readonly leadsTo: string } | undefined;
  /** Quotas of each region that is there; others may be put in their place. */
  readonly quotas: Map<string, readonly Quota[]>;
  readonly api: LoadBalancersApi;
}

/** One quota of a region, by Compute's name for it. */
export interface Quota {
  readonly metric: string;
  readonly limit: number;
  readonly usage: number;
}

/** The same as its callers reach it. */
export interface LoadBalancersApi {
  getUrlMap(caller: Caller, name: string): ApiOutcome<UrlMap>;
  listUrlMaps(caller: Caller): ApiOutcome<readonly UrlMap[]>;
  /** What of its quotas a region has used; 404 for one that isn't there. */
  getRegion(caller: Caller, region: string): ApiOutcome<{ readonly quotas: readonly Quota[] }>;
  getBackendService(caller: Caller, name: string): ApiOutcome<{ readonly name: string }>;
  patchUrlMap(
    caller: Caller,
    name: string,
    change: Parameters<LoadBalancers['patch']>[1],
  ): ApiOutcome<ComputeOperation>;
  getOperation(caller: Caller, name: string): ApiOutcome<ComputeOperation>;
}

interface Stored {
  map: UrlMap;
  readonly address: string;
  inForce: string;
  edits: number;
}

/** Regions that a project finds there, and what it has used of them. */
const REGIONS = ['us-central1', 'us-east1', 'us-east4', 'us-west1'];
const QUOTAS: readonly Quota[] = [
  { metric: 'CPUS', limit: 72, usage: 16 },
  { metric: 'IN_USE_ADDRESSES', limit: 69, usage: 6 },
];

/** Load balancers whose front ends act by what they begin with. */
export function createLoadBalancers(options: {
  readonly clock: WorldClock;
  readonly chance: Chance;
  readonly door: ApiDoor;
  readonly iam: Iam;
  readonly balancers: readonly BalancerSeed[];
  readonly backends: readonly { readonly name: string; readonly leadsTo: string }[];
}): LoadBalancers {
  const { clock, door, iam, backends } = options;
  const chance = options.chance.fork('load balancers');
  const stored = options.balancers.map(({ urlMap: name, address, defaultService, hostRules }, index): Stored => {
    const id = String(4_810_000_000_000_000_000n + BigInt(index));
    const map = { name, id, defaultService, hostRules, fingerprint: fingerprintOf(name, 0), createdAt: clock.now() };
    return { map, address, inForce: defaultService, edits: 0 };
  });
  const operations = new Map<string, ComputeOperation>();
  const quotas = new Map(REGIONS.map((region) => [region, QUOTAS]));

  const find = (name: string): Stored => {
    const found = stored.find(({ map }) => map.name === name);
    if (found !== undefined) return found;
    throw notFound('urlMaps', name);
  };
  const backendService = (name: string) => {
    const found = backends.find((backend) => backend.name === name);
    if (found !== undefined) return found;
    throw notFound('backendServices', name);
  };

  const patch: LoadBalancers['patch'] = (name, { defaultService, fingerprint }) => {
    const balancer = find(name);
    if (fingerprint === undefined)
      throw new ApiError(400, 'required', "Required field 'resource.fingerprint' not specified");
    if (fingerprint !== balancer.map.fingerprint)
      throw new ApiError(412, 'conditionNotMet', 'Invalid fingerprint: it is not the one of the resource.');
    const wanted = defaultService ?? balancer.map.defaultService;
    backendService(wanted);
    balancer.edits += 1;
    const edit = balancer.edits;
    balancer.map = { ...balancer.map, defaultService: wanted, fingerprint: fingerprintOf(name, edit) };
    const operation: ComputeOperation = {
      name: `operation-${clock.now()}-${sha256(`${name}/${edit}`).slice(0, 13)}`,
      target: `urlMaps/${name}`,
      status: 'RUNNING',
      insertedAt: clock.now(),
    };
    operations.set(operation.name, operation);
    const doneAt = after(clock.now(), millis(chance.between(...DONE_AFTER)));
    clock.schedule(doneAt, () => operations.set(operation.name, { ...operation, status: 'DONE' }));
    clock.schedule(after(doneAt, millis(chance.between(...IN_FORCE_AFTER))), () => {
      // The older of two changes may arrive last; front ends never fall back to it.
      if (edit === balancer.edits) balancer.inForce = wanted;
    });
    return operation;
  };
  const operation = (name: string): ComputeOperation => {
    const found = operations.get(name);
    if (found !== undefined) return found;
    throw notFound('operations', name);
  };
  const call = (caller: Caller, permission: string, resource: string, writes: boolean) =>
    ({ api: 'compute', permission: `compute.${permission}`, resource, writes, ...caller }) as const;

  return {
    urlMap: (name) => find(name).map,
    quotas,
    backendService,
    patch,
    operation,
    route(address, host) {
      const balancer = stored.find((one) => one.address === address);
      if (balancer === undefined) return undefined;
      const rule = balancer.map.hostRules.find((one) => one.host === host);
      const { name, leadsTo } = backendService(rule?.service ?? balancer.inForce);
      return { urlMap: balancer.map.name, backendService: name, leadsTo };
    },
    api: {
      getUrlMap: (caller, name) =>
        door.call(call(caller, 'urlMaps.get', `urlMaps/${name}`, false), () => find(name).map),
      listUrlMaps: (caller) =>
        door.call(call(caller, 'urlMaps.list', 'urlMaps', false), () => stored.map(({ map }) => map)),
      getRegion: (caller, region) =>
        door.call(call(caller, 'regions.get', `regions/${region}`, false), () => {
          const own = quotas.get(region);
          if (own === undefined) throw notFound('regions', region);
          return { quotas: own };
        }),
      getBackendService: (caller, name) =>
        door.call(call(caller, 'backendServices.get', `backendServices/${name}`, false), () => backendService(name)),
      patchUrlMap: (caller, name, change) =>
        door.call(call(caller, 'urlMaps.update', `urlMaps/${name}`, true), () => {
          const needed = 'compute.backendServices.use';
          if (change.defaultService !== undefined && !iam.allows(caller.principal, needed))
            throw new ApiError(403, 'forbidden', `Required '${needed}' permission for '${change.defaultService}'`);
          return patch(name, change);
        }),
      getOperation: (caller, name) =>
        door.call(call(caller, 'globalOperations.get', `operations/${name}`, false), () => operation(name)),
    },
  };
}

/** Base64 of eight bytes, as Compute has them. */
const fingerprintOf = (name: string, edit: number): string =>
  Buffer.from(sha256(`${name}/${edit}`).slice(0, 16), 'hex').toString('base64');

const notFound = (kind: string, name: string): ApiError =>
  new ApiError(404, 'notFound', `The resource 'projects/-/global/${kind}/${name}' was not found`);
