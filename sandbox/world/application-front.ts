import { type Millis, millis, seconds } from '../../shared/core/time.ts';
import type { Applications } from './application.ts';
import type { ApplicationReply, ApplicationRequest } from './application-request.ts';
import type { Entrance } from './entrance.ts';
import type { ApplicationInstance, Network, Place } from './kernel.ts';

// What stands before the applications: the ingress of the cluster and Cloud Run's front end, and the entrances that lead to one of
// them. A service is asked by its name; whoever runs its instances says which of them takes the next request.

/** Where a request goes. `none`: nobody takes it, and the front end answers with that status. */
export type Backend =
  | { readonly kind: 'instance'; readonly instance: ApplicationInstance }
  | { readonly kind: 'none'; readonly status: 404 | 429 | 500 | 502 | 503 };

/** How a request comes: to the service's own address, or through a load balancer. */
export type Way = 'direct' | 'loadBalancer';

/** One service that is reachable from outside. */
export interface Service {
  /** Kind of front end, which also says which metric counts its requests. */
  readonly front: 'ingress' | 'cloudRun';
  /** Where its instances are. */
  readonly place: Place;
  readonly next: () => Backend;
  /** How long a request waits before an instance works on it. */
  readonly delay?: () => Millis;
  /** Whether the front end takes a request that comes that way; every one where nothing is said. */
  readonly lets?: (way: Way) => boolean;
}

/** Requests by class of their response; 429 is counted for itself. */
export type ResponseCounts = Readonly<Record<'2xx' | '3xx' | '4xx' | '429' | '5xx', number>>;

const NO_COUNTS: ResponseCounts = { '2xx': 0, '3xx': 0, '4xx': 0, '429': 0, '5xx': 0 };

/** After how long the ingress gives an instance up (default of a backend service). Cloud Run waits as long, to keep one number. */
const BACKEND_TIMEOUT = seconds(30);

/** Latencies of one service that are remembered between two readings. */
const LATENCIES_KEPT = 1_000;

/** The front ends, by service name. */
export class ApplicationFront {
  readonly #network: Network;
  readonly #applications: Applications;
  readonly #services = new Map<string, Service>();
  readonly #entrances = new Map<string, Entrance>();
  readonly #counts = new Map<string, Record<keyof ResponseCounts, number>>();
  /** How long answered requests took, since somebody asked. */
  readonly #took = new Map<string, number[]>();

  constructor(network: Network, applications: Applications) {
    this.#network = network;
    this.#applications = applications;
  }

  add(name: string, service: Service): void {
    this.#services.set(name, service);
    this.#counts.set(name, { ...NO_COUNTS });
  }

  addEntrance(name: string, entrance: Entrance): void {
    this.#entrances.set(name, entrance);
  }

  /** Names that can be asked. */
  names(): readonly string[] {
    return [...this.#services.keys(), ...this.#entrances.keys()];
  }

  /** Requests so far, ever growing. */
  counts(name: string): ResponseCounts {
    return this.#counts.get(name) ?? NO_COUNTS;
  }

  /** How long the requests took that were answered since this was asked last, in milliseconds; the newest of them where there were many. */
  drainLatencies(name: string): readonly number[] {
    const took = this.#took.get(name) ?? [];
    this.#took.delete(name);
    return took;
  }

  /** One request from a place. Silence when the network does not carry it, or the service doesn't exist. */
  request(from: Place, name: string, request: ApplicationRequest, by: Way = 'direct'): ApplicationReply {
    const entrance = this.#entrances.get(name);
    if (entrance !== undefined) return this.#enter(from, entrance, request);
    const service = this.#services.get(name);
    if (service === undefined || !this.#network.reaches(from, service.place)) return { kind: 'silence' };
    const reply = service.lets?.(by) === false ? failure(404) : this.#ask(service, request);
    // What a region that is gone would have counted, nobody hears of.
    if (this.#network.reaches('loadBalancer', service.place)) this.#count(name, reply);
    return reply;
  }

  /** Whether a service answers that it is well, asked from beside it and without being counted. */
  isWell(name: string): boolean {
    const leadsTo = this.#entrances.get(name)?.wayFrom('internet')?.leadsTo ?? name;
    const service = this.#services.get(leadsTo);
    const reply = service === undefined ? undefined : this.#ask(service, { kind: 'health' });
    return reply?.kind === 'reply' && reply.status === 200;
  }

  /** Through an entrance: counted by its load balancer, under the backend service that took it, and by the service itself. */
  #enter(from: Place, entrance: Entrance, request: ApplicationRequest): ApplicationReply {
    const way = entrance.wayFrom(from);
    if (way === undefined) return { kind: 'silence' };
    const reply = this.request(from, way.leadsTo, request, 'loadBalancer');
    this.#count(wayName(way), reply);
    return reply;
  }

  #count(name: string, reply: ApplicationReply): void {
    if (reply.kind !== 'reply') return;
    const counts = this.#counts.get(name) ?? { ...NO_COUNTS };
    counts[classOf(reply.status)] += 1;
    this.#counts.set(name, counts);
    if (reply.status >= 300) return;
    const took = this.#took.get(name) ?? [];
    took.push(reply.takes);
    this.#took.set(name, took.length > LATENCIES_KEPT ? took.slice(-LATENCIES_KEPT / 2) : took);
  }

  #ask(service: Service, request: ApplicationRequest): ApplicationReply {
    // What is gone doesn't answer the load balancer either, which then has nobody to ask: it is global, and answers all the same.
    if (!this.#network.reaches('loadBalancer', service.place)) return failure(service.front === 'ingress' ? 502 : 503);
    const backend = service.next();
    if (backend.kind === 'none') return failure(backend.status);
    const process = this.#applications.process(backend.instance);
    if (process === undefined || process.state() === 'crashed') return failure(502);
    const reply = process.handle(request);
    if (reply.kind === 'silence') return { ...failure(504), takes: BACKEND_TIMEOUT };
    return { ...reply, takes: millis(reply.takes + (service.delay?.() ?? 0)) };
  }
}

/** Under what the requests of a load balancer to one of its backend services are counted. */
export const wayName = ({
  urlMap,
  backendService,
}: {
  readonly urlMap: string;
  readonly backendService: string;
}): string => `${urlMap}/${backendService}`;

const FAILURES = {
  404: 'Page not found',
  429: 'Rate exceeded.',
  500: 'Internal Server Error',
  502: 'no healthy upstream',
  503: 'no healthy upstream',
  504: 'upstream request timeout',
} as const;

const failure = (status: 404 | 429 | 500 | 502 | 503 | 504): Extract<ApplicationReply, { kind: 'reply' }> => ({
  kind: 'reply',
  status,
  body: { error: FAILURES[status] },
  takes: millis(3),
});

function classOf(status: number): keyof ResponseCounts {
  if (status < 300) return '2xx';
  if (status < 400) return '3xx';
  if (status === 429) return '429';
  return status < 500 ? '4xx' : '5xx';
}

/** Takes the ready ones in turn. `undefined` stands for one that is listed as ready and whose process is gone. */
export function inTurn(ready: () => readonly (ApplicationInstance | undefined)[]): () => Backend {
  let turn = 0;
  return () => {
    const instances = ready();
    const instance = instances[turn++ % Math.max(instances.length, 1)];
    return instance === undefined ? { kind: 'none', status: 502 } : { kind: 'instance', instance };
  };
}
