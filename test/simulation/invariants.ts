import { CONSENT } from './consent.ts';
import { EFFECTS } from './effects.ts';
import { FENCING } from './fencing.ts';
import type { Invariant } from './judged.ts';
import { LIVENESS } from './liveness.ts';
import { RECOVERED } from './recovered.ts';
import { RECORDS } from './records.ts';
import { RESTRAINT } from './restraint.ts';
import { THEFT } from './theft.ts';
import { TRAFFIC } from './traffic.ts';
import type { Run } from './run.ts';

// What must hold after every run (design.md section 10), judged from outside wherever there is an outside: the world's audit, the
// broker's ledger, the load, and what people really pressed. Each answers a sentence when it does not hold.

/** All invariants, by what they say. */
export const INVARIANTS: Readonly<Record<string, Invariant>> = {
  ...CONSENT,
  ...FENCING,
  ...EFFECTS,
  ...RESTRAINT,
  ...TRAFFIC,
  ...THEFT,
  ...LIVENESS,
  ...RECORDS,
  ...RECOVERED,
};

/** Sentences about everything that does not hold; empty for a sound run. */
export function violations(run: Run): readonly string[] {
  return Object.entries(INVARIANTS).flatMap(([name, holds]) => holds(run).map((sentence) => `${name}: ${sentence}`));
}
