import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { DOES_NOT_END, type Mutant } from '../test/mutants/read-mutants.ts';

// One mutant: a copy of the source, the patch on it, and the simulation on that copy in a process of its own, until an invariant that
// the patch names does not hold.

/** What became of a mutant. */
export type Outcome =
  | { readonly kind: 'caught'; readonly by: string; readonly seed: number }
  /** `others`: what did not hold and is not named by the patch. */
  | { readonly kind: 'survived'; readonly others: readonly string[] }
  /** It is no mutant: its patch does not apply, or what it makes can't be played. */
  | { readonly kind: 'broken'; readonly because: string };

/** The same, with what it took. */
export interface Fate {
  readonly mutant: Mutant;
  readonly outcome: Outcome;
  /** How many it took, those that were passed over included. */
  readonly seeds: number;
  /** How many of them were played. */
  readonly played: number;
  readonly wallMs: number;
}

/** What is played. */
export interface Hunt {
  readonly from: number;
  readonly seeds: number;
  /** Told after each seed how many it took until now. */
  readonly tell: (seeds: number) => void;
}

/** What the simulation is made of. */
const COPIED = ['shared', 'sandbox', 'functions', 'test', 'dr.yaml', 'package.json'];

/** Wall time after which a seed counts as one that never ends: a hundred times what one takes, start of the process included. */
const ENDLESS_MS = 60_000;

/** The end of what a process said before it failed, in characters. */
const CRY_MAX = 2_000;

const toldWire = z.object({ seed: z.number(), plays: z.boolean(), violations: z.array(z.string()) });

const children = new Set<ChildProcess>();
const folder = mkdtempSync(join(realpathSync(tmpdir()), 'dr-mutants-'));
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

/** Plays a mutant until it is caught or the seeds are used up. */
export async function huntMutant(mutant: Mutant, hunt: Hunt): Promise<Fate> {
  const began = performance.now();
  const copy = join(folder, mutant.name);
  try {
    const because = makeCopy(mutant, copy);
    const { outcome, seeds, played } =
      because === undefined
        ? await play(mutant, copy, hunt)
        : { outcome: { kind: 'broken', because } as const, seeds: 0, played: 0 };
    return { mutant, outcome, seeds, played, wallMs: Math.round(performance.now() - began) };
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** The source with the fault in it; a sentence when the patch does not apply. */
function makeCopy({ patch }: Mutant, copy: string): string | undefined {
  mkdirSync(copy);
  for (const part of COPIED) cpSync(part, join(copy, part), { recursive: true });
  symlinkSync(resolve('node_modules'), join(copy, 'node_modules'));
  // Git must not take the copy for a part of a repository around it: it would silently leave out what that one does not hold.
  const env = { ...process.env, GIT_CEILING_DIRECTORIES: folder, GIT_DIR: undefined, GIT_WORK_TREE: undefined };
  const applied = spawnSync('git', ['apply', patch], { cwd: copy, env, encoding: 'utf8' });
  return applied.status === 0 ? undefined : `its patch does not apply: ${applied.stderr.trim()}`;
}

async function play(
  mutant: Mutant,
  copy: string,
  { from, seeds, tell }: Hunt,
): Promise<Pick<Fate, 'outcome' | 'seeds' | 'played'>> {
  const flags = ['--disable-warning=ExperimentalWarning', 'test/simulation/hunt.ts'];
  const about = mutant.about.flatMap((subject) => ['--about', subject]);
  const child = spawn(process.execPath, [...flags, '--from', String(from), '--seeds', String(seeds), ...about], {
    cwd: copy,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.add(child);
  let endless: NodeJS.Timeout | undefined;
  let [told, played, cry] = [0, 0, ''];
  const others = new Set<string>();
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    cry = `${cry}${part}`.slice(-CRY_MAX);
  });
  try {
    const outcome = await new Promise<Outcome>((done, fail) => {
      endless = setTimeout(() => done(neverEnding(mutant, from + told)), ENDLESS_MS);
      createInterface({ input: child.stdout }).on('line', (line) => {
        endless?.refresh();
        const { seed, plays, violations } = toldWire.parse(JSON.parse(line));
        told += 1;
        if (plays) played += 1;
        tell(told);
        const by = mutant.caughtBy.find((invariant) => violations.some((text) => text.startsWith(`${invariant}: `)));
        if (by !== undefined) done({ kind: 'caught', by, seed });
        for (const text of violations) others.add(text);
      });
      child.on('error', fail);
      child.on('close', (code, signal) => {
        const because = `seed ${from + told} could not be played (${code ?? signal}): ${cry.trim()}`;
        done(told === seeds ? { kind: 'survived', others: [...others] } : { kind: 'broken', because });
      });
    });
    return { outcome, seeds: outcome.kind === 'caught' ? outcome.seed - from + 1 : told, played };
  } finally {
    clearTimeout(endless);
    child.kill('SIGKILL');
    children.delete(child);
  }
}

const neverEnding = ({ caughtBy }: Mutant, seed: number): Outcome =>
  caughtBy.includes(DOES_NOT_END)
    ? { kind: 'caught', by: DOES_NOT_END, seed }
    : { kind: 'broken', because: `seed ${seed} does not end, which the patch does not name` };
