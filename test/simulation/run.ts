import { waitsForPeople } from '../../shared/engine/next-move.ts';
import type { Ledger } from '../../sandbox/world/broker-delivery.ts';
import type { Instant } from '../../shared/core/time.ts';
import type { IncidentEvent } from '../../shared/incident/events.ts';
import type { IncidentState } from '../../shared/incident/state.ts';
import type { EventRecord, Head } from '../../shared/ports/store.ts';
import type { Anchor } from '../../shared/log/verify.ts';
import type { Stage } from './stage.ts';
import type { Witness } from './witness.ts';

/** One incident as it was left behind. */
export interface RunIncident {
  readonly state: IncidentState;
  readonly records: readonly EventRecord[];
  readonly events: readonly IncidentEvent[];
  readonly head: Head;
  readonly anchors: readonly Anchor[];
}

/** What a run left behind, for the judges. */
export interface Run {
  readonly stage: Stage;
  readonly witness: Witness;
  readonly brokenAt: Instant;
  readonly calmAt: Instant;
  readonly endedAt: Instant;
  /** Whether it ended because nothing was left to happen; else because its time was up. */
  readonly isQuiet: boolean;
  readonly incidents: readonly RunIncident[];
  readonly ledger: readonly Ledger[];
  /** Documents of messages that could not be read. */
  readonly refused: number;
  /** Every text that the store holds, for what must not stand there. */
  readonly kept: string;
}

/** Whether the next move is a person's. What is held until a moment goes on by itself. */
export const isWithPeople = ({ phase, run }: IncidentState): boolean =>
  (phase.kind === 'running' && run !== undefined && waitsForPeople(run)) ||
  phase.kind === 'needsPerson' ||
  phase.kind === 'takenOver' ||
  (phase.kind === 'held' && phase.until === undefined);

/** Whether it is held until a moment, and that has not come. */
export const isHeldBeyond = ({ phase }: IncidentState, at: number): boolean =>
  phase.kind === 'held' && phase.until !== undefined && phase.until > at;
