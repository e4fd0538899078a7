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
    ...unknownReaders(system),
    ...unknownPeople(system),
  ];
}

/** Random bytes in the place of a database URL would take every consumer down at its next start. */
function databaseUrls({ rotation, applications }: System): readonly Contradiction[] {
  return rotation.flatMap(({ name }, index) => {
    const at = applications.findIndex(({ databaseSecret }) => databaseSecret === name);
    if (at < 0) return [];
    return [
      {
        path: ['rotation', index, 'name'],
        problem: `holds the database URL of ${applications[at]?.id ?? ''}, which is not replaced this way: its password is the database’s`,
        wanted: 'no databaseSecret here',
        involves: [['applications', at, 'databaseSecret']],
      },
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
