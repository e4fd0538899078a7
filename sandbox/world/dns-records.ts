import { isIPv4, isIPv6 } from 'node:net';
import { ApiError } from './kernel.ts';

// Record sets of Cloud DNS and the rules by which a batch of changes applies to a zone: all of it or nothing.
//
// D1. A deletion must name what exists exactly, data and ttl included: 412 conditionNotMet otherwise, 404 when there is nothing
//     of that name and type. It is a compare-and-set (facts.md 5; external-dns#467, certbot#8523).
// D2. An addition must not meet a record set of the same name and type that the same change doesn't delete: 409 alreadyExists.
// D3. A CNAME stands alone at its name, never at the apex. The apex keeps its SOA and NS.

/** Everything of one name and type. `ttl` in seconds. */
export interface RecordSet {
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
  readonly rrdatas: readonly string[];
}

/** What a change asks for; applied together. */
export interface RecordChange {
  readonly additions: readonly RecordSet[];
  readonly deletions: readonly RecordSet[];
}

/** A zone's name and what is in it. */
export interface ZoneContent {
  /** With its dot at the end. */
  readonly dnsName: string;
  readonly records: readonly RecordSet[];
}

const TYPES: ReadonlySet<string> = new Set('A AAAA CAA CNAME HTTPS MX NAPTR NS PTR SOA SPF SRV SVCB TXT'.split(' '));

/** Longest that a resolver may be told to keep an answer, seconds (RFC 2181: 31 bits). */
const TTL_MAX = 2_147_483_647;

/** The record sets after the change. Throws `ApiError` with the message of the API, and then nothing has changed. */
export function applyChange(zone: ZoneContent, change: RecordChange): readonly RecordSet[] {
  if (change.additions.length + change.deletions.length === 0) {
    throw new ApiError(400, 'required', "The 'entity.change' parameter must have an addition or a deletion.");
  }
  change.additions.forEach((record, index) => checkAddition(zone, change.additions, record, index));
  const removed = change.deletions.map((record, index) => matched(zone, record, index));
  const kept = zone.records.filter((record) => !removed.includes(record));
  change.additions.forEach((record, index) => {
    if (!kept.some((other) => sameSet(other, record))) return;
    const what = `The resource 'entity.change.additions[${index}]' named '${shown(record)}' already exists`;
    throw new ApiError(409, 'alreadyExists', what);
  });
  const result = [...kept, ...change.additions];
  checkZone(zone.dnsName, result);
  return result;
}

/** Same name and type; names of the DNS have no case. */
export function sameSet(a: Pick<RecordSet, 'name' | 'type'>, b: Pick<RecordSet, 'name' | 'type'>): boolean {
  return a.name.toLowerCase() === b.name.toLowerCase() && a.type === b.type;
}

const shown = ({ name, type }: RecordSet): string => `${name} (${type})`;

function matched(zone: ZoneContent, wanted: RecordSet, index: number): RecordSet {
  const found = zone.records.find((record) => sameSet(record, wanted));
  const parameter = `'entity.change.deletions[${index}]'`;
  if (!found) {
    throw new ApiError(404, 'notFound', `The ${parameter} resource named '${shown(wanted)}' does not exist.`);
  }
  const [have, want] = [found.rrdatas.toSorted(), wanted.rrdatas.toSorted()];
  const exact = found.ttl === wanted.ttl && have.length === want.length && have.every((data, at) => data === want[at]);
  if (!exact) throw new ApiError(412, 'conditionNotMet', `Precondition not met for ${parameter}`);
  return found;
}

function checkAddition(zone: ZoneContent, additions: readonly RecordSet[], record: RecordSet, index: number): void {
  const at = (field: string): string => `'entity.change.additions[${index}].${field}'`;
  const invalid = (field: string, value: unknown): ApiError =>
    new ApiError(400, 'invalid', `Invalid value for ${at(field)}: '${String(value)}'`);
  const inZone = record.name === zone.dnsName || record.name.endsWith(`.${zone.dnsName}`);
  if (!inZone || !/^(\*\.)?([\w-]{1,63}\.)+$/.test(record.name)) throw invalid('name', record.name);
  if (!TYPES.has(record.type)) throw invalid('type', record.type);
  if (!Number.isInteger(record.ttl) || record.ttl < 0 || record.ttl > TTL_MAX) throw invalid('ttl', record.ttl);
  if (record.rrdatas.length === 0)
    throw new ApiError(400, 'required', `Required value for ${at('rrdatas')} is missing`);
  const wrong = record.rrdatas.find((data) => !isData(record.type, data));
  if (wrong !== undefined) throw invalid(`rrdata[${record.rrdatas.indexOf(wrong)}]`, wrong);
  if (additions.filter((other) => sameSet(other, record)).length > 1) {
    throw new ApiError(400, 'invalid', `The change adds '${shown(record)}' more than once`);
  }
}

function isData(type: string, data: string): boolean {
  if (type === 'A') return isIPv4(data);
  if (type === 'AAAA') return isIPv6(data);
  if (type === 'CNAME' || type === 'NS') return /^([\w-]{1,63}\.)+$/.test(data);
  return data.length > 0;
}

function checkZone(dnsName: string, records: readonly RecordSet[]): void {
  for (const type of ['SOA', 'NS']) {
    if (records.some((record) => sameSet(record, { name: dnsName, type }))) continue;
    throw new ApiError(
      400,
      'invalidZoneApex',
      `The resource record set '${dnsName} (${type})' is invalid because a zone must contain exactly one resource record set of type '${type}' at the apex.`,
    );
  }
  for (const { name, type } of records) {
    if (type !== 'CNAME') continue;
    const alone = records.filter((record) => record.name.toLowerCase() === name.toLowerCase()).length === 1;
    if (alone && name !== dnsName) continue;
    throw new ApiError(
      400,
      'cnameResourceRecordSetConflict',
      `The resource record set '${name} (CNAME)' is invalid because it conflicts with another of that name.`,
    );
  }
}
