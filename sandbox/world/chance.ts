import type { Chance } from './kernel.ts';

/** A 32-bit hash of a text, started from another number: FNV-1a with a final mix. */
function hash(text: string, from: number): number {
  let h = (from ^ 0x811c9dc5) >>> 0;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * Seeded chance (mulberry32: 32 bits of state, good enough to draw faults, no good for secrets). A fork depends on the seed
 * and its name alone, never on how much was drawn before: asking twice for the same name gives the same stream twice.
 */
export function createChance(seed: number | string): Chance {
  const origin = hash(String(seed), 0);
  let state = origin;

  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };

  return {
    next,
    between: (low, high) => low + Math.floor(next() * (high - low + 1)),
    pick: (items) => items[Math.floor(next() * items.length)] ?? items[0],
    fork: (name) => createChance(`${origin}/${name}`),
  };
}
