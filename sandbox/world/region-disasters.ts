import { unreachable } from '../../shared/core/assert.ts';
import type { Applications } from './application.ts';
import type { Faults } from './faults.ts';
import type { Network, Place } from './kernel.ts';
import { REFERENCE, SECONDARY } from './reference-system.ts';
import type { Sql } from './sql.ts';

// The loss of a whole region of the protected system, and its return.
//
// G1. Nobody outside reaches anything in it, and nothing in it reaches anybody outside. The load balancers are global: they answer,
//     with nobody to ask.
// G2. `lost`: the power is gone. What ran has ended, and what starts at the return reads its secrets anew.
//     `cut-off`: everything runs on with what it knew, and writes to its database meanwhile.
// G3. The management APIs go on describing what was there. They refuse to change it (503), but for what the assumption
//     `lostRegionTakesOperations` says.

/** How a region is lost. */
export type RegionLoss = 'lost' | 'cut-off';

/** What the loss of a region reaches. */
export interface RegionParts {
  readonly network: Network;
  readonly faults: Faults;
  readonly sql: Sql;
  readonly applications: Pick<Applications, 'running'>;
  readonly cluster: string;
}

/** Regions that can be lost. */
export const REGIONS = [REFERENCE.region, SECONDARY.region] as const;
export type Region = (typeof REGIONS)[number];

/** Takes a region away; returns what brings it back. */
export function loseRegion(region: Region, how: RegionLoss, parts: RegionParts): () => void {
  const { network, faults, sql, applications } = parts;
  const { inside, outside, services } = placesOf(region, parts);
  const instances = sql.fleet
    .all()
    .filter((instance) => instance.region === region)
    .map(({ name }) => name);
  const others = sql.fleet.all().filter(({ name }) => !instances.includes(name));
  const own = [...inside, ...instances.map((name): Place => `sql/${name}`)];
  const far = [...outside, ...others.map(({ name }): Place => `sql/${name}`)];
  // Requests of users reach a front end, which is global (G1): only the way on from there is cut.
  const ways = own
    .flatMap((here) => far.flatMap((there) => [[here, there] as const, [there, here] as const]))
    .filter(([from, to]) => !((from === 'internet' || from === 'functions') && inside.includes(to) && isServed(to)));
  for (const [from, to] of ways) network.cut(from, to);
  const refusals = [
    faults.inject({
      what: { kind: 'serverError' },
      lasting: true,
      on: { api: 'run', within: services.map((name) => `services/${name}`) },
    }),
    ...(sql.fleet.assumptions.lostRegionTakesOperations
      ? []
      : [
          faults.inject({
            what: { kind: 'serverError' },
            lasting: true,
            on: { api: 'sqladmin', writes: true, within: instances.map((name) => `instances/${name}`) },
          }),
        ]),
  ];
  sql.disasters.loseRegion(instances, how);
  return () => {
    for (const [from, to] of ways) network.mend(from, to);
    for (const end of refusals) end();
    if (how === 'lost')
      for (const process of applications.running())
        if (inside.includes(process.place)) process.crash('the machine has been started again');
    sql.disasters.returnRegion(instances);
  };
}

/** Places whose users come by a front end. */
const isServed = (place: Place): boolean => !place.startsWith('kubernetes/');

interface RegionPlaces {
  readonly inside: readonly Place[];
  readonly outside: readonly Place[];
  /** Cloud Run services there. */
  readonly services: readonly string[];
}

function placesOf(region: Region, { cluster }: RegionParts): RegionPlaces {
  const always: readonly Place[] = ['functions', 'internet', 'loadBalancer', 'google'];
  const home: readonly Place[] = ['pods', 'cloudRun', `kubernetes/${cluster}`];
  const second: readonly Place[] = [SECONDARY.place];
  switch (region) {
    case 'us-central1':
      return { inside: home, outside: [...always, ...second], services: [REFERENCE.api, REFERENCE.prober] };
    case 'us-east1':
      return { inside: second, outside: [...always, ...home], services: [SECONDARY.api, SECONDARY.prober] };
    default:
      return unreachable(region);
  }
}
