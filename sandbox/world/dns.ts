import { after, type Instant, type Millis, millis } from '../../shared/core/time.ts';
import type { Assumptions } from './assumptions.ts';
import { applyChange, type RecordChange, type RecordSet, sameSet } from './dns-records.ts';
import { ApiError, type Chance, type WorldClock } from './kernel.ts';

// Cloud DNS: managed zones, their record sets, and changes.
//
//   create ──▶ pending ──(seconds)──▶ done ──(seconds)──▶ served by the name servers ──(old ttl)──▶ seen by clients
//
// D4. The API shows a change at once; `done` says only that the name servers have been told. What they answer is `served`.
// D5. A change is never undone by the world: a lost answer doesn't mean that it didn't happen.

/** Until a change is `done`, milliseconds. Public zones take seconds, seldom more than a minute. */
const DONE_AFTER: readonly [number, number] = [2_000, 30_000];
/** From `done` until every name server answers with it, milliseconds. */
const SERVED_AFTER: readonly [number, number] = [0, 30_000];

/** The name servers of every zone here. */
export const NAME_SERVERS = ['a', 'b', 'c', 'd'].map((letter) => `ns-cloud-${letter}1.googledomains.com.`);

/** A zone that the project manages. */
export interface ManagedZone {
  readonly name: string;
  /** Decimal, as the API also addresses it. */
  readonly id: string;
  readonly dnsName: string;
  readonly createdAt: Instant;
}

/** One batch of additions and deletions. */
export interface DnsChange extends RecordChange {
  /** Counts from 0 within its zone; 0 made the zone. */
  readonly id: string;
  readonly startedAt: Instant;
  readonly status: 'pending' | 'done';
}

/** What `patch` may change; what is absent stays, subject to the assumption `dnsPatchKeepsTtl`. */
export type RecordPatch = { readonly ttl?: number; readonly rrdatas?: readonly string[] };

/** The zones of a project. Methods throw `ApiError` as the API refuses. A zone is named by its name or its id. */
export interface Dns {
  zones(): readonly ManagedZone[];
  zone(zone: string): ManagedZone;
  records(zone: string): readonly RecordSet[];
  create(zone: string, record: RecordSet): RecordSet;
  patch(zone: string, name: string, type: string, patch: RecordPatch): RecordSet;
  /** All or nothing; answers a pending change. */
  change(zone: string, change: RecordChange): DnsChange;
  changeById(zone: string, id: string): DnsChange;
  /** Newest first. */
  changes(zone: string): readonly DnsChange[];
  /** What the zone's name servers answer now; `undefined` when there is nothing of that name and type. */
  served(name: string, type: string): RecordSet | undefined;
}

/** How a project's DNS is made. */
export interface DnsOptions {
  readonly clock: WorldClock;
  readonly chance: Chance;
  readonly assumptions: Pick<Assumptions, 'dnsPatchKeepsTtl'>;
  /** Records besides SOA and NS, which every zone gets. */
  readonly zones: readonly {
    readonly name: string;
    readonly dnsName: string;
    readonly records: readonly RecordSet[];
  }[];
}

interface StoredZone {
  readonly zone: ManagedZone;
  records: readonly RecordSet[];
  readonly changes: DnsChange[];
  served: readonly RecordSet[];
  /** The newest change that the name servers have. */
  servedChange: number;
}

/** Zones whose records are served from the start. */
export function createDns({ clock, chance, assumptions, zones }: DnsOptions): Dns {
  const draws = chance.fork('dns');
  const stored = zones.map((zone, index) => newZone(zone, index, clock.now()));

  const find = (wanted: string): StoredZone => {
    const found = stored.find(({ zone }) => zone.name === wanted || zone.id === wanted);
    if (found) return found;
    throw new ApiError(404, 'notFound', `The 'parameters.managedZone' resource named '${wanted}' does not exist.`);
  };

  const apply = (zone: StoredZone, change: RecordChange): DnsChange => {
    zone.records = applyChange({ dnsName: zone.zone.dnsName, records: zone.records }, change);
    const id = zone.changes.length;
    const made: DnsChange = { ...change, id: String(id), startedAt: clock.now(), status: 'pending' };
    zone.changes.push(made);
    const doneAt = after(clock.now(), drawn(draws, DONE_AFTER));
    clock.schedule(doneAt, () => {
      zone.changes[id] = { ...made, status: 'done' };
    });
    const content = zone.records;
    clock.schedule(after(doneAt, drawn(draws, SERVED_AFTER)), () => {
      // Of two changes the later may arrive first; the name servers never fall back to the older one.
      if (id < zone.servedChange) return;
      zone.served = content;
      zone.servedChange = id;
    });
    return made;
  };

  const existing = (zone: StoredZone, name: string, type: string): RecordSet => {
    const found = zone.records.find((record) => sameSet(record, { name, type }));
    if (found) return found;
    throw new ApiError(404, 'notFound', `The 'parameters.name' resource named '${name} (${type})' does not exist.`);
  };

  return {
    zones: () => stored.map(({ zone }) => zone),
    zone: (wanted) => find(wanted).zone,
    records: (wanted) => listed(find(wanted).records),
    create(wanted, record) {
      apply(find(wanted), { additions: [record], deletions: [] });
      return record;
    },
    patch(wanted, name, type, patch) {
      const zone = find(wanted);
      const old = existing(zone, name, type);
      const ttl = patch.ttl ?? (assumptions.dnsPatchKeepsTtl ? old.ttl : 0);
      const changed: RecordSet = { ...old, ttl, rrdatas: patch.rrdatas ?? old.rrdatas };
      apply(zone, { additions: [changed], deletions: [old] });
      return changed;
    },
    change: (wanted, change) => apply(find(wanted), change),
    changeById(wanted, id) {
      const found = find(wanted).changes.find((change) => change.id === id);
      if (found) return found;
      throw new ApiError(404, 'notFound', `The 'parameters.changeId' resource named '${id}' does not exist.`);
    },
    changes: (wanted) => find(wanted).changes.toReversed(),
    served: (name, type) => stored.flatMap(({ served }) => served).find((record) => sameSet(record, { name, type })),
  };
}

/** In order of name and type. Records are replaced and never changed, and asked for far more often. */
const listedKnown = new WeakMap<readonly RecordSet[], readonly RecordSet[]>();

function listed(records: readonly RecordSet[]): readonly RecordSet[] {
  const known =
    listedKnown.get(records) ??
    records.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.type < b.type ? -1 : 1));
  listedKnown.set(records, known);
  return known;
}

const drawn = (chance: Chance, [low, high]: readonly [number, number]): Millis => millis(chance.between(low, high));

function newZone(zone: DnsOptions['zones'][number], index: number, now: Instant): StoredZone {
  const { name, dnsName } = zone;
  const apex: readonly RecordSet[] = [
    { name: dnsName, type: 'NS', ttl: 21_600, rrdatas: NAME_SERVERS },
    {
      name: dnsName,
      type: 'SOA',
      ttl: 21_600,
      rrdatas: [`ns-cloud-a1.googledomains.com. cloud-dns-hostmaster.google.com. 1 21600 3600 259200 300`],
    },
  ];
  const records = [...apex, ...zone.records];
  const created: DnsChange = { id: '0', startedAt: now, status: 'done', additions: apex, deletions: [] };
  const id = String(5_617_430_298_117_044_000n + BigInt(index));
  return { zone: { name, id, dnsName, createdAt: now }, records, changes: [created], served: records, servedChange: 0 };
}
