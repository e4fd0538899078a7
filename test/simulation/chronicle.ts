import { type IncidentEvent, parseEvent } from '../../shared/incident/events.ts';
import { begin, evolve } from '../../shared/incident/evolve.ts';
import { hasEnded, type IncidentState } from '../../shared/incident/state.ts';
import type { EventRecord, Store } from '../../shared/ports/store.ts';
import type { IncidentId } from '../../shared/system/names.ts';
import { isAboutBackups, isAboutRows, isSystemTarget } from '../../shared/system/topology.ts';

// Reads along: every event in the moment in which the store takes it. It tells the plot where a run stands, and the judges what
// the world looked like then. Nothing of the product sees it.

/** One event with the state that it left behind. */
export interface Chronicled {
  readonly event: IncidentEvent;
  readonly state: IncidentState;
}

/** What asks people for nothing yet: an alert about rows or an audit log that nobody has called damage or a breach, and backups that fail. */
export const isUnclaimed = ({ target, requested }: IncidentState): boolean =>
  requested === null && (isAboutRows(target) || isAboutBackups(target) || isSystemTarget(target));

/** All logs of one run. */
export class Chronicle {
  readonly #states = new Map<IncidentId, IncidentState>();
  readonly #events = new Map<IncidentId, IncidentEvent[]>();
  /** Signals that were received and stand in no log yet. */
  readonly #waiting = new Set<string>();
  readonly #listeners: ((entry: Chronicled) => void)[] = [];

  listen(listener: (entry: Chronicled) => void): void {
    this.#listeners.push(listener);
  }

  /** The store, read along. */
  along(store: Store): Store {
    return {
      ...store,
      log: {
        ...store.log,
        receive: async (entry) => {
          const outcome = await store.log.receive(entry);
          if (outcome === 'received') this.#waiting.add(entry.key);
          return outcome;
        },
        append: async (incident, expected, records, head, absorbed) => {
          const outcome = await store.log.append(incident, expected, records, head, absorbed);
          if (outcome.kind === 'appended') {
            for (const key of absorbed) this.#waiting.delete(key);
            for (const record of records) this.#take(record);
          }
          return outcome;
        },
      },
    };
  }

  /** Whether every signal that was received stands in a log. */
  isAbsorbed(): boolean {
    return this.#waiting.size === 0;
  }

  /** Every incident as its log says now, in the order in which they were opened. */
  states(): readonly IncidentState[] {
    return [...this.#states.values()];
  }

  events(incident: IncidentId): readonly IncidentEvent[] {
    return this.#events.get(incident) ?? [];
  }

  /** The newest incident that is still open, which is what people talk of. */
  open(): IncidentState | undefined {
    const open = this.states().filter((state) => !hasEnded(state));
    return open.findLast((state) => !isUnclaimed(state)) ?? open.at(-1);
  }

  /**
   * Where things stand, for counting what met what: the actions under way, or the phase in brackets where none is.
   */
  positions(): readonly string[] {
    const positions = this.states()
      .filter((state) => !hasEnded(state))
      .flatMap(positionsOf);
    return positions.length === 0 ? ['(no incident)'] : [...new Set(positions)];
  }

  #take(record: EventRecord): void {
    const event = parseEvent(record);
    const before = this.#states.get(record.incident);
    const state = before === undefined ? begin(record.incident, event) : evolve(before, event);
    this.#states.set(record.incident, state);
    const events = this.#events.get(record.incident);
    if (events === undefined) this.#events.set(record.incident, [event]);
    else events.push(event);
    for (const listener of this.#listeners) listener({ event, state });
  }
}

function positionsOf({ phase, run }: IncidentState): readonly string[] {
  if (run === undefined || (phase.kind !== 'running' && phase.kind !== 'landing')) return [`(${phase.kind})`];
  const under = run.plan.steps.flatMap((step) => {
    const progress = run.steps.get(step.id);
    if (progress?.kind !== 'started' && progress?.kind !== 'waiting') return [];
    return progress.direction === 'undo' && step.undo.kind === 'action' ? [step.undo.action] : [step.action];
  });
  return under.length > 0 ? under : [`(${phase.kind})`];
}
