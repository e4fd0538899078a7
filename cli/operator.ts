import { instant } from '../shared/core/time.ts';
import type { Clock } from '../shared/ports/clock.ts';
import type { Lookout } from '../shared/ports/lookout.ts';
import { isPortError } from '../shared/ports/port-error.ts';
import type { World } from '../shared/ports/ports.ts';
import { createFixedIdentity } from '../shared/providers/fixed-identity.ts';
import { createGoogleIdentity } from '../shared/providers/google-auth.ts';
import type { GoogleAccess } from '../shared/providers/google-call.ts';
import { createSystemClock, REAL_TIME } from '../shared/providers/system-clock.ts';
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
  const { access, clock } = accessOf(facts, system);
  return operatorWith(system, access, clock);
}

/** By what the cloud is reached, and what time it is there: the sandbox's operator, or Application Default Credentials where none runs. */
export function accessOf(
  facts: Facts | undefined,
  { project, endpoints }: Pick<System, 'project' | 'endpoints'>,
): { readonly access: GoogleAccess; readonly clock: Clock } {
  if (facts === undefined)
    return {
      access: { project, endpoints, identity: createGoogleIdentity(project) },
      clock: createSystemClock(REAL_TIME),
    };
  const clock = createSystemClock({
    rate: facts.rate,
    startWall: instant(facts.startWall),
    startClock: instant(facts.startClock),
  });
  return { access: { project, endpoints, identity: createFixedIdentity(facts.operatorToken) }, clock };
}

/** The ports by an access. */
export const operatorWith = (system: System, access: GoogleAccess, clock: Clock): Operator => ({
  world: worldOfSystem(system, access, clock),
  lookout: lookoutOfSystem(system, access),
  clock,
});

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
