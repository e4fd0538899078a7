import { BELIEVED } from '../../sandbox/world/assumptions.ts';
import { minutes, seconds } from '../../shared/core/time.ts';
import type { Deed, Happening, Plot } from './plot.ts';

// Makes a failing plot smaller until nothing more can be left out: what remains is what the failure needs. It changes the plot
// alone, and every smaller plot is played like the first one, so that what it finds is a failing run like any other.
//
// K1. A smaller plot counts only while the same invariant fails: another failure is another story.
// K2. The same plot, seed and budget give the same smallest plot.

/** How a plot is judged: the names of the invariants that do not hold. */
export type Judge = (plot: Plot) => Promise<ReadonlySet<string>>;

/** The smallest plot that was found, and how many plots were played for it. */
export interface Shrunk {
  readonly plot: Plot;
  readonly played: number;
}

/** The name of the invariant that a violation is about: what stands before its first colon. */
export const invariantOf = (violation: string): string => violation.slice(0, violation.indexOf(':'));

/** Shrinks a plot in which `invariant` fails. At most `budget` plots are played; what was found by then is returned. */
export async function shrink(first: Plot, invariant: string, judge: Judge, budget = 150): Promise<Shrunk> {
  let [plot, played] = [first, 0];
  const accepts = async (smaller: Plot): Promise<boolean> => {
    if (played >= budget) return false;
    played += 1;
    if (!(await judge(smaller)).has(invariant)) return false;
    plot = smaller;
    return true;
  };
  for (let before: Plot | undefined; before !== plot && played < budget; ) {
    before = plot;
    await leaveOut(() => plot, accepts);
    for (const simpler of SIMPLER) {
      const next = simpler(plot);
      if (next !== undefined) await accepts(next);
    }
    for (let index = 0; index < plot.happenings.length; index += 1) await soften(index, () => plot, accepts);
    for (let sooner = endedSooner(plot); sooner !== undefined && (await accepts(sooner)); sooner = endedSooner(plot));
  }
  return { plot, played };
}

type Accepts = (plot: Plot) => Promise<boolean>;

/** Leaves happenings out, at first half of them at once, then ever fewer (delta debugging, Zeller 2002). */
async function leaveOut(now: () => Plot, accepts: Accepts): Promise<void> {
  for (let size = Math.ceil(now().happenings.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < now().happenings.length; ) {
      const { happenings } = now();
      const fewer = [...happenings.slice(0, at), ...happenings.slice(at + size)];
      if (!(await accepts({ ...now(), happenings: fewer }))) at += size;
    }
  }
}

/** Each makes one thing ordinary; `undefined` where it is ordinary already. */
const SIMPLER: readonly ((plot: Plot) => Plot | undefined)[] = [
  (plot) => (plot.killRate === 0 ? undefined : { ...plot, killRate: 0 }),
  (plot) => (plot.storeRate === 0 ? undefined : { ...plot, storeRate: 0 }),
  (plot) => (plot.storeLatencyMs === 0 ? undefined : { ...plot, storeLatencyMs: 0 }),
  (plot) => (plot.duplicates === 0 ? undefined : { ...plot, duplicates: 0 }),
  (plot) => (plot.delayMaxMs === 0 ? undefined : { ...plot, delayMaxMs: 0 }),
  (plot) => (plot.copies === 1 ? undefined : { ...plot, copies: 1 }),
  (plot) => (plot.regions === 1 ? undefined : { ...plot, regions: 1 }),
  (plot) => (Object.keys(plot.skewMs).length === 0 ? undefined : { ...plot, skewMs: {} }),
  (plot) => (plot.deadDestinations.length === 0 ? undefined : { ...plot, deadDestinations: [] }),
  (plot) => (plot.assumptions === BELIEVED ? undefined : { ...plot, assumptions: BELIEVED }),
  (plot) => (plot.byRecord ? { ...plot, byRecord: false } : undefined),
  (plot) => (plot.remedies === undefined ? undefined : { ...plot, remedies: undefined, isRegional: false }),
  ...['oncall-pager', 'eng-lead-pager'].flatMap((who) =>
    (['never', 'quick'] as const).map((habit) => (plot: Plot) => {
      const isAsSimple = plot.habits[who] === 'never' || plot.habits[who] === habit;
      return isAsSimple ? undefined : { ...plot, habits: { ...plot.habits, [who]: habit } };
    }),
  ),
];

/** Makes one happening come at once, last shorter, and strike once. */
async function soften(index: number, now: () => Plot, accepts: Accepts): Promise<void> {
  const softer: readonly ((happening: Happening) => Happening | undefined)[] = [
    ({ trigger, deed }) =>
      trigger.kind !== 'at' && trigger.ms > 0 ? { trigger: { ...trigger, ms: 0 }, deed } : undefined,
    ({ trigger, deed }) => withDeed(trigger, softened(deed)),
  ];
  for (const make of softer) {
    const { happenings } = now();
    const happening = happenings[index];
    const next = happening === undefined ? undefined : make(happening);
    if (next !== undefined) await accepts({ ...now(), happenings: happenings.with(index, next) });
  }
}

const withDeed = (trigger: Happening['trigger'], deed: Deed | undefined): Happening | undefined =>
  deed === undefined ? undefined : { trigger, deed };

/** The least of its kind; `undefined` when it is that already. */
function softened(deed: Deed): Deed | undefined {
  switch (deed.kind) {
    case 'calls':
      return deed.count > 1 ? { ...deed, count: 1 } : undefined;
    case 'blow':
      return deed.blow.calls > 1 ? { ...deed, blow: { ...deed.blow, calls: 1 } } : undefined;
    case 'regionLost':
    case 'storeOutage':
    case 'weather':
      return deed.lastsMs > SHORT ? { ...deed, lastsMs: SHORT } : undefined;
    case 'break':
    case 'mend':
    case 'hand':
    case 'operate':
    case 'forge':
    case 'garbage':
      return undefined;
  }
}

const SHORT = seconds(10);

/** The same plot with half of the time in which faults happen; `undefined` when that is two minutes or less. */
function endedSooner(plot: Plot): Plot | undefined {
  const rough = plot.faultsUntilMs - plot.brokenAtMs;
  if (rough <= minutes(2)) return undefined;
  const saved = Math.floor(rough / 2);
  return { ...plot, faultsUntilMs: plot.faultsUntilMs - saved, endsAtMs: plot.endsAtMs - saved };
}
