import type { VirtualClock } from '../../sandbox/world/clock.ts';
import type { FaultName } from '../../sandbox/world/disasters.ts';
import type { Chance } from '../../sandbox/world/kernel.ts';
import { OPERATOR } from '../../sandbox/world/reference-system.ts';
import type { World } from '../../sandbox/world/world.ts';
import { after, type Instant, minutes, seconds } from '../../shared/core/time.ts';

// What a seed draws: the disaster, what goes wrong beside it, and what people do. Rates are drawn too, so that calm and hostile
// worlds both occur.

/** One run's story. */
export interface Plot {
  readonly disaster: string;
  readonly breakAt: number;
  /** How long crashes, store faults and dead destinations go on after the disaster. */
  readonly faultsFor: number;
  /** How long the run lasts after the disaster at the most. */
  readonly lasts: number;
  readonly duplicates: number;
  readonly delayMax: number;
  readonly crashRate: number;
  readonly storeFaults: number;
  readonly drawsAssumptions: boolean;
  readonly deadDestinations: readonly string[];
  readonly people: string;
  strike(world: World, clock: VirtualClock): void;
  /** What the person of a destination does with a link. */
  answer(destination: string, clock: VirtualClock, decide: (decision: 'approve' | 'deny') => void): void;
}

interface Disaster {
  readonly name: string;
  readonly weight: number;
  readonly strike: (world: World, clock: VirtualClock, chance: Chance) => void;
}

const breaking =
  (...faults: readonly (readonly [FaultName, string?])[]) =>
  (world: World): void => {
    for (const [name, variant] of faults) world.disasters.break(name, undefined, variant);
  };

/** Breaks, and mends by itself at a drawn moment: before, while or after people decide. */
const passing =
  (variant: string) =>
  (world: World, clock: VirtualClock, chance: Chance): void => {
    world.disasters.break('primary-database', undefined, variant);
    clock.schedule(after(clock.now(), seconds(chance.between(20, 900))), () =>
      world.disasters.mend('primary-database'),
    );
  };

/** A person with gcloud who promotes by hand at a drawn moment. */
const meddled = (world: World, clock: VirtualClock, chance: Chance): void => {
  world.disasters.break('primary-database', undefined, 'refuses');
  clock.schedule(
    after(clock.now(), seconds(chance.between(60, 700))),
    () => void world.sql.admin.promoteReplica({ principal: OPERATOR, from: 'internet' }, 'coditect-dms-db-replica'),
  );
};

const DISASTERS: readonly Disaster[] = [
  { name: 'primary lost, refuses', weight: 30, strike: breaking(['primary-database', 'refuses']) },
  { name: 'primary lost, hangs', weight: 10, strike: breaking(['primary-database', 'hangs']) },
  { name: 'primary lost, comes back', weight: 10, strike: passing('refuses') },
  { name: 'primary hangs, comes back', weight: 5, strike: passing('hangs') },
  { name: 'primary lost, promoted by hand', weight: 8, strike: meddled },
  {
    name: 'primary lost, stop runs for ever',
    weight: 6,
    strike: breaking(['stop-not-carried-out', 'runsForever'], ['primary-database', 'refuses']),
  },
  {
    name: 'primary lost, stop without effect',
    weight: 6,
    strike: breaking(['stop-not-carried-out', 'doneWithoutEffect'], ['primary-database', 'refuses']),
  },
  { name: 'we are cut off, others are served', weight: 5, strike: breaking(['functions-cut-from-primary']) },
  { name: 'maintenance', weight: 4, strike: breaking(['maintenance']) },
  { name: 'pod hangs', weight: 12, strike: breaking(['pod']) },
  {
    name: 'replica lags, then primary lost',
    weight: 4,
    strike: (world, clock) => {
      world.disasters.break('replica-lag');
      clock.schedule(after(clock.now(), minutes(3)), () =>
        world.disasters.break('primary-database', undefined, 'refuses'),
      );
    },
  },
];

const PEOPLE = ['quick', 'slow', 'never', 'deny', 'both', 'twice', 'late'] as const;

/** Clock milliseconds after which a person answers, and what; several times for those who do. */
function answersOf(kind: (typeof PEOPLE)[number], chance: Chance): readonly (readonly [number, 'approve' | 'deny'])[] {
  switch (kind) {
    case 'quick':
      return [[seconds(chance.between(5, 60)), 'approve']];
    case 'slow':
      return [[seconds(chance.between(60, 700)), 'approve']];
    case 'never':
      return [];
    case 'deny':
      return [[seconds(chance.between(5, 400)), 'deny']];
    case 'both':
      return [
        [seconds(chance.between(5, 100)), 'approve'],
        [seconds(chance.between(5, 300)), 'deny'],
      ];
    case 'twice':
      return [
        [seconds(20), 'approve'],
        [seconds(25), 'approve'],
        [minutes(5), 'approve'],
      ];
    case 'late':
      return [[minutes(chance.between(14, 20)), 'approve']];
  }
}

/** Draws the story of one seed. */
export function drawPlot(chance: Chance): Plot {
  const total = DISASTERS.reduce((sum, { weight }) => sum + weight, 0);
  let drawn = chance.between(1, total);
  const disaster = DISASTERS.find(({ weight }) => (drawn -= weight) <= 0) ?? DISASTERS[0];
  if (disaster === undefined) throw new Error('no disaster');
  const hostility = chance.pick([0, 0, 0.3, 1] as const);
  const people = chance.pick(['quick', 'quick', 'quick', ...PEOPLE] as const);
  const apiFault =
    hostility > 0 && chance.next() < 0.5
      ? chance.pick(['api-throttling', 'api-errors', 'api-timeouts-with-effect'] as const)
      : undefined;
  const strikes = chance.fork('strike');
  const hands = chance.fork('people');
  return {
    disaster: `${disaster.name}${apiFault === undefined ? '' : `, ${apiFault}`}`,
    breakAt: minutes(chance.between(4, 6)) + chance.between(0, 59_000),
    faultsFor: minutes(chance.between(10, 25)),
    lasts: minutes(45),
    duplicates: chance.next() * 0.4,
    delayMax: chance.between(0, 20_000),
    crashRate: hostility * chance.next() * 0.6,
    storeFaults: hostility === 0 ? 0 : chance.next() * 0.03,
    drawsAssumptions: chance.next() < 0.3,
    deadDestinations: hostility === 0 ? [] : chance.next() < 0.5 ? ['terminal'] : ['oncall-pager', 'cto-pager'],
    people,
    strike: (world, clock) => {
      disaster.strike(world, clock, strikes);
      if (apiFault === undefined) return;
      clock.schedule(after(clock.now(), seconds(strikes.between(0, 600))), () => {
        world.disasters.break(apiFault);
        clock.schedule(after(clock.now(), seconds(strikes.between(30, 500))), () => world.disasters.mend(apiFault));
      });
    },
    answer: (destination, clock, decide) => {
      // One person answers for all; the others read and let them.
      if (destination !== 'oncall-pager' && destination !== 'eng-lead-pager') return;
      if (destination === 'eng-lead-pager' && hands.next() < 0.7) return;
      for (const [delay, decision] of answersOf(people, hands))
        clock.schedule(after(clock.now() as Instant, delay), () => decide(decision));
    },
  };
}
