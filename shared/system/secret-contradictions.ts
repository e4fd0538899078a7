import type { Contradiction } from './config-fault.ts';
import { nearestWord } from './nearest-word.ts';
import { repeated } from './repeated.ts';
import type { System } from './system.ts';

/** What the secrets of a breach can't be. */
export function secretContradictions(system: System): readonly Contradiction[] {
  return [
    ...repeated(system.rotation, ({ name }) => name).map(({ index, first }) => ({
      path: ['rotation', index, 'name'],
      problem: `is rotation[${first}] too`,
      wanted: 'each secret once',
    })),
    ...repeated(system.sessions, ({ id }) => id).map(({ index, first }) => ({
      path: ['sessions', index, 'id'],
      problem: `is the id of sessions[${first}] too`,
      wanted: 'an id of its own for each store',
    })),
    ...unknownClones(system),
    ...databaseUrls(system),
    ...strangeDatabases(system),
    ...lockedOut(system),
    ...unknownReaders(system),
    ...unknownPeople(system),
  ];
}

/** Random bytes in the place of a database URL would take every consumer down at its next start. */
function databaseUrls({ rotation, applications }: System): readonly Contradiction[] {
  return rotation.flatMap(({ name, kind }, index) => {
    if (kind === 'databasePassword') return [];
    const at = applications.findIndex(({ databaseSecret }) => databaseSecret === name);
    if (at < 0) return [];
    return [
      {
        path: ['rotation', index, 'name'],
        problem: `holds the database URL of ${applications[at]?.id ?? ''}, which is not replaced this way: its password is the database’s`,
        wanted: 'kind: databasePassword',
        involves: [['applications', at, 'databaseSecret']],
      },
    ];
  });
}

function strangeDatabases({ rotation, databases }: System): readonly Contradiction[] {
  const known = databases.map(({ instance }) => instance);
  return rotation.flatMap((secret, index): readonly Contradiction[] =>
    secret.kind !== 'databasePassword' || known.includes(secret.instance)
      ? []
      : [
          {
            path: ['rotation', index, 'instance'],
            problem: 'is no database of this file',
            wanted: nearestWord(secret.instance, known) ?? `one of: ${known.join(', ')}`,
            involves: [['databases']],
          },
        ],
  );
}

/** Whoever reads a URL of a database whose password changes and is not told of it would be let in by nothing at its next start. */
function lockedOut(system: System): readonly Contradiction[] {
  const own = system.rotation.flatMap((secret, index) =>
    secret.kind === 'databasePassword' ? [{ ...secret, index }] : [],
  );
  return own.flatMap(({ instance, index, name, readBy }, position): readonly Contradiction[] => {
    const involves = [['applications']];
    const unlisted = system.applications.filter(
      ({ id, databaseSecret }) => databaseSecret === name && !readBy.includes(id),
    );
    const missing = unlisted.map(({ id }) => ({
      path: ['rotation', index, 'readBy'],
      problem: `lacks ${id}, which reads this URL and would be locked out`,
      wanted: `${id} in it`,
      involves,
    }));
    if (own.findIndex((other) => other.instance === instance) !== position) return missing;
    const region = system.databases.find((database) => database.instance === instance)?.region;
    const beside = system.regions.filter((known) => known.region === region).map(({ application }) => application);
    const forgotten = system.applications
      .filter(({ id, dependsOn }) => dependsOn.includes(instance) || beside.includes(id))
      .filter(({ databaseSecret: url }) => url !== undefined && !own.some((other) => other.name === url));
    return [
      ...missing,
      ...forgotten.map(({ id, databaseSecret: url }) => ({
        path: ['rotation', index, 'instance'],
        problem: `has a password changed while ${id} reads ${url ?? ''}, which is not changed with it`,
        wanted: `an entry of kind databasePassword for ${url ?? ''} too`,
        involves,
      })),
    ];
  });
}

function unknownReaders({ rotation, applications }: System): readonly Contradiction[] {
  const known = applications.map(({ id }) => id);
  return rotation.flatMap(({ readBy }, index) =>
    readBy.flatMap((reader, position): Contradiction[] =>
      known.includes(reader)
        ? []
        : [
            {
              path: ['rotation', index, 'readBy', position],
              problem: 'is no application of this file',
              wanted: nearestWord(reader, known) ?? `one of: ${known.join(', ')}`,
              involves: [['applications']],
            },
          ],
    ),
  );
}

/** A clone is made of the primary in use, which only a database of this file has. */
function unknownClones({ forensics, databases }: System): readonly Contradiction[] {
  const known = databases.map(({ instance }) => instance);
  return (forensics?.clones ?? []).flatMap((name, index): readonly Contradiction[] =>
    known.includes(name)
      ? []
      : [
          {
            path: ['forensics', 'clones', index],
            problem: 'is no database of this file',
            wanted: nearestWord(name, known) ?? `one of: ${known.join(', ')}`,
            involves: [['databases']],
          },
        ],
  );
}

/** Who is asked must be somebody, and must be told. */
function unknownPeople({ rotation, people, notifications }: System): readonly Contradiction[] {
  const known: readonly string[] = people.map(({ id }) => id);
  return rotation.flatMap((secret, index): readonly Contradiction[] => {
    if (secret.kind !== 'issued') return [];
    const path = ['rotation', index, 'person'];
    if (!known.includes(secret.person)) {
      const wanted = nearestWord(secret.person, known) ?? `one of: ${known.join(', ')}`;
      return [{ path, problem: 'is nobody of `people`', wanted, involves: [['people']] }];
    }
    if (notifications.some(({ person }) => person === secret.person)) return [];
    return [
      {
        path,
        problem: 'has no destination, so the question would never arrive',
        wanted: `a destination under notifications with \`person: ${secret.person}\``,
        involves: [['notifications']],
      },
    ];
  });
}
