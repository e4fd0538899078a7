import { randomBytes, randomUUID } from 'node:crypto';
import type { Chance } from '../ports/clock.ts';

/** The machine's chance. */
export function createSystemChance(): Chance {
  return {
    uuid: () => randomUUID(),
    bytes: (count) => new Uint8Array(randomBytes(count)),
    fraction: () => Math.random(),
  };
}
