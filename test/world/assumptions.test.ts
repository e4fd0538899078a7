import { describe, expect, it } from '@jest/globals';
import { ASSUMPTIONS, BELIEVED, drawAssumptions } from '../../sandbox/world/assumptions.ts';
import { createChance } from '../../sandbox/world/chance.ts';
import { createWholeWorld } from './whole-world.ts';

const names = Object.keys(ASSUMPTIONS);

describe('the assumptions', () => {
  it('say what they mean, where they come from and what follows when they are false', () => {
    for (const { statement, source, ifFalse } of Object.values(ASSUMPTIONS)) {
      for (const text of [statement, source, ifFalse]) expect(text).toMatch(/^[A-Z].{20,}\.$/);
    }
  });

  it('all have a value that we believe', () => {
    expect(Object.keys(BELIEVED)).toEqual(names);
  });

  it('are drawn both ways', () => {
    const draws = Array.from({ length: 40 }, (_, seed) => drawAssumptions(createChance(seed)));
    for (const values of draws) expect(Object.keys(values)).toEqual(names);
    for (const name of names) {
      const values = new Set(draws.map((drawn) => new Map(Object.entries(drawn)).get(name)));
      expect([name, values.size]).toEqual([name, 2]);
    }
  });

  it('leave a calm world calm, whatever they are', () => {
    for (let seed = 0; seed < 5; seed++) {
      const world = createWholeWorld({ assumptions: drawAssumptions(createChance(seed)) });
      expect(world.load.report().map(({ failed }) => failed)).toEqual([0, 0]);
    }
  });
});
