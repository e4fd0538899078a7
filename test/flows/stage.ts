import type { Json } from '../../shared/core/json.ts';
import type { FlowHome } from '../../shared/flows/flow-home.ts';
import { journalOf } from '../../shared/flows/flow-home.ts';
import type { IncidentState } from '../../shared/incident/state.ts';
import type { Store } from '../../shared/ports/store.ts';
import { createMemoryStore } from '../../shared/store/memory-store.ts';
import type { Topic } from '../../shared/system/names.ts';
import type { System } from '../../shared/system/system.ts';
import { countingChance, JumpingClock } from '../engine/rehearsal.ts';
import { reference } from '../system/reference.ts';

/** A home without a world: what intake, approvals and notices run on, with everything that was published. */
export function flowStage(system: System = reference(), openStore: (clock: JumpingClock) => Store = createMemoryStore) {
  const clock = new JumpingClock();
  const published: { readonly topic: Topic; readonly data: Json }[] = [];
  const home: FlowHome = {
    system,
    clock,
    chance: countingChance(),
    store: openStore(clock),
    messages: {
      publish: async (topic, data) => {
        published.push({ topic, data });
      },
    },
    instance: 'test',
    note: () => undefined,
  };
  return { clock, home, published };
}

/** The states of all incidents in a store, newest first. */
export async function incidentsOf(home: FlowHome): Promise<readonly IncidentState[]> {
  const heads = await home.store.log.heads('all', 1_000);
  const journals = await Promise.all(heads.map((head) => journalOf(head.incident, home)));
  return journals.flatMap((journal) => (journal === undefined ? [] : [journal.state()]));
}
