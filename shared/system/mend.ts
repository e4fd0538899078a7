import type { z } from 'zod';
import type { ConfigPath } from './config-fault.ts';
import { nearestWord } from './nearest-word.ts';
import { wire } from './schema.ts';
import { isMap, pathOf, valueAt } from './schema-faults.ts';

/** A file that the schema can read, made of one that it could not, and the places whose true value nobody knows. */
export interface MendedFile {
  readonly file: z.output<typeof wire>;
  readonly unknown: readonly ConfigPath[];
}

/** Stands in for what every file must have. None of it is ever judged: where it stands is listed as unknown. */
const BLANK = {
  version: 1,
  system: { name: 'unknown', project: 'unknown-project', protectedRegions: [], controlRegions: [] },
  objectives: { rto: '1h', rpo: '1h', maximumDowntime: '4h' },
  mode: { default: 'observe' },
  people: [],
  approvals: { identity: 'link' },
  databases: [],
  applications: [],
  alerts: [],
  notifications: [],
};

/** A fault moves up at most to the top of the file, one level a round; the schema has 6 levels. */
const ROUNDS_MAX = 10;

/** Marks an entry of a list that is taken out once the round is over, so that positions stay true until then. */
const HOLE = Symbol('hole');

/**
 * Takes out what the schema can't read, so that the rest can still be judged as a whole and people see every fault at
 * once. What can't be left out alone takes the thing around it along. `undefined` when nothing is left to judge.
 */
export function mend(value: unknown): MendedFile | undefined {
  if (!isMap(value)) return undefined;
  let mended: unknown = structuredClone(value);
  const unknown: ConfigPath[] = [];
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const read = wire.safeParse(mended);
    if (read.success) return { file: read.data, unknown };
    for (const issue of read.error.issues) unknown.push(...takeOutAll(mended, issue));
    mended = withoutHoles(mended);
  }
  return undefined;
}

function takeOutAll(root: unknown, issue: z.core.$ZodIssue): readonly ConfigPath[] {
  const path = pathOf(issue);
  if (issue.code !== 'unrecognized_keys') return takeOut(root, path);
  const meant = issue.keys.map((key) => nearestWord(key, issue.message.split(', ')));
  // A misspelt key was meant to fill another place: the default there must not be taken for what was meant.
  const filled = meant.flatMap((key) => (key === undefined ? [] : [[...path, key]]));
  return [...issue.keys.flatMap((key) => takeOut(root, [...path, key])), ...filled];
}

/** Returns the places that are unknown from then on. */
function takeOut(root: unknown, place: ConfigPath): readonly ConfigPath[] {
  const key = place.at(-1);
  if (key === undefined) return [[]];
  const around = place.slice(0, -1);
  const owner = valueAt(root, around);
  const blank = valueAt(BLANK, place);
  if (isMap(owner) && blank !== undefined) {
    owner[key] = structuredClone(blank);
    return [place];
  }
  if (isMap(owner) && Object.hasOwn(owner, key)) {
    delete owner[key];
    return [place];
  }
  if (Array.isArray(owner) && typeof key === 'number') {
    owner[key] = HOLE;
    return [around];
  }
  // Required and missing: what it belongs to can't be read.
  return takeOut(root, around);
}

function withoutHoles(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((item) => item !== HOLE).map(withoutHoles);
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, withoutHoles(child)]));
}
