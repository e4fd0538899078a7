import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { described, effectsBy, type Invariant, ON_ITS_WAY } from './judged.ts';

// What a breach response was worth, by what the applications let a thief in to.

const DISABLE = `secrets/${REFERENCE.signingSecret}/versions/`;

/** All of them, by what they say. */
export const THEFT: Readonly<Record<string, Invariant>> = {
  'S2 a key that was disabled lets nobody in': (run) => {
    // Whoever still held the key when it was disabled lets its thief in for as long as it lives.
    const ends = effectsBy(run, 'recover').filter(
      ({ call }) => call.permission === 'secretmanager.versions.disable' && call.resource.startsWith(DISABLE),
    );
    return ends.flatMap((effect) =>
      run.stage.world.intruder
        .report()
        .filter(({ lastAdmittedAt = 0 }) => lastAdmittedAt > effect.at + ON_ITS_WAY)
        .map(({ service }) => `${service} let the thief in after ${described(run, effect)}`),
    );
  },
};
