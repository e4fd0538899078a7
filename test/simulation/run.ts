import type { Load } from '../../sandbox/load/load.ts';
import type { Broker } from '../../sandbox/world/broker.ts';
import type { World } from '../../sandbox/world/world.ts';
import type { Instant } from '../../shared/core/time.ts';
import type { IncidentState } from '../../shared/incident/state.ts';
import type { EventRecord, Store } from '../../shared/ports/store.ts';
import type { System } from '../../shared/system/system.ts';
import type { Plot } from './plot.ts';

/** What a run left behind, for the judges. */
export interface Run {
  readonly seed: number;
  readonly plot: Plot;
  readonly world: World;
  readonly broker: Broker;
  readonly load: Load;
  readonly store: Store;
  readonly system: System;
  readonly brokenAt: Instant;
  readonly endedAt: Instant;
  readonly crashes: number;
  readonly incidents: readonly { readonly state: IncidentState; readonly records: readonly EventRecord[] }[];
  /** What people got on their pagers. */
  readonly pages: readonly { readonly at: Instant; readonly destination: string; readonly subject: string }[];
  /** Writability of the old primary from the consumers' places at the moment of each promotion of ours. */
  readonly promotions: readonly { readonly at: Instant; readonly oldPrimaryTook: boolean }[];
  /** Flows that ended with something that is no death and no PortError. */
  readonly bugs: readonly string[];
}

/** Whether the next move is a person's. */
export const isWithPeople = (state: IncidentState): boolean =>
  state.phase.kind === 'needsPerson' || state.phase.kind === 'takenOver' || state.phase.kind === 'held';
