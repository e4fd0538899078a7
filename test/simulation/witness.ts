import { after, type Instant, seconds } from '../../shared/core/time.ts';
import type { IncidentId } from '../../shared/system/names.ts';
import type { VirtualClock } from '../../sandbox/world/clock.ts';
import type { ApiCall } from '../../sandbox/world/kernel.ts';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { SERVICES } from '../../sandbox/world/reference-world.ts';
import type { World } from '../../sandbox/world/world.ts';
import type { Chronicle } from './chronicle.ts';
import { HARMLESS } from './powers.ts';
import { type Asker, askerNow } from './processes.ts';
import type { Handiwork } from './plot.ts';

// What was seen from outside while a run went on, for the judges: the world in the moment of each effect, what people really
// pressed, what they got. Nothing here comes from what the product says of itself, except where it says so.

/** A change of the protected system by one of our functions, and how the databases were when it happened. */
export interface Effect {
  readonly at: Instant;
  readonly call: ApiCall;
  /** The process that asked for it; `undefined` when the request arrived after everybody had given it up. */
  readonly asker: Asker | undefined;
  /** Instances that took writes from a consumer's place in that moment. */
  readonly writers: readonly string[];
  /** Those of them that had begun to a moment before: nobody's last look could have seen it. */
  readonly fresh: readonly string[];
  /** Primaries that nobody had stopped, whether somebody reached them or not: they may come back as what they were. */
  readonly unstopped: readonly string[];
  /** Homes of the API that did not serve. */
  readonly ill: readonly string[];
  /** To which of them users were led after it. */
  readonly leadsTo: string;
}

/** A button that somebody pressed: what stood on it, and the token behind it. */
export interface Vote {
  readonly at: Instant;
  readonly approver: string;
  readonly incident: string;
  readonly approval: string;
  readonly planDigest: string;
  readonly decision: 'approve' | 'deny';
  readonly token: string;
  /** Whether the token was one that we had sent them. */
  readonly isGenuine: boolean;
}

/** What somebody did with gcloud, and whether the API took it. */
export interface Hand {
  readonly at: Instant;
  readonly what: Handiwork;
  readonly accepted: boolean;
}

/** A fault that met a step, for the coverage table. */
export interface Meeting {
  readonly at: Instant;
  readonly what: string;
  readonly positions: readonly string[];
}

/** How the world was when an incident ended. */
export interface Ending {
  readonly at: Instant;
  readonly incident: IncidentId;
  readonly how: 'resolved' | 'dismissed';
  /** Services whose users could not write. */
  readonly ill: readonly string[];
  readonly hungPods: number;
}

/** Everything that was seen. */
export interface Witness {
  readonly effects: Effect[];
  /** Moments in which two instances took writes from a consumer's place. */
  readonly splits: { readonly at: Instant; readonly writers: readonly string[] }[];
  readonly endings: Ending[];
  readonly votes: Vote[];
  readonly hands: Hand[];
  readonly forged: { readonly at: Instant; readonly incident: IncidentId; readonly what: string }[];
  readonly meetings: Meeting[];
  /** Notices that reached somebody. */
  readonly pages: {
    readonly at: Instant;
    readonly destination: string;
    readonly subject: string;
    readonly incident: string;
    readonly notice: string;
  }[];
  /** Texts that Monitoring published on the alerts' topic. */
  readonly alerts: string[];
  /** Flows that ended with something that is no death and no failure of the world. */
  readonly bugs: string[];
  /** What functions wrote into their own logs; for reading a failing seed. */
  readonly notes: { readonly at: Instant; readonly text: string }[];
}

export const newWitness = (): Witness => ({
  effects: [],
  splits: [],
  endings: [],
  votes: [],
  hands: [],
  forged: [],
  meetings: [],
  pages: [],
  alerts: [],
  bugs: [],
  notes: [],
});

/** Whether a whole region is lost, for the time being. */
export const isRegionLost = ({ disasters }: World): boolean => disasters.active().some(({ name }) => name === 'region');

/** Places from which consumers connect. */
const CONSUMERS = ['pods', 'cloudRun'] as const;

/** Instances that take writes from a place of a consumer now. */
export function writersNow({ sql }: World): readonly string[] {
  const { servers } = sql.fleet;
  return servers
    .names()
    .filter((name) => CONSUMERS.some((place) => servers.contact(place, name) === 'ok'))
    .filter((name) => servers.server(name)?.acceptsWrites() === true)
    .filter((name) => !isIdleCopy(sql, name));
}

/** A copy from a backup, or a clone, on which no consumer is takes writes and gets none: it is nobody's primary. */
function isIdleCopy({ fleet }: World['sql'], name: string): boolean {
  const copies: readonly string[] = [REFERENCE.restored, ...REFERENCE.clones];
  return copies.includes(name) && fleet.server(name).sessions.size === 0;
}

/** Primaries that will take writes as soon as their place is well again. */
function unstopped({ sql }: World): readonly string[] {
  const { servers } = sql.fleet;
  return servers.names().filter((name) => {
    const server = servers.server(name);
    return server?.role() === 'primary' && server.power !== 'stopped' && !isIdleCopy(sql, name);
  });
}

/** Where users are led, by the record of their host and the default service of the load balancer that has its address. */
export function leadsTo({ balancers, dns }: World): string {
  const address = dns.records('coditect-zone').find(({ type }) => type === 'A')?.rrdatas[0] ?? '';
  const urlMap = balancers.route(address, '')?.urlMap;
  return urlMap === undefined ? '' : balancers.backendService(balancers.urlMap(urlMap).defaultService).leadsTo;
}

/** How often the databases are looked at once something of ours was promoted. */
const LOOK_EVERY = seconds(2);

/** From the last look before a call to its effect, at the most: the answers of a look, the intent, the call. */
const LOOKED_BEFORE = seconds(5);

/** Tells who takes writes now and did not before the last look; the databases are looked at each second for it. */
function freshWriters(world: World, clock: VirtualClock): () => readonly string[] {
  let since = new Map<string, Instant>();
  const look = (): void => {
    since = new Map(writersNow(world).map((name) => [name, since.get(name) ?? clock.now()]));
    clock.schedule(after(clock.now(), seconds(1)), look);
  };
  look();
  return () => writersNow(world).filter((name) => clock.now() < after(since.get(name) ?? clock.now(), LOOKED_BEFORE));
}

/** Begins to watch. `comesUp`: whether a primary may begin to take writes by itself although it was stopped. */
export function watch(
  witness: Witness,
  world: World,
  {
    clock,
    chronicle,
    comesUp,
  }: { readonly clock: VirtualClock; readonly chronicle: Chronicle; readonly comesUp: boolean },
): void {
  const fresh = comesUp ? freshWriters(world, clock) : () => [];
  let isLooking = false;
  const look = (): void => {
    const writers = writersNow(world);
    if (writers.length > 1) witness.splits.push({ at: clock.now(), writers });
    clock.schedule(after(clock.now(), LOOK_EVERY), look);
  };
  world.kernel.audit.listen(({ at, call, result }) => {
    if (result !== 'effect' || !call.writes || HARMLESS.has(call.permission)) return;
    if (!call.principal.startsWith('dr-')) return;
    witness.effects.push({
      at,
      call,
      asker: askerNow(),
      writers: writersNow(world),
      fresh: fresh(),
      unstopped: unstopped(world),
      ill: [SERVICES.apiGke, SERVICES.apiRun].filter((service) => !world.front.isWell(service)),
      leadsTo: leadsTo(world),
    });
    if (call.permission !== 'cloudsql.instances.promoteReplica' || isLooking) return;
    isLooking = true;
    look();
  });
  chronicle.listen(({ event, state }) => {
    if (event.kind !== 'resolved' && event.kind !== 'dismissed') return;
    witness.endings.push({
      at: clock.now(),
      incident: state.id,
      how: event.kind,
      // Who comes to a lost region without an entrance is led nowhere.
      ill: (isRegionLost(world) ? [SERVICES.entrance] : [SERVICES.entrance, SERVICES.apiRun]).filter(
        (service) => !world.front.isWell(service),
      ),
      hungPods: world.applications.running().filter((process) => process.state() === 'hung').length,
    });
  });
}
