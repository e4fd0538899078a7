import type { Caller } from './caller.ts';
import type { Dns, DnsChange, ManagedZone, RecordPatch } from './dns.ts';
import { type RecordChange, type RecordSet, sameSet } from './dns-records.ts';
import { type ApiCall, type ApiDoor, ApiError, type ApiOutcome, type Iam } from './kernel.ts';

/** Cloud DNS as its callers reach it: every method passes the door. */
export interface DnsApi {
  listZones(caller: Caller): ApiOutcome<readonly ManagedZone[]>;
  getZone(caller: Caller, zone: string): ApiOutcome<ManagedZone>;
  listRecords(caller: Caller, zone: string): ApiOutcome<readonly RecordSet[]>;
  getRecord(caller: Caller, zone: string, name: string, type: string): ApiOutcome<RecordSet>;
  createRecord(caller: Caller, zone: string, record: RecordSet): ApiOutcome<RecordSet>;
  patchRecord(caller: Caller, zone: string, name: string, type: string, patch: RecordPatch): ApiOutcome<RecordSet>;
  createChange(caller: Caller, zone: string, change: RecordChange): ApiOutcome<DnsChange>;
  getChange(caller: Caller, zone: string, id: string): ApiOutcome<DnsChange>;
  listChanges(caller: Caller, zone: string): ApiOutcome<readonly DnsChange[]>;
}

/**
 * Puts the door before the zones. A change needs `dns.changes.create`, and what it does to record sets needs a permission of
 * its own for each of creating, deleting and updating (docs: Cloud DNS access control).
 */
export function createDnsApi({ door, iam, dns }: { door: ApiDoor; iam: Iam; dns: Dns }): DnsApi {
  const call = (caller: Caller, permission: string, resource: string, writes: boolean): ApiCall => ({
    api: 'dns',
    permission: `dns.${permission}`,
    resource,
    writes,
    ...caller,
  });
  const demand = (caller: Caller, permission: string): void => {
    if (iam.allows(caller.principal, permission)) return;
    throw new ApiError(403, 'forbidden', `Permission '${permission}' denied on the zone's record sets.`);
  };
  const at = (zone: string, rest = ''): string => `managedZones/${zone}${rest}`;

  return {
    listZones: (caller) => door.call(call(caller, 'managedZones.list', 'managedZones', false), () => dns.zones()),
    getZone: (caller, zone) => door.call(call(caller, 'managedZones.get', at(zone), false), () => dns.zone(zone)),
    listRecords: (caller, zone) =>
      door.call(call(caller, 'resourceRecordSets.list', at(zone, '/rrsets'), false), () => dns.records(zone)),
    getRecord: (caller, zone, name, type) =>
      door.call(call(caller, 'resourceRecordSets.get', at(zone, `/rrsets/${name}/${type}`), false), () => {
        const found = dns.records(zone).find((record) => sameSet(record, { name, type }));
        if (found) return found;
        throw new ApiError(404, 'notFound', `The 'parameters.name' resource named '${name} (${type})' does not exist.`);
      }),
    createRecord: (caller, zone, record) =>
      door.call(call(caller, 'resourceRecordSets.create', at(zone, '/rrsets'), true), () => {
        demand(caller, 'dns.changes.create');
        return dns.create(zone, record);
      }),
    patchRecord: (caller, zone, name, type, patch) =>
      door.call(call(caller, 'resourceRecordSets.update', at(zone, `/rrsets/${name}/${type}`), true), () => {
        demand(caller, 'dns.changes.create');
        return dns.patch(zone, name, type, patch);
      }),
    createChange: (caller, zone, change) =>
      door.call(call(caller, 'changes.create', at(zone, '/changes'), true), () => {
        for (const permission of permissionsOf(change)) demand(caller, permission);
        return dns.change(zone, change);
      }),
    getChange: (caller, zone, id) =>
      door.call(call(caller, 'changes.get', at(zone, `/changes/${id}`), false), () => dns.changeById(zone, id)),
    listChanges: (caller, zone) =>
      door.call(call(caller, 'changes.list', at(zone, '/changes'), false), () => dns.changes(zone)),
  };
}

/** Deleting and adding one name and type is an update of it. */
function permissionsOf({ additions, deletions }: RecordChange): readonly string[] {
  const needed = new Set<string>();
  for (const record of additions) {
    const replaces = deletions.some((old) => sameSet(old, record));
    needed.add(`dns.resourceRecordSets.${replaces ? 'update' : 'create'}`);
  }
  for (const record of deletions) {
    if (!additions.some((made) => sameSet(made, record))) needed.add('dns.resourceRecordSets.delete');
  }
  return [...needed];
}
