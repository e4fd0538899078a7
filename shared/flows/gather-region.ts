import { type DatabaseFacts, isReadable, type RegionFacts } from '../classify/facts.ts';
import { regionKey, regionRecordWire } from '../ports/region-record.ts';
import type { RegionStandby, System } from '../system/system.ts';
import { applicationOf } from '../system/topology.ts';
import { attempt } from './attempt.ts';
import { applicationFacts, type GatherHome } from './gather-application.ts';

// What a look finds out about a region as a whole, beside the facts of everything that is in it.
//
// G3. It is asked only where something in the region is silent, or where the incident is about a region: a look at a database that
//     answers costs what it cost before.

/** PostgreSQL's port, on which consumers connect. */
const PORT = 5432;

/** Where a primary is now, and where the file puts it while nobody can read that. */
export const regionOfPrimary = ({ database, primary }: DatabaseFacts): string =>
  isReadable(primary) ? primary.region : database.region;

/** The regions that are asked for, and those whose primary does not take our canary. */
export function regionsInDoubt(
  databases: readonly DatabaseFacts[],
  wished: readonly string[],
  system: System,
): readonly RegionStandby[] {
  const silent = databases.filter(({ contact }) => contact.outcome.kind !== 'written').map(regionOfPrimary);
  return system.regions.filter(({ region }) => wished.includes(region) || silent.includes(region));
}

/** The region's standby, the primary as it is seen from there, and what was written down of it. */
export async function regionFacts(
  { region, application: id }: RegionStandby,
  databases: readonly DatabaseFacts[],
  home: GatherHome,
): Promise<RegionFacts> {
  const { system, world, documents, chance } = home;
  const application = applicationOf(system, id);
  if (application === undefined) throw new Error(`${id} is no application of this system`);
  const primary = databases.find((known) => regionOfPrimary(known) === region)?.primary;
  const address = primary !== undefined && isReadable(primary) ? primary.address : undefined;
  const [standby, contact, found] = await Promise.all([
    applicationFacts(application, home),
    address === undefined
      ? undefined
      : attempt(() => world.applications.contactFrom(id, `${address}:${PORT}`, chance.uuid())),
    attempt(() => documents.get(regionKey(region))),
  ]);
  return {
    region,
    standby,
    contact: contact !== undefined && isReadable(contact) ? contact : undefined,
    record: recordIn(found),
  };
}

/** A record that can't be understood is unreadable: what it would have said is not guessed. */
function recordIn(
  found: Awaited<ReturnType<typeof attempt<{ readonly value: unknown } | undefined>>>,
): RegionFacts['record'] {
  if (found === undefined || ('value' in found && found.value === null)) return undefined;
  if (!('value' in found)) return found;
  const read = regionRecordWire.safeParse(found.value);
  return read.success ? read.data : { unreadable: 'malformed' };
}
