import { instant } from '../shared/core/time.ts';
import type { Clock } from '../shared/ports/clock.ts';
import type { Lookout } from '../shared/ports/lookout.ts';
import { isPortError } from '../shared/ports/port-error.ts';
import type { World } from '../shared/ports/ports.ts';
import { createFixedIdentity } from '../shared/providers/fixed-identity.ts';
import { createSystemClock } from '../shared/providers/system-clock.ts';
import type { System } from '../shared/system/system.ts';
import { lookoutOfSystem, worldOfSystem } from '../shared/wiring/homes.ts';
import type { Facts } from './sandbox-facts.ts';

/** The protected system as the person at the command line reaches it: the product's own ports, by the person's own token. */
export interface Operator {
  readonly world: World;
  readonly lookout: Lookout;
  readonly clock: Clock;
}

/** The ports of a running sandbox's operator. */
export function operatorOf(facts: Facts, system: System): Operator {
  const clock = createSystemClock({
    rate: facts.rate,
    startWall: instant(facts.startWall),
    startClock: instant(facts.startClock),
  });
  const identity = createFixedIdentity(facts.operatorToken);
  const access = { project: system.project, endpoints: system.endpoints, identity };
  return { world: worldOfSystem(system, access, clock), lookout: lookoutOfSystem(system, access), clock };
}

/** What could not be read, and why: a code of `PortError`, such as `timeout` or `forbidden`. Says nothing about the thing itself. */
export interface Unknown {
  readonly unknown: string;
}

/** Whether something could not be read. */
export const isUnknown = (reading: unknown): reading is Unknown =>
  typeof reading === 'object' && reading !== null && 'unknown' in reading;

/** What was read, or that it is unknown and why: one thing that is down must not hide the others. Bugs pass. */
export async function known<T>(reading: Promise<T>): Promise<T | Unknown> {
  try {
    return await reading;
  } catch (error) {
    if (isPortError(error)) return { unknown: error.code };
    throw error;
  }
}
