import { type ApplicationFacts, type DatabaseFacts, isReadable } from '../classify/facts.ts';
import type { Consumer } from '../runbooks/consumer-steps.ts';
import type { InstanceName } from '../system/names.ts';
import type { System } from '../system/system.ts';
import { consumersOf } from '../system/topology.ts';

// What a plan that moves consumers is drawn from, as a look found it.

/** Every instance of the topology, the primary first. */
export const topologyOf = (known: DatabaseFacts): readonly InstanceName[] => [
  known.primaryName,
  ...known.replicas.map((replica) => replica.instance),
];

/** Every consumer (or those of `ids`) with what it looks like now; a sentence when one can't be read, since it could not be given back. */
export function consumersAsTheyWere(
  system: System,
  known: DatabaseFacts,
  applications: readonly ApplicationFacts[],
  ids?: readonly string[],
): readonly Consumer[] | string {
  const consumers: Consumer[] = [];
  const region = isReadable(known.primary) ? known.primary.region : undefined;
  for (const application of consumersOf(system, known.database.instance, region)) {
    if (ids?.includes(application.id) === false) continue;
    const seen = applications.find((facts) => facts.application === application.id);
    if (application.kind === 'gke') {
      if (seen?.workload === undefined || !isReadable(seen.workload))
        return `${application.id} can’t be read, so it could not be given back as it was`;
      consumers.push({ kind: 'gke', application, status: seen.workload });
    } else {
      if (seen?.service === undefined || !isReadable(seen.service))
        return `${application.id} can’t be read, so it could not be given back as it was`;
      consumers.push({ kind: 'cloudRun', application, status: seen.service });
    }
  }
  return consumers;
}
