import type { Network, Place } from './kernel.ts';

/** A network in which everything reaches everything until it is cut. */
export function createNetwork(): Network {
  const cuts = new Map<string, readonly [Place, Place]>();
  const key = (from: Place, to: Place): string => JSON.stringify([from, to]);
  return {
    // Asked for every request; nearly always there is no cut at all.
    reaches: (from, to) => cuts.size === 0 || !cuts.has(key(from, to)),
    cut(from, to) {
      cuts.set(key(from, to), [from, to]);
    },
    mend(from, to) {
      cuts.delete(key(from, to));
    },
    cuts: () => [...cuts.values()],
  };
}
