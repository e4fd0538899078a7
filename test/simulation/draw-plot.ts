import { BELIEVED, drawAssumptions } from '../../sandbox/world/assumptions.ts';
import { createChance } from '../../sandbox/world/chance.ts';
import type { ApiFaultKind } from '../../sandbox/world/faults.ts';
import type { Chance } from '../../sandbox/world/kernel.ts';
import { millis, minutes, seconds } from '../../shared/core/time.ts';
import { FUNCTIONS, type FunctionName } from '../../shared/system/names.ts';
import {
  type Deed,
  FORGERIES,
  HABITS,
  type Habit,
  HANDIWORK,
  type Happening,
  type Operation,
  type Plot,
  REGIONS,
  type Trigger,
} from './plot.ts';
import { drawDangers } from './draw-dangers.ts';
import { BREACHES } from './breaches.ts';
import { ACTIONS, REMEDY_ACTIONS } from './actions.ts';
import { aimHome } from './aim-home.ts';
import { RECOVERIES } from './recoveries.ts';
import { RESTORE_TAKES, RESTORES } from './restores.ts';
import { LOST_REGIONS, WAY_HOME } from './region-scenes.ts';
import { CLUSTERS, PRESSURES, ROLLOUTS, type Scene, SCENES } from './scenes.ts';

// From a seed to a plot. Rates are drawn too, so that calm and hostile worlds both occur; each group of choices has a stream of
// chance of its own, so that one more choice shifts no other.

/** What a dr.yaml may list instead of what the reference file does. */
const REMEDIES: readonly [Listed, ...Listed[]] = [
  ['wait', 'restart', 'promote'],
  ['wait', 'restart', 'promote'],
  ['wait', 'failover', 'restart', 'promote'],
  ['wait', 'failover', 'promote'],
  ['wait', 'failover', 'restart'],
  ['restart'],
];
type Listed = NonNullable<Plot['remedies']>;

/** How many of the plots are about a service under pressure. */
const PRESSED_SHARE = 0.07;

/** How many of the others are about a revision that is no good. */
const ROLLED_SHARE = 0.07;

/** How many are about a cluster, and in how many of those users come by a record and no load balancer is switched. */
const CLUSTER_SHARE = 0.08;
const RECORD_SHARE = 0.3;

/** How many are about a breach, and about rows that were spoilt or deleted. */
const BREACH_SHARE = 0.04;
const RECOVERY_SHARE = 0.05;
/** How many are about a whole region, and how much longer those last. */
const REGION_SHARE = 0.03;
const REGION_TAKES = minutes(60);
/** How many are about what a backup holds. */
const RESTORE_SHARE = 0.03;
/** In how many of those everything goes home; and how long that may take from the end of what is in its way. */
const HOME_SHARE = 0.4;
const HOME_TAKES = minutes(180);

/** Draws the story of a seed. */
export function drawPlot(seed: number): Plot {
  const chance = createChance(`plot ${seed}`);
  const mood = chance.pick(['calm', 'calm', 'rough', 'rough', 'rough', 'hostile', 'hostile'] as const);
  const usual = pickWeighted(SCENES, chance);
  const pressed = chance.fork('pressure');
  const rolled = chance.fork('rollout');
  const others =
    pressed.next() < PRESSED_SHARE
      ? pickWeighted(PRESSURES, pressed)
      : rolled.next() < ROLLED_SHARE
        ? pickWeighted(ROLLOUTS, rolled)
        : usual;
  const clustered = chance.fork('cluster');
  const breached = chance.fork('breach');
  const regional = chance.fork('whole region');
  const recovering = chance.fork('recovery');
  const nearer =
    breached.next() < BREACH_SHARE
      ? pickWeighted(BREACHES, breached)
      : clustered.next() < CLUSTER_SHARE
        ? pickWeighted(CLUSTERS, clustered)
        : others;
  const recovered = recovering.next() < RECOVERY_SHARE ? pickWeighted(RECOVERIES, recovering) : nearer;
  const restoring = chance.fork('restore');
  const restored = restoring.next() < RESTORE_SHARE ? pickWeighted(RESTORES, restoring) : recovered;
  const lost = regional.next() < REGION_SHARE ? pickWeighted(LOST_REGIONS, regional) : restored;
  const isRegion = lost.runbook === 'region';
  const homing = chance.fork('way home');
  const goesHome = isRegion && homing.next() < HOME_SHARE;
  const scene = goesHome ? WAY_HOME : lost;
  const byRecord = scene.runbook === 'cluster' && clustered.next() < RECORD_SHARE;
  const brokenAtMs = minutes(chance.between(2, 3)) + chance.between(0, 59_000);
  const faultsUntilMs =
    brokenAtMs +
    minutes(chance.between(10, 22)) +
    (isRegion ? REGION_TAKES : scene.runbook === 'restore' ? RESTORE_TAKES : 0);
  const disturbedUntilMs = faultsUntilMs + (goesHome ? REGION_TAKES : 0);
  const remedies = drawRemedies(chance.fork('remedies'), scene.runbook);
  const about = { brokenAtMs, faultsUntilMs, runbook: scene.runbook, hasRemedies: remedies.remedies !== undefined };
  const disaster = scene.play(chance.fork('scene')).map(({ ms, deed }) => at(brokenAtMs + ms, deed));
  const aims = Array.from({ length: aimsOf(mood, chance.fork('aims')) }, (_, index) =>
    aim(chance.fork(`aim ${index}`), about, mood),
  );
  const onTheWay = goesHome
    ? Array.from({ length: aimsOf(mood, homing.fork('aims')) }, (_, index) =>
        aimHome(homing.fork(`aim ${index}`), mood === 'calm' ? drawMeddling : (own) => drawDeed(own, 'recover')),
      )
    : [];
  const beside = mood === 'calm' ? [] : disturbances(chance.fork('beside'), about);
  const control = drawRegions(chance.fork('regions'), about);
  const dangers = drawDangers(chance.fork('dangers'), { mood, runbook: scene.runbook, brokenAtMs });
  const rough = chance.fork('rates');
  return {
    title: scene.name,
    mood,
    ...remedies,
    byRecord,
    secondary: isRegion,
    goesHome,
    brokenAtMs,
    faultsUntilMs: disturbedUntilMs,
    endsAtMs: disturbedUntilMs + (isRegion ? HOME_TAKES : minutes(75)),
    happenings: [...disaster, ...aims, ...onTheWay, ...beside, ...dangers, ...control.happenings],
    habits: {
      ...drawHabits(chance.fork('habits'), mood),
      ...(scene.runbook === 'breach'
        ? { 'security-pager': chance.fork('security').pick(['quick', ...HABITS] as const) }
        : {}),
      // Who decides nothing goes nowhere, which the other scenes of a region are about.
      ...(goesHome ? { 'oncall-pager': 'quick' as const } : {}),
    },
    assumptions: chance.next() < 0.3 ? drawAssumptions(chance.fork('assumptions')) : BELIEVED,
    duplicates: rough.next() * 0.4,
    delayMaxMs: rough.between(0, mood === 'hostile' ? 20_000 : 4_000),
    killRate: mood === 'hostile' ? rough.next() * 0.5 : 0,
    storeRate: mood === 'hostile' ? rough.next() * 0.02 : 0,
    storeLatencyMs: rough.pick([0, 0, 20, 60] as const),
    copies: rough.pick([1, 1, 2] as const),
    regions: control.regions,
    skewMs: rough.next() < 0.5 ? {} : Object.fromEntries(FUNCTIONS.map((name) => [name, rough.between(-2_000, 2_000)])),
    deadDestinations:
      mood === 'calm' || rough.next() < 0.6
        ? []
        : rough.pick<readonly string[]>([['terminal'], ['oncall-pager', 'cto-pager'], ['security-pager']]),
  };
}

const ALL: readonly Scene[] = [
  ...SCENES,
  ...PRESSURES,
  ...ROLLOUTS,
  ...CLUSTERS,
  ...BREACHES,
  ...RECOVERIES,
  ...RESTORES,
  ...LOST_REGIONS,
  WAY_HOME,
];

/** To whose steps each plot can lead, as `Scene.runbook` names them. */
export const SUBJECTS: ReadonlySet<string> = new Set(ALL.map(({ runbook }) => runbook));

/** To whose steps the disaster of a plot leads. */
export const subjectOf = ({ title }: Plot): string | undefined => ALL.find(({ name }) => name === title)?.runbook;

interface About {
  readonly brokenAtMs: number;
  readonly faultsUntilMs: number;
  readonly runbook: Scene['runbook'];
  readonly hasRemedies: boolean;
}

/** What is listed, and whether there is a standby that could take over. */
function drawRemedies(chance: Chance, runbook: About['runbook']): Pick<Plot, 'remedies' | 'isRegional'> {
  if (runbook !== 'database' || chance.next() < 0.65) return { remedies: undefined, isRegional: false };
  const remedies = chance.pick(REMEDIES);
  return { remedies, isRegional: remedies.includes('failover') && chance.next() < 0.8 };
}

/** Whether there is a second region, and which of the two is lost, when and for how long; it may not come back in time. */
function drawRegions(
  chance: Chance,
  { brokenAtMs, faultsUntilMs, runbook }: About,
): { readonly regions: 1 | 2; readonly happenings: readonly Happening[] } {
  if (chance.next() < 0.82) return { regions: 1, happenings: [] };
  const deed: Deed = {
    kind: 'regionLost',
    region: chance.pick(REGIONS),
    lastsMs: minutes(chance.pick([1, 4, 10, 60] as const)),
  };
  const isAimed = chance.next() < 0.6;
  const ms = isAimed ? chance.between(0, 8_000) : chance.between(brokenAtMs - 60_000, faultsUntilMs - 60_000);
  const trigger: Trigger = isAimed ? { kind: 'step', action: chance.pick(ACTIONS[runbook]), ms } : { kind: 'at', ms };
  return { regions: 2, happenings: [{ trigger, deed }] };
}

const at = (ms: number, deed: Deed): Happening => ({ trigger: { kind: 'at', ms }, deed });

function aimsOf(mood: Plot['mood'], chance: Chance): number {
  switch (mood) {
    case 'calm':
      return chance.next() < 0.25 ? 1 : 0;
    case 'rough':
      return chance.between(1, 2);
    case 'hostile':
      return chance.between(1, 4);
  }
}

/** Whose plans `recover` performs, from the first step to the last. */
const BY_RECOVER: ReadonlySet<About['runbook']> = new Set(['breach', 'database', 'restore', 'rollout']);

/** One thing that happens when a step begins. */
function aim(chance: Chance, { runbook, hasRemedies }: About, mood: Plot['mood']): Happening {
  const isAtRemedy = hasRemedies && chance.fork('remedy').next() < 0.5;
  const action: string = isAtRemedy ? chance.fork('remedy action').pick(REMEDY_ACTIONS) : chance.pick(ACTIONS[runbook]);
  const trigger: Trigger = { kind: 'step', action, ms: chance.pick([0, 0, 700, 4_000, 20_000] as const) };
  const isPrepared = action === 'raise-service' || action === 'remember-standby' || action === 'check-standby';
  const isWarmed = isPrepared || action === 'remember-region' || action === 'check-secondary';
  const isHeals =
    runbook === 'cluster' || runbook === 'region'
      ? isWarmed
      : runbook === 'recovery'
        ? action === 'remember-clone' || action === 'clone-at'
        : !BY_RECOVER.has(runbook);
  const worker: FunctionName = isHeals ? 'heal' : 'recover';
  return { trigger, deed: mood === 'calm' ? drawMeddling(chance) : drawDeed(chance, worker) };
}

/** Everything that may happen to a run. */
function drawDeed(chance: Chance, worker: FunctionName): Deed {
  const roll = chance.next();
  if (roll < 0.28) return { kind: 'blow', of: worker, blow: drawBlow(chance) };
  if (roll < 0.56)
    return {
      kind: 'calls',
      of: worker,
      what: drawApiFault(chance),
      writes: chance.next() < 0.6,
      count: chance.pick([1, 1, 2, 5] as const),
    };
  if (roll < 0.66)
    return {
      kind: 'storeOutage',
      how: chance.pick(['refuses', 'hangs'] as const),
      lastsMs: seconds(chance.between(3, 240)),
    };
  if (roll < 0.76) return { kind: 'forge', what: chance.pick(FORGERIES) };
  return drawMeddling(chance);
}

/** What people and the world do in the middle of a run, with nothing of ours out of order. */
function drawMeddling(chance: Chance): Deed {
  const roll = chance.next();
  if (roll < 0.35) return { kind: 'hand', what: chance.pick(HANDIWORK) };
  if (roll < 0.65) return { kind: 'operate', operation: drawOperation(chance) };
  if (roll < 0.75) return { kind: 'mend', fault: 'primary-database' };
  if (roll < 0.85) return { kind: 'break', fault: 'network', target: chance.pick(CUTS), variant: 'both-ways' };
  if (roll < 0.9) return { kind: 'break', fault: 'functions-cut-from-primary' };
  if (roll < 0.95)
    return { kind: 'break', fault: 'primary-database', target: 'coditect-dms-db-replica', variant: 'refuses' };
  return { kind: 'break', fault: 'pod' };
}

const CUTS = [
  'pods,sql/coditect-dms-db',
  'cloudRun,sql/coditect-dms-db',
  'pods,sql/coditect-dms-db-replica',
  'functions,sql/coditect-dms-db-replica',
  'functions,kubernetes/coditect-prod-cluster',
] as const;

const drawBlow = (chance: Chance) => ({
  calls: chance.between(1, 12),
  when: chance.pick(['before', 'after'] as const),
  ...(chance.next() < 0.4 ? { lasts: seconds(chance.pick([20, 70, 130, 400] as const)) } : {}),
});

function drawApiFault(chance: Chance): ApiFaultKind {
  const kind = chance.pick([
    'loseReplyBefore',
    'loseReplyAfter',
    'serverError',
    'serverErrorAfter',
    'throttled',
    'slow',
    'arriveLate',
  ] as const);
  if (kind === 'slow') return { kind, delay: millis(chance.between(1_000, 20_000)) };
  if (kind === 'arriveLate') return { kind, delay: seconds(chance.pick([5, 30, 100, 280, 500] as const)) };
  return { kind };
}

function drawOperation(chance: Chance): Operation {
  const roll = chance.next();
  if (roll < 0.3) return { by: chance.pick(['wish', 'command'] as const), verb: 'stop' };
  if (roll < 0.5) return { by: chance.pick(['wish', 'command'] as const), verb: 'takeover' };
  if (roll < 0.65) return { by: 'wish', verb: 'resume' };
  if (roll < 0.75) return { by: 'wish', verb: 'cancel' };
  if (roll < 0.9)
    return {
      by: 'wish',
      verb: 'accept',
      wall: chance.pick(['accept-unknown-loss', 'accept-loss', 'accept-unfenced-primary'] as const),
    };
  return { by: 'wish', verb: 'mode', mode: chance.pick(['observe', 'approve', 'auto'] as const) };
}

/** What goes wrong or is done beside the disaster, at no particular step. */
function disturbances(chance: Chance, { brokenAtMs, faultsUntilMs }: About): readonly Happening[] {
  const some = (share: number, make: () => readonly Happening[]): readonly Happening[] =>
    chance.next() < share ? make() : [];
  const moment = (): number => chance.between(brokenAtMs - 60_000, faultsUntilMs - 60_000);
  return [
    ...some(0.5, () => [
      at(moment(), {
        kind: 'weather',
        rates: Array.from(
          { length: chance.between(1, 3) },
          () => [drawApiFault(chance), chance.next() * 0.25] as const,
        ),
        lastsMs: seconds(chance.between(20, 400)),
      }),
    ]),
    ...some(0.12, () => [
      at(moment(), { kind: 'weather', rates: [[{ kind: 'down' }, 1]], lastsMs: seconds(chance.between(10, 300)) }),
    ]),
    ...some(0.15, () => [
      at(moment(), {
        kind: 'storeOutage',
        how: chance.pick(['refuses', 'hangs'] as const),
        lastsMs: seconds(chance.between(5, 300)),
      }),
    ]),
    ...some(0.2, () => [at(moment(), { kind: 'hand', what: chance.pick(HANDIWORK) })]),
    ...some(0.25, () => operated(moment(), chance)),
    ...some(0.2, () => [at(moment(), { kind: 'garbage', text: chance.pick(GARBAGE) })]),
    ...some(0.1, () => [at(moment(), { kind: 'forge', what: chance.pick(FORGERIES) })]),
    ...some(0.3, () => [
      at(moment(), { kind: 'blow', of: chance.pick(FUNCTIONS), blow: drawBlow(chance) }),
      at(moment(), { kind: 'blow', of: chance.pick(FUNCTIONS), blow: drawBlow(chance) }),
    ]),
  ];
}

/** What people are told of, and may act on at once. */
const NEWS = ['approvalAsked', 'decided', 'runStarted', 'landed', 'needsPerson'] as const;

/** An operator's wish, and for half of those that hold things back the one that lets them go. */
function operated(ms: number, chance: Chance): readonly Happening[] {
  const operation = drawOperation(chance);
  const later = at(ms + seconds(chance.between(20, 500)), {
    kind: 'operate',
    operation: { by: 'wish', verb: operation.verb === 'takeover' ? 'resume' : 'release' },
  });
  const isReversed = (operation.verb === 'stop' || operation.verb === 'takeover') && chance.next() < 0.5;
  const news: Trigger = { kind: 'event', event: chance.pick(NEWS), ms: chance.between(0, 10_000) };
  const first: Happening =
    chance.next() < 0.5
      ? at(ms, { kind: 'operate', operation })
      : { trigger: news, deed: { kind: 'operate', operation } };
  return [first, ...(isReversed ? [later] : [])];
}

const GARBAGE = [
  '',
  'not JSON',
  '{}',
  '{"incident":{"incident_id":null}}',
  '{"version":"1.2","incident":{"incident_id":"x","state":"open"}}',
  '{"kind":"dr.command","version":1,"command":"promote"}',
  '[]',
] as const;

/** Who answers, by destination. Whoever is on call has two. */
function drawHabits(chance: Chance, mood: Plot['mood']): Readonly<Record<string, Habit>> {
  const first: Habit = chance.next() < (mood === 'calm' ? 0.6 : 0.75) ? 'quick' : chance.pick(HABITS);
  const second: Habit = chance.next() < 0.25 ? chance.pick(HABITS) : 'never';
  return { 'oncall-pager': first, 'eng-lead-pager': second };
}

function pickWeighted<T extends { readonly weight: number }>(items: readonly [T, ...T[]], chance: Chance): T {
  let left = chance.between(
    1,
    items.reduce((sum, { weight }) => sum + weight, 0),
  );
  return items.find(({ weight }) => (left -= weight) <= 0) ?? items[0];
}
