import type { ConfigPath, Contradiction } from './config-fault.ts';
import { nearestWord } from './nearest-word.ts';
import { repeated } from './repeated.ts';
import type { Entrance, GkeApplication, System } from './system.ts';
import { applicationOf, databaseOf, entrancesOf } from './topology.ts';
import { writeDuration } from './write-duration.ts';

/** What entrances and standbys can't be: a failover that leads nowhere is found here, and not in the disaster. */
export function entranceContradictions(system: System): readonly Contradiction[] {
  return [
    ...repeatedEntrances(system),
    ...system.entrances.flatMap((entrance, index) => [
      ...backends(system, entrance, ['entrances', index]),
      ...probes(system, entrance, ['entrances', index]),
      ...records(system, entrance, ['entrances', index]),
    ]),
    ...system.applications.flatMap((application, index) =>
      application.kind === 'gke' ? standbys(system, application, ['applications', index]) : [],
    ),
  ];
}

function repeatedEntrances({ entrances }: System): readonly Contradiction[] {
  return [
    ...repeated(entrances, ({ id }) => id).map(({ index, first }) => ({
      path: ['entrances', index, 'id'],
      problem: `is the id of entrances[${first}] too`,
      wanted: 'an id of its own for each entrance',
    })),
    ...repeated(entrances, ({ host }) => host).map(({ index, first }) => ({
      path: ['entrances', index, 'host'],
      problem: `is the host of entrances[${first}] too, and two runs could move it at once`,
      wanted: 'each host once',
    })),
  ];
}

function backends(system: System, entrance: Entrance, path: ConfigPath): readonly Contradiction[] {
  const known = system.applications.map(({ id }) => id);
  const named = entrance.backends.map(({ application }) => application);
  const place = [...path, 'backends'];
  const found: Contradiction[] = named.flatMap((name, index) =>
    known.includes(name)
      ? []
      : [
          {
            path: [...place, index, 'application'],
            problem: 'is no application of this file',
            wanted: nearestWord(name, known) ?? `one of: ${known.join(', ')}`,
            involves: [['applications']],
          },
        ],
  );
  if (named.length === 0)
    found.push({ path: place, problem: 'is empty: the entrance leads nowhere', wanted: 'its home first' });
  const ends: readonly { readonly end: string }[] =
    entrance.via === 'dns'
      ? entrance.backends.map(({ address }) => ({ end: address }))
      : entrance.backends.map(({ backendService }) => ({ end: backendService }));
  return [
    ...found,
    ...repeated(named, (name) => name).map(({ index, item }) => ({
      path: [...place, index, 'application'],
      problem: `names ${item} a second time`,
      wanted: 'one backend for each application',
    })),
    ...repeated(ends, ({ end }) => end).map(({ index, first }) => ({
      path: [...place, index],
      problem: `leads to where backends[${first}] leads, so nobody could tell which of them is in force`,
      wanted: 'an end of its own for each application',
    })),
  ];
}

function probes(system: System, { probe, host, backends: ends }: Entrance, path: ConfigPath): readonly Contradiction[] {
  const found: Contradiction[] = [];
  if (new URL(probe).hostname !== host) {
    const problem = `does not go through ${host}, so it would not see where users get`;
    found.push({ path: [...path, 'probe'], problem, wanted: `an address of ${host}`, involves: [[...path, 'host']] });
  }
  for (const { application } of ends) {
    const index = system.applications.findIndex(({ id }) => id === application);
    const own = system.applications[index];
    if (own === undefined || new URL(own.probes.deepHealth).hostname !== host) continue;
    found.push({
      path: ['applications', index, 'probes', 'deepHealth'],
      problem: `goes through the entrance ${host}: once its traffic has moved, another application would answer for it`,
      wanted: 'an address that always leads to this application',
      involves: [['entrances']],
    });
  }
  return found;
}

function records(system: System, entrance: Entrance, path: ConfigPath): readonly Contradiction[] {
  if (entrance.via !== 'dns') return [];
  const { rto } = system.objectives;
  const found = entrance.backends.flatMap(({ application, urlMap }, index): readonly Contradiction[] => {
    if (urlMap !== undefined) return [];
    const isOnRun = applicationOf(system, application)?.kind === 'cloudRun';
    const problem = isOnRun
      ? 'points an A record at Cloud Run, which has no address of its own'
      : 'names no load balancer, so nobody could count the users who arrive or leave';
    const wanted = `the urlMap of the load balancer ${isOnRun ? 'in front of it' : 'that has the address'}`;
    return [{ path: [...path, 'backends', index], problem, wanted, involves: [['applications']] }];
  });
  if (entrance.ttl >= rto)
    return [
      ...found,
      {
        path: [...path, 'ttl'],
        problem: `keeps clients at the old address for ${writeDuration(entrance.ttl)}: no move could meet the rto`,
        wanted: `less than ${writeDuration(rto)}; 60s is usual`,
        involves: [['objectives', 'rto']],
      },
    ];
  return found;
}

function standbys(system: System, home: GkeApplication, path: ConfigPath): readonly Contradiction[] {
  const { standby } = home;
  if (standby === undefined) return [];
  const place = [...path, 'standby', 'application'];
  const found = applicationOf(system, standby.application);
  const involves = [['applications'], ['entrances']];
  if (found?.kind !== 'cloudRun')
    return [
      { path: place, problem: 'is no Cloud Run application of this file', wanted: 'one of kind cloudRun', involves },
    ];
  const faults: Contradiction[] = [];
  const ref = (id: string) => ({ kind: 'application', id }) as const;
  const databases = [home.id, found.id].map((id) => databaseOf(system, ref(id)));
  if (databases[0] !== databases[1]) {
    const problem = `is on another database than ${home.id}: its users would find other data`;
    faults.push({ path: place, problem, wanted: 'an application on the same database', involves });
  }
  if (standby.instances > found.maxInstances) {
    const problem = `is more than maxInstances of ${found.id} allows`;
    const wanted = `at most ${found.maxInstances}`;
    faults.push({ path: [...path, 'standby', 'instances'], problem, wanted, involves });
  }
  const leads = entrancesOf(system, home.id).some(({ backends: ends }) =>
    ends.some(({ application }) => application === found.id),
  );
  if (!leads) {
    const problem = `is reached by no entrance of ${home.id}: there would be no traffic to move`;
    const wanted = `an entrance with ${home.id} first and ${found.id} among its backends`;
    faults.push({ path: place, problem, wanted, involves });
  }
  return faults;
}
