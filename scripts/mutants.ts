import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { type Mutant, readMutants } from '../test/mutants/read-mutants.ts';
import { commitNow, measuredAt, readSection, writeSection } from './benchmarks-page.ts';
import { type Fate, huntMutant } from './hunt-mutant.ts';

// `npm run mutants`: shows that the simulation bites. Each mutant of test/mutants is played, seed after seed, until an invariant that
// its patch names does not hold; one that survives or does not apply fails the command. Several are played side by side, one thread
// each. `--write` rewrites the rows of docs/benchmarks.md of those that were played, and `--quick` plays only those that its last one caught early.

const SECTION = 'mutants';

/** Seeds within which the last table must have caught a mutant for `--quick` to play it. */
const QUICK_SEEDS = 10;

/** Seeds between two lines of progress. */
const PROGRESS = 50;

const USAGE = 'usage: npm run mutants -- [--seeds N] [--from SEED] [--only NAME …] [--quick] [--json] [--write]\n';

const { values: options } = parseArgs({
  options: {
    seeds: { type: 'string', default: '400' },
    from: { type: 'string', default: '1' },
    only: { type: 'string', multiple: true, default: [] },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
process.exitCode = await main();

async function main(): Promise<number> {
  const [seeds, from] = [Number(options.seeds), Number(options.from)];
  const all = readMutants();
  const stranger = options.only.find((name) => !all.some((mutant) => mutant.name === name));
  if (!Number.isSafeInteger(seeds) || !Number.isSafeInteger(from) || seeds < 1) {
    process.stderr.write(USAGE);
    return 2;
  }
  if (stranger !== undefined) {
    process.stderr.write(`there is no mutant ${stranger}; there are ${all.map(({ name }) => name).join(', ')}\n`);
    return 2;
  }
  const known = seedsOfLastTable();
  const neededBy = ({ name }: Mutant): number => known.get(name) ?? Number.MAX_SAFE_INTEGER;
  const chosen = all
    .filter(({ name }) => options.only.length === 0 || options.only.includes(name))
    .filter((mutant) => !options.quick || neededBy(mutant) <= QUICK_SEEDS)
    // The longest first, so that no core is left with one of them when the others are done.
    .toSorted((a, b) => neededBy(b) - neededBy(a));
  const fates = await huntAll(chosen, { seeds, from });
  const commit = commitNow();
  const rows = new Map(fates.map((fate) => [fate.mutant.name, rowOf(fate, commit)]));
  if (options.json) console.log(JSON.stringify({ commit, from, fates }));
  else console.log(tableOf(rows).join('\n'));
  if (options.write) {
    const names = new Set(all.map(({ name }) => name));
    const former = readSection(SECTION).flatMap((line): readonly (readonly [string, string])[] => {
      const name = line.split('|')[1]?.trim() ?? '';
      return names.has(name) ? [[name, line]] : [];
    });
    const intro = `${measuredAt(commit)}; seeds from ${from}, one thread for each mutant. The last column says at which commit a row was played.`;
    writeSection(SECTION, [intro, '', ...tableOf(new Map([...former, ...rows]))]);
  }
  const lost = fates.filter(({ outcome }) => outcome.kind !== 'caught');
  process.stderr.write(`${fates.length - lost.length} of ${fates.length} mutants caught\n`);
  return lost.length === 0 && fates.length > 0 ? 0 : 1;
}

async function huntAll(
  mutants: readonly Mutant[],
  { seeds, from }: { readonly seeds: number; readonly from: number },
): Promise<readonly Fate[]> {
  const waiting = [...mutants];
  const fates: Fate[] = [];
  const hunter = async (): Promise<void> => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const { name } = mutant;
      const tell = (seen: number): void => {
        if (seen % PROGRESS === 0) process.stderr.write(`${name}: ${seen} seeds\n`);
      };
      const fate = await huntMutant(mutant, { from, seeds, tell });
      fates.push(fate);
      process.stderr.write(`${name}: ${outcomeOf(fate)} (${secondsOf(fate)})\n`);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, hunter));
  return fates;
}

function outcomeOf({ outcome, seeds }: Fate): string {
  switch (outcome.kind) {
    case 'caught':
      return `caught by "${outcome.by}", seed ${outcome.seed}`;
    case 'survived':
      return `SURVIVED ${seeds} seeds${outcome.others.map((text) => `\n  beside: ${text.slice(0, 200)}`).join('')}`;
    case 'broken':
      return `BROKEN: ${outcome.because}`;
  }
}

function secondsOf({ wallMs }: Fate): string {
  return `${Math.round(wallMs / 1_000)} s`;
}

function tableOf(rows: ReadonlyMap<string, string>): readonly string[] {
  return [
    '| mutant | the fault | caught by | seeds | played | wall time | commit |',
    '|---|---|---|---|---|---|---|',
    ...[...rows].toSorted(([a], [b]) => a.localeCompare(b)).map(([, row]) => row),
  ];
}

function rowOf(fate: Fate, commit: string): string {
  const { mutant, outcome, seeds, played } = fate;
  const by = outcome.kind === 'caught' ? outcome.by : `**${outcome.kind}**`;
  return `| ${mutant.name} | ${mutant.fault} | ${by} | ${seeds} | ${played} | ${secondsOf(fate)} | ${commit} |`;
}

/** How many seeds it took until each mutant was caught, by the table as it is. */
function seedsOfLastTable(): ReadonlyMap<string, number> {
  return new Map(
    readSection(SECTION).flatMap((line): readonly (readonly [string, number])[] => {
      const [, name, , by, seeds] = line.split('|').map((cell) => cell.trim());
      return name === undefined || by?.startsWith('**') !== false || !/^\d+$/.test(seeds ?? '')
        ? []
        : [[name, Number(seeds)]];
    }),
  );
}
