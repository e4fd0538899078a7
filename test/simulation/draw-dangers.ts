import type { Chance } from '../../sandbox/world/kernel.ts';
import { SECONDARY } from '../../sandbox/world/reference-system.ts';
import { minutes, seconds } from '../../shared/core/time.ts';
import type { Forgery, Happening, Plot, Trigger } from './plot.ts';
import type { Scene } from './scenes.ts';

// What is dangerous and would be rare by chance alone: drawn on purpose, at the moments in which it could do harm.

const step = (action: string): Trigger => ({ kind: 'step', action, ms: 0 });
const event = (name: Extract<Trigger, { readonly kind: 'event' }>['event']): Trigger => ({
  kind: 'event',
  event: name,
  ms: 0,
});

/** The dangers of one run. A calm world has only those that people make. */
export function drawDangers(
  chance: Chance,
  {
    mood,
    runbook,
    brokenAtMs,
  }: { readonly mood: Plot['mood']; readonly runbook: Scene['runbook']; readonly brokenAtMs: number },
): readonly Happening[] {
  const some = (share: number, name: string, draw: (own: Chance) => readonly Happening[]): readonly Happening[] =>
    chance.next() < share ? draw(chance.fork(name)) : [];
  const stop = some(0.08, 'stop', drawStop);
  if (runbook === 'region')
    return [
      ...stop,
      ...some(0.2, 'second failure', drawSecondFailure),
      ...some(0.15, 'recovery', (own) => drawRecoveryBefore(brokenAtMs, own)),
    ];
  if (runbook === 'recovery') return [...stop, ...some(0.4, 'mends', drawMending)];
  if (runbook === 'service') return [...stop, ...some(0.25, 'sets', (own) => drawSetting('setLimits', own))];
  if (runbook === 'deployment') return [...stop, ...some(0.25, 'sets', (own) => drawSetting('setFloor', own))];
  if (runbook !== 'database') return stop;
  const byPeople = [...stop, ...some(0.08, 'rival', drawRival)];
  if (mood === 'calm') return byPeople;
  return [...byPeople, ...some(0.2, 'attack', drawAttack), ...some(0.12, 'lateness', drawLateness)];
}

/** Forgeries by the moments at which they could be believed. */
const ATTACKS: readonly {
  readonly at: readonly [Trigger, ...Trigger[]];
  readonly what: readonly [Forgery, ...Forgery[]];
}[] = [
  {
    at: [event('approvalAsked')],
    what: ['decided', 'decidedByStrangerKey', 'approvalAsked', 'lossAccepted', 'runStarted'],
  },
  {
    at: [step('confirm-database-failed'), step('hold-workload'), step('hold-service'), step('drain-replica')],
    what: ['fenceProved', 'everythingBeforePromotion', 'planWithoutFence', 'planUnderFalseDigest'],
  },
  { at: [step('stop-instance'), step('prove-fence'), step('check-loss-bound')], what: ['promotionDone'] },
  { at: [event('approvalVoided'), event('takenOver')], what: ['denyForgotten', 'runStarted', 'planAgain'] },
];

/** Somebody who can write our store, and tries it at several moments; for some of them the run lands first. */
function drawAttack(chance: Chance): readonly Happening[] {
  const forgeries = ATTACKS.flatMap(({ at, what }): readonly Happening[] => {
    const trigger = { ...chance.pick(at), ms: chance.pick([0, 700, 4_000] as const) };
    const deed = { kind: 'forge', what: chance.pick(what) } as const;
    return chance.next() < 0.6 ? [{ trigger, deed }] : [];
  });
  if (chance.next() < 0.6) return forgeries;
  const lands = { kind: 'break', fault: 'stop-not-carried-out', variant: 'runsForever' } as const;
  const wakes = { kind: 'forge', what: chance.pick(['runStarted', 'approvalAsked', 'planAgain'] as const) } as const;
  return [
    { trigger: step('confirm-database-failed'), deed: lands },
    { trigger: event('landed'), deed: wakes },
  ];
}

/** The request that nothing protects from being made twice arrives late, or is made late; mostly within what is waited for. */
function drawLateness(chance: Chance): readonly Happening[] {
  const trigger = step('point-secret');
  if (chance.next() < 0.7) {
    const delay = seconds(chance.pick([15, 30, 100, 280] as const));
    return [
      { trigger, deed: { kind: 'calls', of: 'recover', what: { kind: 'arriveLate', delay }, writes: true, count: 1 } },
    ];
  }
  const lasts = chance.pick([minutes(1.2), minutes(2), minutes(4)] as const);
  return [
    { trigger, deed: { kind: 'blow', of: 'recover', blow: { calls: chance.between(1, 5), when: 'before', lasts } } },
  ];
}

/** Somebody who is told what is going to happen presses the kill switch, and lets go of it some time later, or not. */
function drawStop(chance: Chance): readonly Happening[] {
  const trigger = { ...event(chance.pick(['planDrawn', 'approvalAsked', 'decided'] as const)), ms: 0 };
  const pressed: Happening = {
    trigger: { ...trigger, ms: chance.between(0, 5_000) },
    deed: { kind: 'operate', operation: { by: chance.pick(['wish', 'command'] as const), verb: 'stop' } },
  };
  const released: Happening = {
    trigger: { ...trigger, ms: seconds(chance.between(60, 600)) },
    deed: { kind: 'operate', operation: { by: 'wish', verb: 'release' } },
  };
  return chance.next() < 0.5 ? [pressed, released] : [pressed];
}

/** Somebody does by hand, in the middle of the committed section, what the section must not go on beside. */
function drawRival(chance: Chance): readonly Happening[] {
  const trigger = step(chance.pick(['hold-workload', 'drain-replica', 'stop-instance', 'prove-fence'] as const));
  const what = chance.pick(['promoteEast', 'promoteEast', 'promoteReplica', 'startPrimary'] as const);
  return [{ trigger: { ...trigger, ms: chance.between(0, 20_000) }, deed: { kind: 'hand', what } }];
}

/** Somebody puts a row right by hand between the review and the import. */
const drawMending = (chance: Chance): readonly Happening[] => [
  {
    trigger: { ...event('needsPerson'), ms: chance.between(0, 20_000) },
    deed: { kind: 'hand', what: 'mendRow' },
  },
];

/** Somebody decides otherwise on what we have raised for a while. */
const drawSetting = (what: 'setFloor' | 'setLimits', chance: Chance): readonly Happening[] => [
  {
    trigger: { ...step(what === 'setFloor' ? 'watch-crowd' : 'watch-relief'), ms: chance.between(0, 200_000) },
    deed: { kind: 'hand', what },
  },
];

/** The new primary of a region failover fails in the middle of it, or soon afterwards. */
const drawSecondFailure = (chance: Chance): readonly Happening[] => [
  {
    trigger: {
      ...step(chance.pick(['promote-replica', 'point-secret', 'verify-consumer', 'see-traffic-shift'] as const)),
      ms: chance.between(0, 120_000),
    },
    deed: {
      kind: 'break',
      fault: 'primary-database',
      target: SECONDARY.instance,
      variant: chance.pick(['refuses', 'hangs'] as const),
    },
  },
];

/** Rows are spoilt, and somebody has just asked for them when the region goes. */
function drawRecoveryBefore(brokenAtMs: number, chance: Chance): readonly Happening[] {
  const spoiltMs = brokenAtMs - seconds(chance.between(50, 100));
  const at = (ms: number): Trigger => ({ kind: 'at', ms });
  return [
    { trigger: at(spoiltMs), deed: { kind: 'break', fault: 'data-corruption' } },
    {
      trigger: at(spoiltMs + seconds(chance.between(20, 300))),
      deed: { kind: 'operate', operation: { by: 'command', verb: 'start', runbook: 'point-in-time-recovery' } },
    },
  ];
}
