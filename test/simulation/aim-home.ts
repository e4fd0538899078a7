import type { Chance } from '../../sandbox/world/kernel.ts';
import { REFERENCE, SECONDARY } from '../../sandbox/world/reference-system.ts';
import { WAY_HOME_ACTIONS } from './actions.ts';
import type { Deed, Happening, Trigger } from './plot.ts';

/** One thing that happens on the way home of a region: to whoever carries it out, to the replica at home, or to the primary elsewhere. */
export function aimHome(chance: Chance, draw: (chance: Chance) => Deed): Happening {
  const action = chance.pick(WAY_HOME_ACTIONS);
  const trigger: Trigger = { kind: 'step', action, ms: chance.pick([0, 0, 700, 4_000, 20_000] as const) };
  const roll = chance.next();
  const variant = chance.pick(['replay', 'receiver'] as const);
  const [home] = REFERENCE.spares;
  if (roll < 0.15) return { trigger, deed: { kind: 'break', fault: 'frozen-replica', target: home, variant } };
  if (roll < 0.3) return { trigger, deed: { kind: 'break', fault: 'primary-database', target: SECONDARY.instance } };
  return { trigger, deed: draw(chance) };
}
