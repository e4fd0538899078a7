import type { ConfigPath, Contradiction } from './config-fault.ts';
import { entrancesInto, regionOf, targetsIn } from './regions.ts';
import { repeated } from './repeated.ts';
import type { RegionStandby, System } from './system.ts';
import { applicationOf } from './topology.ts';

/** What regions and their standbys can't be: a failover that would leave something behind is found here, and not in the disaster. */
export function regionContradictions(system: System): readonly Contradiction[] {
  return [
    ...repeated(system.regions, ({ region }) => region).map(({ index, first }) => ({
      path: ['regions', index, 'region'],
      problem: `is the region of regions[${first}] too, and it can go on in one place only`,
      wanted: 'each region once',
    })),
    ...system.regions.flatMap((standby, index) => [
      ...places(system, standby, ['regions', index]),
      ...applications(system, standby, ['regions', index]),
      ...databases(system, standby, ['regions', index]),
    ]),
  ];
}

function places(system: System, { region, secondary, application }: RegionStandby, path: ConfigPath) {
  const found: Contradiction[] = [];
  const involves = [['applications'], ['databases'], ['entrances']];
  if (region === secondary) {
    const problem = 'is the region that would be lost';
    found.push({ path: [...path, 'secondary'], problem, wanted: 'another region', involves: [[...path, 'region']] });
  }
  const isUsed = targetsIn(system, region).length > 0;
  if (isUsed && entrancesInto(system, { region, secondary, application, instances: 1 }).length === 0) {
    const problem = `is reached by no entrance of ${region}: there would be no traffic to move`;
    const wanted = `an entrance of ${region} with ${application} among its backends`;
    found.push({ path: [...path, 'application'], problem, wanted, involves });
  }
  return found;
}

function applications(
  system: System,
  { secondary, application: id, instances }: RegionStandby,
  path: ConfigPath,
): readonly Contradiction[] {
  const place = [...path, 'application'];
  const involves = [['applications']];
  const index = system.applications.findIndex((known) => known.id === id);
  const application = applicationOf(system, id);
  if (application?.kind !== 'cloudRun' || regionOf(application) !== secondary)
    return [
      {
        path: place,
        problem: `is no Cloud Run application in ${secondary}`,
        wanted: `one of kind cloudRun in ${secondary}`,
        involves,
      },
    ];
  const found: Contradiction[] = [];
  const own = ['applications', index];
  if (application.dependsOn.length > 0) {
    const problem = `would be held with the consumers of ${application.dependsOn.join(', ')}, although it waits beside a replica`;
    found.push({ path: [...own, 'dependsOn'], problem, wanted: 'an empty list', involves: [['regions']] });
  }
  if (application.databaseSecret === undefined) {
    const problem = 'is missing: nothing could lead the application to the promoted replica';
    found.push({ path: [...own, 'databaseSecret'], problem, wanted: 'the secret that names the replica beside it' });
  }
  const sharing = system.applications.find(
    (other) => other.id !== id && other.databaseSecret === application.databaseSecret,
  );
  if (application.databaseSecret !== undefined && sharing !== undefined) {
    const problem = `is shared with ${sharing.id}, which writes to the primary: it would not wait beside the replica`;
    found.push({ path: [...own, 'databaseSecret'], problem, wanted: 'a secret of its own', involves });
  }
  if (application.probes.vantage === undefined) {
    const problem = `is missing: nobody in ${secondary} could say whether the old primary is reached from there`;
    const wanted = 'the address of a prober in the same place';
    found.push({ path: [...own, 'probes', 'vantage'], problem, wanted });
  }
  if (instances > application.maxInstances) {
    const problem = `is more than maxInstances of ${id} allows`;
    found.push({ path: [...path, 'instances'], problem, wanted: `at most ${application.maxInstances}`, involves });
  }
  return found;
}

/** One database: what two of them lose, and which of them goes first, nobody has decided on one page. */
function databases(system: System, { region, secondary }: RegionStandby, path: ConfigPath): readonly Contradiction[] {
  const inside = system.databases.filter((database) => database.region === region);
  const place = [...path, 'region'];
  const involves = [['databases']];
  if (inside.length > 1) {
    const names = inside.map(({ instance }) => instance).join(', ');
    const problem = `has more than one database (${names}), and one plan promotes one`;
    return [{ path: place, problem, wanted: 'a region with one database', involves }];
  }
  const [database] = inside;
  if (database === undefined) {
    const problem = 'has no database: what is only served there needs no plan that promotes';
    return [{ path: place, problem, wanted: 'a region with a database', involves }];
  }
  if (!database.replicas.some((replica) => replica.region === secondary)) {
    const problem = `has no replica of ${database.instance}, so its data would stay in ${region}`;
    return [{ path: [...path, 'secondary'], problem, wanted: 'a region with a replica of it', involves }];
  }
  if (!database.remedies.includes('promote')) {
    const problem = `has ${database.instance}, whose remedies list no promote`;
    return [{ path: place, problem, wanted: 'promote among them', involves }];
  }
  return [];
}
