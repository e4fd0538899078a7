import { addressContradictions } from './address-contradictions.ts';
import type { Contradiction } from './config-fault.ts';
import { guardContradictions } from './guard-contradictions.ts';
import { peopleContradictions } from './people-contradictions.ts';
import { entranceContradictions } from './entrance-contradictions.ts';
import { regionContradictions } from './region-contradictions.ts';
import { secretContradictions } from './secret-contradictions.ts';
import type { System } from './system.ts';
import { targetContradictions } from './target-contradictions.ts';

/**
 * Everything by which a policy can deadlock or contradict itself, with the reason: refused at load, because in a disaster
 * nobody has time to find it (failover-rules 16; design.md section 6). Pure; empty for a system that may run.
 */
export function contradictions(system: System): readonly Contradiction[] {
  return [
    ...targetContradictions(system),
    ...entranceContradictions(system),
    ...regionContradictions(system),
    ...peopleContradictions(system),
    ...guardContradictions(system),
    ...addressContradictions(system),
    ...secretContradictions(system),
  ];
}
