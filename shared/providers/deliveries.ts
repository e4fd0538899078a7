import { assert } from '../core/assert.ts';
import type { Delivery } from '../ports/messages.ts';
import type { Destination } from '../system/system.ts';

/** One delivery for all destinations of `dr.yaml`, each by the means of its kind. */
export function createDeliveries(
  destinations: readonly Destination[],
  means: Readonly<Record<Destination['kind'], Delivery>>,
): Delivery {
  return {
    deliver: (id, message) => {
      const destination = destinations.find((candidate) => candidate.id === id);
      assert(destination !== undefined, `${id} is no destination of this system`);
      return means[destination.kind].deliver(id, message);
    },
  };
}
