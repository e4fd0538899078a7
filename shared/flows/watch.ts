import { foldWatch, OWN_VANTAGE, suspicions, type WatchLook } from '../classify/fold-watch.ts';
import { topologyNow } from '../classify/topology-now.ts';
import { after, type Instant, type Millis, millis, seconds } from '../core/time.ts';
import type { Json } from '../core/json.ts';
import type { Chance, Clock } from '../ports/clock.ts';
import type { Contact, ContactOutcome } from '../ports/data-plane.ts';
import type { InstanceStatus } from '../ports/databases.ts';
import { isPortError } from '../ports/port-error.ts';
import type { World } from '../ports/ports.ts';
import type { DocumentStore, Store } from '../ports/store.ts';
import { parseWatchReading, type WatchReading, watchKey } from '../ports/watch-reading.ts';
import type { Suspicion } from '../signals/suspicion.ts';
import type { InstanceName } from '../system/names.ts';
import type { Application, Database, System } from '../system/system.ts';
import { addressesInUse } from './addresses-in-use.ts';
import { successorOf } from './successor.ts';
import { consumersOf, instancesOf } from '../system/topology.ts';

// The watch that `tick` runs beside its sweep: a heartbeat on every primary and a canary from every place that consumers
// connect from, so that a loss can be bounded and a failure is found that no alert told of (design.md section 6).
//
// W4. It writes heartbeat and canary rows into our own table, and nothing else.
// W5. A failure of the world or of the store makes a look worth less; it never ends the watch.

/** What the watch runs on. */
export interface WatchHome {
  readonly system: System;
  readonly world: Pick<World, 'databases' | 'dataPlane' | 'applications'>;
  readonly clock: Pick<Clock, 'now' | 'sleep'>;
  readonly chance: Pick<Chance, 'uuid'>;
  readonly store: { readonly documents: Pick<Store['documents'], 'get' | 'put'> };
}

/** Time between two looks; the loss bound is no finer than this. */
const PERIOD = seconds(5);

/** Time after which roles are read again while the primary refuses: it may be none any more. */
const ROLES_AGAIN = seconds(30);

/** Watches that may race for one reading: one in each control region, and one that is late. */
const FOLDS_MAX = 5;

/** PostgreSQL's port, on which consumers connect. */
const PORT = 5432;

/** Instances of one database by their present roles. */
interface Roles {
  readonly primary: InstanceName;
  readonly address: string | undefined;
  readonly region: string | undefined;
  readonly replicas: readonly InstanceName[];
  /** The newest heartbeat that any instance shows; ours go on from there. */
  readonly sequence: number;
  readonly readAt: Instant;
  /** `false` when the fleet could not be read and the roles are those of the file. */
  readonly isKnown: boolean;
}

/**
 * Watches every database for `length` of clock time, a look each 5 s. `tell` gets each suspicion as soon as there is one, once;
 * all are returned as well. Never rejects for the world's sake.
 */
export async function watchDatabases(
  home: WatchHome,
  length: Millis,
  tell: (suspicion: Suspicion) => Promise<void> = async () => undefined,
): Promise<readonly Suspicion[]> {
  const until = after(home.clock.now(), length);
  const found = await Promise.all(home.system.databases.map((database) => watchOne(database, until, home, tell)));
  return found.flat();
}

async function watchOne(
  database: Database,
  until: Instant,
  home: WatchHome,
  tell: (suspicion: Suspicion) => Promise<void>,
): Promise<readonly Suspicion[]> {
  const told = new Map<string, Suspicion>();
  let roles = await readRoles(database, home);
  let sequence = roles.sequence;
  for (;;) {
    const began = home.clock.now();
    const known = await keptOf(roles.primary, home.store.documents);
    sequence = Math.max(sequence, roles.sequence, known?.reading?.lastSequence ?? 0) + 1;
    const look = await lookAt(database, roles, sequence, home);
    const reading = await keep(look, known, home.store.documents);
    for (const suspicion of suspicions(reading ?? foldWatch(known?.reading, look), look.at)) {
      if (told.has(suspicion.dedupeKey)) continue;
      told.set(suspicion.dedupeKey, suspicion);
      await tell(suspicion);
    }
    if (mayHaveChanged(roles, look)) roles = await readRoles(database, home);
    await home.clock.sleep(millis(Math.max(0, after(began, PERIOD) - home.clock.now())));
    // Asked last: where nobody answers, reading the roles alone may take all the time there is, and a look is due all the same.
    if (home.clock.now() >= until) return [...told.values()];
  }
}

/** Whether somebody else may be the primary by now. */
function mayHaveChanged(roles: Roles, look: WatchLook): boolean {
  const isWritten = look.contacts.some(({ vantage, outcome }) => vantage === OWN_VANTAGE && outcome.kind === 'written');
  return !roles.isKnown || (!isWritten && look.at >= after(roles.readAt, ROLES_AGAIN));
}

async function readRoles(database: Database, home: WatchHome): Promise<Roles> {
  const [fleet, addresses] = await Promise.all([
    attempt<readonly InstanceStatus[]>(() => home.world.databases.fleet(), []),
    addressesInUse(consumersOf(home.system, database.instance), home.world),
  ]);
  const now = topologyNow(database, fleet, addresses, await successorOf(database, fleet, home.store.documents));
  const primary = now.primary?.instance ?? database.instance;
  const spares = now.others.filter(({ role, instance }) => role === 'replica' && isSpare(database, instance));
  const names = [
    ...new Set([
      ...instancesOf(database),
      ...spares.map(({ instance }) => instance),
      ...(now.primary === undefined ? [] : [now.primary.instance]),
    ]),
  ];
  const words = await Promise.all(
    names.map((instance) => attempt(() => home.world.dataPlane.replication(instance), undefined)),
  );
  return {
    primary,
    address: now.primary?.address,
    region: now.primary?.region,
    replicas: names.filter((instance) => instance !== primary),
    sequence: Math.max(0, ...words.map((word) => word?.heartbeat?.sequence ?? 0)),
    readAt: home.clock.now(),
    isKnown: now.primary !== undefined,
  };
}

/** A replica that was made again counts like one of the file once it is there. */
const isSpare = ({ spares }: Database, name: InstanceName): boolean => spares.some(({ instance }) => instance === name);

async function lookAt(database: Database, roles: Roles, sequence: number, home: WatchHome): Promise<WatchLook> {
  const { dataPlane } = home.world;
  // Taken before the write: every commit that is older than the row is then older than this moment.
  const at = home.clock.now();
  const consumers = consumersOf(home.system, database.instance, roles.region);
  const [outcome, words, others] = await Promise.all([
    attempt(() => dataPlane.heartbeat(roles.primary, sequence, at), unknown('our own call failed')),
    Promise.all(roles.replicas.map((replica) => attempt(() => dataPlane.replication(replica), undefined))),
    Promise.all(consumers.map((consumer) => contactFrom(consumer, roles, home))),
  ]);
  const control = roles.replicas.length === 0 ? 'none' : words.some((word) => word !== undefined) ? 'ok' : 'failed';
  const own: Contact = { vantage: OWN_VANTAGE, at, outcome, control };
  return { instance: roles.primary, at: home.clock.now(), heartbeat: { sequence, at }, contacts: [own, ...others] };
}

/** What a consumer's place meets. Named by the application, so that one prober for two of them counts for both. */
async function contactFrom({ id, probes }: Application, roles: Roles, home: WatchHome): Promise<Contact> {
  const silent = (detail: string): Contact => ({
    vantage: id,
    at: home.clock.now(),
    outcome: unknown(detail),
    control: 'none',
  });
  if (probes.vantage === undefined) return silent('no vantage point is configured');
  if (roles.address === undefined) return silent('the address of the primary is not known');
  const address = `${roles.address}:${PORT}`;
  const contact = await attempt(
    () => home.world.applications.contactFrom(id, address, home.chance.uuid()),
    silent('the vantage point can not be asked'),
  );
  return { ...contact, vantage: id };
}

/** A reading as the store has it, as far as we know. */
interface Kept {
  /** `undefined`: there is none, or none that can be understood. */
  readonly reading: WatchReading | undefined;
  /** 0: there is none. */
  readonly version: number;
}

/**
 * Folds a look into the stored reading; what is stored then, or `undefined` when the store did not take it. What was read before
 * the look is read again only when another watch has written meanwhile, which makes our write fail.
 */
async function keep(
  look: WatchLook,
  known: Kept | undefined,
  documents: Pick<DocumentStore, 'get' | 'put'>,
): Promise<WatchReading | undefined> {
  const key = watchKey(look.instance);
  let before = known;
  for (let fold = 0; fold < FOLDS_MAX; fold += 1) {
    before ??= await keptOf(look.instance, documents);
    if (before === undefined) return undefined;
    const { version } = before;
    const reading = foldWatch(before.reading, look);
    const isStored = await attempt(
      () => documents.put(key, { ...reading, vantages: { ...reading.vantages } }, version),
      false,
    );
    if (isStored) return reading;
    before = undefined;
  }
  return undefined;
}

/** The stored reading of an instance; `undefined` when the store can't be read. */
async function keptOf(instance: InstanceName, documents: Pick<DocumentStore, 'get'>): Promise<Kept | undefined> {
  const found = await attempt(() => documents.get(watchKey(instance)), null);
  if (found === null) return undefined;
  return { reading: readable(found?.value), version: found?.version ?? 0 };
}

/** A reading that can't be understood is as good as none: the watch begins anew. */
function readable(value: Json | undefined): WatchReading | undefined {
  if (value === undefined) return undefined;
  try {
    return parseWatchReading(value);
  } catch {
    return undefined;
  }
}

const unknown = (detail: string): ContactOutcome => ({ kind: 'unknown', detail });

/** Asks, and takes `otherwise` for a failure of the world (W5). Bugs pass. */
async function attempt<T>(ask: () => Promise<T>, otherwise: T): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!isPortError(error)) throw error;
    return otherwise;
  }
}
