import { createAudit } from './audit.ts';
import { createChance } from './chance.ts';
import { createDoor } from './door.ts';
import { type Faults, createFaults } from './faults.ts';
import { createIam } from './iam.ts';
import type { ApiCall, Kernel, Place, WorldClock } from './kernel.ts';
import { createNetwork } from './network.ts';

/** A kernel together with the faults at its door. */
export interface WorldKernel extends Kernel {
  readonly faults: Faults;
}

/** The one Kubernetes cluster of a world without another name for it. */
const DEFAULT_CLUSTER = 'coditect-prod-cluster';

/** A kernel: nobody has a permission yet, nothing is cut, nothing fails. The same clock readings and seed give the same world. */
export function createKernel(options: {
  readonly clock: WorldClock;
  readonly seed: number | string;
  /** The name of the Kubernetes cluster, whose API server is the place `kubernetes/<cluster>`. */
  readonly cluster?: string;
}): WorldKernel {
  const { clock, seed, cluster = DEFAULT_CLUSTER } = options;
  const chance = createChance(seed);
  const network = createNetwork();
  const iam = createIam();
  const audit = createAudit(clock);
  const faults = createFaults(chance.fork('faults'));
  const placeOf = (call: ApiCall): Place => (call.api === 'kubernetes' ? `kubernetes/${cluster}` : 'google');
  return {
    clock,
    chance,
    network,
    iam,
    audit,
    faults,
    door: createDoor({ clock, network, iam, faults, audit, placeOf }),
  };
}
