import { TENANTS } from '../../sandbox/world/sql-schema.ts';
import type { Chance } from '../../sandbox/world/kernel.ts';
import { minutes, seconds } from '../../shared/core/time.ts';
import type { Deed } from './plot.ts';
import { breaks, type Scene } from './scenes.ts';

// What was there before is wanted back, from a backup: for one customer, or all of it. Drawn apart: a person asks for it, and says some
// time later, perhaps before it is ready, what becomes of it.

/** How much longer these last: a copy takes twenty minutes before anybody can look at it. */
export const RESTORE_TAKES = minutes(40);

const PRIMARY = 'coditect-dms-db';

type Played = ReturnType<Scene['play']>;

const asks = (
  ms: number,
  runbook: 'backup-restore' | 'tenant-restore',
  more: { readonly target?: string; readonly momentAgoMs?: number } = {},
): Played => [
  { ms, deed: { kind: 'operate', operation: { by: 'command', verb: 'start', runbook, ...more } } satisfies Deed },
];

/** Said twice: whoever is told that there is nothing to decide yet asks again. */
const says = (chance: Chance, wall: string): Played =>
  [seconds(chance.between(600, 2_000)), minutes(chance.between(38, 48))].map((ms) => ({
    ms,
    deed: { kind: 'operate', operation: { by: 'wish', verb: 'accept', wall } } satisfies Deed,
  }));

const TENANT = { target: `tenant/${PRIMARY}/${TENANTS[1].id}` };

const asksForTenant = (chance: Chance): Played => asks(seconds(chance.between(20, 200)), 'tenant-restore', TENANT);

/** Of a moment shortly before the damage, or of one that is too long ago or to come. */
function asksForMoment(chance: Chance): Played {
  const ms = seconds(chance.between(20, 200));
  const momentAgoMs = ms + chance.pick([seconds(1), seconds(30), seconds(90), seconds(-900), minutes(60 * 24 * 9)]);
  return asks(ms, 'tenant-restore', { ...TENANT, momentAgoMs });
}

const restore = (name: string, weight: number, play: Scene['play']): Scene => ({
  name,
  weight,
  runbook: 'restore',
  play,
});

/** All of them. */
export const RESTORES: readonly [Scene, ...Scene[]] = [
  restore('one customer’s rows deleted, and brought back from a backup', 4, (chance) => [
    breaks(0, 'mass-delete', 'tenant'),
    ...asksForTenant(chance),
    ...says(chance, 'import-reviewed-rows'),
  ]),
  restore('one customer’s rows deleted, and brought back from a moment', 2, (chance) => [
    breaks(0, 'mass-delete', 'tenant'),
    ...asksForMoment(chance),
    ...says(chance, 'import-reviewed-rows'),
  ]),
  restore('one customer’s rows deleted, and nobody reviews what is there', 1, (chance) => [
    breaks(0, 'mass-delete', 'tenant'),
    ...asksForTenant(chance),
  ]),
  restore('one customer’s rows deleted, then the primary is lost', 2, (chance) => [
    breaks(0, 'mass-delete', 'tenant'),
    ...asksForTenant(chance),
    ...says(chance, 'import-reviewed-rows'),
    breaks(seconds(chance.between(60, 2_400)), 'primary-database', 'refuses'),
  ]),
  restore('a copy of the backup is asked for', 2, () => asks(0, 'backup-restore')),
  // The backup of before is still good: what is told of the one that failed holds nothing up.
  restore('a copy of the backup is asked for, while the newest backup fails', 1, () => [
    breaks(0, 'failed-backups', 'next'),
    ...asks(seconds(10), 'backup-restore'),
  ]),
  restore('a copy of the backup is asked for, and handed over', 2, (chance) => [
    ...asks(0, 'backup-restore'),
    ...says(chance, 'hand-over-restore'),
    ...says(chance, 'accept-loss'),
  ]),
];
