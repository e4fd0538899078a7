import { after, type Instant, seconds } from '../../shared/core/time.ts';
import type { Dns } from './dns.ts';
import type { Place, WorldClock } from './kernel.ts';
import type { LoadBalancers } from './load-balancer.ts';

// What is between users and a service: the name that they ask for, resolved and kept as long as its ttl says, and the load
// balancer that has the address.

/** Where a request to the entrance goes now. */
export interface Way {
  readonly urlMap: string;
  readonly backendService: string;
  /** The service of the front that takes it. */
  readonly leadsTo: string;
}

/** One public host name. */
export class Entrance {
  readonly #clock: WorldClock;
  readonly #dns: Pick<Dns, 'served'>;
  readonly #balancers: Pick<LoadBalancers, 'route'>;
  readonly #host: string;
  /** By place, since each has a resolver of its own. */
  readonly #known = new Map<Place, { readonly address: string; readonly until: Instant }>();

  constructor(
    parts: { readonly clock: WorldClock; readonly dns: Pick<Dns, 'served'>; readonly balancers: LoadBalancers },
    host: string,
  ) {
    this.#clock = parts.clock;
    this.#dns = parts.dns;
    this.#balancers = parts.balancers;
    this.#host = host;
  }

  /** `undefined` when the name, or what is at its address, is not there. */
  wayFrom(place: Place): Way | undefined {
    const address = this.#resolve(place);
    return address === undefined ? undefined : this.#balancers.route(address, this.#host);
  }

  #resolve(place: Place): string | undefined {
    const known = this.#known.get(place);
    const now = this.#clock.now();
    if (known !== undefined && now < known.until) return known.address;
    const record = this.#dns.served(`${this.#host}.`, 'A');
    const address = record?.rrdatas[0];
    if (record === undefined || address === undefined) return undefined;
    this.#known.set(place, { address, until: after(now, seconds(record.ttl)) });
    return address;
  }
}
