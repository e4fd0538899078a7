import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SUBJECTS } from '../simulation/draw-plot.ts';
import { INVARIANTS } from '../simulation/invariants.ts';

// A mutant is the product with one deliberate fault, such as a programmer slips in: a patch file of this folder, whose lines before
// the first file say what the fault is, and with `Caught by:` which invariants of the simulation must see it (decisions.md 28).
// With `About:` it says that only plots about that can meet it: the others are passed over, which saves their time and proves no less.
// The first paragraph is the fault in a sentence; a second one says why a patch takes more than one defence away.

/** One deliberate fault. */
export interface Mutant {
  readonly name: string;
  /** The fault in a sentence. */
  readonly fault: string;
  /** Names of the invariants of which each proves that it was seen. */
  readonly caughtBy: readonly string[];
  /** What a plot must be about to meet it, as the scenes name it; empty for any. */
  readonly about: readonly string[];
  /** The patch file. */
  readonly patch: string;
}

/** Stands for an invariant where the fault lets a seed run for ever. */
export const DOES_NOT_END = 'does not end';

const CAUGHT_BY = 'Caught by: ';
const ABOUT = 'About: ';

/** All mutants, by name. Throws a sentence for a patch whose first lines don't say what they must. */
export function readMutants(): readonly Mutant[] {
  const folder = import.meta.dirname;
  return readdirSync(folder)
    .filter((file) => file.endsWith('.patch'))
    .toSorted()
    .map((file) => readMutant(file.replace(/\.patch$/, ''), join(folder, file)));
}

function readMutant(name: string, patch: string): Mutant {
  const [head = ''] = readFileSync(patch, 'utf8').split(/^--- /m);
  const lines = head.split('\n');
  const after = (mark: string) => lines.flatMap((line) => (line.startsWith(mark) ? [line.slice(mark.length)] : []));
  const [caughtBy, about] = [after(CAUGHT_BY), after(ABOUT)];
  const said = lines.filter((line) => !line.startsWith(CAUGHT_BY) && !line.startsWith(ABOUT)).join('\n');
  const fault = said.trim().split(/\n\n/)[0]?.replaceAll('\n', ' ') ?? '';
  if (fault === '' || caughtBy.length === 0)
    throw new Error(`${patch} does not say what its fault is and what sees it`);
  const unknown = caughtBy.find((invariant) => invariant !== DOES_NOT_END && !(invariant in INVARIANTS));
  if (unknown !== undefined) throw new Error(`${patch} names the invariant "${unknown}", which does not exist`);
  const nowhere = about.find((subject) => !SUBJECTS.has(subject));
  if (nowhere !== undefined) throw new Error(`${patch} is about "${nowhere}", and no plot is`);
  return { name, fault, caughtBy, about, patch };
}
