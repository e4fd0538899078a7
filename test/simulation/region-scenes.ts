import type { Chance } from '../../sandbox/world/kernel.ts';
import { minutes, seconds } from '../../shared/core/time.ts';
import type { Deed } from './plot.ts';
import { breaks, mends, type Scene } from './scenes.ts';

// The disasters of whole regions, counted from the moment of the break.

const region = (name: string, weight: number, play: Scene['play']): Scene => ({
  name,
  weight,
  runbook: 'region',
  play,
});

/** Somebody who has understood what nobody can prove. */
const accepts = (ms: number) => ({
  ms,
  deed: {
    kind: 'operate',
    operation: { by: 'wish', verb: 'accept', wall: 'accept-unfenced-primary' },
  } satisfies Deed,
});

const lostAs = (chance: Chance) => chance.pick(['lost', 'lost', 'cut-off'] as const);

/** A whole region is lost, comes back, and gets everything back. */
export const WAY_HOME: Scene = region('region lost, and everything goes home', 1, (chance) => [
  breaks(0, 'region', lostAs(chance)),
  accepts(seconds(chance.between(200, 500))),
  mends(minutes(chance.between(30, 45)), 'region'),
]);

/** A whole region is lost, and comes back: with a primary that writes, whatever has been done meanwhile. */
export const LOST_REGIONS: readonly [Scene, ...Scene[]] = [
  region('region lost, accepted, and back much later', 6, (chance) => [
    breaks(0, 'region', lostAs(chance)),
    accepts(seconds(chance.between(160, 600))),
    mends(minutes(chance.between(35, 60)), 'region'),
  ]),
  region('region lost, and back in the middle of it', 4, (chance) => [
    breaks(0, 'region', lostAs(chance)),
    accepts(seconds(chance.between(160, 300))),
    mends(seconds(chance.between(120, 1_500)), 'region'),
  ]),
  region('region lost, and nobody accepts that', 1, (chance) => [
    breaks(0, 'region', lostAs(chance)),
    mends(minutes(chance.between(5, 40)), 'region'),
  ]),
  region('primary lost, then its region', 2, (chance) => [
    breaks(0, 'primary-database', 'refuses'),
    breaks(seconds(chance.between(30, 700)), 'region', lostAs(chance)),
    accepts(minutes(chance.between(15, 20))),
    mends(minutes(chance.between(40, 60)), 'region'),
  ]),
  region('cluster lost, then its region', 2, (chance) => [
    breaks(0, 'cluster'),
    breaks(seconds(chance.between(30, 700)), 'region', lostAs(chance)),
    accepts(minutes(chance.between(15, 20))),
    mends(minutes(chance.between(40, 60)), 'region'),
  ]),
  region('region lost, and a breach reported meanwhile', 1, (chance) => [
    breaks(0, 'region', lostAs(chance)),
    {
      ms: minutes(chance.between(2, 25)),
      deed: { kind: 'operate', operation: { by: 'command', verb: 'start', runbook: 'breach-response' } },
    },
    accepts(seconds(chance.between(160, 600))),
    mends(minutes(chance.between(35, 60)), 'region'),
  ]),
];
