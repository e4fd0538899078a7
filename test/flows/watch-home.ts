import type { WorldHome } from '../../shared/flows/flow-home.ts';
import type { Store } from '../../shared/ports/store.ts';
import { SYSTEM } from '../classify/looks.ts';
import { countingChance, type JumpingClock } from '../engine/rehearsal.ts';

/** Where a watch of `tick` runs, over a world of which a test makes only what that watch asks. */
export const watchHome = (
  { clock, store }: { readonly clock: JumpingClock; readonly store: Store },
  world: object,
): WorldHome =>
  ({
    system: SYSTEM,
    clock,
    chance: countingChance(),
    store,
    instance: 'tick/1',
    note: () => undefined,
    messages: { publish: async () => undefined },
    world,
  }) as unknown as WorldHome; // what a test leaves out rejects when it is asked
